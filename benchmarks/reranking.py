"""The gain of re-ranking and comping, measured on one set of candidates.

Compares a random candidate, the one that the published or our rule chooses among the first N, and their comp.
A helper of `python -m benchmarks.model_card`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.paper_table import cell_text
from benchmarks.scoring import TOLERANCE, WINDOW, Line, Lines, mean_of
from condfoley.audio.onsets import detect_onsets, match
from condfoley.comping.ranking import rank, rank_candidates
from condfoley.comping.repair import repair, repairs
from condfoley.comping.takes import comp
from condfoley.evaluation.clips import Pair
from condfoley.foley import Foley
from condfoley.results.tables import interval
from condfoley.soundtrack import Soundtrack

MAX_DISTANCE = 0.2  # s; events farther from every true one are not used to estimate the offset
NONE, PUBLISHED, OURS, COMPED = "none", "published rule", "ours", "ours, comped"
MEASURES = ("offset error, ms", "onset F1 ±100 ms")


def offset_error(true: np.ndarray, detected: np.ndarray, max_distance: float = MAX_DISTANCE) -> float:
    """Absolute value of the mean signed error of matched events, s: the offset of the sound as a whole.

    true (R,), detected (E,): s, matched one to one with the smallest total distance; `max_distance` when none is nearer.
    """
    from scipy.optimize import linear_sum_assignment

    late = detected[None] - true[:, None]
    pairs = late[linear_sum_assignment(np.minimum(np.abs(late), max_distance))]
    near = pairs[np.abs(pairs) < max_distance]
    return abs(float(near.mean())) if len(near) else max_distance


def score(true: np.ndarray, wav: np.ndarray, sample_rate: int) -> tuple[float, float]:
    """Offset error in ms, and F1, of a sound (N,) with true impacts at (R,) s."""
    detected = detect_onsets(wav, sample_rate)[0]
    return 1000 * offset_error(true, detected), match(true, detected, WINDOW).f1


def choices(soundtrack: Soundtrack, counts: Sequence[int]) -> dict[str, int]:
    """The index of the candidate that each rule chooses among the first N."""
    out = {}
    for n in counts:
        first = soundtrack.candidates[:n]
        scores = [c.offset for c in first], [c.confidence for c in first]
        out[f"{PUBLISHED}, N = {n}"] = rank(*scores, TOLERANCE)[0]
        out[f"{OURS}, N = {n}"] = rank_candidates(first, TOLERANCE)[0]
    return out


def comped(soundtrack: Soundtrack, n: int) -> np.ndarray:
    """The comp of the first N candidates: (samples,)."""
    first = soundtrack.candidates[:n]
    best = rank_candidates(first, TOLERANCE)[0]
    track, _ = comp(first, soundtrack.cues.times, best, TOLERANCE, repairs(True))
    return repair(track, soundtrack.cues.times).mono


def measure(foley: Foley, pairs: Sequence[Pair], counts: Sequence[int], seed: int) -> dict[str, np.ndarray]:
    """For each way to choose, the values of each pair: (pairs, 2), offset error in ms and F1.

    A candidate does not depend on how many there are, so max(counts) are generated once. NONE: the mean over all of
    them, the expected value of a random candidate.
    """
    from tqdm import tqdm

    rows: dict[str, list[np.ndarray]] = {}
    for pair in tqdm(pairs, desc="re-ranking", unit="pair", disable=None):
        soundtrack = foley.generate(
            pair.reference.path, pair.target.path, candidates=max(counts), seed=seed, render="vocoder"
        )
        true = pair.target.onsets[pair.target.onsets < soundtrack.duration]
        each = np.array([score(true, candidate.wav, soundtrack.sample_rate) for candidate in soundtrack.candidates])
        values = {NONE: each.mean(0), **{way: each[index] for way, index in choices(soundtrack, counts).items()}}
        values |= {
            f"{COMPED}, N = {n}": np.array(score(true, comped(soundtrack, n), soundtrack.sample_rate)) for n in counts
        }
        for way, value in values.items():
            rows.setdefault(way, []).append(value)
    return {way: np.array(values) for way, values in rows.items()}


def lines(foley: Foley, pairs: Sequence[Pair], counts: Sequence[int], seed: int) -> Lines:
    """Each way to choose beside no re-ranking, with the mean difference pair by pair."""
    found, out = measure(foley, pairs, counts, seed), []
    for column, name in enumerate(MEASURES):
        none = found[NONE][:, column]
        for way, values in found.items():
            if way == NONE:
                continue
            ours, by = mean_of(values[:, column], seed), mean_of(values[:, column] - none, seed)
            better = by.mean < 0 if column == 0 else by.mean > 0
            beside = f"none: {cell_text(mean_of(none, seed))}; difference {by.mean:+.2f} ({interval(by.low, by.high)})"
            out.append(Line("re-ranking", f"{name}: {way}", "better than none", ours, better, beside))
    return out, [f"re-ranking: {len(pairs)} pairs; none: the mean of {max(counts)} candidates"]
