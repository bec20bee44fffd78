"""A one-shot brought to what an impact of the soundtrack is like, and put in its place."""

from __future__ import annotations

import numpy as np
import soxr

from condfoley.audio.splice import faded
from condfoley.resynthesis.bands import hop
from condfoley.resynthesis.library import OneShot

ATTACK = 0.06  # s after the onset in which bands are compared
TAIL_DB = 12.0  # by which a one-shot may be louder than the soundtrack while both decay
RELEASE = 0.05  # s of fade at a one-shot's end
BEFORE = 0.003  # s before an onset, until which a one-shot fades in
OVERLAP = 0.25  # s that it goes on under the next impact
STRETCH = 0.004  # by which speed and pitch of a repeated one-shot vary, either way


def shaped(shot: OneShot, wanted: np.ndarray, seconds: float, again: int) -> np.ndarray:
    """A one-shot as an impact with band powers `wanted`, (B, M), that has `seconds` until the next one: (C, L) float32.

    Its onset stays at sample `shot.onset`. again: how often it was heard before; it then differs a little.
    """
    samples, gain = varied(shot.samples, again), gain_db(shot, wanted)
    length = min(samples.shape[1], shot.onset + round((seconds + OVERLAP) * shot.rate))
    samples = samples[:, :length] * (np.float32(10 ** (gain / 20)) * tail_gain(shot, wanted, gain, length))
    release = min(round(RELEASE * shot.rate), max(1, length - shot.onset))
    return faded(samples, shot.onset - min(round(BEFORE * shot.rate), shot.onset), release)


def gain_db(shot: OneShot, wanted: np.ndarray) -> float:
    """By how much a one-shot's attack is to be louder, dB, in the bands that the model knows.

    Its bands against each other stay as they were recorded (E26.3).
    """
    frames = min(max(1, round(ATTACK * shot.rate / hop(shot.rate))), wanted.shape[1], shot.powers.shape[1])
    known = wanted.shape[0]
    return float(10 * np.log10(wanted[:, :frames].sum() / shot.powers[:known, :frames].sum()))


def tail_gain(shot: OneShot, wanted: np.ndarray, gain: float, length: int) -> np.ndarray:
    """Gain over time, (length,), at most 1: no louder than TAIL_DB above what the soundtrack has there."""
    known, step = wanted.shape[0], hop(shot.rate)
    theirs = shot.powers[:known].sum(0) * 10 ** (gain / 10)
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
