"""Answers in SQLite: appended, never changed; what was acknowledged survives a kill and a power cut."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from condfoley.errors import InputError

ABANDONED = 3600.0
"""s after which an unfinished session no longer counts when the next participant gets the form least heard."""
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
class Session:
    """A session of the database with its answers: (trial's answer as JSON), and the JSON of its end or None."""

    name: str
    form: int
    participant: str
    received: float
    answers: tuple[str, ...]
    finished: str | None


class Store:
    """The answers of one study. Safe to use from several threads; each call is one transaction on the disk."""

    def __init__(self, path: Path, study: str) -> None:
        """Open or make the database. Raises InputError when it cannot be used or belongs to another study."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, timeout=30)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")  # a commit returns when the disk has it
            self._db.execute("PRAGMA foreign_keys=ON")
            self._db.executescript(SCHEMA)
            with self._db:
                self._db.execute(
                    "INSERT OR IGNORE INTO study SELECT ? WHERE NOT EXISTS (SELECT * FROM study)", (study,)
                )
            (owner,) = self._db.execute("SELECT study FROM study").fetchone()
        except sqlite3.Error as error:
            raise InputError(f"{path} cannot be used as database ({error}); give another --results") from error
        if owner != study:
            self._db.close()
            raise InputError(f"{path} holds answers of another study ({owner}); give another --results")
        self._lock = threading.Lock()

    def close(self) -> None:
        """Write everything back into the one file."""
        self._db.close()

    def add_session(self, name: str, participant: str, forms: int) -> int:
        """Enter a new session; returns its form, the one with the fewest sessions finished or under way."""
        with self._lock, self._db:
            counted = self._db.execute(
                "SELECT form, count(*) FROM sessions WHERE received > ? OR session IN (SELECT session FROM finished) "
                "GROUP BY form",
                (time.time() - ABANDONED,),
            )
            taken = dict(counted.fetchall())
            form = min(range(forms), key=lambda k: (taken.get(k, 0), k))
            self._db.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", (name, form, participant, time.time()))
        return form

    def form(self, session: str) -> int | None:
        """The form of a session, None for an unknown one."""
        with self._lock:
            row = self._db.execute("SELECT form FROM sessions WHERE session = ?", (session,)).fetchone()
        return None if row is None else row[0]

    def add_answer(self, session: str, trial: str, body: str) -> bool:
        """Append an answer. False when another one is there already; the same one again is fine (a lost reply)."""
        return self._append("answers", "session = ? AND trial = ?", (session, trial), body)

    def finish(self, session: str, body: str) -> bool:
        """Append the end of a session, once; False when it ended otherwise before."""
        return self._append("finished", "session = ?", (session,), body)

    def answered(self, session: str) -> int:
        """How many answers a session has."""
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM answers WHERE session = ?", (session,)).fetchone()[0])

    def _append(self, table: str, where: str, keys: tuple[str, ...], body: str) -> bool:
        with self._lock, self._db:
            row = self._db.execute(f"SELECT body FROM {table} WHERE {where}", keys).fetchone()
            if row is not None:
                return bool(row[0] == body)
            marks = ", ".join("?" * (len(keys) + 2))
            self._db.execute(f"INSERT INTO {table} VALUES ({marks})", (*keys, body, time.time()))
        return True


def sessions(path: Path) -> tuple[str, list[Session]]:
    """(name of the study, its sessions in the order of their beginning) of a database; changes nothing in it.

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
        raise InputError(f"{path} is no database of a listening study ({error})") from None


def _sessions(db: sqlite3.Connection) -> Iterator[Session]:
    ends = dict(db.execute("SELECT session, body FROM finished"))
    answers: dict[str, list[str]] = {}
    for name, body in db.execute("SELECT session, body FROM answers ORDER BY received, rowid"):
        answers.setdefault(name, []).append(body)
    for name, form, participant, received in db.execute("SELECT * FROM sessions ORDER BY received, rowid"):
        yield Session(name, form, participant, received, tuple(answers.get(name, ())), ends.get(name))
