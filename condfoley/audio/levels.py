"""Levels of impacts: short-term RMS in dB, and the gain that brings a sound to a level. Any number of channels.

Power is the mean over the channels, so a sound has the same level with one channel and with two equal ones.
"""

from __future__ import annotations

import numpy as np

from condfoley.audio.splice import until_next

LEAD = 0.003  # s before an onset with which its impact's part of a sound begins
SEARCH = 0.1  # s from an onset on in which the impact's peak is looked for
RMS_WINDOW = 0.02  # s over which the short-term RMS is taken
MIN_POWER = 1e-9  # power that digital silence is taken to have: -90 dB


def impact_starts(onsets: np.ndarray, samples: int, rate: int) -> list[int]:
    """First sample of each impact's part of a sound, which lasts until the next one's: E numbers in [0, samples].

    onsets: (E,) s; those of a sound that was moved may lie outside it. samples: of the sound, at `rate` Hz.
    """
    return [min(max(0, round((float(time) - LEAD) * rate)), samples) for time in onsets]


def peak_rms_db(samples: np.ndarray, rate: int) -> float:
    """Highest short-term RMS of a sound (..., N) at `rate` Hz: dB relative to an amplitude of 1."""
    from scipy.ndimage import uniform_filter1d

    power = np.square(samples, dtype=np.float64).mean(tuple(range(samples.ndim - 1)))  # (N,)
    mean = uniform_filter1d(power, round(RMS_WINDOW * rate))
    return float(10 * np.log10(max(mean.max(initial=0.0), MIN_POWER)))


def impact_levels(samples: np.ndarray, onsets: np.ndarray, rate: int) -> np.ndarray:
    """Peak short-term RMS of each impact of a sound, looked for until the next one: (E,) dB.

    samples: (..., N) at `rate` Hz. onsets: (E,) s, ascending.
    """
    total, levels = samples.shape[-1], []
    for begin, following in until_next(impact_starts(onsets, total, rate), total):
        end = max(begin + 1, min(begin + round(SEARCH * rate), int(following)))
        levels.append(peak_rms_db(samples[..., int(begin) : end], rate))
    return np.array(levels)


def median_impact_db(samples: np.ndarray, onsets: np.ndarray, rate: int) -> float:
    """Median level of a sound's impacts, dB (`impact_levels`); without onsets its peak level (`peak_rms_db`)."""
    return float(np.median(impact_levels(samples, onsets, rate))) if len(onsets) else peak_rms_db(samples, rate)


def gain_to_level(samples: np.ndarray, onsets: np.ndarray, level_db: float, rate: int) -> float:
    """Amplitude factor that brings a sound's impacts to a level, dB (`median_impact_db`); 1 for digital silence."""
    return float(10 ** ((level_db - median_impact_db(samples, onsets, rate)) / 20)) if samples.any() else 1.0
