"""A look-ahead limiter of true peaks. What it does at a place depends on what is near alone: all peaks that are far from
others make a region of their own, so a part of a sound is limited as all of it is.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from condfoley.audio.true_peak import REACH, places_above, true_peaks
from condfoley.memory import Releaser

LIMITER_SECONDS = 0.005  # s over which the gain falls and rises
PASSES = 8  # at most, in which the gain is corrected
Span = tuple[int, int]
"""Samples [begin, end)."""


def limit(samples: np.ndarray, max_peak: float, rate: int) -> np.ndarray:
    """A sound (..., N) with true peaks of at most `max_peak`, so that one high peak does not make all of it softer.

    The gain is the same in all channels. The same array where there is no such peak.
    """
    regions = peak_regions(samples, max_peak, rate)
    if not regions:
        return samples
    out = np.array(samples, np.float32)
    limit_into(out, max_peak, rate, regions)
    return out


def limit_into(
    samples: np.ndarray, max_peak: float, rate: int, regions: Iterable[tuple[int, int]] | None = None
) -> None:
    """`limit` of a sound (..., N) float32 in its place. regions: see `peak_regions`, where they are known."""
    release_until = Releaser()
    for begin, end in peak_regions(samples, max_peak, rate) if regions is None else regions:
        release_until(begin)
        ends = begin == 0, end == samples.shape[-1]
        samples[..., begin:end] *= region_gain(samples[..., begin:end], max_peak, rate, ends)


def region_gains(samples: np.ndarray, max_peak: float, rate: int) -> dict[Span, np.ndarray]:
    """Gains, (n,) float32, of spans of a sound (..., N) by which it gets true peaks (`true_peak`) of at most `max_peak`.

    Around each peak the gain falls and rises over LIMITER_SECONDS; elsewhere it is 1. Spans are in order.
    """
    length = samples.shape[-1]
    return {
        (begin, end): region_gain(samples[..., begin:end], max_peak, rate, (begin == 0, end == length))
        for begin, end in peak_regions(samples, max_peak, rate)
    }


def peak_regions(samples: np.ndarray, max_peak: float, rate: int) -> list[tuple[int, int]]:
    """`loud_regions` of a sound (..., N), around its true peaks above `max_peak`."""
    return loud_regions(places_above(samples, max_peak), samples.shape[-1], rate)


def loud_regions(places: Iterable[int] | np.ndarray, length: int, rate: int) -> list[tuple[int, int]]:
    """Spans [begin, end) of a sound of `length` samples outside of which the gain is 1, as far as peaks reach.

    places: (P,) samples that are too high, ascending.
    """
    places, margin = np.asarray(places, int), _margin(rate)
    if not len(places):
        return []
    breaks = np.flatnonzero(np.diff(places) > 2 * margin)
    firsts, lasts = np.append(places[:1], places[breaks + 1]), np.append(places[breaks], places[-1:])
    return [(max(0, int(a) - margin), min(length, int(b) + 1 + margin)) for a, b in zip(firsts, lasts)]


def region_gain(samples: np.ndarray, max_peak: float, rate: int, ends: tuple[bool, bool] = (True, True)) -> np.ndarray:
    """The gain of a region of a sound, (..., n): (n,) float32. ends: whether the sound itself begins and ends with it."""
    from scipy.ndimage import minimum_filter1d, uniform_filter1d

    length, count = _length(rate), samples.shape[-1]
    inside = slice(0 if ends[0] else REACH, count if ends[1] else count - REACH)  # else there is more beside it
    peaks = np.zeros(count, np.float32)
    peaks[inside] = true_peaks(samples, max_peak)[inside]
    wanted = np.minimum(1, max_peak / np.maximum(peaks, 1e-9, out=peaks), out=peaks)
    for _ in range(PASSES):
        gain: np.ndarray = uniform_filter1d(minimum_filter1d(wanted, length), length)
        left = true_peaks(samples * gain, max_peak)[inside]  # the gain's own slope may lift what is between two samples
        if left.max() <= max_peak:
            break
        wanted[inside] *= np.minimum(1, max_peak / np.maximum(left, 1e-9) * (1 - 1e-6))
    return gain


def _length(rate: int) -> int:
    return 2 * round(LIMITER_SECONDS * rate / 2) + 1


def _margin(rate: int) -> int:
    """Samples on either side of a peak that the gain may reach, with what is heeded beyond."""
    return (PASSES + 1) * _length(rate) + 2 * REACH
