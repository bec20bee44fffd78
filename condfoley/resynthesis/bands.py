"""Band powers of sounds at any rate, on one frequency axis.

The bands are the mel bands of the model up to their upper edge, pooled; above it they go on up to half the rate.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from condfoley.audio.splice import segment

EDGES = (
    60,
    150,
    250,
    350,
    500,
    700,
    950,
    1250,
    1600,
    2000,
    2500,
    3100,
    3900,
    4900,
    6100,
    7600,
)  # Hz, seen by the model
HIGHER = (9500, 12000, 15000, 20000)  # Hz
FRAME = 0.02  # s of a frame; frames overlap by half
SILENCE = 1e-12  # power
BLOCK = 2048  # frames that are transformed at a time


def edges(rate: int, model_only: bool = False) -> tuple[float, ...]:
    """Edges of the bands, Hz, ascending. model_only: only those that the model knows."""
    return tuple(float(hz) for hz in (EDGES if model_only else EDGES + HIGHER) if hz <= rate / 2)


def hop(rate: int) -> int:
    """Samples between two frames."""
    return round(FRAME * rate / 2)


def band_powers(samples: np.ndarray, rate: int, model_only: bool = False) -> np.ndarray:
    """Power of each band in each frame, mean over the channels: (B, M); frame m is centred on sample m * hop.

    samples: (C, N) float32 at `rate` Hz.
    """
    step = hop(rate)
    size = 2 * step
    window, pooling = np.hanning(size).astype(np.float32), _pooling(rate, size, model_only).T
    sound, count, found = np.atleast_2d(samples), samples.shape[-1] // step + 1, []
    for first in range(0, count, BLOCK):
        last = min(first + BLOCK, count)
        near = segment(sound, (first - 1) * step, last * step)  # frame m has samples (m - 1) * step to (m + 1) * step
        frames = np.lib.stride_tricks.sliding_window_view(near, size, axis=-1)[:, ::step]
        found.append((np.abs(np.fft.rfft(frames * window, axis=-1)) ** 2).mean(0) @ pooling)
    return np.maximum(np.concatenate(found).T / size**2, SILENCE)  # (B, M)


@lru_cache(maxsize=8)
def _pooling(rate: int, size: int, model_only: bool) -> np.ndarray:
    """(B, bins): which bins are in which band, shared in proportion at its edges."""
    bounds, width = edges(rate, model_only), rate / size
    low = (np.arange(size // 2 + 1) - 0.5) * width
    out = [np.clip((np.minimum(low + width, b) - np.maximum(low, a)) / width, 0, 1) for a, b in zip(bounds, bounds[1:])]
    return np.array(out, np.float32)


def bin_gains(gains: np.ndarray, rate: int, size: int) -> np.ndarray:
    """Gains of bands, (B, M), as those of the bins of a transform of `size`: (size // 2 + 1, M), between the bands' centres
    interpolated."""
    bounds = np.array(edges(rate))
    centres = np.log(np.sqrt(bounds[:-1] * bounds[1:]))
    places = np.interp(np.log(np.maximum(np.fft.rfftfreq(size, 1 / rate), 1)), centres, np.arange(len(centres)))
    low = np.minimum(places.astype(int), len(centres) - 2)
    share = (places - low)[:, None]
    return np.asarray(gains[low] * (1 - share) + gains[low + 1] * share)
