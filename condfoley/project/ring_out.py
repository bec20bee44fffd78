"""What follows a sound that is cut off: it goes on as it ended, falling as it fell."""

from __future__ import annotations

import numpy as np

GRAIN = 0.03  # s; grains overlap by half
SOURCE = 0.1  # s of the end of a sound that grains are taken from
FALL = 0.2  # s of its end from which its decay is measured
STEEPEST, FLATTEST = -150.0, -20.0  # dB a second, of a decay
NEAR_QUIET = 3.0  # dB above its quiet parts, within which a sound has decayed


def ring_out(samples: np.ndarray, length: int, rate: int, quiet_db: float) -> np.ndarray:
    """`length` samples that follow a sound: (C, length) float32, grains of its end that decay to `quiet_db`.

    samples: (C, N) float32 at `rate` Hz; of an empty one silence follows. quiet_db: RMS of the background, dBFS; what is
    softer at the end stays as soft.
    """
    channels, count = samples.shape
    out = np.zeros((channels, length), np.float32)
    half = min(round(GRAIN * rate) // 2, count // 2)
    if half < 2 or not length:
        return out
    end = samples[:, count - min(count, round(SOURCE * rate)) :]
    slope, level = decay(samples, rate)
    if level <= quiet_db + NEAR_QUIET:
        slope = 0.0
    flat = end * 10 ** (slope * np.arange(end.shape[1] - 1, -1, -1) / rate / 20)  # as loud as its last sample
    random, window = (
        np.random.default_rng(0),
        np.sin(np.pi * (np.arange(2 * half) + 0.5) / (2 * half)).astype(np.float32),
    )
    first = flat[:, ::-1][:, :half] * window[half:]  # the end mirrored: the waveform goes on without a step
    out[:, :half] += first[:, :length]
    for place in range(0, length, half):
        begin = int(random.integers(0, flat.shape[1] - 2 * half + 1))
        grain = flat[:, begin : begin + 2 * half] * window
        out[:, place : place + 2 * half] += grain[:, : length - place]
    floor = min(quiet_db, level) - level  # dB, at which the decay ends
    gain = np.maximum(slope * np.arange(length) / rate, floor)
    return (out * 10 ** (gain / 20)).astype(np.float32)


def decay(samples: np.ndarray, rate: int) -> tuple[float, float]:
    """How fast a sound (C, N) falls at its end, dB a second, within STEEPEST and FLATTEST, and its level there, dBFS."""
    end = samples[:, -min(samples.shape[1], round(FALL * rate)) :]
    early, late = np.array_split(np.square(end, dtype=np.float64).mean(0), 2)
    levels = [10 * np.log10(max(float(part.mean()), 1e-12)) for part in (early, late)]
    slope = (levels[1] - levels[0]) / (len(late) / rate)
    return float(np.clip(slope, STEEPEST, FLATTEST)), levels[1]
