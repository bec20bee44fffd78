"""From values of single answers to a table: failures filled in, means over targets, bootstrap intervals. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from condfoley.evaluation.metrics import PER_PAIR, Metric
from condfoley.results.tables import bootstrap


@dataclass(frozen=True)
class Row:
    """One answer. values: empty when the system failed. target: which target, whatever the reference.

    mute: it holds no event although the target does. Distances of such a sound are often small, and a judge that must
    say something is often right: so silence would win columns. It counts like a failure instead.
    """

    system: str
    pair: str
    target: str
    values: Mapping[str, float | None]
    failure: str = ""
    same_action: bool | None = None
    mute: bool = False

    def counts_as_worst(self, metric: Metric) -> bool:
        """Whether the column's worst stands in for its own value."""
        return bool(self.failure) or (self.mute and metric.group != "published")


@dataclass(frozen=True)
class Cell:
    """A system's mean in one column. n: answers in it; low, high: 95 % interval over targets, None for set measures."""

    mean: float
    low: float | None
    high: float | None
    n: int


def worst(metric: Metric, rows: Sequence[Row]) -> float | None:
    """What a failed or mute answer gets in a column; None when nobody has a value there."""
    given = [(row, v) for row in rows if (v := row.values.get(metric.name)) is not None]
    if not given:
        return None
    heard = [v for row, v in given if not row.counts_as_worst(metric)] or [v for _, v in given]
    return metric.worst if metric.worst is not None else (min if metric.higher else max)(heard)


def asked(metric: Metric, rows: Sequence[Row]) -> set[str]:
    """The pairs that any system has a value for in a column: those in which a failure counts."""
    return {row.pair for row in rows if row.values.get(metric.name) is not None}


def table(rows: Sequence[Row], draws_seed: int = 0) -> dict[str, dict[str, Cell]]:
    """Cells by system and column, in the systems' order of appearance.

    Values of one target are averaged first, so that each target counts once; the intervals are bootstrapped over
    targets. A failed or mute answer counts with the column's `worst`. A column without any value is left out.
    """
    out: dict[str, dict[str, Cell]] = {row.system: {} for row in rows}
    for metric in PER_PAIR:
        values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for row, value in counted(rows, metric):
            values[row.system][row.target].append(value)
        for system, mine in values.items():
            out[system][metric.name] = cell(mine, draws_seed)
    return out


def differences(rows: Sequence[Row], system: str, draws_seed: int = 0) -> dict[str, dict[str, Cell]]:
    """Mean of a system less each other one, pair by pair: cells by the other's name and column.

    Intervals of differences are narrower than those of two means, since both heard the same pairs.
    """
    out: dict[str, dict[str, Cell]] = {row.system: {} for row in rows if row.system != system}
    for metric in PER_PAIR:
        values = counted(rows, metric)
        own = {row.pair: value for row, value in values if row.system == system}
        gaps: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for row, value in values:
            if row.system != system and row.pair in own:
                gaps[row.system][row.target].append(own[row.pair] - value)
        for other, mine in gaps.items():
            out[other][metric.name] = cell(mine, draws_seed)
    return out


def counted(rows: Sequence[Row], metric: Metric) -> list[tuple[Row, float]]:
    """The answers that count in a column and their values, failed and mute ones with its `worst`."""
    bad, pairs = worst(metric, rows), asked(metric, rows)
    given = (
        (row, bad if row.counts_as_worst(metric) else row.values.get(metric.name)) for row in rows if row.pair in pairs
    )
    return [(row, value) for row, value in given if value is not None]


def cell(values: Mapping[str, Sequence[float]], seed: int) -> Cell:
    """Mean over targets of the mean over a target's answers, with its interval. values: target -> its values."""
    means = [float(np.mean(values[target])) for target in sorted(values)]
    low, high = bootstrap(means, np.random.default_rng(seed))
    return Cell(float(np.mean(means)), low, high, sum(map(len, values.values())))
