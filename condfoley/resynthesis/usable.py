"""Which channels of a recording can be used."""

from __future__ import annotations

import numpy as np

from condfoley.media.channels import louder_alone

DEAD_DB = 60.0  # below the louder channel


def usable_channels(sound: np.ndarray) -> tuple[np.ndarray, str]:
    """A recording (C, N) without a dead channel, and one channel where the two cancel each other out; and what to say of it.

    Returns (1, N) or (2, N), and "" where all is used.
    """
    channel, note = usable_channel(energies(sound)) if len(sound) == 2 else (None, "")
    return sound if channel is None else sound[channel : channel + 1], note


def energies(sound: np.ndarray) -> np.ndarray:
    """Energy of the first and last channel of a sound (C, N) and of all channels' mean: (3,), which add up over time."""
    return np.array([np.square(part, dtype=np.float64).sum() for part in (sound[0], sound[-1], sound.mean(0))])


def usable_channel(energy: np.ndarray) -> tuple[int | None, str]:
    """The channel that is to be used by itself, None for both, and why. energy: (3,), see `energies`."""
    louder = int(energy[:2].argmax())
    if energy[1 - louder] < energy[louder] * 10 ** (-DEAD_DB / 10):
        return louder, "one channel of the reference is silent; the other one is used"
    if louder_alone(energy) is not None:
        return louder, "the reference's channels cancel each other out; the louder one is used"
    return None, ""
