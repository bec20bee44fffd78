"""Peaks of a sound for drawing its waveform: the lowest and the highest sample of each bucket, at several resolutions.

Any span is answered from the coarsest level that is fine enough, so a view of ten minutes costs as little as one of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from condfoley.audio.true_peak import Sound as Samples
from condfoley.errors import InputError

BUCKET, STEP = 64, 8  # samples of a bucket of the finest level; buckets of a level that are one of the next
PIECE = 2**16  # samples that are read at a time
MAX_POINTS = 8000
DIGITS = 3


class Peaks:
    """The lowest and highest samples of a sound. samples: (C, N) float32, kept and never changed; may be a memory map."""

    def __init__(self, samples: Samples, rate: int) -> None:
        self.samples, self.rate = samples, rate
        pieces = range(0, max(1, samples.shape[1]), PIECE)
        found = [_extremes(samples[:, begin : begin + PIECE], BUCKET) for begin in pieces]
        self._levels = [np.concatenate(found, 2)]  # of each: (2, C, buckets), lowest and highest
        while self._levels[-1].shape[2] > STEP:
            self._levels.append(_coarser(self._levels[-1]))

    @property
    def nbytes(self) -> int:
        """Of the samples."""
        return int(np.prod(self.samples.shape)) * 4

    def replaced(self, samples: Samples, spans: Sequence[tuple[int, int]]) -> Peaks:
        """Those of a sound of the same shape that differs from this one only in some spans [begin, end) of samples."""
        if samples.shape != self.samples.shape:
            return Peaks(samples, self.rate)
        out = Peaks.__new__(Peaks)
        out.samples, out.rate = samples, self.rate
        out._levels = [level.copy() for level in self._levels]
        for begin, end in spans:
            first, last = begin // BUCKET, -(-end // BUCKET)
            out._levels[0][:, :, first:last] = _extremes(samples[:, first * BUCKET : last * BUCKET], BUCKET)
            for finer, level in zip(out._levels, out._levels[1:]):
                first, last = first // STEP, -(-last // STEP)
                level[:, :, first:last] = _coarser(finer[:, :, first * STEP : last * STEP])
        return out

    def between(self, first: int, last: int, points: int) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest of `points` equal parts of the samples [first, last): (C, points) float32 each.

        Ends of parts are rounded to buckets that are at most a fifth as long. Fewer parts where there are fewer samples.
        """
        points = max(1, min(points, last - first))
        fine = (last - first) / points / 5
        size, levels = BUCKET, iter(self._levels)
        level = next(levels) if fine >= BUCKET else None
        while level is not None and fine >= size * STEP and (coarser := next(levels, None)) is not None:
            size, level = size * STEP, coarser
        if level is None:
            return _parts(np.stack([self.samples[:, first:last]] * 2), points)
        return _parts(level[:, :, first // size : max(first // size + 1, -(-last // size))], points)


def peaks_json(peaks: Peaks, begin: float | None, end: float | None, points: int) -> dict[str, Any]:
    """The answer to a request: {begin, end, min, max}, of each channel `points` numbers, rounded to 3 digits.

    begin, end: s; None: of all. Raises InputError for a span or number of points that is none.
    """
    if not 1 <= points <= MAX_POINTS:
        raise InputError(f"{points} points cannot be drawn; ask for 1 to {MAX_POINTS}")
    first, last = span_in_samples(begin, end, peaks.rate, peaks.samples.shape[1])
    lowest, highest = (
        np.round(part.astype(np.float64), DIGITS).tolist() for part in peaks.between(first, last, points)
    )
    return {"begin": first / peaks.rate, "end": last / peaks.rate, "min": lowest, "max": highest}


def span_in_samples(begin: float | None, end: float | None, rate: int, samples: int) -> tuple[int, int]:
    """A span, s, as samples [first, last) of a sound, as far as it has them. Raises InputError where that is nothing."""
    begin, end = 0.0 if begin is None else begin, samples / rate if end is None else end
    if not (np.isfinite(begin) and np.isfinite(end)):
        raise InputError("begin and end are no times; give seconds")
    first, last = round(max(0.0, begin) * rate), min(round(min(end, 1e9) * rate), samples)
    if not first < last:
        raise InputError(f"nothing is from {begin:g} to {end:g} s; give a span within {samples / rate:.2f} s")
    return first, last


def _extremes(samples: np.ndarray, size: int) -> np.ndarray:
    """(C, N) -> (2, C, buckets), lowest and highest of each `size` samples; the last bucket may be shorter."""
    channels, count = samples.shape
    whole = count // size
    parts = samples[:, : whole * size].reshape(channels, whole, size)
    out = np.empty((2, channels, -(-count // size)), np.float32)
    parts.min(2, out=out[0, :, :whole])
    parts.max(2, out=out[1, :, :whole])
    if rest := samples[:, whole * size :].shape[1]:
        out[0, :, whole], out[1, :, whole] = samples[:, -rest:].min(1), samples[:, -rest:].max(1)
    return out


def _coarser(level: np.ndarray) -> np.ndarray:
    """(2, C, buckets) -> the same of STEP buckets each."""
    return np.stack([_extremes(level[0], STEP)[0], _extremes(level[1], STEP)[1]])


def _parts(level: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    """(2, C, M), M >= points -> (C, points) lowest, and highest."""
    edges = np.linspace(0, level.shape[2], points + 1).astype(int)[:-1]
    return np.minimum.reduceat(level[0], edges, axis=1), np.maximum.reduceat(level[1], edges, axis=1)
