"""Pictures that training writes to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor


def stacked(path: Path, rows: dict[str, Tensor]) -> None:
    """Rows of spectrograms as one PNG: each value (N, n_mels, T) in [-1, 1], low bands at the bottom."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    count = max(len(v) for v in rows.values())
    figure, axes = plt.subplots(
        len(rows), count, figsize=(2.4 * count, 1.6 * len(rows)), squeeze=False, layout="constrained"
    )
    for line, (name, specs) in zip(axes, rows.items()):
        for axis, spec in zip(line, specs.float().cpu().numpy()):
            axis.imshow(spec, origin="lower", aspect="auto", vmin=-1, vmax=1, cmap="magma")
        for axis in line:
            axis.set_xticks([])
            axis.set_yticks([])
        line[0].set_ylabel(name, fontsize=8)
    figure.savefig(path, dpi=70)
    plt.close(figure)


def strips(path: Path, frames: np.ndarray, curves: list[dict[str, np.ndarray]], every: int = 3) -> None:
    """Film strips with curves under them. frames: (N, T, H, W, 3) uint8. curves: per strip, name -> (T,)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        2 * len(frames), 1, figsize=(12, 2.6 * len(frames)), squeeze=False, layout="constrained"
    )
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
    figure.savefig(path, dpi=70)
    plt.close(figure)
