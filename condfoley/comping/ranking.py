"""Which candidate is best: agreement with the cues, then the paper's rule. The one definition of "in time".

Times in seconds. Pure functions of numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from condfoley.audio.onsets import MATCH_WINDOW, match, match_pairs
from condfoley.audio.track import Track

TIE = 1e-9  # differences below it are float sums in another order, such as 0.1 + 0.2


@dataclass(frozen=True)
class Candidate:
    """One generated soundtrack.

    offset: s, positive when it is late, and confidence, in [0, 1], both by the sync model. agreement: F1 of its onsets
    against the cues; None when there are no cues.
    """

    track: Track
    seed: int
    offset: float
    confidence: float
    agreement: float | None = None

    @property
    def wav(self) -> np.ndarray:
        """(N,) float32 of one channel, (C, N) of more; read-only."""
        return self.track.wav


def median_offset(cues: np.ndarray, onsets: np.ndarray) -> float:
    """How late a sound is, s: the median over its onsets within MATCH_WINDOW of a cue, or 0.

    cues: (K,), onsets: (E,), ascending, s.
    """
    pairs = match_pairs(cues, onsets, MATCH_WINDOW)
    return float(np.median([onsets[j] - cues[i] for i, j in pairs])) if pairs else 0.0


def score_candidates(
    tracks: Sequence[Track],
    seeds: Sequence[int],
    offsets: Sequence[float],
    confidences: Sequence[float],
    cues: np.ndarray,
    align: bool,
) -> list[Candidate]:
    """Tracks with their scores. cues: (K,) s; align: each is moved by its median offset from them."""
    out = []
    for track, seed, offset, confidence in zip(tracks, seeds, offsets, confidences, strict=True):
        if not len(cues):
            out.append(Candidate(track, seed, offset, confidence))
            continue
        late = median_offset(cues, track.onsets) if align else 0.0
        moved = track.delayed(-late)
        out.append(Candidate(moved, seed, offset - late, confidence, match(cues, moved.onsets, MATCH_WINDOW).f1))
    return out


def in_time(offsets: np.ndarray | Sequence[float], tolerance: float) -> np.ndarray:
    """Whether each candidate's |offset| is within `tolerance` of the smallest one: (N,) bool.

    offsets: (N,) s, of all candidates; N = 0 gives none. tolerance: s, >= 0 (CondFoley, section 3.3).
    """
    distance = np.abs(np.asarray(offsets, float))
    return distance <= distance.min(initial=np.inf) + tolerance + TIE


def rank(
    offsets: Sequence[float],
    confidences: Sequence[float],
    tolerance: float,
    agreements: Sequence[float | None] | None = None,
) -> list[int]:
    """Indices of all candidates, best first.

    Those that agree best with the cues come first (None counts as 0). Of those that agree equally well, the ones that
    are `in_time` come by confidence, then the others by |offset|: without agreements this is the paper's rule
    (CondFoley, section 3.3). The order of generation decides between equals.
    offsets: (N,) s. confidences: (N,) in [0, 1]. tolerance: s. agreements: (N,) in [0, 1].
    Raises ValueError when there is no candidate.
    """
    if not len(offsets):
        raise ValueError("there is no candidate to choose from")
    timely = in_time(offsets, tolerance)

    def key(index: int) -> tuple[float, bool, float, int]:
        agreement = round((agreements[index] or 0.0) if agreements else 0.0, 9)
        late = not timely[index]
        return -agreement, late, abs(offsets[index]) if late else -confidences[index], index

    return sorted(range(len(offsets)), key=key)


def rank_candidates(candidates: Sequence[Candidate], tolerance: float) -> list[int]:
    """`rank` of scored candidates."""
    return rank(
        [c.offset for c in candidates],
        [c.confidence for c in candidates],
        tolerance,
        [c.agreement for c in candidates],
    )
