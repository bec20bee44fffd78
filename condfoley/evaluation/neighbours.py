"""Whose sound is it? A sound among the pieces of two videos' sounds, by the timbre embedding."""

from __future__ import annotations

import numpy as np

from condfoley.audio.onsets import detect_onsets
from condfoley.evaluation.clips import JUDGE
from condfoley.evaluation.timbre import embedding

PIECE, PIECE_STEP = 2.0, 1.0  # s; a video's sound is compared in pieces of about a model window


def pieces(wav: np.ndarray, used: tuple[float, float] | None = None) -> list[np.ndarray]:
    """A video's sound in overlapping pieces of PIECE seconds, (n,) each, those with events if there are any.

    used: start and end in seconds of what the model was given. Pieces that lie in it for more than half are
    left out as long as others remain: the test is about other sounds of the same video.
    """
    size, step = round(PIECE * JUDGE.sample_rate), round(PIECE_STEP * JUDGE.sample_rate)
    starts = list(range(0, max(1, len(wav) - size + 1), step))
    if len(wav) > size and starts[-1] + size < len(wav):
        starts.append(len(wav) - size)
    cut = [(s, wav[s : s + size]) for s in starts]
    sounding = [(s, piece) for s, piece in cut if len(detect_onsets(piece, JUDGE.sample_rate)[0])] or cut
    if used is not None:
        begin, end = used[0] * JUDGE.sample_rate, used[1] * JUDGE.sample_rate
        fresh = [(s, p) for s, p in sounding if min(s + len(p), end) - max(s, begin) <= len(p) / 2]
        sounding = fresh or sounding
    return [piece for _, piece in sounding]


def embeddings(parts: list[np.ndarray]) -> list[np.ndarray]:
    """Timbre of each piece, (D,)."""
    return [embedding(part, JUDGE) for part in parts]


def even(own: list[np.ndarray], other: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Both lists of embeddings, cut to the length of the shorter one: a side with more would be nearer by chance."""
    count = min(len(own), len(other))
    return own[:count], other[:count]
