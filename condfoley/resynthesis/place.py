"""A one-shot brought to what an impact of the soundtrack is like, by limited gains, and put in its place."""

from __future__ import annotations

import numpy as np
import soxr

from condfoley.audio.splice import faded
from condfoley.resynthesis.bands import band_count, filtered, hop
from condfoley.resynthesis.library import OneShot

ATTACK = 0.06  # s after the onset in which bands are compared
BAND_GAIN_DB = 6.0  # by which a band may differ from the whole, either way
TAIL_DB = 12.0  # by which a one-shot may be louder than the soundtrack while both decay
RELEASE = 0.05  # s of fade at a one-shot's end
BEFORE = 0.003  # s before an onset, until which a one-shot fades in
OVERLAP = 0.25  # s that it goes on under the next impact
STRETCH = 0.004  # by which speed and pitch of a repeated one-shot vary, either way


def shaped(shot: OneShot, wanted: np.ndarray, seconds: float, again: int) -> np.ndarray:
    """A one-shot as an impact with band powers `wanted`, (B, M), that has `seconds` until the next one: (C, L) float32.

    Its onset stays at sample `shot.onset`. again: how often it was heard before; it then differs a little.
    """
    samples = varied(shot.samples, again)
    gains = band_gains(shot, wanted)
    samples = filtered(samples, shot.rate, gains)
    length = min(samples.shape[1], shot.onset + round((seconds + OVERLAP) * shot.rate))
    samples = samples[:, :length] * tail_gain(shot, wanted, gains, length)
    release = min(round(RELEASE * shot.rate), max(1, length - shot.onset))
    return faded(samples, shot.onset - min(round(BEFORE * shot.rate), shot.onset), release)


def band_gains(shot: OneShot, wanted: np.ndarray) -> np.ndarray:
    """Gain of each band, dB: (B',). Where the model knows nothing the highest bands' mean goes on."""
    frames = min(max(1, round(ATTACK * shot.rate / hop(shot.rate))), wanted.shape[1], shot.powers.shape[1])
    known = wanted.shape[0]
    ours = wanted[:, :frames].sum(1)
    theirs = shot.powers[:known, :frames].sum(1)
    whole = 10 * np.log10(ours.sum() / theirs.sum())
    each = 10 * np.log10(ours / theirs)
    gains = np.clip(each, whole - BAND_GAIN_DB, whole + BAND_GAIN_DB)
    after = 10 * np.log10((theirs * 10 ** (gains / 10)).sum() / theirs.sum())
    gains += whole - after  # as loud as the impact in all
    return np.concatenate([gains, np.full(band_count(shot.rate) - known, float(gains[-3:].mean()))])


def tail_gain(shot: OneShot, wanted: np.ndarray, gains: np.ndarray, length: int) -> np.ndarray:
    """Gain over time, (length,), at most 1: no louder than TAIL_DB above what the soundtrack has there."""
    known, step = wanted.shape[0], hop(shot.rate)
    theirs = (shot.powers[:known] * 10 ** (gains[:known, None] / 10)).sum(0)
    ours = wanted.sum(0)
    frames = min(len(ours), len(theirs))
    limit = np.minimum(1, np.sqrt(ours[:frames] * 10 ** (TAIL_DB / 10) / theirs[:frames]))
    limit[: max(1, round(ATTACK * shot.rate / step))] = 1
    limit = np.minimum.accumulate(limit)
    times = shot.onset + np.arange(frames) * step
    return np.interp(np.arange(length), times, limit).astype(np.float32)


def varied(samples: np.ndarray, again: int) -> np.ndarray:
    """A one-shot, (C, L), that was heard `again` times before, then a little faster or slower: (C, L')."""
    if not again:
        return samples
    share = (again * 0.618) % 1 * 2 - 1
    speed = 1 + STRETCH * (share if abs(share) > 0.3 else np.copysign(0.3, share))
    return soxr.resample(np.ascontiguousarray(samples.T), speed, 1.0, quality="HQ").T
