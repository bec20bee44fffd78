"""What participants send, and its validation.

The models check sizes, types and names; `find_error` checks an answer against the study's key.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from condfoley.study.assignment import scale

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Score = Annotated[float, Field(allow_inf_nan=False)]


class Strict(BaseModel):
    """No unknown fields, no type conversion."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Answer(Strict):
    """One trial's answers: for each question one score for each clip, from left to right."""

    trial: Name
    scores: Annotated[dict[Name, Annotated[list[Score], Field(max_length=64)]], Field(max_length=8)]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """From the appearance of the trial to the answer, by the participant's clock."""
    plays: Annotated[list[Annotated[int, Field(ge=0)]], Field(max_length=64)]
    """How often each clip was played to its end."""


class NewSession(Strict):
    """A participant opens the study; `worker` is the crowd platform's id of the participant, or empty."""

    study: Name
    worker: Annotated[str, Field(max_length=200)] = ""


class NewAnswer(Strict):
    """One answer sent to the server."""

    study: Name
    session: Name
    answer: Answer


class Finished(Strict):
    """The end of a session; `headphones`: whether each round of the headphone check was answered correctly."""

    study: Name
    session: Name
    headphones: Annotated[list[bool], Field(max_length=100)] = []


class Download(Strict):
    """All answers of a session in one file, as downloaded from the page or sent to MTurk."""

    study: Name
    session: Name
    form: Annotated[int, Field(ge=0)]
    headphones: Annotated[list[bool], Field(max_length=100)]
    answers: Annotated[list[Answer], Field(max_length=10_000)]


def find_error(answer: Answer, form: int, key: dict[str, Any]) -> str:
    """Why an answer is not valid for a form of the study, or "" when it is.

    key: the study's key.json.
    """
    known = key["trials"].get(answer.trial)
    if known is None or known["form"] != form:
        return "no such trial in this session"
    if sorted(answer.scores) != sorted(key["questions"]):
        return "the questions are not the study's"
    clips = clip_count(known, key)
    low, high = scale(key["method"])
    for scores in answer.scores.values():
        if len(scores) != clips or not all(low <= score <= high for score in scores):
            return "a score is out of its range"
        if key["method"] == "forced-choice" and sorted(scores) != [0, 1]:
            return "exactly one of two must be chosen"
    return "" if len(answer.plays) == clips else "a clip is missing"


def clip_count(known: dict[str, Any], key: dict[str, Any]) -> int:
    """How many clips a trial of the key shows, besides the reference."""
    if known["kind"] == "trial":
        return len(known["systems"])
    return 1 if key["method"] == "opinion" else 2


def is_impossible(answer: Answer, known: dict[str, Any]) -> bool:
    """Whether an answer was given before all its clips can have been played, which our page does not allow."""
    return (
        min(answer.plays, default=0) < 1 or answer.seconds < 0.9 * known["seconds"] or not math.isfinite(answer.seconds)
    )
