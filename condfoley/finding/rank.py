"""The target's vector, and the sounds of a folder in the order in which they fit it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from condfoley import media
from condfoley.audio import windows
from condfoley.errors import InputError
from condfoley.finding.files import sounds_in
from condfoley.finding.known import Known
from condfoley.finding.listen import Heard, listen
from condfoley.geometry import Geometry
from condfoley.inputs import ClipFile, read_target
from condfoley.lineage import require_matching
from condfoley.runtime.choice import load_engine
from condfoley.runtime.engine import FINDING, Engine
from condfoley.runtime.side_by_side import each
from condfoley.runtime.threads import single_threaded_blas
from condfoley.settings import EngineName
from condfoley.weights import SHIPPED, card_geometry, read_card

PART = "bind"
HASHING = 0.1  # share of the progress
TOGETHER = 64  # sounds that are listened to before they are kept
By = Literal["auto", "picture", "sound"]
BY_CHANCE = (
    "the shipped model learned from simulated pictures, which do not show what things are made of, so the order by a picture "
    "is no better than chance; seek by a sound (a guide track, or a recording that is like what you want)"
)
Progress = Callable[[str, float], None]
"""Called with what is being done and the share of all that is done."""


@dataclass(frozen=True)
class Found:
    """A sound that may fit. score: cosine, in [-1, 1], of the window of it that fits best and that begins at `start`, s."""

    path: Path
    score: float
    start: float


@dataclass(frozen=True)
class Ranking:
    """found: the sounds, the best first. left_out: files that cannot be used, and why.

    by: picture or sound, which the order is by. note: what is to be said of it; empty: nothing.
    """

    found: tuple[Found, ...]
    left_out: tuple[tuple[Path, str], ...]
    by: str = "sound"
    note: str = ""


@dataclass(frozen=True)
class Finder:
    """A weights folder with part `bind`, ready to find. part: its hash. note: of an order by a picture; empty: nothing."""

    engine: Engine
    geometry: Geometry
    part: str
    note: str = ""

    @classmethod
    def load(cls, weights: str | Path | None = None, device: str = "cpu", engine: EngineName = "auto") -> Finder:
        """Of a weights folder; None: the shipped one. Raises InputError for weights that cannot find sounds."""
        folder = Path(weights) if weights else SHIPPED
        card = read_card(folder)
        if PART not in card["parts"]:
            raise InputError(
                f"the weights in {folder} cannot find sounds (they have no part {PART}); give --weights that have it, or "
                + _training(folder)
            )
        note = BY_CHANCE if folder == SHIPPED else ""
        digest = card["parts"][PART]["sha256"]
        found = cls(load_engine(folder, device, engine, FINDING), card_geometry(card), digest, note)
        require_matching(folder, card)
        return found

    def find(self, target: Path, library: Path, by: By = "auto", progress: Progress | None = None) -> Ranking:
        """The sounds of a folder and its subfolders, as `rank` has them; the target itself is left out.

        Raises InputError for a folder that is none or holds no sounds, and as `rank` does.
        """
        return self.rank(target, [path for path in sounds_in(library) if not _same(path, target)], by, progress)

    def rank(self, target: Path, paths: Sequence[Path], by: By = "auto", progress: Progress | None = None) -> Ranking:
        """Sounds in the order in which they fit a target.

        by: the target's picture, or its own sound, such as a guide track; auto: its sound where it has one. Raises
        InputError for a target that cannot be used, or when none of the files can.
        """
        if by == "auto":
            by = "sound" if media.probe(target).has_audio else "picture"
        report = progress or (lambda stage, fraction: None)
        with single_threaded_blas():
            report("watching the target" if by == "picture" else "listening to the target", 0.0)
            wanted = self.picture_vector(target) if by == "picture" else self.sound_vector(target)
            heard, left_out = self.listen_to(paths, lambda done: report("listening to the library", 0.05 + 0.95 * done))
        if not heard:
            why = f"; the first: {left_out[0][1]}" if left_out else ""
            raise InputError(f"none of {len(paths)} files can be used{why}")
        return Ranking(tuple(ranked(wanted, heard)), tuple(left_out), by, self.note if by == "picture" else "")

    def picture_vector(self, target: Path) -> np.ndarray:
        """What a target's picture shows: (dim,), of length 1; the mean of all of it."""
        _, frames = read_target(ClipFile(target), self.geometry)
        tokens = self.engine.encode_frames(frames)
        length = self.geometry.window_frames
        starts = windows.segments(len(tokens), length)
        parts = np.stack([tokens[np.minimum(np.arange(s, s + length), len(tokens) - 1)] for s in starts])
        return _mean(self.engine.embed_pictures(parts))

    def sound_vector(self, target: Path) -> np.ndarray:
        """What is heard in a target: (dim,), of length 1; the mean of its clearest windows."""
        return _mean(listen(target, self.engine, self.geometry).vectors)

    def listen_to(
        self, paths: Sequence[Path], report: Callable[[float], None] = lambda done: None
    ) -> tuple[dict[Path, Heard], list[tuple[Path, str]]]:
        """The vectors of files, from the cache where they are known, and (file, why) of those that cannot be used."""
        known = Known.of(self.part)
        hashes: dict[Path, str] = {}
        for path, digest in zip(paths, known.hashes(paths)):
            hashes[path] = digest
            report(HASHING * len(hashes) / len(paths))
        found = known.load(hashes.values())
        results: dict[Path, Heard | str] = {path: found[key] for path, key in hashes.items() if key in found}
        new = [path for path in paths if path not in results]
        for first in range(0, len(new), TOGETHER):
            some = new[first : first + TOGETHER]
            fresh = dict(zip(some, each(self._try, some, self.engine.workers)))
            known.save({hashes[path]: result for path, result in fresh.items() if isinstance(result, Heard)})
            results |= fresh
            report(HASHING + (1 - HASHING) * (first + len(some)) / len(new))
        known.make_room()
        heard = {path: result for path in paths if isinstance(result := results[path], Heard)}
        return heard, [(path, result) for path in paths if isinstance(result := results[path], str)]

    def _try(self, path: Path) -> Heard | str:
        """A file's vectors, or why there are none."""
        try:
            return listen(path, self.engine, self.geometry)
        except InputError as error:
            return str(error)


def ranked(wanted: np.ndarray, heard: dict[Path, Heard]) -> list[Found]:
    """Sounds by the cosine of their best window, the highest first; equal ones by name. wanted: (dim,), of length 1."""
    out = []
    for path, sound in heard.items():
        cosines = sound.vectors @ wanted
        best = int(cosines.argmax())
        out.append(Found(path, float(cosines[best]), float(sound.starts[best])))
    return sorted(out, key=lambda found: (-found.score, found.path))


def _mean(vectors: np.ndarray) -> np.ndarray:
    mean: np.ndarray = vectors.mean(0)
    return mean / max(float(np.linalg.norm(mean)), 1e-9)


def _training(folder: Path) -> str:
    """How a weights folder gets the part; the shipped one is copied first, since it is part of the installation."""
    command = "condfoley train --config configs/small/bind.yaml weights="
    if folder.resolve() == SHIPPED.resolve():
        return f"train it in a copy of them: cp -r {folder} my_weights, then {command}my_weights"
    return f"train it: {command}{folder}"


def _same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False
