"""Does the confidence of a cue mean something? `python -m benchmarks.confidence FOLDER` prints a table; nothing is generated.

FOLDER: clips of `condfoley simulate`, or clips and a manifest.csv as in `benchmarks.real`. A cue is right where an event, or an
onset of the clip's sound, is within 100 ms. Of simulated clips a logistic function of the confidence's log-odds is fitted on
every other one, to see whether it says more on the rest, of which the table is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from benchmarks.footage import DIFFICULTIES
from benchmarks.real import read_manifest
from condfoley.audio.onsets import match_pairs
from condfoley.errors import InputError
from condfoley.evaluation.testsets import read_folder
from condfoley.foley import Foley
from condfoley.inputs import ClipFile
from condfoley.layers import watch
from condfoley.media import probe
from condfoley.results.tables import Table
from condfoley.settings import Settings

NEAR = 0.1  # s
BOUNDS = (0.0, 0.5, 0.7, 0.9, 1.0)
BINS = 10  # of the calibration error
DOUBTFUL = 0.5  # confidence below which the page marks a cue


@dataclass(frozen=True)
class Cues:
    """Confidence of each cue, (K,), whether it is right, (K,) bool, and the length of the clips, s."""

    said: np.ndarray
    right: np.ndarray
    seconds: float

    @classmethod
    def of(cls, foley: Foley, path: Path, truth: np.ndarray) -> Cues:
        """The cues of a clip's picture beside true times (N,) s."""
        rows = watch(foley, ClipFile(path), Settings())
        right = np.zeros(len(rows), bool)
        right[[j for _, j in match_pairs(truth, np.array([row.time for row in rows]), NEAR)]] = True
        return cls(np.array([row.confidence for row in rows], float), right, probe(path).duration)

    @classmethod
    def joined(cls, clips: Sequence[Cues]) -> Cues:
        """Those of all clips. Raises InputError without any."""
        if not sum(len(clip.said) for clip in clips):
            raise InputError("no cues are seen; give a folder of simulated clips, or one with clips and a manifest.csv")
        said, right = (np.concatenate([getattr(clip, name) for clip in clips]) for name in ("said", "right"))
        return cls(said, right, sum(clip.seconds for clip in clips))


def log_odds(said: np.ndarray) -> np.ndarray:
    """Of confidences (K,), which are kept off 0 and 1: (K,)."""
    inside = np.clip(said, 0.001, 0.999)
    odds: np.ndarray = np.log(inside / (1 - inside))
    return odds


def fit_logistic(said: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Slope and offset of the log-odds of being right over those that are said (Platt scaling, by maximum likelihood).

    said: (K,). right: (K,) bool. Raises InputError where all are right, or none is.
    """
    if right.all() or not right.any():
        raise InputError("all cues are right, or none is; give more clips")
    fitted = LogisticRegression(C=1e9, tol=1e-8).fit(log_odds(said)[:, None], right)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def calibration_error(said: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error: the mean difference, in BINS bins of equal width, between what is said and what is right.

    said: (K,) in [0, 1]. right: (K,) bool.
    """
    places = np.minimum((said * BINS).astype(int), BINS - 1)
    inside = [places == k for k in range(BINS)]
    return float(sum(which.mean() * abs(said[which].mean() - right[which].mean()) for which in inside if which.any()))


def rank_accuracy(said: np.ndarray, right: np.ndarray) -> float:
    """How often a cue that is right is said to be surer than one that is not (area under the ROC curve). said, right: (K,)."""
    return float(roc_auc_score(right, said)) if right.any() and not right.all() else float("nan")


def table(cues: Cues, ways: dict[str, np.ndarray]) -> Table:
    """How many cues of a confidence are right. ways: confidences (K,) by the name of what says them."""
    right, wrong, minutes = cues.right, int((~cues.right).sum()), cues.seconds / 60
    rows, notes = [], [f"{wrong / minutes:.1f} cues a minute are not right"]
    for name, said in ways.items():
        for low, high in zip(BOUNDS, BOUNDS[1:]):
            inside = (said >= low) & ((said < high) | (high == 1.0))
            values = (f"{said[inside].mean():.2f}", f"{right[inside].mean():.2f}") if inside.any() else ("", "")
            rows.append((name, f"{low:g} to {high:g}", str(int(inside.sum())), *values))
        rows.append((name, "all", str(len(said)), f"{said.mean():.2f}", f"{right.mean():.2f}"))
        doubtful = said < DOUBTFUL
        notes.append(
            f"{name}: expected calibration error {calibration_error(said, right):.3f}; a right cue is surer than a wrong one in "
            f"{rank_accuracy(said, right):.2f}; marked as doubtful are {int((doubtful & ~right).sum())} of {wrong} wrong and "
            f"{int((doubtful & right).sum())} of {int(right.sum())} right ones"
        )
    return Table("Cues by confidence", ("", "confidence", "cues", "mean", "right"), tuple(rows), tuple(notes))


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
        found = [Cues.of(foley, clip.path, clip.onsets) for clip in clips]
        if real:
            cues = Cues.joined(found)
            print(table(cues, {"shown": cues.said}).text())
            return 0
        cues, fitting = Cues.joined(found[1::2]), Cues.joined(found[::2])
        slope, offset = fit_logistic(fitting.said, fitting.right)
        fitted = 1 / (1 + np.exp(-(slope * log_odds(cues.said) + offset)))
        print(table(cues, {"shown": cues.said, "fitted": fitted}).text())
        print(f"fitted: log-odds times {slope:.2f}, and {offset:+.2f}")
    except InputError as error:
        print(f"benchmarks.confidence: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
