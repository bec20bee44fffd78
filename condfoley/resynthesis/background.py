"""The background of a recording: measured in its quiet moments, taken out of its impacts, and laid beneath all."""

from __future__ import annotations

import numpy as np

from condfoley.resynthesis.bands import bin_gains, hop

QUIET_SHARE = 0.25  # of all moments, the softest of which are taken for background
OVER = 1.5  # by how much more than the background's mean power is taken out
FLOOR = 0.05  # least gain
SMOOTH = 3  # frames over which gains are averaged


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
    padded = np.pad(wanted, ((0, 0), (SMOOTH // 2, SMOOTH // 2)), mode="edge")
    gains = np.lib.stride_tricks.sliding_window_view(padded, SMOOTH, axis=1).mean(2)
    return with_gains(sound, rate, gains)


def with_gains(sound: np.ndarray, rate: int, gains: np.ndarray) -> np.ndarray:
    """A sound (C, N) with a gain in each band and frame, (B, M): (C, N) float32."""
    step = hop(rate)
    size = 2 * step
    window = np.sin(np.pi * (np.arange(size) + 0.5) / size).astype(np.float32)  # its square adds up to 1
    frames = gains.shape[1]
    padded = np.pad(sound, ((0, 0), (step, frames * step + size - sound.shape[1])))
    out = np.zeros_like(padded)
    bins = bin_gains(gains, rate, size)  # (bins, M)
    for first in range(0, frames, 512):
        last = min(first + 512, frames)
        places = np.arange(first, last) * step
        pieces = np.lib.stride_tricks.sliding_window_view(padded, size, axis=-1)[:, places] * window
        made = np.fft.irfft(np.fft.rfft(pieces, axis=-1) * bins[:, first:last].T, size, axis=-1) * window
        for i, place in enumerate(places):
            out[:, place : place + size] += made[:, i]
    return out[:, step : step + sound.shape[1]].astype(np.float32)
