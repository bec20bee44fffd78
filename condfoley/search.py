"""Search: candidates are held against the picture while they are written, and the best of them are continued.

Sequential Monte Carlo with resampling after every window. The measure is plain: hits that the picture shows and nobody
hears, and hits that are heard and not shown. Times in seconds. Pure functions.
"""

from __future__ import annotations

import numpy as np

REACH = 0.1  # s by which a hit may be off the picture's
EDGE = 0.1  # s at the end of what is written, in which a hit may still be cut in two
SHARPNESS = 1.0  # an error more makes it e times less likely that a candidate is continued
LAG = 2  # spectrogram frames over which a rise is measured
RISE = 0.13  # of the spectrogram's range (13 dB), in the quarter of the bands that rise most: a hit
GAP = 0.12  # s between two hits


def spectrogram_onsets(spec01: np.ndarray, frame_seconds: float) -> np.ndarray:
    """Times (K,) at which something is hit in a log-mel spectrogram: (n_mels, M) in [0, 1], frames `frame_seconds` apart.

    Coarser than `evaluation.onset.detect_onsets`, and needs no waveform.
    """
    from scipy.signal import find_peaks

    if spec01.shape[1] <= LAG:
        return np.zeros(0)
    rises = np.maximum(spec01[:, LAG:] - spec01[:, :-LAG], 0)
    flux = np.sort(rises, axis=0)[-(len(rises) // 4) :].mean(0)  # (M - LAG,), of frames LAG, LAG + 1, ...
    distance = max(1, round(GAP / frame_seconds))
    peaks, _ = find_peaks(np.pad(flux, 1), height=RISE, prominence=0.7 * RISE, distance=distance)
    return (peaks - 1 + LAG / 2) * frame_seconds


def errors(shown: np.ndarray, heard: np.ndarray, begin: float, end: float) -> int:
    """Hits in [begin, end) that are shown but not heard within REACH, and heard but not shown."""

    def alone(times: np.ndarray, others: np.ndarray) -> int:
        inside = times[(times >= begin) & (times < end)]
        if not len(others):
            return len(inside)
        return int((np.abs(inside[:, None] - others[None]).min(1) > REACH).sum())

    return alone(shown, heard) + alone(heard, shown)


def lateness(shown: np.ndarray, heard: np.ndarray) -> float:
    """How late a sound's hits are against the picture's: median over those within REACH of each other, s; 0 without any.

    shown: (K,), heard: (E,), ascending, s. Systematic: a picture that is followed strictly is anticipated.
    """
    from mir_eval.util import match_events

    pairs = match_events(shown, heard, REACH)
    return float(np.median([heard[j] - shown[i] for i, j in pairs])) if pairs else 0.0


def survivors(mistakes: np.ndarray, rng: np.random.Generator, sharpness: float = SHARPNESS) -> np.ndarray:
    """Which candidate each of the N goes on from: (N,) indices, ascending, by systematic resampling.

    mistakes: (N,) errors of each since the last resampling.
    """
    weights = np.exp(-sharpness * (mistakes - mistakes.min()))
    places = (rng.random() + np.arange(len(weights))) / len(weights)
    return np.searchsorted(np.cumsum(weights) / weights.sum(), places).clip(max=len(weights) - 1)
