"""Which channels of a recording can be used."""

from __future__ import annotations

import numpy as np

DEAD_DB = 60.0  # below the louder channel
CANCELLED_DB = 12.0  # by which the mean of two channels may be softer than the louder one


def usable_channels(sound: np.ndarray) -> tuple[np.ndarray, str]:
    """A recording (C, N) without a dead channel, and one channel where the two cancel each other out; and what to say of it.

    Returns (1, N) or (2, N), and "" where all is used.
    """
    if len(sound) < 2:
        return sound, ""
    power = np.square(sound, dtype=np.float64).mean(1)
    louder = int(power.argmax())
    if power[1 - louder] < power[louder] * 10 ** (-DEAD_DB / 10):
        return sound[louder : louder + 1], "one channel of the reference is silent; the other one is used"
    mean = np.square(sound.mean(0), dtype=np.float64).mean()
    if mean < power[louder] * 10 ** (-CANCELLED_DB / 10):
        return sound[louder : louder + 1], "the reference's channels cancel each other out; the louder one is used"
    return sound, ""
