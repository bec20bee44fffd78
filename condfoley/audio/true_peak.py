"""True peak: the highest level that a sound reaches between its samples, too (ITU-R BS.1770-4, annex 2).

The sound is oversampled four times, by the interpolation filter of the standard and by a steeper one (soxr's): in what has
much near half the rate, such as white noise, meters with either of them differ by 0.5 dB. The higher one counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import soxr

from condfoley.memory import Releaser

BLOCK = 2**12  # samples that are oversampled, or left out, at a time
REACH = 256  # samples on either side that matter for what is between two
_FIRST = (0.0017089843750, 0.0109863281250, -0.0196533203125, 0.0332031250000, -0.0594482421875, 0.1373291015625)
_MORE = (0.9721679687500, -0.1022949218750, 0.0476074218750, -0.0266113281250, 0.0148925781250, -0.0083007812500)
_SECOND = (-0.0291748046875, 0.0292968750000, -0.0517578125000, 0.0891113281250, -0.1665039062500, 0.4650878906250)
_REST = (0.7797851562500, -0.2003173828125, 0.1015625000000, -0.0582275390625, 0.0330810546875, -0.0189208984375)
_HALF = np.array([_FIRST + _MORE, _SECOND + _REST])
PHASES = np.concatenate([_HALF, _HALF[::-1, ::-1]])
"""(4, 12): the standard's filter; one row for each of the four places that become a sample."""
WORST = 3.0
"""By which a true peak may exceed the highest sample: 2.0 with the one filter, 2.8 with the other."""


class Sound(Protocol):
    """Samples (C, N), also ones that are not in one array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, N)."""

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        """Samples [:, begin:end]."""


def true_peak_db(samples: np.ndarray) -> float:
    """True peak of a sound (..., N), the loudest channel's: dBTP, -inf for digital silence."""
    highest = float(true_peaks(samples).max(initial=0.0))
    return 20 * float(np.log10(highest)) if highest else -np.inf


def true_peaks(samples: np.ndarray, above: float = 0.0) -> np.ndarray:
    """The highest magnitude around each sample of a sound (..., N), between samples too: (N,) float32.

    Of several channels the highest one. above: where no true peak can be higher than that, the sample's own is taken.
    """
    found = list(_blocks(samples, above))
    return np.concatenate(found) if found else np.zeros(0, np.float32)


def places_above(samples: np.ndarray, limit: float) -> np.ndarray:
    """Samples of a sound (..., N) around which a true peak is higher than `limit`, ascending: (P,)."""
    found = [np.flatnonzero(peaks > limit) + k * BLOCK for k, peaks in enumerate(_blocks(samples, limit))]
    return np.concatenate(found) if found else np.zeros(0, int)


def _blocks(samples: np.ndarray, above: float) -> Iterator[np.ndarray]:
    count = np.shape(samples)[-1]
    sound = np.asarray(samples).reshape(-1 if count else 1, count)
    release_until = Releaser()
    for begin in range(0, count, BLOCK):
        release_until(begin)
        yield near_peaks(*around(sound, begin), above)


def around(sound: Sound, begin: int) -> tuple[np.ndarray, slice]:
    """The block of a sound (C, N) that begins at a sample, with REACH more on either side, and where it is therein."""
    first, last = max(0, begin - REACH), min(sound.shape[1], begin + BLOCK + REACH)
    return sound[:, first:last], slice(begin - first, min(begin + BLOCK, sound.shape[1]) - first)


def near_peaks(near: np.ndarray, block: slice, above: float = 0.0) -> np.ndarray:
    """`true_peaks` of a block of a sound, of which (C, n) is known around it: float32, as many as it has samples."""
    own = np.abs(near).max(0, initial=0.0).astype(np.float32)
    if own.max(initial=0.0) * WORST <= above:
        return own[block]
    return np.stack([own[block], *(_oversampled(channel)[block] for channel in near)]).max(0)


def _oversampled(channel: np.ndarray) -> np.ndarray:
    """The highest magnitude in the oversampled sound near each sample of it: (n,) -> (n,)."""
    count, taps = len(channel), PHASES.shape[1]
    steep = np.abs(soxr.resample(channel.astype(np.float32), 1, 4, quality="HQ"))
    out: np.ndarray = np.resize(steep, (count, 4)).max(1)
    part = np.pad(channel.astype(np.float64), taps)
    for phase in PHASES:
        np.maximum(out, np.abs(np.convolve(part, phase, "same"))[taps : taps + count], out=out)
    return out
