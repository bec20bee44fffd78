"""Sound fingerprints: which clips have the same sound, or overlapping parts of one, whatever they are named.

Landmarks as Wang (2003, An industrial-strength audio search algorithm): pairs of spectral peaks, which are found again in
any excerpt. Of two excerpts of one sound many are as far apart in time as the excerpts are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from condfoley.audio.mel import spectrogram
from condfoley.geometry import Geometry

BANDS, FRAMES = 9, 9  # of the spectrogram, around a peak
DEPTH = 0.4  # below the loudest cell, in units of the log-mel (1 = 100 dB): quieter peaks are not used
FOLLOWING, REACH = 6, 86  # peaks that each one is paired with, and frames (1 s) within which they are
LEAST, SHARE = 12, 0.15  # landmarks that two clips share at one distance in time, and their share of the fewer ones
MOST_OF_KEY = 20  # a landmark of more clips than this tells nothing


class Landmarks(NamedTuple):
    """Landmarks of a sound. keys: (L,) int64. frames: (L,) spectrogram frames at which they begin."""

    keys: np.ndarray
    frames: np.ndarray


class Overlap(NamedTuple):
    """Two clips with a common sound. share: of the landmarks of the one that has more, in [0, 1]; 1: the same sound."""

    first: str
    second: str
    share: float


def landmarks(wav: np.ndarray, geometry: Geometry) -> Landmarks:
    """The landmarks of a sound (N,) at `geometry.sample_rate` Hz, whatever its level."""
    from scipy.ndimage import maximum_filter

    peak = max(float(np.abs(wav).max(initial=0.0)), 1e-9)
    spec = spectrogram(wav / np.float32(peak), geometry)
    highest = (spec == maximum_filter(spec, (BANDS, FRAMES))) & (spec > max(spec.max() - DEPTH, 0))
    frames, bands = np.nonzero(highest.T)  # in the order of time
    keys, starts = [], []
    for i in range(len(frames)):
        for j in range(i + 1, min(i + 1 + FOLLOWING, len(frames))):
            apart = int(frames[j] - frames[i])
            if apart <= REACH:
                keys.append((int(bands[i]) * len(spec) + int(bands[j])) * (REACH + 1) + apart)
                starts.append(int(frames[i]))
    return Landmarks(np.array(keys, np.int64), np.array(starts, np.int64))


def overlaps(sounds: Mapping[str, Landmarks]) -> list[Overlap]:
    """All pairs of sounds that have a part in common."""
    places: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for name, (keys, frames) in sounds.items():
        for key, frame in zip(keys.tolist(), frames.tolist()):
            places[key].append((name, frame))
    shared: Counter[tuple[str, str, int]] = Counter()
    for found in places.values():
        if len({name for name, _ in found}) > MOST_OF_KEY:
            continue
        for i, (first, start) in enumerate(found):
            for second, other in found[i + 1 :]:
                if first != second:
                    shared[first, second, other - start] += 1
    return _best(shared, {name: len(found.keys) for name, found in sounds.items()})


def _best(shared: Counter[tuple[str, str, int]], sizes: Mapping[str, int]) -> list[Overlap]:
    """Pairs whose best distance in time, with its neighbours, is that of enough landmarks."""
    best: dict[tuple[str, str], int] = {}
    for first, second, distance in shared:
        count = sum(shared.get((first, second, distance + near), 0) for near in (-1, 0, 1))
        best[first, second] = max(best.get((first, second), 0), count)
    found = []
    for (first, second), count in best.items():
        if count >= max(LEAST, SHARE * min(sizes[first], sizes[second])):
            found.append(Overlap(first, second, count / max(sizes[first], sizes[second])))
    return found
