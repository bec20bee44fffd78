"""Statistics of a study: intervals, tests, ranking, agreement, power. Pure functions of arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from condfoley.results.tables import Z95

MIN_GROUPS = 3
"""Minimum number of participants, and of targets, for an interval for new ones; two have one degree of freedom."""
MIN_DEGREES = 2.0
"""Minimum degrees of freedom; with one, Student's 95 % point is 12.7 and the interval is useless."""


@dataclass(frozen=True)
class Interval:
    """A mean and the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


def normal_interval(values: np.ndarray) -> Interval:
    """mean ± 1.96 σ/√n of (n,) values, as in the published study; it assumes independent judgements.

    Raises ValueError without values.
    """
    if not len(values):
        raise ValueError("an interval needs at least one value")
    mean, half = float(np.mean(values)), Z95 * float(np.std(values)) / np.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def crossed_interval(
    values: np.ndarray, participants: np.ndarray, targets: np.ndarray, limits: tuple[float, float] = (-np.inf, np.inf)
) -> Interval:
    """Interval of the mean of (n,) values for new participants and new targets: crossed random effects.

    participants, targets: (n,) small integers. limits: minimum and maximum possible value, which also bound the
    interval. The variances of participants, targets and the rest are estimated by the method of moments (Gao and
    Owen 2017), which needs no iteration and no normality; degrees of freedom after Satterthwaite (1946).
    Raises ValueError with the reason where the variances cannot be estimated: fewer than MIN_GROUPS participants or
    targets, values that are all equal, fewer than MIN_DEGREES degrees of freedom, an interval as wide as the limits.
    """
    n = len(values)
    groups = [np.unique(labels, return_inverse=True)[1] for labels in (participants, targets)]
    for group, what in zip(groups, ("participant", "target"), strict=True):
        if (count := len(np.unique(group))) < MIN_GROUPS:
            raise ValueError(f"{count} {what}{'s' * (count != 1)}, fewer than {MIN_GROUPS}")
    if np.ptp(values) == 0:
        raise ValueError("all answers are equal")
    mean = float(np.mean(values))
    of_participants, of_targets, rest = variance_components(values, *groups)
    sizes = [np.bincount(group) for group in groups]
    parts = [
        float((sizes[0] ** 2).sum()) * of_participants / n**2,
        float((sizes[1] ** 2).sum()) * of_targets / n**2,
        rest / n,
    ]
    freedom = [len(sizes[0]) - 1, len(sizes[1]) - 1, n - len(sizes[0]) - len(sizes[1]) + 1]
    variance = sum(parts)
    spread = sum(part**2 / max(1, df) for part, df in zip(parts, freedom, strict=True))
    if not spread or (degrees := variance**2 / spread) < MIN_DEGREES:
        raise ValueError("too few answers to tell how far participants and targets differ")
    half = float(stats.t.ppf(0.975, degrees)) * np.sqrt(variance)
    low, high = max(limits[0], mean - half), min(limits[1], mean + half)
    if (low, high) == limits:
        raise ValueError("too few answers, all of the scale would be in it")
    return Interval(mean, low, high)


def variance_components(
    values: np.ndarray, participants: np.ndarray, targets: np.ndarray
) -> tuple[float, float, float]:
    """Variances of (participants, targets, the rest) behind (n,) values, not below 0.

    participants, targets: (n,) group numbers from 0; a participant should judge a target once. Half the mean
    squared difference is var_t + var_rest within a participant, var_p + var_rest within a target, and all three
    between values that share neither.
    """
    within_p, pairs_p = _half_squares(values, participants)
    within_t, pairs_t = _half_squares(values, targets)
    total, pairs = _half_squares(values, np.zeros_like(participants))
    other = pairs - pairs_p - pairs_t
    if not pairs_p or not pairs_t or other <= 0:  # the sources cannot be separated
        return 0.0, 0.0, float(np.var(values, ddof=1))
    apart = (total - within_p - within_t) / other
    of_p, of_t = apart - within_p / pairs_p, apart - within_t / pairs_t
    of_p, of_t = max(0.0, of_p), max(0.0, of_t)
    return of_p, of_t, max(0.0, apart - of_p - of_t)


def _half_squares(values: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """(sum of (a - b)² / 2 over all pairs within groups, number of those pairs)."""
    count = np.bincount(groups)
    total = np.bincount(groups, values)
    squares = np.bincount(groups, values**2)
    return float((count * squares - total**2).sum() / 2), float((count * (count - 1)).sum() / 2)


def binomial_p(wins: int, trials: int) -> float:
    """Exact two-sided p of `wins` in `trials` if both were equally good; 1 without a trial."""
    return float(stats.binomtest(wins, trials).pvalue) if trials else 1.0


def holm(values: list[float]) -> list[float]:
    """p values adjusted for being several (Holm 1979), in the order given."""
    adjusted = [0.0] * len(values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = largest
    return adjusted


def bradley_terry(wins: np.ndarray) -> list[Interval]:
    """Strengths of k systems from wins[i, j], how often i was chosen over j: log odds against the average system.

    The likelihood's maximum (Bradley and Terry 1952) with half a win added to both sides of each pair that met,
    so that a system that always wins stays finite; intervals from the Fisher information.
    Raises ValueError when the systems do not all hang together through their pairs.
    """
    systems = len(wins)
    smoothed = wins + 0.5 * ((wins + wins.T) > 0)
    met = smoothed + smoothed.T
    if np.linalg.matrix_power(np.eye(systems) + (met > 0), systems).min() == 0:
        raise ValueError("a ranking needs pairs that link all systems")

    def loss(strength: np.ndarray) -> tuple[float, np.ndarray]:
        gap = strength[:, None] - strength[None]
        surprise = smoothed - met / (1 + np.exp(-gap))
        return float((smoothed * np.logaddexp(0, -gap)).sum()), -surprise.sum(1)

    strength = optimize.minimize(loss, np.zeros(systems), jac=True, method="BFGS").x
    strength = strength - strength.mean()
    chance = 1 / (1 + np.exp(strength[None] - strength[:, None]))
    weight = met * chance * (1 - chance)
    information = np.diag(weight.sum(1)) - weight
    spread = Z95 * np.sqrt(np.diag(np.linalg.pinv(information)))
    return [Interval(float(s), float(s - d), float(s + d)) for s, d in zip(strength, spread, strict=True)]


def agreement(items: np.ndarray, choices: np.ndarray) -> float | None:
    """Krippendorff's alpha of (n,) choices (whole numbers, nominal) of several participants about (n,) items.

    1: full agreement; 0: chance. Items with one choice are left out. None when nothing can be compared.
    """
    table = np.zeros((int(items.max(initial=-1)) + 1, int(choices.max(initial=-1)) + 1))
    np.add.at(table, (items, choices), 1)
    table = table[table.sum(1) > 1]
    count = table.sum()
    if not count:
        return None
    sizes = table.sum(1, keepdims=True)
    observed = ((sizes[:, 0] ** 2 - (table**2).sum(1)) / (sizes[:, 0] - 1)).sum() / count
    shares = table.sum(0)
    expected = (count**2 - (shares**2).sum()) / (count * (count - 1))
    return float(1 - observed / expected) if expected else None


def judgements_needed(share: float, power: float = 0.8, level: float = 0.05) -> int:
    """Independent judgements to find a preference of `share` with probability `power` (two-sided test at `level`).

    Normal approximation of the binomial test against one half. Raises ValueError for a share of one half.
    """
    if share == 0.5:
        raise ValueError("no number of judgements finds a preference of one half")
    test, find = stats.norm.ppf(1 - level / 2), stats.norm.ppf(power)
    return int(np.ceil(((test * 0.5 + find * np.sqrt(share * (1 - share))) / (share - 0.5)) ** 2))
