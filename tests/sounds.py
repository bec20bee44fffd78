"""Made-up sounds for tests, in numpy alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condfoley.geometry import Geometry

RATE = Geometry().sample_rate
STILL = np.zeros(30, np.float32)  # a picture in which nothing slides, (T,)


def pulses(times: Sequence[float], duration: float, pitch: float = 400.0) -> np.ndarray:
    """Decaying tones that begin at `times` (seconds): (N,) float32."""
    wav = np.zeros(round(duration * RATE), np.float32)
    for time in times:
        first = round(time * RATE)
        t = np.arange(min(len(wav) - first, RATE // 2)) / RATE
        wav[first : first + len(t)] += 0.5 * np.exp(-14 * t) * np.sin(2 * np.pi * pitch * t)
    return wav


def bell(times: Sequence[float], duration: float = 2.0) -> np.ndarray:
    """Six partials that are closer together than the bands up there can tell: (N,) float32."""
    return sum(pulses(times, duration, pitch) for pitch in (2300, 2520, 2710, 4100, 4480, 4790)) / 6


def noise_bursts(
    times: Sequence[float], decays: Sequence[float], duration: float = 2.0, floor: float = 1e-4, seed: int = 0
) -> np.ndarray:
    """Bursts of noise at `times`, s, that decay by `decays` dB a second: (N,) float32."""
    t, rng = np.arange(round(duration * RATE)) / RATE, np.random.default_rng(seed)
    level = np.full(len(t), floor)
    for time, speed in zip(times, decays, strict=True):
        after = t - time
        level = np.where(after >= 0, np.maximum(level, 0.3 * 10 ** (-speed * after.clip(0) / 20)), level)
    return (level * rng.standard_normal(len(t))).astype(np.float32)


def peakiness(wav: np.ndarray, time: float) -> float:
    """How far the strongest bins between 2 and 5 kHz stand above the mean in the 0.3 s after `time`, dB."""
    piece = wav[round((time + 0.01) * RATE) :][: round(0.3 * RATE)]
    power = np.square(np.abs(np.fft.rfft(piece * np.hanning(len(piece)))))
    part = power[round(2000 * 0.3) : round(5000 * 0.3)]
    return 10 * np.log10(np.sort(part)[-12:].mean() / part.mean())
