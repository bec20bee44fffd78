"""Which step of a fine-tuning is best, and whether it is better than the start: pure functions of held-out losses.

The step that a held-out recording is measured at is chosen by the other recordings, so that the choice does not flatter
what it is measured by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

FEW = 10
"""Recordings below which a gain has to be surer: three that agree by chance had made a model worse on others (E28.3)."""

Evaluations = Mapping[int, Mapping[str, float]]
"""Step -> held-out clip -> loss, or another value of it; step 0 is the start."""


@dataclass(frozen=True)
class Curves:
    """Held-out losses. steps: (E,), ascending, the first is 0. values: (R, E), of R recordings."""

    steps: tuple[int, ...]
    recordings: tuple[str, ...]
    values: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Mean over the recordings: (E,)."""
        mean: np.ndarray = self.values.mean(0)
        return mean


@dataclass(frozen=True)
class Verdict:
    """What came of a fine-tuning. step: the best one; 0: the start. before, after: (R,) of each held-out recording.

    chosen: (R,) index of the step at which each is measured after fine-tuning. gain: mean of before - after, with its
    interval `low` to `high`, which holds it with probability `level`.
    """

    step: int
    chosen: np.ndarray
    before: np.ndarray
    after: np.ndarray
    gain: float
    low: float
    high: float
    level: float = 0.95

    @property
    def better(self) -> bool:
        """Whether the best step is better than the start, and not by chance: whether the interval is above 0."""
        return self.step > 0 and self.low > 0


def join(folds: Sequence[Evaluations], recordings: Mapping[str, str]) -> Curves:
    """The curves of all recordings that were held out in some fold; a recording's value is the mean of its clips.

    recordings: of each clip. Steps that some fold has not reached are left out. Raises ValueError without step 0.
    """
    steps = sorted(set.intersection(*(set(fold) for fold in folds)))
    if not steps or steps[0] != 0:
        raise ValueError("every fold needs the loss of the start")
    rows: dict[str, list[list[float]]] = {}
    for fold in folds:
        for clip in fold[0]:
            rows.setdefault(recordings[clip], []).append([fold[step][clip] for step in steps])
    names = tuple(sorted(rows))
    return Curves(tuple(steps), names, np.array([np.mean(rows[name], 0) for name in names]))


def cross_fitted(values: np.ndarray) -> np.ndarray:
    """For each recording the index of the step at which the mean of all others is lowest; the earliest of equals.

    values: (R, E), R >= 2. Returns (R,) int. Raises ValueError for fewer recordings.
    """
    if len(values) < 2:
        raise ValueError("the step for a recording is chosen by others: two are needed")
    others = values.sum(0) - values
    chosen: np.ndarray = others.round(12).argmin(1)
    return chosen


def judge(curves: Curves) -> Verdict:
    """Best step and gain on held-out recordings, R >= 2, with Student's interval: of 95 %, or of 99 % for fewer than FEW.

    A bootstrap of so few recordings as these may be is too narrow.
    """
    level = 0.99 if len(curves.values) < FEW else 0.95
    values, chosen = curves.values, cross_fitted(curves.values)
    before = values[:, 0]
    after = values[np.arange(len(values)), chosen]
    gain, low, high = mean_interval(before - after, level)
    return Verdict(curves.steps[int(values.mean(0).round(12).argmin())], chosen, before, after, gain, low, high, level)


def mean_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Mean of (R,) values, R >= 2, and both ends of Student's interval that holds it with probability `level`."""
    mean, error = float(values.mean()), float(values.std(ddof=1)) / len(values) ** 0.5
    reach = float(stats.t.ppf((1 + level) / 2, len(values) - 1)) * error
    return mean, mean - reach, mean + reach


def stalled(losses: Sequence[float], patience: int) -> bool:
    """Whether the last `patience` losses are all no lower than the lowest one before them; the first is the start's."""
    return len(losses) > patience and min(losses[-patience:]) >= min(losses[:-patience])
