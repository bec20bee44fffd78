"""Loudness as ITU-R BS.1770-4 defines it: K-weighted, gated twice, summed over the channels."""

from __future__ import annotations

import numpy as np

BLOCK_SECONDS, STEP_SECONDS = 0.4, 0.1  # gating block of the standard, and how much later the next one begins
ABSOLUTE_GATE, RELATIVE_GATE = -70.0, -10.0  # LUFS; LU
OFFSET = -0.691  # LU, of the standard
PIECE = 2**18  # samples that are filtered at a time


def integrated_loudness(sound: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness of a sound, (N,) or (C, N), LUFS (ITU-R BS.1770-4); -inf where all is below the gate.

    The channels are left and right, or a centre. A sound shorter than a gating block is padded with silence.
    """
    return gated(_block_powers(np.atleast_2d(sound), sample_rate))


def gated(power: np.ndarray) -> float:
    """LUFS of gating blocks of these powers, (B,), gated twice; -inf where all is below the gate."""
    with np.errstate(divide="ignore"):
        loud = power[OFFSET + 10 * np.log10(power) > ABSOLUTE_GATE]
        if not len(loud):
            return -np.inf
        gate = OFFSET + 10 * np.log10(loud.mean()) + RELATIVE_GATE
        return OFFSET + 10 * float(np.log10(loud[OFFSET + 10 * np.log10(loud) > gate].mean()))


def k_weighting(rate: int) -> np.ndarray:
    """The standard's two filters at any rate, Hz, as second-order sections (2, 6); at 48 kHz its own coefficients.

    From the analogue prototypes of B. De Man, "Evaluation of implementations of the EBU R 128 loudness measurement", 2018.
    """
    sections = []
    for frequency, quality, shelf in (
        (1681.974450955533, 0.7071752369554196, True),
        (38.13547087602444, 0.5003270373238773, False),
    ):
        k = np.tan(np.pi * frequency / rate)
        a0 = 1 + k / quality + k * k
        high = 10 ** (3.999843853973347 / 20)
        between = high**0.4996667741545416
        top = (high + between * k / quality + k * k, 2 * (k * k - high), high - between * k / quality + k * k)
        b = tuple(value / a0 for value in top) if shelf else (1.0, -2.0, 1.0)
        sections.append([*b, 1.0, 2 * (k * k - 1) / a0, (1 - k / quality + k * k) / a0])
    return np.array(sections)


def _block_powers(sound: np.ndarray, rate: int) -> np.ndarray:
    """Power of each gating block, summed over the channels: (B,). sound: (C, N)."""
    from scipy.signal import sosfilt

    filters = k_weighting(rate)
    total = max(sound.shape[1], round(BLOCK_SECONDS * rate))
    bounds = np.round(
        np.arange(int((total / rate - BLOCK_SECONDS) / STEP_SECONDS + 1e-6) + 4 + 1) * STEP_SECONDS * rate
    )
    energy = np.zeros(len(bounds) - 1)  # of each step
    for channel in sound:
        state = np.zeros((len(filters), 2))
        for first in range(0, len(channel), PIECE):
            piece, state = sosfilt(filters, channel[first : first + PIECE].astype(np.float64), zi=state)
            summed = np.concatenate([[0.0], np.cumsum(np.square(piece))])
            energy += np.diff(summed[np.clip(bounds - first, 0, len(piece)).astype(int)])
    steps = np.lib.stride_tricks.sliding_window_view(energy, round(BLOCK_SECONDS / STEP_SECONDS))
    return np.asarray(steps.sum(1) / (BLOCK_SECONDS * rate))
