"""Does the confidence of a cue mean something? `python -m benchmarks.confidence FOLDER` prints tables; nothing is generated.

FOLDER: clips of `condfoley simulate`, or clips and a manifest.csv as in `benchmarks.real`. A cue is right where an event, or an
onset of the clip's sound, is within 100 ms. On every other simulated clip the confidence is fitted (`runtime/certainty.py`);
the others, which have no part in it, are what the tables are of.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.footage import DIFFICULTIES
from benchmarks.real import read_manifest
from condfoley.audio.onsets import match_pairs
from condfoley.errors import InputError
from condfoley.evaluation.testsets import read_folder
from condfoley.foley import Foley
from condfoley.inputs import ClipFile
from condfoley.layers import watch_scenes
from condfoley.media import probe
from condfoley.results.tables import Table
from condfoley.runtime.certainty import Certainty, calibration_error, expected_at, fit_certainty
from condfoley.runtime.exposure import EXPOSURE_DELAY
from condfoley.runtime.peaks import pick_onsets
from condfoley.settings import Settings

NEAR = 0.1  # s
LEAST, CUE = 0.05, 0.5  # expected onsets of a peak that is looked at, and of a cue
BOUNDS = (0.0, 0.5, 0.7, 0.9, 1.0)
DOUBTFUL = 0.5  # confidence below which the page marks a cue


@dataclass(frozen=True)
class Peaks:
    """Peaks of a clip's onset probability: expected onsets, highest probability of a frame, and whether each is right, (K,) each;
    and the clip's length in s."""

    expected: np.ndarray
    highest: np.ndarray
    right: np.ndarray
    seconds: float


def look(foley: Foley, path: Path, truth: np.ndarray) -> Peaks:
    """The peaks of a clip's picture beside true times (N,) s."""
    fps = foley.loaded.scorer.geometry.fps
    times, expected, highest = [], [], []
    for start, events, _ in watch_scenes(foley, ClipFile(path), Settings()):
        found = pick_onsets(events.onset, fps, LEAST)
        frames = np.round(found * fps).astype(int)[:, None] + np.array([-1, 0, 1])
        highest.append(events.onset[frames.clip(0, len(events.onset) - 1)].max(1))
        expected.append(expected_at(events.onset, found, fps))
        times.append(start + found + EXPOSURE_DELAY)
    right = np.zeros(sum(map(len, times)), bool)
    right[[j for _, j in match_pairs(truth, np.concatenate(times), NEAR)]] = True
    return Peaks(np.concatenate(expected), np.concatenate(highest), right, probe(path).duration)


def joined(clips: Sequence[Peaks]) -> Peaks:
    """All peaks of clips. Raises InputError without clips."""
    if not clips:
        raise InputError("there are no clips to look at; give a folder of simulated clips, or one with a manifest.csv")
    arrays = (np.concatenate([getattr(clip, name) for clip in clips]) for name in ("expected", "highest", "right"))
    return Peaks(*arrays, sum(clip.seconds for clip in clips))


def reliability(peaks: Peaks, ways: dict[str, Certainty | None]) -> Table:
    """How many cues of a confidence are right. ways: by name, what says it; None: the likeliest frame's probability."""
    cues = peaks.expected >= CUE
    right, minutes = peaks.right[cues], peaks.seconds / 60
    rows, notes = [], [f"cues that are not right: {(~right).sum() / minutes:.1f} a minute"]
    for name, certainty in ways.items():
        said = (peaks.highest if certainty is None else certainty(peaks.expected))[cues]
        for low, high in zip(BOUNDS, BOUNDS[1:]):
            inside = (said >= low) & ((said < high) | (high == 1.0))
            values = (f"{said[inside].mean():.2f}", f"{right[inside].mean():.2f}") if inside.any() else ("", "")
            rows.append((name, f"{low:g} to {high:g}", str(int(inside.sum())), *values))
        rows.append((name, "all", str(len(said)), f"{said.mean():.2f}", f"{right.mean():.2f}"))
        sure = int(((said >= DOUBTFUL) & ~right).sum())
        notes.append(
            f"{name}: expected calibration error {calibration_error(said, right):.3f}; of {int((~right).sum())} cues that are "
            f"not right {int((~right).sum()) - sure} are below {DOUBTFUL:g}, and of {int(right.sum())} right ones "
            f"{int((right & (said < DOUBTFUL)).sum())}"
        )
    return Table("Cues by confidence", ("confidence", "between", "cues", "mean", "right"), tuple(rows), tuple(notes))


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="simulated clips, or clips and a manifest.csv")
    parser.add_argument("--weights", type=Path, default=None, help="folder of the weights")
    options = parser.parse_args(argv)
    try:
        foley = Foley.load(options.weights)
        real = (options.folder / "manifest.csv").is_file()
        clips = read_manifest(options.folder, DIFFICULTIES) if real else read_folder(options.folder)
        looked = [look(foley, clip.path, clip.onsets) for clip in clips]
        ways: dict[str, Certainty | None] = {"likeliest frame": None, "as it is shown": Certainty()}
        if not real and len(looked) > 1:
            fitting = joined(looked[::2])
            ways["fitted here"] = fitted = fit_certainty(fitting.expected, fitting.right)
            print(f"fitted on {len(looked[::2])} clips: slope {fitted.slope:.2f}, offset {fitted.offset:+.2f}")
            looked = looked[1::2]
        print(reliability(joined(looked), ways).text())
    except (InputError, ValueError) as error:
        print(f"benchmarks.confidence: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
