"""Confidence intervals, and tables printed as text or as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

Z95 = 1.959963984540054  # two-sided 95 % point of the normal distribution


def bootstrap(values: Sequence[float], rng: np.random.Generator, draws: int = 2000) -> tuple[float, float]:
    """95 % percentile-bootstrap interval of the mean of (n,) values: (low, high); a single value is both ends.

    rng: decides the draws; the same state gives the same interval. Raises ValueError when there is no value.
    """
    if not len(values):
        raise ValueError("bootstrap: at least one value is needed")
    if len(values) == 1:
        return float(values[0]), float(values[0])
    found = stats.bootstrap((values,), np.mean, n_resamples=draws, method="percentile", random_state=rng)
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a proportion (Wilson 1927): (low, high) in [0, 1]; (0, 1) without a trial.

    Raises ValueError when `successes` is not between 0 and `trials`.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"wilson: {successes} successes in {trials} trials is not possible")
    if trials == 0:
        return 0.0, 1.0
    found = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


@dataclass(frozen=True)
class Table:
    """A title, a header, rows with as many text cells as the header, and notes printed below."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(len(row) != len(self.header) for row in self.rows):
            raise ValueError(f"table {self.title!r}: every row needs {len(self.header)} cells")

    def text(self) -> str:
        """Plain text for a terminal: the first column is left-aligned, the others are right-aligned."""
        widths = [max(len(row[i]) for row in (self.header, *self.rows)) for i in range(len(self.header))]

        def line(cells: Sequence[str]) -> str:
            first = cells[0].ljust(widths[0])
            return "  ".join([first, *(c.rjust(w) for c, w in zip(cells[1:], widths[1:]))]).rstrip()

        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        return "\n".join([self.title, rule, line(self.header), rule, *map(line, self.rows), rule, *self.notes])

    def markdown(self) -> str:
        """Markdown: a heading, a pipe table and the notes."""
        head = ["| " + " | ".join(self.header) + " |", "|---" + "|---:" * (len(self.header) - 1) + "|"]
        body = ["| " + " | ".join(row) + " |" for row in self.rows]
        notes = [f"\n{note}" for note in self.notes]
        return "\n".join([f"## {self.title}", "", *head, *body, *notes])

    def to_dict(self) -> dict[str, Any]:
        """The table as JSON values."""
        return asdict(self)


def number(value: float | None, digits: int = 2) -> str:
    """A number as text, such as `0.47`; a dash for None."""
    return "-" if value is None else f"{value:.{digits}f}"


def interval(low: float, high: float, digits: int = 2) -> str:
    """An interval as text, such as `0.41 .. 0.53`."""
    return f"{low:.{digits}f} .. {high:.{digits}f}"


def percent(fraction: float) -> str:
    """A fraction in [0, 1] as text, such as `76 %`."""
    return f"{100 * fraction:.0f} %"
