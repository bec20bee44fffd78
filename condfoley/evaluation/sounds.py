"""Each system's sound for each pair, kept as REPORT/sounds/SYSTEM/PAIR.wav; our own systems' are made once."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.errors import InputError
from condfoley.evaluation.clips import JUDGE, Pair
from condfoley.evaluation.systems import Entry, System, Workshop
from condfoley.files import write_json
from condfoley.networks.judges import PART
from condfoley.weights import GUIDED, SHIPPED, read_card, sha256, tree_hash

SOUNDS, SETTINGS = "sounds", "sounds.json"
GENERATING = (
    "*.py",
    *(f"{room}/*.py" for room in ("audio", "comping", "matching", "media", "networks", "published", "runtime")),
    *(f"evaluation/{name}.py" for name in ("baselines", "clips", "published", "sounds", "systems")),
)
"""Our code that sounds depend on; some of it they do not, which makes them anew too often rather than too seldom."""
OTHER_LENGTH = 0.1  # s; a sound that is off by more is mentioned


@dataclass(frozen=True)
class Answer:
    """What a system gave for a pair. failure: why there is no sound. remark: what was set right."""

    path: Path
    failure: str = ""
    remark: str = ""

    @property
    def wav(self) -> np.ndarray:
        """(N,) float32 at the judges' rate. Raises InputError when the file cannot be read."""
        from condfoley.media import read_audio

        return read_audio(self.path, JUDGE.sample_rate)


def settings_of(shop: Workshop) -> dict[str, Any]:
    """All that kept sounds depend on, as JSON values: clips and our code by their hashes, weights, candidates, seed."""
    card = read_card(Path(shop.weights) if shop.weights else SHIPPED)
    hashes = {clip.path: sha256(clip.path) for pair in shop.pairs for clip in (pair.target, pair.reference)}
    return {
        "pairs": {pair.name: [hashes[pair.target.path], hashes[pair.reference.path]] for pair in shop.pairs},
        "weights": {name: part["sha256"] for name, part in card["parts"].items() if name not in (PART, GUIDED)},
        "sampling": card.get("sampling", {}),
        "candidates": shop.candidates,
        "seed": shop.seed,
        "code": code_hash(),
    }


def code_hash() -> str:
    """Of everything in the package that decides what a system sounds like."""
    root = Path(__file__).parents[1]
    return tree_hash(root, (path for pattern in GENERATING for path in root.glob(pattern)))


def claim(home: Path, settings: dict[str, Any], force: bool) -> None:
    """Takes a report folder for these settings; with `force`, sounds of other settings in it go.

    Raises InputError when it holds sounds of other settings.
    """
    path = home / SETTINGS
    if path.exists():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            found = {}
        other = [name for name in settings if found.get(name) != settings[name]]
        if other and not force:
            raise InputError(f"{home} has sounds with another {other[0]}; choose another --out, or --force to replace")
        if other:
            shutil.rmtree(home / SOUNDS, ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
    write_json(path, settings)


def build(entries: Sequence[Entry], shop: Workshop, home: Path, force: bool = False) -> dict[Entry, System]:
    """The systems, ready to be asked; our model is loaded when one that needs it lacks a sound in `home`.

    force: kept sounds may go, so that any may be lacking.
    Raises InputError for a system that cannot be built at all, such as weights that cannot be loaded.
    """
    built = {entry: entry.build(shop) for entry in entries}
    places = [_place(home, entry, pair) for entry in entries if entry.modelled for pair in shop.pairs]
    if places and (force or not all(path.is_file() for path in places)):
        _ = shop.foley
    return built


def _place(home: Path, entry: Entry, pair: Pair) -> Path:
    return home / SOUNDS / entry.name / f"{pair.name}.wav"


def make_all(
    built: Mapping[Entry, System], shop: Workshop, home: Path, quiet: bool = False
) -> dict[str, dict[str, Answer]]:
    """Answers by system and pair. built: as from `build`.

    A system that fails on a pair is recorded as such, and asked again by the next run.
    """
    from tqdm import tqdm

    answers: dict[str, dict[str, Answer]] = {entry.name: {} for entry in built}
    with tqdm(total=len(built) * len(shop.pairs), desc="sounds", unit="sound", disable=quiet or None) as bar:
        for entry, system in built.items():
            (home / SOUNDS / entry.name).mkdir(parents=True, exist_ok=True)
            for pair in shop.pairs:
                path = _place(home, entry, pair)
                kept = entry.kept and path.is_file()
                answer = Answer(path) if kept else _asked(system, pair, path)
                answers[entry.name][pair.name] = answer
                bar.update()
                if answer.failure or answer.remark:
                    said = f"condfoley: {entry.name}, {pair.name}: {answer.failure or answer.remark}"
                    bar.write(said, file=sys.stderr)
    return answers


def _asked(system: System, pair: Pair, path: Path) -> Answer:
    from condfoley.media import write_wav

    try:
        wav, remark = fitted(system(pair), len(pair.target.wav))
    except Exception as error:  # noqa: BLE001 - whatever a system does, the others are measured
        path.unlink(missing_ok=True)  # only now: a folder of sounds may be this one
        what = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        return Answer(path, failure=" ".join(what.split()))
    return Answer(write_wav(path, wav, JUDGE.sample_rate), remark=remark)


def fitted(wav: np.ndarray, samples: int) -> tuple[np.ndarray, str]:
    """A sound cut, or filled up with silence, to (samples,) float32; and a remark when it was another length.

    Raises InputError when it is not one channel of finite numbers.
    """
    wav = np.asarray(wav, np.float32)
    if wav.ndim != 1 or not np.isfinite(wav).all():
        raise InputError(f"gave {wav.shape} numbers; one channel of finite samples at {JUDGE.sample_rate} Hz is needed")
    off = (len(wav) - samples) / JUDGE.sample_rate
    remark = f"{abs(off):.2f} s too {'long, cut' if off > 0 else 'short, filled up with silence'}"
    return np.pad(wav[:samples], (0, max(0, samples - len(wav)))), remark if abs(off) > OTHER_LENGTH else ""
