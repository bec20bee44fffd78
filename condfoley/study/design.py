"""Balanced plans of trials, as pure functions of numbers.

Targets and systems are indices here. A *condition* is the tuple of systems that one trial shows; a *form* is
the list of trials of one participant. The plan is cyclic (an unrolled Latin square): round r goes through all
targets and pairs target t with condition (t + shift of r), so that every condition has every target equally often;
a form consists of consecutive trials, so that no participant gets a target twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np

FORCED_CHOICE, RATING, OPINION = "forced-choice", "rating", "opinion"


@dataclass(frozen=True)
class Trial:
    """One target with the sounds of `systems`, listed from left to right; `first` is the position to be played first."""

    target: int
    systems: tuple[int, ...]
    first: int = 0


@dataclass(frozen=True)
class Plan:
    """`forms[f]`: the trials of a participant. `judgements`: number of trials of each condition with each target."""

    forms: tuple[tuple[Trial, ...], ...]
    judgements: int


def conditions(method: str, compare: str, systems: int, anchor: int = 0) -> list[tuple[int, ...]]:
    """The conditions of a study.

    forced-choice: pairs, all of them or (`compare` "anchor") each system with the anchor, the anchor last;
    rating: all systems at once; opinion: one system at a time.
    Raises ValueError for fewer systems than the method needs.
    """
    if systems < (1 if method == OPINION else 2):
        raise ValueError(f"{method} needs more than {systems} systems")
    if method == OPINION:
        return [(system,) for system in range(systems)]
    if method == RATING:
        return [tuple(range(systems))]
    if compare == "all":
        return list(combinations(range(systems), 2))
    return [(system, anchor) for system in range(systems) if system != anchor]


def arrangements(condition: tuple[int, ...]) -> list[tuple[tuple[int, ...], int]]:
    """Arrangements of a condition, (systems from left to right, position played first), each to be used equally often.

    A pair has four: two sides times two orders. More systems are rotated, so that each is at each position.
    """
    if len(condition) == 2:
        return [(order, first) for order in (condition, condition[::-1]) for first in (0, 1)]
    return [(condition[k:] + condition[:k], 0) for k in range(len(condition))]


def judgements_for(targets: int, conditions: int, judgements: int, trials: int) -> int:
    """The smallest number of judgements, not below `judgements`, that fills every form with exactly `trials` trials."""
    step = trials // math.gcd(targets * conditions, trials)
    return -(-judgements // step) * step


def make_plan(targets: int, shown: list[tuple[int, ...]], judgements: int, trials: int, seed: int) -> Plan:
    """Forms of `trials` trials in which every condition of `shown` has every target equally often.

    judgements: for each target and condition; rounded up by `judgements_for`.
    No form has a target twice. The arrangements of a condition are used equally often over all its trials
    (within one where their number does not divide), and over each target's where they divide `judgements`.
    The order of trials within a form is random by `seed`.
    Raises ValueError when a form would be longer than there are targets, or for numbers below 1.
    """
    if min(targets, len(shown), judgements, trials) < 1:
        raise ValueError("a plan needs at least one target, condition, judgement and trial")
    if trials > targets:
        raise ValueError(f"{trials} trials need {trials} targets, there are {targets}")
    rng = np.random.default_rng(seed)
    each = judgements_for(targets, len(shown), judgements, trials)
    names = rng.permutation(targets)
    used = np.zeros((targets, len(shown)), int)
    sequence = []
    for index in range(targets * len(shown) * each):
        position = index % targets
        condition = _condition(position, index // targets, targets, len(shown))
        options = arrangements(shown[condition])
        option = (_shift(position, each, len(options)) + used[position, condition]) % len(options)
        used[position, condition] += 1
        systems, first = options[option]
        sequence.append(Trial(int(names[position]), systems, first))
    forms = [sequence[start : start + trials] for start in range(0, len(sequence), trials)]
    mixed = tuple(tuple(form[i] for i in rng.permutation(trials)) for form in forms)
    return Plan(tuple(mixed[i] for i in rng.permutation(len(mixed))), each)


def _condition(position: int, turn: int, targets: int, count: int) -> int:
    """The condition of the target at `position` in round `turn`.

    Continues where the previous round ended, so that conditions alternate within a form, except that one is
    skipped whenever the cycle would close early because `targets` and `count` have a common divisor.
    """
    cycle = count // math.gcd(targets, count)
    return (position + turn * targets + turn // cycle) % count


def _shift(position: int, each: int, options: int) -> int:
    """First arrangement of the target at `position`: follows its neighbour's, so that they balance across targets."""
    return position * (each % options or 1)
