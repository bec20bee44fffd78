"""Numbers with their uncertainty, and tables that read the same in a terminal and in a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Z95 = 1.959963984540054  # two-sided 95 % point of the normal distribution


def bootstrap(values: Sequence[float], rng: np.random.Generator, draws: int = 2000) -> tuple[float, float]:
    """95 % percentile-bootstrap interval of the mean of (n,) values: (low, high).

    Raises ValueError when there is no value.
    """
    data = np.asarray(values, dtype=float)
    if not len(data):
        raise ValueError("bootstrap: at least one value is needed")
    means = data[rng.integers(0, len(data), (draws, len(data)))].mean(1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def wilson(successes: int, trials: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927): (low, high) in [0, 1]; (0, 1) without a trial.

    Raises ValueError when `successes` is not between 0 and `trials`.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"wilson: {successes} successes in {trials} trials is not possible")
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    centre = share + z * z / (2 * trials)
    half = z * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, float((centre - half) / scale)), min(1.0, float((centre + half) / scale))


@dataclass(frozen=True)
class Table:
    """A title, a header, rows of texts of the header's length, and remarks printed under it."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(len(row) != len(self.header) for row in self.rows):
            raise ValueError(f"table {self.title!r}: every row needs {len(self.header)} cells")

    def text(self) -> str:
        """For a terminal: aligned columns, the first to the left, the others to the right."""
        widths = [max(len(row[i]) for row in (self.header, *self.rows)) for i in range(len(self.header))]

        def line(cells: Sequence[str]) -> str:
            first = cells[0].ljust(widths[0])
            return "  ".join([first, *(c.rjust(w) for c, w in zip(cells[1:], widths[1:]))]).rstrip()

        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        return "\n".join([self.title, rule, line(self.header), rule, *map(line, self.rows), rule, *self.notes])

    def markdown(self) -> str:
        """For a report: a heading and a pipe table."""
        head = ["| " + " | ".join(self.header) + " |", "|---" + "|---:" * (len(self.header) - 1) + "|"]
        body = ["| " + " | ".join(row) + " |" for row in self.rows]
        notes = [f"\n{note}" for note in self.notes]
        return "\n".join([f"## {self.title}", "", *head, *body, *notes])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def number(value: float | None, digits: int = 2) -> str:
    """The number as text, such as `0.47`; a dash for None."""
    return "-" if value is None else f"{value:.{digits}f}"


def interval(low: float, high: float, digits: int = 2) -> str:
    """Both ends as text, such as `0.41 .. 0.53`."""
    return f"{low:.{digits}f} .. {high:.{digits}f}"


def percent(share: float) -> str:
    """A share in [0, 1] as text, such as `76 %`."""
    return f"{100 * share:.0f} %"
