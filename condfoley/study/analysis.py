"""Tables of the report from reviewed sessions and the study's key. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from condfoley.results.tables import Table, wilson
from condfoley.study import statistics
from condfoley.study.assignment import scale
from condfoley.study.design import FORCED_CHOICE
from condfoley.study.exclusion import SessionReview
from condfoley.study.statistics import Interval

POWER_SHARES = (0.55, 0.6, 0.65, 0.7, 0.75)


@dataclass(frozen=True)
class Judgements:
    """All answers to one question, a row for each clip shown (for forced choice: for the pair's first system, 1 = chosen).

    Arrays (n,): participant and target numbers, system, opponent (-1 where there is none), score,
    left: whether that clip was on the left.
    """

    participant: np.ndarray
    target: np.ndarray
    system: np.ndarray
    opponent: np.ndarray
    score: np.ndarray
    left: np.ndarray

    def where(self, mask: np.ndarray) -> Judgements:
        """The rows of `mask`, (n,) bool."""
        return Judgements(*(getattr(self, name)[mask] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Preference:
    """A row of the main table: how often `system` was chosen over `opponent`, or its mean score.

    normal: mean ± 1.96 σ/√n (the columns `published_...`). crossed: None where it cannot be estimated; left_out: why, and
    which interval to report instead.
    """

    question: str
    system: str
    opponent: str
    judgements: int
    total: float
    normal: Interval
    wilson: tuple[float, float] | None
    crossed: Interval | None
    left_out: str
    p: float | None


def judgements(reviews: list[SessionReview], key: dict[str, Any], question: str) -> Judgements:
    """The answers of all kept sessions to one question, without sentinels."""
    rows = []
    for number, review in enumerate(v for v in reviews if not v.reason):
        for trial, answer in review.session.answers.items():
            known = key["trials"][trial]
            if known["kind"] == "trial":
                rows += _rows(number, known, answer.scores[question], key)
    columns = np.array(rows, float).reshape(-1, 6).T
    participant, target, system, opponent = columns[:4].astype(int)
    return Judgements(participant, target, system, opponent, columns[4], columns[5] > 0)


def _rows(participant: int, known: dict[str, Any], scores: list[float], key: dict[str, Any]) -> list[tuple[float, ...]]:
    systems = known["systems"]
    head = participant, known["target"]
    if key["method"] != FORCED_CHOICE:
        return [(*head, system, -1, score, place == 0) for place, (system, score) in enumerate(zip(systems, scores))]
    first, second = _oriented(systems, key["anchor"])
    place = systems.index(first)
    return [(*head, first, second, scores[place], place == 0)]


def _oriented(pair: list[int], anchor: int) -> tuple[int, int]:
    """The pair in the order of the report: the anchor last, otherwise in the order of --systems."""
    low, high = sorted(pair)
    return (high, low) if low == anchor else (low, high)


def preferences(data: dict[str, Judgements], key: dict[str, Any]) -> list[Preference]:
    """Rate or mean with its intervals for each question and pair (or system); pairs with fewer than two answers are left out."""
    out = []
    for question, answers in data.items():
        for system, opponent in sorted(set(zip(answers.system.tolist(), answers.opponent.tolist()))):
            part = answers.where((answers.system == system) & (answers.opponent == opponent))
            if len(part.score) < 2:
                continue
            chosen, count = int(part.score.sum()), len(part.score)
            paired = opponent >= 0
            crossed, left_out = _crossed(part, key["method"])
            out.append(
                Preference(
                    question,
                    key["systems"][system],
                    key["systems"][opponent] if paired else "",
                    count,
                    float(part.score.sum()),
                    statistics.normal_interval(part.score),
                    wilson(chosen, count) if paired else None,
                    crossed,
                    left_out,
                    statistics.binomial_p(chosen, count) if paired else None,
                )
            )
    return out


def _crossed(part: Judgements, method: str) -> tuple[Interval | None, str]:
    """The interval for new participants and targets, or None and the reason, with the interval to report instead."""
    try:
        return statistics.crossed_interval(part.score, part.participant, part.target, scale(method)), ""
    except ValueError as why:
        other = "wilson" if method == FORCED_CHOICE else "published" if np.ptp(part.score) else "the mean alone"
        return None, f"{why}; report {other}"


def preference_table(rows: list[Preference]) -> Table:
    """The main table; numbers in percent for choices, on the scale of the rating otherwise."""
    tested = [row.p for row in rows if row.p is not None]
    adjusted = iter(statistics.holm(tested))
    choices = bool(tested)
    factor = 100.0 if choices else 1.0

    def ends(low: float, high: float) -> tuple[str, str]:
        return f"{factor * low:.1f}", f"{factor * high:.1f}"

    head = ("question", "system", "over", "judgements", "mean", "published_low", "published_high")
    more = (*(("wilson_low", "wilson_high", "p", "p_holm") * choices), "crossed_left_out")
    cells = []
    for row in rows:
        middle = f"{factor * row.normal.mean:.1f}"
        cell: tuple[str, ...] = (row.question, row.system, row.opponent, str(row.judgements), middle)
        cell += ends(row.normal.low, row.normal.high)
        cell += ends(row.crossed.low, row.crossed.high) if row.crossed else ("", "")
        if row.wilson is not None and row.p is not None:
            cell += (*ends(*row.wilson), f"{row.p:.2g}", f"{next(adjusted):.2g}")
        cells.append((*cell, row.left_out))
    notes = (
        ("Percent of judgements in which `system` was chosen over `over`." if choices else "Mean scores."),
        "published: mean ± 1.96 σ/√n, which assumes independent judgements.",
        "crossed: for new participants and new targets (crossed random effects); report this one. Where it is left out, "
        "the one to report instead is named; it holds for these participants and targets only.",
        *(
            ("wilson: of the proportion. p: exact binomial test against one half; p_holm: for all rows together.",)
            * choices
        ),
    )
    return Table("Preferences", (*head, "crossed_low", "crossed_high", *more), tuple(cells), notes)


def ranking_table(data: dict[str, Judgements], key: dict[str, Any]) -> Table | None:
    """Bradley-Terry strengths, best first; None unless three or more systems were all compared with each other."""
    if key["method"] != FORCED_CHOICE or key["options"]["compare"] != "all" or len(key["systems"]) < 3:
        return None
    rows = []
    for question, answers in data.items():
        wins = np.zeros((len(key["systems"]),) * 2)
        np.add.at(wins, (answers.system, answers.opponent), answers.score)
        np.add.at(wins, (answers.opponent, answers.system), 1 - answers.score)
        try:
            strengths = statistics.bradley_terry(wins)
        except ValueError:  # too few answers yet
            continue
        for rank, k in enumerate(sorted(range(len(strengths)), key=lambda k: -strengths[k].mean), start=1):
            s = strengths[k]
            rows.append((question, str(rank), key["systems"][k], f"{s.mean:.2f}", f"{s.low:.2f}", f"{s.high:.2f}"))
    notes = ("Log odds of being chosen over the average system, with 95 % intervals.",)
    return Table("Ranking", ("question", "rank", "system", "strength", "low", "high"), tuple(rows), notes)


def target_table(data: dict[str, Judgements], key: dict[str, Any]) -> Table:
    """Rate or mean score for each target."""
    rows = []
    for question, answers in data.items():
        cells = np.stack([answers.target, answers.system, answers.opponent], 1)
        groups, inverse = np.unique(cells, axis=0, return_inverse=True)
        count, total = np.bincount(inverse.ravel()), np.bincount(inverse.ravel(), answers.score)
        for (target, system, opponent), n, score in zip(groups.tolist(), count, total):
            over = key["systems"][opponent] if opponent >= 0 else ""
            mean = f"{score / n:.3f}"
            rows.append((question, key["targets"][target], key["systems"][system], over, str(n), mean))
    return Table("Targets", ("question", "target", "system", "over", "judgements", "mean"), tuple(rows))


def check_table(data: dict[str, Judgements], key: dict[str, Any]) -> Table:
    """Agreement between participants, and how often the left clip was chosen."""
    rows = []
    for question, answers in data.items():
        if key["method"] == FORCED_CHOICE and len(answers.score):
            _, items = np.unique(
                np.stack([answers.target, answers.system, answers.opponent]), axis=1, return_inverse=True
            )
            alpha = statistics.agreement(items.ravel(), answers.score.astype(int))
            left = float(np.mean(answers.left == (answers.score > 0)))
            rows.append((question, "-" if alpha is None else f"{alpha:.2f}", f"{100 * left:.0f}"))
    notes = (
        "Krippendorff's alpha: 1 for full agreement about each target, 0 for chance. Without a bias, left is near 50 %.",
    )
    return Table("Checks", ("question", "agreement_alpha", "left_chosen_percent"), tuple(rows), notes)


def power_table() -> Table:
    """How many judgements are needed to detect a preference."""
    rows = [
        (f"{100 * share:.0f}", *(str(statistics.judgements_needed(share, power)) for power in (0.8, 0.9)))
        for share in POWER_SHARES
    ]
    notes = (
        "Independent judgements of one pair for a two-sided test at 5 %. More are needed where participants differ.",
    )
    return Table("Power", ("true_percent", "found_in_80_percent", "found_in_90_percent"), tuple(rows), notes)


def exclusion_table(reviews: list[SessionReview]) -> Table:
    """All sessions, with the reason for exclusion."""
    rows = tuple(
        (
            review.session.name,
            "no" if review.reason else "yes",
            review.reason,
            str(len(review.session.answers)),
            f"{review.sentinels_passed}/{review.sentinels}",
            f"{sum(review.session.headphones)}/{len(review.session.headphones)}",
        )
        for review in reviews
    )
    return Table("Participants", ("session", "kept", "reason", "answers", "sentinels", "headphones"), rows)
