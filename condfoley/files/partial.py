"""Files and folders that are made before they are moved in place. What a killed process left is finished or removed.

A file belongs to its process as long as that holds a lock on it, a folder while there is one on the file beside it. Locks are
the system's own: importing the package `filelock`, and with it asyncio, takes a tenth of a second. Where a system has none
(Windows, some network drives), what was left of files stays.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from condfoley.errors import InputError

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed
    fcntl = None  # type: ignore[assignment]

SET_ASIDE, REPLACED = "set_aside", "replaced"
"""Inside such a folder: earlier files while they are being set aside, and when they are."""
LOCKED = ".lock"


def shortened(name: str, most: int = 200) -> str:
    """The beginning of a file's name, of `most` bytes at most: names made of it must not be longer than 255 bytes."""
    return name.encode("utf-8", "ignore")[: max(1, most)].decode("utf-8", "ignore")


@contextmanager
def owned_file(home: Path, begin: str, end: str) -> Iterator[Path]:
    """Yields a new empty file in `home`, called `begin`NUMBER`end`, which is removed at the end if it is still there.

    Before, those that killed processes left are removed. Raises OSError when it cannot be made.
    """
    pattern = re.compile(re.escape(begin) + r"[0-9a-f]{8}" + re.escape(end))
    for entry in os.scandir(home):
        if pattern.fullmatch(entry.name):
            with suppress(OSError), _locked(Path(entry)):
                os.unlink(entry)
    path, owner = _new_file(home, begin, end)
    try:
        with owner:
            yield path
    finally:
        with suppress(OSError):
            path.unlink()


def _new_file(home: Path, begin: str, end: str) -> tuple[Path, IO[bytes]]:
    """A new file that is locked as long as it is open; where the system has no locks, it is closed."""
    while True:
        path = home / f"{begin}{secrets.token_hex(4)}{end}"
        owner = open(path, "xb")
        if not fcntl:
            owner.close()
            return path, owner
        with suppress(OSError):  # a file system without locks
            fcntl.flock(owner, fcntl.LOCK_EX)
        if os.fstat(owner.fileno()).st_nlink:
            return path, owner
        owner.close()  # somebody took it for one of a killed process before it was locked


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """A lock on an existing file. Raises OSError where another process has it, or there are none."""
    if not fcntl:
        raise OSError("no locks here")
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


@contextmanager
def owned_folder(home: Path, name: str, mode: int = 0o777) -> Iterator[Path]:
    """Yields a new folder in `home`, called `name` with a random number; at the end it is removed with what is left in it.

    Before, those that killed processes left are removed, see `clear`. Raises OSError when it cannot be made.
    """
    clear(home, name)
    path = home / f"{name}{secrets.token_hex(4)}"
    beside = path.with_name(path.name + LOCKED)
    try:
        with open(beside, "x") as lock:
            if fcntl:
                with suppress(OSError):  # a file system without locks
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.mkdir(mode)
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        beside.unlink(missing_ok=True)


def clear(home: Path, name: str, goal: Path | None = None) -> None:
    """Removes the folders `name`NUMBER of `home` whose processes were killed.

    goal: the folder into which one of them may have been moving its files: what it had begun is undone, or finished where
    all earlier files were set aside already.
    """
    pattern = re.compile(re.escape(name) + r"[0-9a-f]{8}")
    try:
        found = {entry.name.removesuffix(LOCKED) for entry in os.scandir(home) if entry.name.startswith(name)}
    except OSError:
        return
    for path in sorted(home / one for one in found if pattern.fullmatch(one)):
        with suppress(OSError), _without_owner(path):
            if goal is not None:
                _finish_moves(path, goal)
            shutil.rmtree(path, ignore_errors=True)


def partial_name(out: Path) -> str:
    """What the folders are called in which results are made before they are moved to `out`; a number follows."""
    return f".{shortened(out.resolve().name)}.partial-"


def clear_killed(out: Path) -> None:
    """Removes what runs into a result folder have left that were killed; results that were being moved in are completed."""
    for home in (out, out.parent):
        clear(home, partial_name(out), out)


@contextmanager
def _without_owner(path: Path) -> Iterator[None]:
    """A lock on a folder. Raises OSError where its process lives, or it is not ours."""
    beside = path.with_name(path.name + LOCKED)
    if not fcntl:
        beside.unlink(missing_ok=True)
        yield
        return
    with open(beside, "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
        beside.unlink(missing_ok=True)


def _finish_moves(work: Path, goal: Path) -> None:
    if (work / SET_ASIDE).is_dir():
        move_all(work / SET_ASIDE, goal)
    elif (work / REPLACED).is_dir():
        shutil.rmtree(work / REPLACED)
        move_all(work, goal)


def move_all(work: Path, goal: Path) -> None:
    """Moves all files of a folder, and of those in it, to the same places in another one."""
    for path in sorted(path for path in work.rglob("*") if path.is_file()):
        move(path, goal / path.relative_to(work))


def move(source: Path, goal: Path) -> None:
    """Moves a file, in place of another one; makes the goal's folder."""
    goal.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, goal)


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Nobody else writes to a folder meanwhile, if all ask here. Makes the folder.

    Raises InputError where another process does, and where the folder cannot be written to.
    """
    path = folder / LOCKED
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(path, "a")
    except OSError as error:
        raise InputError(f"{folder} cannot be written to ({error.strerror}); choose another folder") from error
    with lock:
        _lock_or_tell(lock, folder)
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()


def _lock_or_tell(lock: IO[str], folder: Path) -> None:
    if not fcntl:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ended = not os.fstat(lock.fileno()).st_nlink  # whoever had it has removed the file meanwhile
    except BlockingIOError:
        ended = True
    except OSError:
        return  # a file system without locks
    if ended:
        raise InputError(f"another process writes to {folder}; wait for it, or choose another folder")
