"""Dynamics matching: an impact is as loud as the picture shows it to be hard, which sound editors do with clip gain.

How loud each impact of a soundtrack is, codes draw nearly at random: a candidate's levels say as little of the true
ones as of each other. How hard something is struck can be seen, and the event head estimates it for each frame.
"""

from __future__ import annotations

import numpy as np

from condfoley.audio.levels import impact_levels, impact_starts
from condfoley.audio.splice import ramp, until_next
from condfoley.audio.track import Track
from condfoley.hits import Hits
from condfoley.memory import Releaser, sound_copy

LEVEL_PER_STRENGTH = 1.5  # dB of level for a dB of strength: simulated clips' true sounds have 1.1, real ones 2.3
MIN_STRENGTH = 0.05  # that counts
MAX_GAIN_DB = 12.0  # of an impact, either way
FADE = 0.003  # s before an impact's part over which its gain is reached


def visual_strength(strength: np.ndarray, onsets: np.ndarray, fps: float) -> np.ndarray:
    """How hard the picture shows impacts at (E,) s to be: (E,) in [0, 1], mean of three frames around each.

    strength: (T,) in [0, 1] at `fps`, as the event head estimates it.
    """
    three = np.convolve(np.pad(np.asarray(strength, float), 1, "edge"), np.full(3, 1 / 3), "valid")  # (T,)
    return three[np.round(onsets * fps).astype(int).clip(0, len(three) - 1)]


def fill_strengths(strength: np.ndarray, hits: Hits, fps: float) -> np.ndarray:
    """Strengths of given hits, (K,) in [0, 1]: their own where they have one, else the picture's (`visual_strength`).

    One of which neither says anything (below MIN_STRENGTH) gets the mean of the others, 0 without any.
    strength: (T,) in [0, 1] at `fps`.
    """
    unknown = np.isnan(hits.strengths)
    out = np.where(unknown, visual_strength(strength, hits.times, fps), hits.strengths)
    unseen = unknown & (out < MIN_STRENGTH)
    out[unseen] = out[~unseen].mean() if (~unseen).any() else 0.0
    return out


def match_dynamics(track: Track, onsets: np.ndarray, strengths: np.ndarray, amount: float) -> Track:
    """A soundtrack whose impacts are as loud against each other as their strengths say; their mean level, dB, stays.

    onsets: (E,) s, ascending. strengths: (E,) in [0, 1]. amount: of the difference in dB, 0 to 1.
    Returns the same track with fewer than two impacts or where no strength is known.
    """
    if not amount or len(onsets) < 2 or not strengths.any():
        return track
    levels = impact_levels(track.samples, onsets, track.rate)
    target = strength_levels(strengths)
    change = ((target - target.mean()) - (levels - levels.mean())).clip(-MAX_GAIN_DB, MAX_GAIN_DB)
    return scale_impacts(track, onsets, amount * change)


def strength_levels(strengths: np.ndarray) -> np.ndarray:
    """Levels of impacts of (E,) strengths in [0, 1], dB, but for a constant."""
    levels: np.ndarray = LEVEL_PER_STRENGTH * 20 * np.log10(strengths.clip(MIN_STRENGTH))
    return levels


def fill_levels(levels: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """Levels of impacts, (K,) dB, those that are nan filled in: as their strengths, (K,) in [0, 1], say beside the others.

    Without any level that is known, all stay nan.
    """
    unknown = np.isnan(levels)
    if unknown.all() or not unknown.any():
        return levels
    relative = strength_levels(strengths)
    return np.where(unknown, relative + np.median((levels - relative)[~unknown]), levels)


def bring_to_levels(track: Track, onsets: np.ndarray, levels: np.ndarray) -> Track:
    """A soundtrack of which the impacts at (E,) s have the levels (E,) dB.

    All of it is brought to their median level; from there each impact by at most MAX_GAIN_DB. The same track without
    impacts.
    """
    if not len(onsets):
        return track
    change = levels - impact_levels(track.samples, onsets, track.rate)
    common = float(np.median(change))
    own = (change - common).clip(-MAX_GAIN_DB, MAX_GAIN_DB)
    return scale_impacts(track.scaled(10 ** (common / 20)), onsets, own)


def scale_impacts(track: Track, onsets: np.ndarray, gains_db: np.ndarray) -> Track:
    """A sound of which each impact, until the next one, has a gain. onsets: (E,) s, ascending. gains_db: (E,) dB."""
    gains = (10 ** (gains_db / 20)).astype(np.float32)
    out, fade, before = sound_copy(track.samples), round(FADE * track.rate), np.float32(1)
    starts, release_until = impact_starts(onsets, len(track), track.rate), Releaser()
    for gain, (begin, end) in zip(gains, until_next(starts, len(track)), strict=True):
        out[:, int(begin) : int(end)] *= gain
        fading = out[:, max(0, int(begin) - fade) : int(begin)]  # it has the gain before
        fading *= 1 + (gain / before - 1) * ramp(fading.shape[1])
        before = gain
        release_until(int(end))
    return track.edited(out)
