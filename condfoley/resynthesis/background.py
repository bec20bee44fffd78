"""The background of a recording: measured in its quiet moments, taken out of its impacts, and laid beneath all."""

from __future__ import annotations

import numpy as np

from condfoley.audio.splice import add_into, segment
from condfoley.memory import Releaser, sound_array
from condfoley.resynthesis.bands import bin_gains, hop

QUIET_SHARE = 0.25  # of all moments, the softest of which are taken for background
OVER = 1.5  # by how much more than the background's mean power is taken out
FLOOR = 0.05  # least gain
SMOOTH = 3  # frames of which the greatest gain is taken, and over which gains are then averaged


def background_powers(powers: np.ndarray) -> np.ndarray:
    """Mean power of each band, (B,), in the softest moments of band powers (B, M)."""
    count = max(1, round(QUIET_SHARE * powers.shape[1]))
    order = np.argsort(powers.sum(0))[:count]
    return np.asarray(powers[:, order].mean(1))


def without_background(sound: np.ndarray, rate: int, powers: np.ndarray) -> np.ndarray:
    """A sound (C, N) with what its bands have of background taken out: (C, N) float32 (spectral subtraction).

    powers: (B, M) of the sound.
    """
    noise = background_powers(powers)[:, None]
    wanted = np.sqrt(np.maximum(1 - OVER * noise / powers, FLOOR**2))  # (B, M)
    widest = _neighbours(wanted).max(2)  # an attack stays whole, also where frames before it touch it
    return with_gains(sound, rate, _neighbours(widest).mean(2))


def _neighbours(gains: np.ndarray) -> np.ndarray:
    """Gains (B, M) with those of the frames beside each: (B, M, SMOOTH)."""
    padded = np.pad(gains, ((0, 0), (SMOOTH // 2, SMOOTH // 2)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, SMOOTH, axis=1)


def with_gains(sound: np.ndarray, rate: int, gains: np.ndarray) -> np.ndarray:
    """A sound (C, N) with a gain in each band and frame, (B, M): (C, N) float32."""
    step = hop(rate)
    size = 2 * step
    window = np.sin(np.pi * (np.arange(size) + 0.5) / size).astype(np.float32)  # its square adds up to 1
    frames = gains.shape[1]
    out, release_until = sound_array(sound.shape), Releaser()
    for first in range(0, frames, 512):
        last = min(first + 512, frames)
        near = segment(sound, (first - 1) * step, last * step)
        pieces = np.lib.stride_tricks.sliding_window_view(near, size, axis=-1)[:, ::step] * window
        bins = bin_gains(gains[:, first:last], rate, size)  # (bins, frames)
        made = np.fft.irfft(np.fft.rfft(pieces, axis=-1) * bins.T, size, axis=-1) * window
        for i, frame in enumerate(range(first, last)):
            add_into(out, made[:, i], (frame - 1) * step)
        release_until(last * step)
    return out
