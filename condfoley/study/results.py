"""Reads answers from the server's database, downloaded files and MTurk, and checks them against the study's key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from condfoley.errors import InputError
from condfoley.study import crowd, store
from condfoley.study.answers import Answer, Download, find_error

MAX_BYTES = 16 << 20
"""Maximum size of a participant's file; a long session has about ten thousand bytes."""


@dataclass
class Session:
    """One participation: the participant's pseudonym ("" when unknown), the form, and the answers."""

    name: str
    form: int
    participant: str
    finished: bool
    headphones: list[bool]
    answers: dict[str, Answer] = field(default_factory=dict)
    """By name of the trial."""
    assignment: str = ""
    """MTurk's AssignmentId if the answers come from MTurk's table."""


@dataclass
class Results:
    """All usable sessions in order of arrival, and the refused files and answers: (where, reason)."""

    sessions: list[Session]
    refused: list[tuple[str, str]]


def load_results(path: Path, key: dict[str, Any]) -> Results:
    """Read a folder of results or one file: *.sqlite of the server, *.json of participants, *.csv of MTurk.

    A session that is there twice (as a download and on the server) is merged; where both differ the first one counts.
    Raises InputError when there is no session of this study; single unusable files and answers are listed as refused.
    """
    if not path.exists():
        raise InputError(f"there is no {path}; give the folder or file with the answers")
    files = sorted(p for p in path.iterdir() if p.suffix in READERS) if path.is_dir() else [path]
    refused: list[tuple[str, str]] = []
    found: dict[str, Session] = {}
    forms = {trial["form"] for trial in key["trials"].values()}
    for file in files:
        reader = READERS.get(file.suffix)
        if reader is None:
            raise InputError(f"{file} is of an unknown type; give *.sqlite, *.json or MTurk's *.csv")
        try:
            for session, answers in reader(file, key, refused):
                if session.form not in forms:
                    refused.append((f"{file.name}, {session.name}", f"form {session.form} is not one of this study"))
                    continue
                merged = found.setdefault(session.name, session)
                merged.finished |= session.finished
                merged.assignment = merged.assignment or session.assignment
                merge_answers(merged, answers, key, refused)
        except (InputError, ValidationError, OSError, ValueError) as error:
            refused.append((file.name, _short_message(error)))
    if not found:
        reasons = "; ".join(f"{where}: {why}" for where, why in refused[:3]) or "no answers in it"
        raise InputError(f"{path} holds nothing of study {key['study']} ({reasons})")
    return Results(list(found.values()), refused)


def merge_answers(session: Session, answers: list[Answer], key: dict[str, Any], refused: list[tuple[str, str]]) -> None:
    for answer in answers:
        if reason := find_error(answer, session.form, key):
            refused.append((session.name, f"trial {answer.trial}: {reason}"))
        elif answer.trial not in session.answers:
            session.answers[answer.trial] = answer
        elif session.answers[answer.trial] != answer:
            refused.append((session.name, f"trial {answer.trial}: answered twice, the first answer counts"))


Read = Iterator[tuple[Session, list[Answer]]]


def _read_database(path: Path, key: dict[str, Any], refused: list[tuple[str, str]]) -> Read:
    study, sessions = store.read_sessions(path)
    _same_study(study, key)
    for stored in sessions:
        headphones = json.loads(stored.finished)["headphones"] if stored.finished else []
        session = Session(stored.name, stored.form, stored.participant, stored.finished is not None, headphones)
        yield session, [Answer.model_validate_json(body) for body in stored.answers]


def _read_download(path: Path, key: dict[str, Any], refused: list[tuple[str, str]]) -> Read:
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"larger than {MAX_BYTES >> 20} MB")
    yield parse_download(path.read_bytes(), key, "", "")


def _read_mturk(path: Path, key: dict[str, Any], refused: list[tuple[str, str]]) -> Read:
    for row in crowd.read_table(path):
        if not row.get(crowd.RESULTS_COLUMN):
            continue  # the survey-link layout: answers came to the server
        worker = crowd.participant(key["secret"], row["WorkerId"])
        try:
            yield parse_download(row[crowd.RESULTS_COLUMN].encode(), key, worker, row["AssignmentId"])
        except (InputError, ValidationError) as error:
            refused.append((f"{path.name}, {row['AssignmentId']}", _short_message(error)))


def parse_download(body: bytes, key: dict[str, Any], participant: str, assignment: str) -> tuple[Session, list[Answer]]:
    """A session and its answers from a participant's file. Raises InputError, or pydantic's ValidationError."""
    file = Download.model_validate_json(body)
    _same_study(file.study, key)
    expected = {name for name, trial in key["trials"].items() if trial["form"] == file.form}
    done = expected == {answer.trial for answer in file.answers if not find_error(answer, file.form, key)}
    return Session(file.session, file.form, participant, done, file.headphones, assignment=assignment), file.answers


def _same_study(study: str, key: dict[str, Any]) -> None:
    if study != key["study"]:
        raise InputError(f"answers of another study ({study[:64]})")


def _short_message(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"not a file of answers: {'.'.join(map(str, first['loc']))[:80]} {first['msg'][:120]}"
    return str(error)


READERS = {".sqlite": _read_database, ".json": _read_download, ".csv": _read_mturk}
