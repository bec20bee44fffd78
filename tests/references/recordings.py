"""Made-up recordings for tests of references: struck noise, a voice, a tune."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.signal import lfilter


def struck(times: Sequence[float], seconds: float, rate: int, tone: float = 2000.0, seed: int = 0) -> np.ndarray:
    """Short bursts of noise around `tone` Hz at `times`, s, over a soft background: (N,) float32."""
    rng, place = np.random.default_rng(seed), np.arange(round(seconds * rate)) / rate
    noise = rng.standard_normal(len(place))
    radius = np.exp(-np.pi * 1200 / rate)
    band = lfilter([1 - radius], [1, -2 * radius * np.cos(2 * np.pi * tone / rate), radius**2], noise)
    level = np.full(len(place), 2e-4)
    for i, time in enumerate(times):
        after = place - time
        level = np.where(
            after >= 0, np.maximum(level, 0.4 * (0.7 + 0.3 * (i % 2)) * np.exp(-18 * after.clip(0))), level
        )
    return (0.5 * level * (band / np.abs(band).max() + 0.2 * noise / np.abs(noise).max())).astype(np.float32)


def voice(seconds: float, rate: int) -> np.ndarray:
    """Pulses that glide in pitch, through three formants, in syllables: (N,) float32, up to 1."""
    time = np.arange(round(seconds * rate)) / rate
    pitch = 120 * 2 ** (0.25 * np.sin(2 * np.pi * 0.7 * time) + 0.1 * np.sin(2 * np.pi * 2.1 * time))
    source = np.diff(np.floor(np.cumsum(pitch) / rate), prepend=0)
    out = np.zeros(len(time))
    for hertz, width in ((600, 90), (1200, 120), (2600, 180)):
        radius = np.exp(-np.pi * width / rate)
        out += lfilter([1 - radius], [1, -2 * radius * np.cos(2 * np.pi * hertz / rate), radius**2], source)
    out *= np.clip(np.sin(2 * np.pi * 2 * time) + 0.4, 0, 1)
    return (out / np.abs(out).max()).astype(np.float32)


def tune(seconds: float, rate: int) -> np.ndarray:
    """Notes of 0.4 s with harmonics, one after the other: (N,) float32, up to 1."""
    out, rng = np.zeros(round(seconds * rate)), np.random.default_rng(0)
    time = np.arange(round(0.4 * rate)) / rate
    for first in range(0, len(out) - len(time) + 1, len(time)):
        hertz = 220 * 2 ** (rng.integers(0, 12) / 12)
        note = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 6))
        out[first : first + len(time)] += note * np.minimum(1, time / 0.02) * np.minimum(1, (0.4 - time) / 0.05)
    return (out / np.abs(out).max()).astype(np.float32)
