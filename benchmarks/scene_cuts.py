"""Which detector finds scene cuts? `python -m benchmarks.scene_cuts --clips DIR --clips DIR2` prints a table.

Every second clip of the folders makes videos with known cuts (`cut_footage`), which are written as H.264 and read again:
ours sees them as a generation does, PySceneDetect (`pip install scenedetect-headless`, 0.7 or later) at their own rate and
size. The other clips were used to choose our numbers.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.cut_footage import FPS, KINDS, make, read_clips
from condfoley.audio.onsets import match_pairs
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.inputs import read_picture
from condfoley.media.scenes import MIN_SECONDS, scene_cuts
from condfoley.media.write import write_clip
from condfoley.results.tables import Table

TOLERANCE = 0.1  # s between a cut and where it is found
OWN_CUTS = {"congas.mp4": 4.0, "tennis_serve.mp4": 6.6}  # s, of recorded clips that have one
Detector = Callable[[Path], tuple[np.ndarray, float]]
"""File of a video -> times, s, of its cuts, and the seconds that they took: ours without decoding, which is done anyway."""


@dataclass
class Count:
    """Cuts found, found where none is, and missed; seconds of video, and those that detection took."""

    hits: int = 0
    false: int = 0
    missed: int = 0
    video: float = 0.0
    spent: float = 0.0

    def add(self, found: np.ndarray, cuts: np.ndarray, video: float, spent: float) -> None:
        """Counts one video's."""
        hits = len(match_pairs(cuts, found, TOLERANCE))
        self.hits, self.false, self.missed = (
            self.hits + hits,
            self.false + len(found) - hits,
            self.missed + len(cuts) - hits,
        )
        self.video, self.spent = self.video + video, self.spent + spent

    @property
    def row(self) -> tuple[str, ...]:
        """Precision, recall, F1 (or false cuts a minute, where there are none to find), and ms a second of video."""
        spent = f"{1000 * self.spent / self.video:.1f}"
        if not self.hits + self.missed:
            return "-", "-", f"{60 * self.false / self.video:.2f} false a minute", spent
        precision = self.hits / max(1, self.hits + self.false)
        recall = self.hits / (self.hits + self.missed)
        f1 = 2 * self.hits / (2 * self.hits + self.false + self.missed)
        return f"{precision:.3f}", f"{recall:.3f}", f"{f1:.3f}", spent


def ours(path: Path) -> tuple[np.ndarray, float]:
    """Our detector, on frames that a generation has decoded anyway."""
    frames = read_picture(path, Geometry())
    begin = perf_counter()
    found = np.array(scene_cuts(frames, Geometry().fps)) / Geometry().fps
    return found, perf_counter() - begin


def detectors() -> dict[str, Detector]:
    """All that are compared, by name. Raises InputError when PySceneDetect is missing."""
    try:
        import scenedetect
    except ImportError:
        raise InputError("the comparison needs PySceneDetect; run `pip install scenedetect-headless`") from None
    length = round(MIN_SECONDS * FPS)
    kinds = {
        "content": lambda: scenedetect.ContentDetector(min_scene_len=length),
        "adaptive": lambda: scenedetect.AdaptiveDetector(min_scene_len=length),
        "histogram": lambda: scenedetect.HistogramDetector(min_scene_len=length),
        "hash": lambda: scenedetect.HashDetector(min_scene_len=length),
    }

    def theirs(kind: str) -> Detector:
        def detect(path: Path) -> tuple[np.ndarray, float]:
            begin = perf_counter()
            scenes = scenedetect.detect(str(path), kinds[kind]())
            return np.array([start.seconds for start, _ in scenes[1:]]), perf_counter() - begin

        return detect

    names = {f"PySceneDetect {scenedetect.__version__}, {kind}": theirs(kind) for kind in kinds}
    return {"condfoley": ours, **names}


def measure(clips: Sequence[np.ndarray], videos: int, seed: int) -> dict[str, dict[str, Count]]:
    """Counts of each detector on `videos` videos of each kind: kind -> detector -> counts."""
    from tqdm import tqdm

    found: dict[str, dict[str, Count]] = {}
    compared = detectors()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        for kind in tqdm(KINDS, leave=False, disable=None):
            rng = np.random.default_rng([seed, KINDS.index(kind)])
            found[kind] = {name: Count() for name in compared}
            for _ in range(videos):
                video = make(kind, clips, rng)
                write_clip(path, video.frames, FPS, None, Geometry().sample_rate)
                for name, detect in compared.items():
                    times, spent = detect(path)
                    found[kind][name].add(times, video.cuts, len(video.frames) / FPS, spent)
    return found


def table(found: dict[str, dict[str, Count]]) -> Table:
    """One row a kind and detector, and the sum of all kinds."""
    whole: dict[str, Count] = {}
    for counts in found.values():
        for name, count in counts.items():
            total = whole.setdefault(name, Count())
            for key in ("hits", "false", "missed", "video", "spent"):
                setattr(total, key, getattr(total, key) + getattr(count, key))
    rows = [
        (kind, name, str(count.hits + count.missed), *count.row)
        for kind, counts in {**found, "all": whole}.items()
        for name, count in counts.items()
    ]
    return Table(
        "Scene cuts", ("videos", "detector", "cuts", "precision", "recall", "F1", "ms a second of video"), tuple(rows)
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table; returns 0, or 2 for folders that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scene_cuts", description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, action="append", required=True, help="folder of videos; may be repeated")
    parser.add_argument("--videos", type=int, default=40, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    try:
        clips = read_clips(given.clips, OWN_CUTS)[1::2]
        if len(clips) < 8:
            raise InputError("too few clips; give folders with 16 or more")
        print(table(measure(clips, given.videos, given.seed)).text())
    except InputError as error:
        print(f"scene_cuts: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
