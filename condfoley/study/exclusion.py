"""Which sessions are excluded from the analysis: rules that are fixed before the preferences are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from condfoley.study.answers import is_impossible
from condfoley.study.assignment import detects_wrong_sound
from condfoley.study.options import AnalyseOptions
from condfoley.study.results import Session

HEADPHONES_PASSED = 2 / 3
"""Fraction of rounds; a third is right by chance."""


@dataclass(frozen=True)
class SessionReview:
    """A session, how many of its sentinels were recognised, and the reason for exclusion ("" when it is kept)."""

    session: Session
    sentinels_passed: int
    sentinels: int
    reason: str


def review_sessions(sessions: list[Session], key: dict[str, Any], options: AnalyseOptions) -> list[SessionReview]:
    """A review of each session, in their order; of several sessions by one participant only the first may be kept."""
    seen: set[str] = set()
    sizes: dict[int, int] = {}
    for trial in key["trials"].values():
        sizes[trial["form"]] = sizes.get(trial["form"], 0) + 1
    out = []
    for session in sessions:
        sentinels_passed, sentinels = sentinel_score(session, key)
        reason = _reason(session, sentinels_passed, sentinels, sizes.get(session.form, 0), key, options)
        if session.participant and session.participant in seen:
            reason = "took part before"
        seen.add(session.participant)
        out.append(SessionReview(session, sentinels_passed, sentinels, reason))
    return out


def sentinel_score(session: Session, key: dict[str, Any]) -> tuple[int, int]:
    """(recognised, answered) sentinels of a session, by the first question: is the sound in time?"""
    known = [(answer, key["trials"][trial]) for trial, answer in session.answers.items()]
    checks = [
        detects_wrong_sound(key["method"], answer.scores[key["questions"][0]], trial["wrong"])
        for answer, trial in known
        if trial["kind"] == "sentinel"
    ]
    return sum(checks), len(checks)


def _reason(
    session: Session, sentinels_passed: int, sentinels: int, trials: int, key: dict[str, Any], options: AnalyseOptions
) -> str:
    if any(is_impossible(answer, key["trials"][trial]) for trial, answer in session.answers.items()):
        return "answered before the clips could have been played"
    if sentinels and sentinels_passed < options.sentinels_passed * sentinels:
        return "did not notice obviously wrong sounds"
    if len(session.answers) < trials and not options.keep_unfinished:
        return "did not finish"
    if options.require_headphones and sum(session.headphones) < HEADPHONES_PASSED * max(1, len(session.headphones)):
        return "failed the headphone check"
    return ""
