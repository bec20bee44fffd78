"""Onset metrics besides F1: count, average precision, dynamics. Pure functions of times in seconds.

F1, precision and recall are in `condfoley.audio.onsets.match`.
"""

from __future__ import annotations

import numpy as np

from condfoley.audio.onsets import match_pairs

MIN_MATCHED = 4  # events that a rank correlation needs


def count_accuracy(reference_times: np.ndarray, estimated_times: np.ndarray) -> float:
    """1 for equal numbers of events, else 0 (CondFoley, section 4.1: "onset count accuracy").

    reference_times (R,), estimated_times (E,): s. Both empty: 1.
    """
    return float(len(reference_times) == len(estimated_times))


def average_precision(
    reference_times: np.ndarray, estimated_times: np.ndarray, strengths: np.ndarray, window: float = 0.1
) -> float:
    """Area under precision over recall as the threshold on `strengths` falls; missed events lower the recall.

    At each threshold the events above it are matched with the true ones, one to one and as many as possible, within
    `window` seconds (`onsets.match_pairs`). The area is a sum of steps, without interpolation.

    reference_times (R,), estimated_times (E,): seconds, in any order.   strengths: (E,), any unit.
    Both lists empty: 1. One of them empty: 0. (The published scorer gives silence 1; see `published_scorer`.)
    Raises ValueError for a negative window, lists of different length, or times that are not finite.
    """
    true, estimated = np.sort(np.asarray(reference_times, float)), np.asarray(estimated_times, float)
    strengths = np.asarray(strengths, float)
    if (
        window < 0
        or estimated.shape != strengths.shape
        or not (np.isfinite(true).all() and np.isfinite(estimated).all())
    ):
        raise ValueError("average precision: finite seconds, a strength for each and a window >= 0 are needed")
    if not len(true) or not len(estimated):
        return float(len(true) == len(estimated))
    area, before = 0.0, 0
    for threshold in np.unique(strengths)[::-1]:
        above = np.sort(estimated[strengths >= threshold])
        matched = len(match_pairs(true, above, window))
        area += (matched - before) / len(true) * matched / len(above)
        before = matched
    return area


def dynamics_correlation(
    reference_times: np.ndarray,
    reference_levels: np.ndarray,
    estimated_times: np.ndarray,
    estimated_levels: np.ndarray,
    window: float = 0.1,
) -> float | None:
    """Spearman's rank correlation of the levels of events that are matched within `window` seconds: in [-1, 1].

    reference_times (R,), estimated_times (E,): seconds, ascending; their levels in any unit.
    None when fewer than MIN_MATCHED events are matched, or when either list has only equal levels.
    """
    from scipy.stats import spearmanr

    pairs = match_pairs(reference_times, estimated_times, window)
    true, estimated = (
        np.array([x[pair[side]] for pair in pairs]) for side, x in enumerate((reference_levels, estimated_levels))
    )
    if len(pairs) < MIN_MATCHED or min(np.ptp(true), np.ptp(estimated)) == 0:
        return None
    return float(spearmanr(true, estimated).statistic)
