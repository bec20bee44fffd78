"""Spectrograms on pages of results, with true and detected onsets."""

from __future__ import annotations

import io

import numpy as np

from condfoley.audio.mel import spectrogram
from condfoley.audio.onsets import detect_onsets
from condfoley.geometry import Geometry

SIZE = (4.2, 0.9, 80)  # width in inches, height in inches, dots an inch
TRUE_COLOR, DETECTED_COLOR = "#009E73", "#D55E00"  # of onsets, from Okabe and Ito's palette


def spectrogram_png(wav: np.ndarray, true: np.ndarray, geometry: Geometry) -> bytes:
    """Log-mel spectrogram of a sound (N,) as PNG; true onsets (R,) s are triangles at the top, detected ones lines."""
    from matplotlib.figure import Figure

    width, height, dpi = SIZE
    figure = Figure(figsize=(width, height), dpi=dpi)
    axes = figure.add_axes((0, 0, 1, 1))
    seconds = len(wav) / geometry.sample_rate
    spec = spectrogram(wav, geometry)
    axes.imshow(spec, origin="lower", aspect="auto", cmap="magma", vmin=0, vmax=0.8, extent=(0, seconds, 0, 1))
    for time in detect_onsets(wav, geometry.sample_rate)[0]:
        axes.axvline(time, color=DETECTED_COLOR, lw=1, ymax=0.8)
    axes.plot(true, np.full(len(true), 0.97), "v", color=TRUE_COLOR, ms=6, clip_on=False)
    axes.set_xlim(0, seconds)
    axes.set_ylim(0, 1)
    axes.set_axis_off()
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()
