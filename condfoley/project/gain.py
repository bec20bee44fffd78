"""The gain of a project's master: one factor for all of it, and less around what would be above the ceiling."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from condfoley.audio.limiter import Span, region_gains
from condfoley.memory import blocks, sound_array
from condfoley.project.model import Master
from condfoley.project.store import SCALE

ROUNDING = 8 / SCALE  # by which rounding may exceed a true peak


@dataclass(frozen=True, eq=False)
class Gain:
    """By what all of a soundtrack is multiplied. regions: gains (n,) float32 of spans, in order, in which it is less."""

    factor: float = 1.0
    regions: Mapping[Span, np.ndarray] = field(default_factory=dict)

    def between(self, begin: int, end: int) -> np.ndarray | None:
        """Of the samples [begin, end): (end - begin,) float64; None where it is 1."""
        spans = self.within(begin, end)
        if not spans and self.factor == 1:
            return None
        out = np.ones(end - begin)
        for first, last in spans:
            a, b = max(first, begin), min(last, end)
            out[a - begin : b - begin] = self.regions[first, last][a - first : b - first]
        return out * self.factor

    def within(self, begin: int, end: int) -> list[Span]:
        """The regions that have some of the samples [begin, end)."""
        spans, begins, ends = self._spans
        return spans[bisect_right(ends, begin) : bisect_left(begins, end)]

    @property
    def least(self) -> float:
        """The least gain of any sample."""
        return self.factor * min((float(gain.min()) for gain in self.regions.values()), default=1.0)

    def applied(self, samples: np.ndarray) -> np.ndarray:
        """A sound (C, N) with this gain: float32, the same array where it is 1."""
        if self.factor == 1 and not self.regions:
            return samples
        out = sound_array(samples.shape)
        for part in blocks(samples.shape[1]):
            gain = self.between(part.start, part.stop)
            out[:, part] = samples[:, part] if gain is None else samples[:, part] * gain
        return out

    @cached_property
    def _spans(self) -> tuple[list[Span], list[int], list[int]]:
        return list(self.regions), [begin for begin, _ in self.regions], [end for _, end in self.regions]


def master_gain(samples: np.ndarray, master: Master, rate: int) -> Gain:
    """The gain of a soundtrack of which all parts are the sum, (C, N)."""
    factor = master_factor(master)
    return Gain(factor, region_gains(scaled(samples, factor), ceiling(master), rate))


def master_factor(master: Master) -> float:
    """By which all of a soundtrack is louder than its parts."""
    return float(10 ** (master.gain / 20))


def ceiling(master: Master) -> float:
    """The highest true peak, an amplitude."""
    return float(10 ** (master.true_peak / 20)) + ROUNDING


def scaled(samples: np.ndarray, factor: float) -> np.ndarray:
    """Samples (C, N) `factor` times as loud: float32, for the limiter."""
    return Gain(factor).applied(samples)
