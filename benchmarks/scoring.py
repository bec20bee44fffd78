"""Shared by the benchmarks: onsets of a result, their metrics, and lines of the model card.

A helper of `python -m benchmarks.model_card`, `python -m benchmarks.first_sound` and `python -m benchmarks.resynthesis`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from condfoley.audio.onsets import Score, detect_onsets, match, random_events
from condfoley.comping.ranking import rank
from condfoley.errors import InputError
from condfoley.evaluation.clips import METRIC_GEOMETRY
from condfoley.evaluation.scores import MeanScore, mean_over_targets
from condfoley.runtime.peaks import pick_onsets

WINDOW = 0.1  # s, tolerance of onset matching
RANDOM_DRAWS = 200
TOLERANCE = 0.2  # of the published re-ranking rule


class Generator(Protocol):
    """The part of `condfoley.foley.Foley` that is measured."""

    def generate(self, reference: str | Path, target: str | Path, *, candidates: int, seed: int, render: str) -> Any:
        """Returns a `condfoley.foley.Soundtrack`."""


@dataclass(frozen=True)
class DetectedOnsets:
    """Onset times in s: of the soundtrack, of the candidate that the sync model alone would choose, of each candidate,
    and of the picture."""

    chosen: np.ndarray
    by_sync: np.ndarray
    candidates: tuple[np.ndarray, ...]
    picture: np.ndarray


def detect_all(soundtrack: Any) -> DetectedOnsets:
    """The onsets in a result. Raises ValueError when its sample rate is not that of the metrics."""
    if soundtrack.sample_rate != METRIC_GEOMETRY.sample_rate:
        raise ValueError(f"the metrics use {METRIC_GEOMETRY.sample_rate} Hz, not {soundtrack.sample_rate} Hz")
    candidates = tuple(detect_onsets(c.wav, soundtrack.sample_rate)[0] for c in soundtrack.candidates)
    chosen = detect_onsets(soundtrack.wav, soundtrack.sample_rate)[0]
    scores = [c.offset for c in soundtrack.candidates], [c.confidence for c in soundtrack.candidates]
    by_sync = candidates[rank(*scores, TOLERANCE)[0]]
    return DetectedOnsets(chosen, by_sync, candidates, pick_onsets(soundtrack.impact_probability, METRIC_GEOMETRY.fps))


def timing(detected: DetectedOnsets, truth: np.ndarray) -> dict[str, float]:
    """Onset F1: re-ranked, by sync alone, of the mean and the best candidate (oracle), of the picture alone."""
    each = [match(truth, times, WINDOW).f1 for times in detected.candidates]
    return {
        "reranked": match(truth, detected.chosen, WINDOW).f1,
        "by_sync": match(truth, detected.by_sync, WINDOW).f1,
        "mean_candidate": float(np.mean(each)),
        "best_candidate": max(each),
        "picture": match(truth, detected.picture, WINDOW).f1,
    }


def random_f1(truth: np.ndarray, count: int, duration: float, rng: np.random.Generator) -> float:
    """Control: mean F1 of `count` events at random times, over RANDOM_DRAWS draws."""
    scores: list[Score] = [match(truth, random_events(count, duration, rng), WINDOW) for _ in range(RANDOM_DRAWS)]
    return float(np.mean([s.f1 for s in scores]))


def existing_folder(path: Path, holds: str) -> Path:
    """The folder itself. Raises InputError when it does not exist."""
    if not path.is_dir():
        raise InputError(f"there is no folder {path}; give one with {holds}")
    return path


@dataclass(frozen=True)
class Line:
    """A line of the model card. required: the requirement as text. beside: the values it is compared with."""

    on: str
    measure: str
    required: str
    value: MeanScore
    reached: bool
    beside: str


Lines = tuple[list[Line], list[str]]
"""Lines of a part of the model card, and notes on them."""


def mean_of(values: Sequence[float], seed: int) -> MeanScore:
    """Mean of one value for each target, with its 95 % interval."""
    return mean_over_targets({f"{i:06d}": [float(v)] for i, v in enumerate(values)}, seed)
