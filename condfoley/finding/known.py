"""Vectors of sounds on disk, in one SQLite file of the cache: by the hash of a sound and of the part that listened to it.

Where a file was when its size and time of change were noted, too, so that it is not read again to compute its hash. Any
number of processes may use it at a time; what cannot be read or written is computed anew.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.finding.listen import Heard
from condfoley.references.cache import cache_folder
from condfoley.weights import sha256

NAME = "sounds.sqlite"
VERSION = 1  # of the layout, and of how a sound is listened to; others are started anew
MOST = 200_000  # sounds of which vectors are kept; those that were not used for longest make room
PATIENCE = 30.0  # s for another process that writes
TABLES = f"""
create table if not exists files (path blob primary key, size integer, changed integer, hash text);
create table if not exists vectors (
    hash text, part text, starts blob, vectors blob, used real, primary key (hash, part));
pragma user_version = {VERSION};
"""


@dataclass(frozen=True)
class Known:
    """The vectors that one part of the weights, given by its hash, has computed. path: None: nothing is kept."""

    path: Path | None
    part: str

    @classmethod
    def of(cls, part: str) -> Known:
        """Those in the cache's folder; without any where the user wants none."""
        folder = cache_folder()
        return cls(None if folder is None else folder / NAME, part)

    def hashes(self, paths: Sequence[Path]) -> Iterator[str]:
        """SHA-256 of each file; one that is as it was is not read. "" where it cannot be read."""
        noted = {key: row for key, *row in self._select("select path, size, changed, hash from files")}
        new: list[tuple[object, ...]] = []
        try:
            for path in paths:
                key = os.fsencode(path.absolute())
                try:
                    state = path.stat()
                    size, changed, digest = noted.get(key, (-1, -1, ""))
                    if (size, changed) != (state.st_size, state.st_mtime_ns):
                        digest = sha256(path)
                        new.append((key, state.st_size, state.st_mtime_ns, digest))
                except OSError:
                    digest = ""
                yield digest
        finally:
            self._write("insert or replace into files values (?, ?, ?, ?)", new)

    def load(self, hashes: Iterable[str]) -> dict[str, Heard]:
        """What is known of sounds, by their hashes."""
        wanted, out = json.dumps(sorted(set(hashes))), {}
        query = "select hash, starts, vectors from vectors where part = ? and hash in (select value from json_each(?))"
        for digest, starts, vectors in self._select(query, (self.part, wanted)):
            at = np.frombuffer(starts, np.float64)
            out[digest] = Heard(at, np.frombuffer(vectors, np.float32).reshape(len(at), -1))
        now = time.time()
        self._write("update vectors set used = ? where hash = ? and part = ?", [(now, key, self.part) for key in out])
        return out

    def save(self, heard: dict[str, Heard]) -> None:
        """Keeps what was heard, by hashes."""
        now = time.time()
        rows = [
            (key, self.part, h.starts.astype(np.float64).tobytes(), h.vectors.astype(np.float32).tobytes(), now)
            for key, h in heard.items()
            if key
        ]
        self._write("insert or replace into vectors values (?, ?, ?, ?, ?)", rows)

    def make_room(self, most: int = MOST) -> None:
        """Leaves the vectors that were used last; of too many files, those that have one."""
        old = "select rowid from vectors order by used desc limit -1 offset ?"
        self._write(f"delete from vectors where rowid in ({old})", [(most,)])
        few = "(select count(*) from files) <= ?"
        self._write(f"delete from files where not {few} and hash not in (select hash from vectors)", [(most,)])

    def _open(self) -> sqlite3.Connection:
        assert self.path is not None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self.path, timeout=PATIENCE)
        try:
            version = database.execute("pragma user_version").fetchone()[0]
            if version not in (0, VERSION):
                raise sqlite3.DatabaseError("of another version")
            if not version:
                database.executescript(TABLES)
        except BaseException:
            database.close()
            raise
        return database

    def _select(self, query: str, values: tuple[str, ...] = ()) -> list[Any]:
        if self.path is None:
            return []
        try:
            with closing(self._open()) as database:
                return database.execute(query, values).fetchall()
        except sqlite3.OperationalError:  # somebody else has it, or it cannot be opened
            return []
        except (sqlite3.DatabaseError, OSError):
            with suppress(OSError):
                self.path.unlink()  # damaged, or of another version
            return []

    def _write(self, query: str, rows: Sequence[tuple[object, ...]]) -> None:
        if self.path is None or not rows:
            return
        with suppress(sqlite3.Error, OSError), closing(self._open()) as database, database:
            database.executemany(query, rows)
