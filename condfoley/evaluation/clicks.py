"""Clicks: single samples that no sound explains, as joins leave them. A pure function of a sound."""

from __future__ import annotations

import numpy as np

ORDER = 32  # of the linear prediction
FRAME = 0.02  # s over which it is fitted
STEP = 0.01  # s between two frames
AROUND = 0.004  # s on either side of a sample, whose residual it is compared with
GUARD = 4  # samples beside it that belong to it
FACTOR = 8.0  # times the greater of both sides' RMS residual
LEAST = 1e-4  # residual below which nothing is audible, amplitude relative to the peak of the sound
APART = 0.002  # s within which two are one


def clicks(wav: np.ndarray, rate: int) -> np.ndarray:
    """Times, (K,) s, of clicks in a sound (N,) or (C, N): samples that differ from what the samples before predict.

    The residual of a linear prediction, fitted frame by frame, stands out by FACTOR from what it is shortly before and
    shortly after. An attack is none: behind it the residual stays high. Independent of the gain; a silent sound has none.
    Raises ValueError for samples that are not finite.
    """
    channels = np.atleast_2d(np.asarray(wav, np.float64))
    if not np.isfinite(channels).all():
        raise ValueError("clicks: finite samples are needed")
    peak = float(np.abs(channels).max(initial=0.0))
    if peak <= 0 or channels.shape[1] <= round(FRAME * rate):
        return np.zeros(0)
    found = np.concatenate([_of_channel(channel / peak, rate) for channel in channels])
    found.sort()
    return found[np.diff(found, prepend=-1.0) > APART] if len(found) else found


def _of_channel(wav: np.ndarray, rate: int) -> np.ndarray:
    residual = np.abs(prediction_residual(wav, rate))
    around = max(GUARD + 1, round(AROUND * rate))
    power = np.concatenate([[0.0], np.cumsum(np.square(residual))])
    at = np.arange(len(wav))

    def rms(first: np.ndarray, last: np.ndarray) -> np.ndarray:
        first, last = first.clip(0, len(wav)), last.clip(0, len(wav))
        return np.sqrt((power[last] - power[first]) / np.maximum(last - first, 1))

    before, after = rms(at - around, at - GUARD), rms(at + GUARD + 1, at + around + 1)
    beside = np.maximum(before, after)
    beside[:around], beside[len(wav) - around :] = np.inf, np.inf  # one side alone does not tell
    return np.flatnonzero((residual > FACTOR * beside) & (residual > LEAST)) / rate


def prediction_residual(wav: np.ndarray, rate: int) -> np.ndarray:
    """What linear prediction from the ORDER samples before leaves of a sound: (N,) -> (N,)."""
    from scipy.linalg import solve_toeplitz
    from scipy.signal import lfilter

    size, step = round(FRAME * rate), round(STEP * rate)
    window = np.hanning(size)
    out = np.zeros_like(wav)
    for first in range(0, len(wav), step):
        begin = max(0, min(first + step // 2 - size // 2, len(wav) - size))
        frame = wav[begin : begin + size] * window
        spectrum = np.abs(np.fft.rfft(frame, 2 * size)) ** 2
        correlation = np.fft.irfft(spectrum)[: ORDER + 1]
        correlation[0] = correlation[0] * (1 + 1e-6) + 1e-9  # white noise far below what is heard
        taps = solve_toeplitz(correlation[:ORDER], correlation[1:])
        start = max(0, first - ORDER)
        filtered = lfilter(np.concatenate([[1.0], -taps]), 1.0, wav[start : first + step])
        out[first : first + step] = filtered[first - start :]
    return out
