"""Plots of a training run: spectrograms, film strips, distributions, metrics, confusion matrices."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor


@contextmanager
def _page(path: Path, rows: int, columns: int, size: tuple[float, float]) -> Iterator[Any]:
    """Yields the axes (rows, columns) of a figure, which is written as PNG at the end. size: inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    yield figure.subplots(rows, columns, squeeze=False)
    figure.savefig(path, dpi=72, format="png")


def draw_spectrograms(path: Path, rows: dict[str, Tensor], frame: float, names: Sequence[str] = ()) -> None:
    """Draws rows of spectrograms as one PNG, low bands at the bottom.

    rows: label -> (N, n_mels, T) in [-1, 1]. frame: s between two frames of a spectrogram. names: clip of each column.
    """
    count = max(len(v) for v in rows.values())
    with _page(path, len(rows), count, (2.4 * count, 1.6 * len(rows))) as axes:
        for line, (name, specs) in zip(axes, rows.items()):
            for axis, spec in zip(line, specs.float().cpu().numpy()):
                span = (0, spec.shape[1] * frame, 0, len(spec))
                axis.imshow(spec, origin="lower", aspect="auto", extent=span, vmin=-1, vmax=1, cmap="magma")
            for axis in line:
                axis.tick_params(labelsize=6)
                axis.set_yticks([])
            line[0].set_ylabel(name, fontsize=8)
        for axis, clip in zip(axes[0], names):
            axis.set_title(clip, fontsize=6)
        for axis in axes[-1]:
            axis.set_xlabel("time, s", fontsize=6)


def draw_film_strips(
    path: Path,
    frames: np.ndarray,
    curves: list[dict[str, np.ndarray]],
    fps: float,
    names: Sequence[str],
    every: int = 3,
) -> None:
    """Draws film strips with curves below them as one PNG.

    frames: (N, T, H, W, 3) uint8. curves: for each strip, label -> (T,). fps: Hz. names: clip of each strip. every: of
    how many frames one is shown.
    """
    with _page(path, 2 * len(frames), 1, (12, 2.6 * len(frames))) as axes:
        for i, (clip, lines, clip_name) in enumerate(zip(frames, curves, names, strict=True)):
            film, plot = axes[2 * i, 0], axes[2 * i + 1, 0]
            film.imshow(np.concatenate(list(clip[::every]), axis=1), aspect="auto")
            film.set_axis_off()
            film.set_title(clip_name, fontsize=7)
            for name, values in lines.items():
                plot.plot(np.arange(len(values)) / fps, values, label=name, linewidth=1)
            plot.set_xlim(-0.5 / fps, (len(clip) - 0.5) / fps)
            plot.set_xlabel("time, s", fontsize=6)
            plot.set_ylim(0, 1.05)
            plot.tick_params(labelsize=6)
            plot.legend(fontsize=6, loc="upper right")


def draw_distributions(path: Path, predicted: Tensor, true: Tensor, fps: float, names: Sequence[str]) -> None:
    """Draws up to 12 predicted and true (dotted) distributions over offsets and "no match", the last class, as PNG.

    predicted, true: (N, classes); the offsets are whole frames, the middle one is 0. fps: Hz. names: of the clips.
    """
    most = (predicted.shape[1] - 2) // 2
    offsets = np.arange(-most, most + 2) / fps
    apart = most / fps + 0.5 / fps
    with _page(path, 3, 4, (12, 7)) as axes:
        for axis, p, label, clip in zip(axes.flat, predicted.float().cpu(), true.float().cpu(), names):
            axis.plot(offsets, p, linewidth=1, label="predicted")
            axis.plot(offsets, label, ":", linewidth=1, label="true")
            axis.axvspan(apart, offsets[-1] + 0.5 / fps, color="0.9")
            axis.set_ylim(0, 1.05)
            axis.text(offsets[-1], 1.0, "no match", rotation=90, fontsize=6, ha="center", va="top")
            axis.set_title(clip, fontsize=7)
            axis.set_xlabel("offset, s", fontsize=6)
            axis.tick_params(labelsize=6)
        axes[0, 0].legend(fontsize=6, loc="upper left")


def draw_curves(log: Path, picture: Path) -> None:
    """Plots each metric of a metrics.jsonl against the step, as one PNG."""
    from matplotlib.ticker import MaxNLocator

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
            axis.set_xlabel("step", fontsize=7)
            axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        for axis in list(axes.flat)[len(curves) :]:
            axis.set_axis_off()


def draw_confusions(path: Path, counts: list[tuple[np.ndarray, tuple[str, ...]]]) -> None:
    """Draws confusion matrices side by side as one PNG.

    counts: (counts (L, L), rows are true labels; labels) for each matrix; the shade is the share of the row.
    """
    with _page(path, 1, len(counts), (6 * len(counts), 5)) as axes:
        for axis, (matrix, labels) in zip(axes[0], counts):
            axis.imshow(matrix / np.maximum(1, matrix.sum(1, keepdims=True)), vmin=0, vmax=1, cmap="Blues")
            axis.set_xticks(range(len(labels)), labels, rotation=60, fontsize=7)
            axis.set_yticks(range(len(labels)), labels, fontsize=7)
            axis.set_ylabel("true", fontsize=8)
            axis.set_xlabel("predicted", fontsize=8)


def draw_similarities(path: Path, matrices: dict[str, Tensor]) -> None:
    """Draws matrices of cosines, name -> (N, N), side by side as one PNG; rows are what is sought by."""
    with _page(path, 1, len(matrices), (5 * len(matrices), 4.5)) as axes:
        for axis, (name, cosines) in zip(axes[0], matrices.items()):
            axis.imshow(cosines.float().cpu().numpy(), vmin=-1, vmax=1, cmap="RdBu_r")
            axis.set_ylabel(f"sought by {name}", fontsize=8)
            axis.set_xlabel("sound of another moment", fontsize=8)
