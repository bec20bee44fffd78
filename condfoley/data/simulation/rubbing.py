"""Rubbing sounds as seamless loops, of recordings or of an object's resonances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Rng = np.random.Generator
LOOP_SECONDS = 1.6


def granular_loop(sources: Sequence[NDArray[np.float32]], sample_rate: int, rng: Rng) -> NDArray[np.float32]:
    """Granular synthesis: a loop of overlapping grains from random positions of recordings.

    sources: (N,) float32 each. Returns (LOOP_SECONDS * sample_rate,) float32, RMS 1.
    """
    length = round(LOOP_SECONDS * sample_rate)
    loop = np.zeros(length, np.float32)
    size = round(rng.uniform(0.05, 0.12) * sample_rate)
    hop = size // 3
    window = np.hanning(size)
    for start in range(0, length, hop):
        source = sources[int(rng.integers(len(sources)))]
        first = int(rng.integers(max(len(source) - size, 1)))
        piece = source[first : first + size].astype(np.float64)
        piece = piece * window[: len(piece)] if len(piece) == size else piece * np.hanning(len(piece))  # type: ignore[assignment]
        at = (start + int(rng.integers(hop)) + np.arange(len(piece))) % length
        loop[at] += piece / max(float(np.sqrt(np.mean(piece**2))), 0.05)
    return _normalise(loop)


def synthesise_rubbing(impacts: Sequence[NDArray[np.float32]], sample_rate: int, rng: Rng) -> NDArray[np.float32]:
    """Many tiny random contacts on an object: (LOOP_SECONDS * sample_rate,) float32, RMS 1.

    impacts: sounds of single impacts on the object; the start of one is used as its impulse response. The convolution
    is circular, so that the loop is seamless.
    """
    length = round(LOOP_SECONDS * sample_rate)
    density = np.exp(rng.uniform(np.log(60), np.log(6000)))  # contacts per second: from grating to hissing
    contacts = rng.standard_normal(length) * (rng.random(length) < min(density / sample_rate, 1))
    contacts += 0.05 * rng.uniform(0, 1) * rng.standard_normal(length)
    response: NDArray[np.float64] = impacts[int(rng.integers(len(impacts)))].astype(np.float64)
    response = response[: round(rng.uniform(0.02, 0.25) * sample_rate)]
    response = response * np.linspace(1, 0, len(response)) ** 2  # type: ignore[assignment]
    loop = fft.irfft(fft.rfft(contacts) * fft.rfft(response, length), length)
    return _normalise(loop.astype(np.float32))


def loop_excerpt(loop: NDArray[np.float32], length: int, rng: Rng) -> NDArray[np.float32]:
    """`length` samples of the loop from a random position on, repeated as often as needed."""
    start = int(rng.integers(len(loop)))
    return np.resize(np.roll(loop, -start), length)


def stroke_profile(length: int, sample_rate: int, rng: Rng) -> NDArray[np.float32]:
    """Sliding speed over one stroke: (length,) float32 in 0..1; fast rise, slower fall, irregular in between."""
    time = np.arange(length, dtype=np.float32) / sample_rate
    rise, fall = rng.uniform(0.004, 0.03), rng.uniform(0.03, 0.1)
    left = length / sample_rate - time
    profile = np.clip(time / rise, 0, 1) * np.clip(left / fall, 0, 1)
    knots = max(length * 8 // sample_rate + 2, 3)
    unsteady = np.interp(np.linspace(0, knots - 1, length), np.arange(knots), rng.uniform(0.55, 1, knots))
    return (profile * unsteady).astype(np.float32)


def _normalise(loop: NDArray[np.float32]) -> NDArray[np.float32]:
    loop = loop - loop.mean()
    return loop / max(float(np.sqrt(np.mean(loop**2))), 1e-6)
