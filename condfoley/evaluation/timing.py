"""Agreement of a soundtrack's events with the true ones: counts, average precision, levels. Pure functions in seconds.

F1, precision and recall are in `onset.match`.
"""

from __future__ import annotations

import numpy as np

from condfoley.audio.onsets import match_pairs

FEWEST = 4  # matched events of which a rank correlation says something


def count_accuracy(reference_times: np.ndarray, estimated_times: np.ndarray) -> float:
    """1 when there are as many events as there should be, else 0 (CondFoley, section 4.1: "onset count accuracy").

    reference_times (R,), estimated_times (E,): seconds. Two empty lists agree.
    """
    return float(len(reference_times) == len(estimated_times))


def average_precision(
    reference_times: np.ndarray, estimated_times: np.ndarray, strengths: np.ndarray, window: float = 0.1
) -> float:
    """Area under precision over recall as ever weaker events are listened to; events that are missed cost recall.

    At each threshold on `strengths` the events above it are matched to the true ones, one to one and as many as
    possible, within `window` seconds (`onsets.match_pairs`). The area is a sum of steps, without interpolation.

    reference_times (R,), estimated_times (E,): seconds, in any order.   strengths: (E,), any unit.
    Both lists empty: 1. One of them empty: 0. (The published scorer gives silence 1; see `published`.)
    Raises ValueError for a negative window, lists of different length, or times that are not finite.
    """
    true, made = np.sort(np.asarray(reference_times, float)), np.asarray(estimated_times, float)
    strengths = np.asarray(strengths, float)
    if window < 0 or made.shape != strengths.shape or not (np.isfinite(true).all() and np.isfinite(made).all()):
        raise ValueError("average precision: finite seconds, a strength for each and a window >= 0 are needed")
    if not len(true) or not len(made):
        return float(len(true) == len(made))
    area, before = 0.0, 0
    for threshold in np.unique(strengths)[::-1]:
        heard = np.sort(made[strengths >= threshold])
        hits = len(match_pairs(true, heard, window))
        area += (hits - before) / len(true) * hits / len(heard)
        before = hits
    return area


def dynamics(
    reference_times: np.ndarray,
    reference_levels: np.ndarray,
    estimated_times: np.ndarray,
    estimated_levels: np.ndarray,
    window: float = 0.1,
) -> float | None:
    """Spearman's rank correlation of the levels of events that are matched within `window` seconds: in [-1, 1].

    reference_times (R,), estimated_times (E,): seconds, ascending; their levels in any unit.
    None when fewer than FEWEST events are matched, or all true or all estimated ones are equally loud.
    """
    from scipy.stats import spearmanr

    pairs = match_pairs(reference_times, estimated_times, window)
    true, made = (
        np.array([x[pair[side]] for pair in pairs]) for side, x in enumerate((reference_levels, estimated_levels))
    )
    if len(pairs) < FEWEST or min(np.ptp(true), np.ptp(made)) == 0:
        return None
    return float(spearmanr(true, made).statistic)
