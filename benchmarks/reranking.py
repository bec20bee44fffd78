"""Re-ranking, measured on one set of candidates: the first one, the published rule and ours, among the first N of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from benchmarks.paper_table import cell_text
from benchmarks.scoring import SCORES, TOLERANCE, WINDOW, Line, Lines, mean_of
from condfoley.evaluation.clips import Pair
from condfoley.evaluation.onset import detect_onsets, match
from condfoley.evaluation.tables import interval
from condfoley.foley import Foley
from condfoley.soundtrack import Candidate
from condfoley.sync import rerank

FARTHEST = 0.2  # s; an event that is farther from every true one says nothing of the offset
NONE, PUBLISHED, OURS = "none", "published rule", "ours"
MEASURES = ("offset error, ms", "onset F1 ±100 ms")


def offset_error(true: np.ndarray, heard: np.ndarray, farthest: float = FARTHEST) -> float:
    """How far a sound is off as a whole, s: the size of the mean signed error of the events that belong together.

    true (R,), heard (E,): s. They are paired one to one at the least total distance; `farthest` when none are nearer.
    """
    from scipy.optimize import linear_sum_assignment

    late = heard[None] - true[:, None]
    pairs = late[linear_sum_assignment(np.minimum(np.abs(late), farthest))]
    near = pairs[np.abs(pairs) < farthest]
    return abs(float(near.mean())) if len(near) else farthest


def choices(foley: Foley, made: Sequence[Candidate], counts: Sequence[int]) -> dict[str, int]:
    """Which candidate each way takes from the first N: name -> index."""
    out = {NONE: 0}
    for n in counts:
        first = list(made[:n])
        scores = (torch.tensor([getattr(c, name) for c in first]) for name in SCORES)
        out[f"{PUBLISHED}, N = {n}"] = rerank(*scores, TOLERANCE)
        out[f"{OURS}, N = {n}"] = foley._choose(first, TOLERANCE)
    return out


def measure(foley: Foley, pairs: Sequence[Pair], counts: Sequence[int], seed: int) -> dict[str, np.ndarray]:
    """For each way to choose, the values of each pair: (pairs, 2), offset error in ms and F1.

    Without search a candidate's sound does not depend on how many there are: the first N of the most are N candidates.
    """
    from tqdm import tqdm

    rows: dict[str, list[tuple[float, float]]] = {}
    for pair in tqdm(pairs, desc="re-ranking", unit="pair", disable=None):
        made = foley.generate(pair.reference.path, pair.target.path, candidates=max(counts), seed=seed, search=False)
        true = pair.target.onsets[pair.target.onsets < made.duration]
        heard = [detect_onsets(c.wav, made.sample_rate)[0] for c in made.candidates]
        for way, i in choices(foley, made.candidates, counts).items():
            score = 1000 * offset_error(true, heard[i]), match(true, heard[i], WINDOW).f1
            rows.setdefault(way, []).append(score)
    return {way: np.array(values) for way, values in rows.items()}


def lines(foley: Foley, pairs: Sequence[Pair], counts: Sequence[int], seed: int) -> Lines:
    """Each way beside no re-ranking, and by how much it differs, pair by pair."""
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
    return out, [f"re-ranking: {len(pairs)} pairs, candidates without search; none: the first candidate"]
