"""Who is left out of the analysis, and why: rules fixed before anybody looks at the preferences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from condfoley.study.answers import impossible
from condfoley.study.assignment import passed
from condfoley.study.options import AnalyseOptions
from condfoley.study.results import Session

HEADPHONES_PASSED = 2 / 3
"""Share of rounds; by chance a third is right."""


@dataclass(frozen=True)
class Verdict:
    """A session, how many of its sentinels it noticed, and why it is left out ("" when it is not)."""

    session: Session
    noticed: int
    sentinels: int
    reason: str


def verdicts(sessions: list[Session], key: dict[str, Any], options: AnalyseOptions) -> list[Verdict]:
    """One verdict a session, in their order; of several by one participant only the first may stay."""
    seen: set[str] = set()
    sizes: dict[int, int] = {}
    for trial in key["trials"].values():
        sizes[trial["form"]] = sizes.get(trial["form"], 0) + 1
    out = []
    for session in sessions:
        noticed, sentinels = sentinel_score(session, key)
        reason = _reason(session, noticed, sentinels, sizes.get(session.form, 0), key, options)
        if session.participant and session.participant in seen:
            reason = "took part before"
        seen.add(session.participant)
        out.append(Verdict(session, noticed, sentinels, reason))
    return out


def sentinel_score(session: Session, key: dict[str, Any]) -> tuple[int, int]:
    """(noticed, answered) sentinels of a session, by the first question: is the sound in time?"""
    known = [(answer, key["trials"][trial]) for trial, answer in session.answers.items()]
    checks = [
        passed(key["method"], answer.scores[key["questions"][0]], trial["wrong"])
        for answer, trial in known
        if trial["kind"] == "sentinel"
    ]
    return sum(checks), len(checks)


def _reason(
    session: Session, noticed: int, sentinels: int, trials: int, key: dict[str, Any], options: AnalyseOptions
) -> str:
    if any(impossible(answer, key["trials"][trial]) for trial, answer in session.answers.items()):
        return "answered before the clips could have been played"
    if sentinels and noticed < options.sentinels_passed * sentinels:
        return "did not notice obviously wrong sounds"
    if len(session.answers) < trials and not options.keep_unfinished:
        return "did not finish"
    if options.require_headphones and sum(session.headphones) < HEADPHONES_PASSED * max(1, len(session.headphones)):
        return "failed the headphone check"
    return ""
