"""The gain of a project's master, of which after an edit only what is near the edit is computed: bit by bit `master_gain`."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from condfoley.audio.limiter import Span, loud_regions, region_gain
from condfoley.audio.true_peak import BLOCK, REACH, around, near_peaks
from condfoley.project.gain import Gain, ceiling, master_factor, scaled
from condfoley.project.model import Master
from condfoley.studio.blocks import Blocks


@dataclass(frozen=True, eq=False)
class Ceiling:
    """A master's gain for one sum of layers.

    loud: samples that are too high, of each block of the meter that has some. regions: gains (n,) float32 of the spans
    [begin, end) of samples around them.
    """

    raw: Blocks
    master: Master
    rate: int
    loud: dict[int, np.ndarray] = field(default_factory=dict)
    regions: dict[Span, np.ndarray] = field(default_factory=dict)

    @cached_property
    def gain(self) -> Gain:
        """What all of the soundtrack is multiplied by."""
        return Gain(master_factor(self.master), self.regions)

    def same(self, other: Ceiling, begin: int, end: int) -> bool:
        """Whether another one has the same gain in the samples [begin, end), as far as that is known without comparing."""
        if self.gain.factor != other.gain.factor:
            return False
        mine, theirs = self.gain.within(begin, end), other.gain.within(begin, end)
        return mine == theirs and all(self.regions[span] is other.regions[span] for span in mine)


def kept_below(raw: Blocks, master: Master, rate: int, former: Ceiling | None = None) -> Ceiling:
    """The gain by which a sum of layers stays below its master's ceiling.

    former: that of another sum or master, of which what is the same is taken.
    """
    factor, highest, length = master_factor(master), ceiling(master), raw.shape[1]
    as_before = former is not None and former.raw.shape == raw.shape and former.rate == rate
    as_before = as_before and (former.master.gain, former.master.true_peak) == (master.gain, master.true_peak)  # type: ignore[union-attr]
    changed = raw.other_blocks(former.raw) if former and as_before else [(0, length)] if length else []
    loud = dict(former.loud) if former and as_before else {}
    for begin, end in changed:
        for index in range(max(0, begin - REACH) // BLOCK, -(-min(length, end + REACH) // BLOCK)):
            near, block = around(raw, index * BLOCK)
            places = np.flatnonzero(near_peaks(scaled(near, factor), block, highest) > highest)
            loud.pop(index, None)
            if len(places):
                loud[index] = places + index * BLOCK
    places = np.concatenate([loud[index] for index in sorted(loud)]) if loud else np.zeros(0, int)
    regions = {}
    for begin, end in loud_regions(places, length, rate):
        kept = former.regions.get((begin, end)) if former and as_before else None
        if kept is None or any(a < end and b > begin for a, b in changed):
            kept = region_gain(scaled(raw[:, begin:end], factor), highest, rate, (begin == 0, end == length))
        regions[begin, end] = kept
    return Ceiling(raw, master, rate, loud, regions)
