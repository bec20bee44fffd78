"""The trials of the public page and of the researcher's key, from a plan. Pure functions.

The page contains which clips to show and nothing about what they are: clips and trials have random names, sentinels
look like any other trial. Only the practice trials say which of their sounds is wrong, for the feedback.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from condfoley.study.design import FORCED_CHOICE, OPINION, Plan

QUESTIONS = ("sync", "material")
"""The two questions of the paper's study: better in time with the action; more like the reference's material."""


@dataclass(frozen=True)
class Probe:
    """A target with a right and an obviously wrong sound, for practice and sentinel trials. right, wrong: names of clips."""

    target: int
    wrong_kind: str
    """silent, shuffled (another target's sound) or late (by a second)."""
    right: str
    wrong: str


@dataclass(frozen=True)
class ClipNames:
    """Random names of the clips: `references[t]`, `shown[t][s]` and the probes; lengths in seconds of each name."""

    references: list[str]
    shown: list[list[str]]
    practice: list[Probe]
    sentinels: list[Probe]
    seconds: dict[str, float]


def assign(
    plan: Plan, clips: ClipNames, method: str, rng: np.random.Generator, new_name: Callable[[], str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The page's forms and the key's trials.

    Returns ({"practice": [trial], "forms": [[trial]]}, {trial's name: what it is}).
    A page's trial: {trial, reference, clips: [names from left to right], first: position to be played first}.
    A key's trial: {kind, form, target, systems or wrong: position of the wrong sound, seconds: of all its clips}.
    Sentinels are at random positions of each form, never first.
    """
    key: dict[str, Any] = {}
    forms = []
    for number, form in enumerate(plan.forms):
        shown = []
        for trial in form:
            names = [clips.shown[trial.target][system] for system in trial.systems]
            shown.append(_page(new_name(), clips.references[trial.target], names, trial.first))
            known = {"kind": "trial", "form": number, "target": trial.target, "systems": list(trial.systems)}
            key[shown[-1]["trial"]] = known | {"seconds": _length(shown[-1], clips)}
        for probe in clips.sentinels:
            page, wrong = _probe(probe, clips, method, rng, new_name())
            known = {"kind": "sentinel", "form": number, "target": probe.target, "wrong": wrong}
            key[page["trial"]] = known | {"wrong_kind": probe.wrong_kind, "seconds": _length(page, clips)}
            shown.insert(int(rng.integers(1, len(shown) + 1)), page)
        forms.append(shown)
    practice = []
    for probe in clips.practice:
        page, wrong = _probe(probe, clips, method, rng, new_name())
        practice.append(page | {"wrong": wrong, "wrong_kind": probe.wrong_kind})
    return {"practice": practice, "forms": forms}, key


def detects_wrong_sound(method: str, scores: list[float], wrong: int) -> bool:
    """Whether the answer to one question shows that the sound at position `wrong` was recognised as wrong.

    scores: one number for each clip, from left to right (see answers.py).
    """
    if method == OPINION:
        return scores[0] <= 2  # of 5: "bad" or "poor"
    return scores[1 - wrong] > scores[wrong]


def scale(method: str) -> tuple[int, int]:
    """(minimum, maximum) score of a clip: 0 or 1 for chosen, 0 to 100 as in MUSHRA, 1 to 5 for MOS."""
    return {FORCED_CHOICE: (0, 1), OPINION: (1, 5)}.get(method, (0, 100))


def fingerprint(page: dict[str, Any]) -> str:
    """The identity of a study: a hash of everything that its page shows."""
    return hashlib.sha256(json.dumps(page, sort_keys=True).encode()).hexdigest()[:16]


def _probe(
    probe: Probe, clips: ClipNames, method: str, rng: np.random.Generator, name: str
) -> tuple[dict[str, Any], int]:
    if method == OPINION:
        return _page(name, clips.references[probe.target], [probe.wrong], 0), 0
    wrong, first = (int(k) for k in rng.integers(0, 2, 2))
    names = [probe.right, probe.right]
    names[wrong] = probe.wrong
    return _page(name, clips.references[probe.target], names, first), wrong


def _page(name: str, reference: str, names: list[str], first: int) -> dict[str, Any]:
    return {"trial": name, "reference": reference, "clips": names, "first": first}


def _length(page: dict[str, Any], clips: ClipNames) -> float:
    return round(sum(clips.seconds[name] for name in (page["reference"], *page["clips"])), 3)
