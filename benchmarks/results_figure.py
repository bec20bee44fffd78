"""The results as points with their 95 % intervals, read from docs/results.csv.

A helper of `python -m benchmarks.figures`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

RESULTS = Path(__file__).parents[1] / "docs" / "results.csv"
OURS, OTHERS, BOUND = "#0072B2", "#5b6670", "#b85000"
COLOURS = {"condfoley": OURS, "first candidate": OURS, "ceiling (codec)": BOUND}


@dataclass(frozen=True)
class Result:
    """One number: what was measured of which system, its mean, and the 95 % interval around it."""

    measure: str
    system: str
    value: float
    low: float
    high: float


def read_results(path: Path = RESULTS) -> list[Result]:
    """All rows of the table. Raises ValueError for a row whose interval does not hold its value."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = [
            Result(r["measure"], r["system"], *(float(r[k]) for k in ("value", "low", "high")))
            for r in csv.DictReader(file)
        ]
    for row in rows:
        if not row.low <= row.value <= row.high:
            raise ValueError(f"{path}: {row.system}, {row.measure}: {row.value} lies outside {row.low} .. {row.high}")
    return rows


def draw_results(rows: Iterable[Result]) -> Figure:
    """A panel for each measure; in it a point and an interval for each system."""
    rows = list(rows)
    measures, systems = list(dict.fromkeys(r.measure for r in rows)), list(dict.fromkeys(r.system for r in rows))
    figure = Figure(figsize=(11, 2.9), layout="constrained")
    axes = figure.subplots(1, len(measures), sharey=True)
    for ax, measure in zip(axes, measures):
        for row in (r for r in rows if r.measure == measure):
            y, colour = -systems.index(row.system), COLOURS.get(row.system, OTHERS)
            ax.plot([row.low, row.high], [y, y], color=colour, lw=2, solid_capstyle="round")
            ax.plot(row.value, y, "o", color=colour, ms=6.5, mfc="white" if row.system == "first candidate" else colour)
            ax.annotate(
                f"{row.value:.2f}", (row.value, y), xytext=(0, 6), textcoords="offset points", ha="center",
                fontsize=8, color=colour,
            )  # fmt: skip
        ax.set_title(measure.replace(": ", "\n"), fontsize=9)
        ax.set_xlim(-0.15 if min(r.low for r in rows if r.measure == measure) < 0 else 0, 1)
        ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        ax.set_ylim(-len(systems) + 0.4, 0.75)
        ax.grid(axis="x", color="#e2e6ea")
        ax.set_axisbelow(True)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(left=False, labelsize=8)
    axes[0].set_yticks([-i for i in range(len(systems))], systems, fontsize=9.5)
    return figure
