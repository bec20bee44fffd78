"""Answers from wherever they arrived, checked against the study's key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from condfoley.errors import InputError
from condfoley.study import crowd, store
from condfoley.study.answers import Answer, Download, judge

LARGEST = 16 << 20
"""Bytes of a participant's file; a long session has some ten thousand."""


@dataclass
class Session:
    """One participation: who (opaque, "" when unknown), which form, and what was answered."""

    name: str
    form: int
    participant: str
    finished: bool
    headphones: list[bool]
    answers: dict[str, Answer] = field(default_factory=dict)
    """By trial."""
    assignment: str = ""
    """MTurk's AssignmentId, where its table brought the answers."""


@dataclass
class Results:
    """All usable sessions in the order of arrival, and what was refused: (where, why)."""

    sessions: list[Session]
    refused: list[tuple[str, str]]


def load(path: Path, key: dict[str, Any]) -> Results:
    """Read a folder of results or one file: *.sqlite of the server, *.json of participants, *.csv of MTurk.

    A session that came twice (a download besides the server) is merged; where the two differ the first stays.
    Raises InputError when there is nothing of this study; single unusable files and answers are listed instead.
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
            raise InputError(f"{file} is of no known kind; give *.sqlite, *.json or MTurk's *.csv")
        try:
            for session, answers in reader(file, key, refused):
                if session.form not in forms:
                    refused.append((f"{file.name}, {session.name}", f"form {session.form} is not one of this study"))
                    continue
                kept = found.setdefault(session.name, session)
                kept.finished |= session.finished
                kept.assignment = kept.assignment or session.assignment
                _add(kept, answers, key, refused)
        except (InputError, ValidationError, OSError, ValueError) as error:
            refused.append((file.name, _short(error)))
    if not found:
        reasons = "; ".join(f"{where}: {why}" for where, why in refused[:3]) or "no answers in it"
        raise InputError(f"{path} holds nothing of study {key['study']} ({reasons})")
    return Results(list(found.values()), refused)


def _add(session: Session, answers: list[Answer], key: dict[str, Any], refused: list[tuple[str, str]]) -> None:
    for answer in answers:
        if reason := judge(answer, session.form, key):
            refused.append((session.name, f"trial {answer.trial}: {reason}"))
        elif answer.trial not in session.answers:
            session.answers[answer.trial] = answer
        elif session.answers[answer.trial] != answer:
            refused.append((session.name, f"trial {answer.trial}: answered twice, the first answer counts"))


Read = Iterator[tuple[Session, list[Answer]]]


def _database(path: Path, key: dict[str, Any], refused: list[tuple[str, str]]) -> Read:
    study, sessions = store.sessions(path)
    _same_study(study, key)
    for kept in sessions:
        heard = json.loads(kept.finished)["headphones"] if kept.finished else []
        session = Session(kept.name, kept.form, kept.participant, kept.finished is not None, heard)
        yield session, [Answer.model_validate_json(body) for body in kept.answers]


def _download(path: Path, key: dict[str, Any], refused: list[tuple[str, str]]) -> Read:
    if path.stat().st_size > LARGEST:
        raise InputError(f"larger than {LARGEST >> 20} MB")
    yield _parsed(path.read_bytes(), key, "", "")


def _mturk(path: Path, key: dict[str, Any], refused: list[tuple[str, str]]) -> Read:
    for row in crowd.read_table(path):
        if not row.get(crowd.RESULTS_COLUMN):
            continue  # the survey-link layout: answers came to the server
        worker = crowd.participant(key["secret"], row["WorkerId"])
        try:
            yield _parsed(row[crowd.RESULTS_COLUMN].encode(), key, worker, row["AssignmentId"])
        except (InputError, ValidationError) as error:
            refused.append((f"{path.name}, {row['AssignmentId']}", _short(error)))


def _parsed(body: bytes, key: dict[str, Any], participant: str, assignment: str) -> tuple[Session, list[Answer]]:
    file = Download.model_validate_json(body)
    _same_study(file.study, key)
    asked = {name for name, trial in key["trials"].items() if trial["form"] == file.form}
    done = asked == {answer.trial for answer in file.answers if not judge(answer, file.form, key)}
    return Session(file.session, file.form, participant, done, file.headphones, assignment=assignment), file.answers


def _same_study(study: str, key: dict[str, Any]) -> None:
    if study != key["study"]:
        raise InputError(f"answers of another study ({study[:64]})")


def _short(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"not a file of answers: {'.'.join(map(str, first['loc']))[:80]} {first['msg'][:120]}"
    return str(error)


READERS = {".sqlite": _database, ".json": _download, ".csv": _mturk}
