"""Means and bootstrap intervals over the metric values of all pairs. Pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from condfoley.evaluation.metrics import PER_PAIR, Metric
from condfoley.results.tables import bootstrap


@dataclass(frozen=True)
class PairScores:
    """Metric values of one system's output for one pair.

    values: empty when the system failed. target: the target's identity; several pairs may share a target.
    mute: no onset is detected in the output although the target has events. Distances of such a sound are often small,
    and a classifier, which has to give some label, is often right, so silence would win columns. It counts like a failure.
    """

    system: str
    pair: str
    target: str
    values: Mapping[str, float | None]
    failure: str = ""
    same_action: bool | None = None
    mute: bool = False

    def counts_as_worst(self, metric: Metric) -> bool:
        """Whether the metric's worst value replaces the output's own value."""
        return bool(self.failure) or (self.mute and metric.group != "published")


@dataclass(frozen=True)
class MeanScore:
    """A system's mean of one metric. n: outputs in it; low, high: 95 % interval over targets, None for set metrics."""

    mean: float
    low: float | None
    high: float | None
    n: int


def worst_value(metric: Metric, scores: Sequence[PairScores]) -> float | None:
    """The value that a failed or mute output gets; None when no system has a value of this metric."""
    with_value = [(row, v) for row in scores if (v := row.values.get(metric.name)) is not None]
    if not with_value:
        return None
    valid = [v for row, v in with_value if not row.counts_as_worst(metric)] or [v for _, v in with_value]
    return metric.worst if metric.worst is not None else (min if metric.higher_is_better else max)(valid)


def pairs_with_value(metric: Metric, scores: Sequence[PairScores]) -> set[str]:
    """The pairs for which any system has a value of this metric: those on which a failure counts."""
    return {row.pair for row in scores if row.values.get(metric.name) is not None}


def mean_scores(scores: Sequence[PairScores], seed: int = 0) -> dict[str, dict[str, MeanScore]]:
    """Means by system and metric, systems in order of appearance.

    Values of one target are averaged first, so that each target counts once; the intervals are bootstrapped over
    targets. A failed or mute output counts with the metric's worst value. A metric without any value is left out.
    """
    out: dict[str, dict[str, MeanScore]] = {row.system: {} for row in scores}
    for metric in PER_PAIR:
        values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for row, value in counted_values(scores, metric):
            values[row.system][row.target].append(value)
        for system, by_target in values.items():
            out[system][metric.name] = mean_over_targets(by_target, seed)
    return out


def paired_differences(scores: Sequence[PairScores], system: str, seed: int = 0) -> dict[str, dict[str, MeanScore]]:
    """Mean of `system` minus each other system, pair by pair: by the other system's name and metric.

    These intervals are narrower than those of two separate means, since both systems had the same pairs.
    """
    out: dict[str, dict[str, MeanScore]] = {row.system: {} for row in scores if row.system != system}
    for metric in PER_PAIR:
        values = counted_values(scores, metric)
        own = {row.pair: value for row, value in values if row.system == system}
        differences: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for row, value in values:
            if row.system != system and row.pair in own:
                differences[row.system][row.target].append(own[row.pair] - value)
        for other, by_target in differences.items():
            out[other][metric.name] = mean_over_targets(by_target, seed)
    return out


def counted_values(scores: Sequence[PairScores], metric: Metric) -> list[tuple[PairScores, float]]:
    """The outputs that count for a metric and their values; failed and mute ones have its worst value."""
    worst, pairs = worst_value(metric, scores), pairs_with_value(metric, scores)
    values = (
        (row, worst if row.counts_as_worst(metric) else row.values.get(metric.name))
        for row in scores
        if row.pair in pairs
    )
    return [(row, value) for row, value in values if value is not None]


def mean_over_targets(values: Mapping[str, Sequence[float]], seed: int) -> MeanScore:
    """Mean over targets of the mean over a target's outputs, with its interval. values: target -> its values."""
    means = [float(np.mean(values[target])) for target in sorted(values)]
    low, high = bootstrap(means, np.random.default_rng(seed))
    return MeanScore(float(np.mean(means)), low, high, sum(map(len, values.values())))
