"""Excerpts of videos' sounds and their timbre embeddings, for nearest-neighbour tests between two videos."""

from __future__ import annotations

import numpy as np

from condfoley.audio.onsets import detect_onsets
from condfoley.evaluation.clips import METRIC_GEOMETRY
from condfoley.evaluation.timbre import embed_timbre

EXCERPT_SECONDS, EXCERPT_STEP = 2.0, 1.0  # s: length, about that of a window of the model, and distance of excerpts


def excerpts(wav: np.ndarray, used: tuple[float, float] | None = None) -> list[np.ndarray]:
    """Overlapping excerpts of a video's sound, EXCERPT_SECONDS long, (n,) each; those with onsets if there are any.

    used: start and end, s, of the part that the model had as reference. Excerpts with more than half of their length
    in it are left out as long as others remain, since the test is about other sounds of the same video.
    """
    size, step = round(EXCERPT_SECONDS * METRIC_GEOMETRY.sample_rate), round(EXCERPT_STEP * METRIC_GEOMETRY.sample_rate)
    starts = list(range(0, max(1, len(wav) - size + 1), step))
    if len(wav) > size and starts[-1] + size < len(wav):
        starts.append(len(wav) - size)
    cut = [(s, wav[s : s + size]) for s in starts]
    with_onsets = [(s, part) for s, part in cut if len(detect_onsets(part, METRIC_GEOMETRY.sample_rate)[0])] or cut
    if used is not None:
        begin, end = used[0] * METRIC_GEOMETRY.sample_rate, used[1] * METRIC_GEOMETRY.sample_rate
        unused = [(s, p) for s, p in with_onsets if min(s + len(p), end) - max(s, begin) <= len(p) / 2]
        with_onsets = unused or with_onsets
    return [part for _, part in with_onsets]


def embed_all(parts: list[np.ndarray]) -> list[np.ndarray]:
    """Timbre embedding of each excerpt, (D,)."""
    return [embed_timbre(part, METRIC_GEOMETRY) for part in parts]


def equal_lengths(own: list[np.ndarray], other: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Both lists of embeddings, cut to the length of the shorter one: with more, one would be nearer by chance."""
    count = min(len(own), len(other))
    return own[:count], other[:count]
