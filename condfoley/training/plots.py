"""Pictures that training writes to look at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor


@contextmanager
def _page(path: Path, rows: int, columns: int, size: tuple[float, float]) -> Iterator[Any]:
    """Axes (rows, columns) of a figure, size in inches, that is written as PNG when the block ends."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    yield figure.subplots(rows, columns, squeeze=False)
    figure.savefig(path, dpi=72, format="png")


def stacked(path: Path, rows: dict[str, Tensor]) -> None:
    """Rows of spectrograms as one PNG: each value (N, n_mels, T) in [-1, 1], low bands at the bottom."""
    count = max(len(v) for v in rows.values())
    with _page(path, len(rows), count, (2.4 * count, 1.6 * len(rows))) as axes:
        for line, (name, specs) in zip(axes, rows.items()):
            for axis, spec in zip(line, specs.float().cpu().numpy()):
                axis.imshow(spec, origin="lower", aspect="auto", vmin=-1, vmax=1, cmap="magma")
            for axis in line:
                axis.set_xticks([])
                axis.set_yticks([])
            line[0].set_ylabel(name, fontsize=8)


def strips(path: Path, frames: np.ndarray, curves: list[dict[str, np.ndarray]], every: int = 3) -> None:
    """Film strips with curves under them. frames: (N, T, H, W, 3) uint8. curves: per strip, name -> (T,)."""
    with _page(path, 2 * len(frames), 1, (12, 2.6 * len(frames))) as axes:
        for i, (clip, lines) in enumerate(zip(frames, curves)):
            film, plot = axes[2 * i, 0], axes[2 * i + 1, 0]
            film.imshow(np.concatenate(list(clip[::every]), axis=1), aspect="auto")
            film.set_axis_off()
            for name, values in lines.items():
                plot.plot(np.arange(len(values)), values, label=name, linewidth=1)
            plot.set_xlim(-0.5, len(clip) - 0.5)
            plot.set_ylim(0, 1.05)
            plot.tick_params(labelsize=6)
            plot.legend(fontsize=6, loc="upper right")


def distributions(path: Path, made: Tensor, true: Tensor) -> None:
    """Up to 12 probability distributions beside the true ones (dotted). made, true: (N, classes)."""
    with _page(path, 3, 4, (12, 6)) as axes:
        for axis, p, label in zip(axes.flat, made.float().cpu(), true.float().cpu()):
            axis.plot(p, linewidth=1)
            axis.plot(label, ":", linewidth=1)


def draw_curves(log: Path, picture: Path) -> None:
    """A small plot for each metric of a metrics.jsonl."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        for key, value in row.items():
            if key != "step":
                curves.setdefault(key, []).append((row["step"], value))
    columns = 3
    rows = -(-len(curves) // columns)
    with _page(picture, rows, columns, (12, 2.6 * rows)) as axes:
        for axis, (key, points) in zip(axes.flat, sorted(curves.items())):
            axis.plot(*zip(*points), marker="." if key.startswith("val/") else "", linewidth=1)
            axis.set_title(key, fontsize=9)
        for axis in list(axes.flat)[len(curves) :]:
            axis.set_axis_off()


def confusions(path: Path, counts: list[tuple[np.ndarray, tuple[str, ...]]]) -> None:
    """Confusion matrices side by side: (L, L) counts, rows the true labels, each row shaded by its share."""
    with _page(path, 1, len(counts), (6 * len(counts), 5)) as axes:
        for axis, (matrix, labels) in zip(axes[0], counts):
            axis.imshow(matrix / np.maximum(1, matrix.sum(1, keepdims=True)), vmin=0, vmax=1, cmap="Blues")
            axis.set_xticks(range(len(labels)), labels, rotation=60, fontsize=7)
            axis.set_yticks(range(len(labels)), labels, fontsize=7)
            axis.set_ylabel("true", fontsize=8)
