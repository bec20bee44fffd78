"""Answers in SQLite: append-only; acknowledged answers survive a killed process and a power failure."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from condfoley.errors import InputError
from condfoley.files import make_folder

T = TypeVar("T")

ABANDONED_SECONDS = 3600.0
"""s after which an unfinished session no longer counts when the next participant gets the least used form."""
TABLES = ("sessions", "answers", "finished")
SCHEMA = """
CREATE TABLE IF NOT EXISTS study (study TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS sessions (session TEXT PRIMARY KEY, form INTEGER, participant TEXT, received REAL);
CREATE TABLE IF NOT EXISTS answers (session TEXT REFERENCES sessions, trial TEXT, body TEXT, received REAL,
                                    PRIMARY KEY (session, trial));
CREATE TABLE IF NOT EXISTS finished (session TEXT PRIMARY KEY REFERENCES sessions, body TEXT, received REAL);
""" + "".join(
    f"CREATE TRIGGER IF NOT EXISTS {table}_{verb.lower()} BEFORE {verb} ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'append-only'); END;\n"
    for table in TABLES
    for verb in ("UPDATE", "DELETE")
)


@dataclass(frozen=True)
class StoredSession:
    """A session of the database with its answers: (trial's answer as JSON), and the JSON of its end or None."""

    name: str
    form: int
    participant: str
    received: float
    answers: tuple[str, ...]
    finished: str | None


class AnswerStore:
    """The answers of one study, written by one thread in order of arrival.

    The thread executes all waiting calls in one transaction, and they return when it is on disk, so that participants
    who answer at the same time share one disk write.
    """

    def __init__(self, path: Path, study: str) -> None:
        """Open or create the database. Raises InputError when it cannot be used or belongs to another study."""
        make_folder(path.parent)
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, timeout=30)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")  # a commit returns when it is on disk
            self._db.execute("PRAGMA foreign_keys=ON")
            self._db.executescript(SCHEMA)
            with self._db:
                self._db.execute(
                    "INSERT OR IGNORE INTO study SELECT ? WHERE NOT EXISTS (SELECT * FROM study)", (study,)
                )
            (owner,) = self._db.execute("SELECT study FROM study").fetchone()
            self._forms: dict[str, int] = dict(self._db.execute("SELECT session, form FROM sessions"))
        except sqlite3.Error as error:
            raise InputError(f"{path} cannot be used as database ({error}); give another --results") from error
        if owner != study:
            self._db.close()
            raise InputError(f"{path} holds answers of another study ({owner}); give another --results")
        self._closed = False
        self._waiting: SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="answers", daemon=True)
        self._writer.start()

    def close(self) -> None:
        """Execute the waiting calls and merge SQLite's log into the database file."""
        self._enqueue(self._stop)
        self._writer.join()
        self._db.close()

    def form(self, session: str) -> int | None:
        """The form of a session, None for an unknown one."""
        return self._forms.get(session)

    async def add_session(self, name: str, participant: str, forms: int) -> int:
        """Add a new session; returns its form, the one with the fewest finished or active sessions."""
        self._forms[name] = await self._call(self._add_session, name, participant, forms)
        return self._forms[name]

    async def add_answer(self, session: str, trial: str, body: str) -> bool:
        """Append an answer. False when there is a different one already; True for the same one again (a lost reply)."""
        return await self._call(self._append, "answers", "session = ? AND trial = ?", (session, trial), body)

    async def finish(self, session: str, body: str) -> bool:
        """Append the end of a session; False when there is a different end already."""
        return await self._call(self._append, "finished", "session = ?", (session,), body)

    async def answered(self, session: str) -> int:
        """How many answers a session has."""
        return await self._call(self._answered, session)

    async def _call(self, function: Callable[..., T], *args: object) -> T:
        """The result of function(*args), called by the writer thread, when its writes are on disk."""
        return await asyncio.wrap_future(self._enqueue(partial(function, *args)))

    def _enqueue(self, function: Callable[[], T]) -> Future[T]:
        done: Future[T] = Future()
        self._waiting.put((function, done))
        return done

    def _write(self) -> None:
        """The writer thread: execute all waiting calls, commit once, return the results; after an error none succeeds."""
        while not self._closed:
            calls = [self._waiting.get()]
            while not self._waiting.empty():
                calls.append(self._waiting.get())
            calls = [(function, done) for function, done in calls if done.set_running_or_notify_cancel()]
            try:
                with self._db:
                    results = [function() for function, _ in calls]
            except Exception as error:
                for _, done in calls:
                    done.set_exception(error)
            else:
                for (_, done), result in zip(calls, results, strict=True):
                    done.set_result(result)

    def _stop(self) -> None:
        self._closed = True

    def _add_session(self, name: str, participant: str, forms: int) -> int:
        counted = self._db.execute(
            "SELECT form, count(*) FROM sessions WHERE received > ? OR session IN (SELECT session FROM finished) "
            "GROUP BY form",
            (time.time() - ABANDONED_SECONDS,),
        )
        used = dict(counted.fetchall())
        form = min(range(forms), key=lambda k: (used.get(k, 0), k))
        self._db.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", (name, form, participant, time.time()))
        return form

    def _answered(self, session: str) -> int:
        return int(self._db.execute("SELECT count(*) FROM answers WHERE session = ?", (session,)).fetchone()[0])

    def _append(self, table: str, where: str, keys: tuple[str, ...], body: str) -> bool:
        row = self._db.execute(f"SELECT body FROM {table} WHERE {where}", keys).fetchone()
        if row is not None:
            return bool(row[0] == body)
        marks = ", ".join("?" * (len(keys) + 2))
        self._db.execute(f"INSERT INTO {table} VALUES ({marks})", (*keys, body, time.time()))
        return True


def read_sessions(path: Path) -> tuple[str, list[StoredSession]]:
    """(identity of the study, its sessions in order of their start) of a database, which is opened read-only.

    Raises InputError when it cannot be read.
    """
    try:
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            (study,) = db.execute("SELECT study FROM study").fetchone()
            return study, list(_sessions(db))
        finally:
            db.close()
    except (sqlite3.Error, TypeError) as error:
        raise InputError(f"{path} is not a database of a listening study ({error})") from None


def _sessions(db: sqlite3.Connection) -> Iterator[StoredSession]:
    ends = dict(db.execute("SELECT session, body FROM finished"))
    answers: dict[str, list[str]] = {}
    for name, body in db.execute("SELECT session, body FROM answers ORDER BY received, rowid"):
        answers.setdefault(name, []).append(body)
    for name, form, participant, received in db.execute("SELECT * FROM sessions ORDER BY received, rowid"):
        yield StoredSession(name, form, participant, received, tuple(answers.get(name, ())), ends.get(name))
