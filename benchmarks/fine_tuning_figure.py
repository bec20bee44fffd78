"""What fine-tuning gains by the number of clips, from docs/fine_tuning.csv (`lines.csv` of `python -m benchmarks.finetuning`).

A helper of `python -m benchmarks.figures`.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

LINES = Path(__file__).parents[1] / "docs" / "fine_tuning.csv"
COLOURS = {"events": "#0072B2", "transformer": "#b85000"}
NAMES = {"events": "event head", "transformer": "transformer"}
APART = 0.03  # of a number of clips, between its draws


@dataclass(frozen=True)
class Tuned:
    """One fine-tuning. written: whether weights were. gain, low, high: of the loss, as a share of the loss before, with its 95 %
    interval. f1: of the picture's impacts, before and after; None where the event head stays."""

    part: str
    clips: int
    written: bool
    gain: float
    low: float
    high: float
    f1: tuple[float, float] | None


def read_lines(path: Path = LINES) -> list[Tuned]:
    """All rows of the table, by part and number of clips."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = []
    for row in rows:
        gain, low, high = (float(row[name]) / float(row["before"]) for name in ("gain", "low", "high"))
        f1 = (float(row["f1_before"]), float(row["f1_after"])) if row["f1_after"] else None
        found.append(Tuned(row["part"], int(row["clips"]), row["written"] == "1", gain, low, high, f1))
    return sorted(found, key=lambda line: (line.part, line.clips))


def draw_fine_tuning(lines: Sequence[Tuned]) -> Figure:
    """Left the gain in loss, right that in F1 of the picture's impacts; a point for each fine-tuning.

    Open where nothing was written.
    """
    figure = Figure(figsize=(9, 3), layout="constrained")
    loss, f1 = figure.subplots(1, 2)
    for part in dict.fromkeys(line.part for line in lines):
        mine = [line for line in lines if line.part == part]
        _points(loss, mine, [100 * line.gain for line in mine], part)
        for x, line in zip(_places(mine), mine, strict=True):
            loss.plot([x, x], [100 * line.low, 100 * line.high], color=COLOURS[part], lw=1.2, alpha=0.6)
    tuned = [line for line in lines if line.f1]
    if tuned:
        _points(f1, tuned, [line.f1[1] - line.f1[0] for line in tuned if line.f1], tuned[0].part)
    loss.set_title("loss of other clips is lower by, %", fontsize=9.5)
    f1.set_title("F1 of the picture's impacts in other clips is higher by", fontsize=9.5)
    counts = sorted({line.clips for line in lines})
    for ax in (loss, f1):
        ax.axhline(0, color="#5b6670", lw=1, ls=":")
        ax.set_xscale("log")
        ax.set_xticks(counts, [str(count) for count in counts])
        ax.minorticks_off()
        ax.set_xlabel("clips", fontsize=9)
        ax.grid(axis="y", color="#e2e6ea")
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8.5)
        ax.legend(fontsize=8.5, frameon=False, loc="upper left")
    return figure


def _places(lines: Sequence[Tuned]) -> list[float]:
    """Where the points of lines are: draws of one number of clips beside each other."""
    places = []
    for index, line in enumerate(lines):
        same = [i for i, other in enumerate(lines) if other.clips == line.clips]
        places.append(line.clips * (1 + APART * (same.index(index) - (len(same) - 1) / 2)))
    return places


def _points(ax: Axes, lines: Sequence[Tuned], values: Sequence[float], part: str) -> None:
    """A part's points, and a line through the means of each number of clips."""
    colour = COLOURS[part]
    for x, line, value in zip(_places(lines), lines, values, strict=True):
        ax.plot(x, value, "o", ms=5, color=colour, mfc=colour if line.written else "white", zorder=3)
    counts = sorted({line.clips for line in lines})
    means = [np.mean([v for line, v in zip(lines, values, strict=True) if line.clips == count]) for count in counts]
    ax.plot(counts, means, color=colour, lw=1.4, label=NAMES[part])
