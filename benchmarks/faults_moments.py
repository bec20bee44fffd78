"""Runs what changes files in a forked process and ends it with SIGKILL: after some seconds, or before one of its changes.

A helper of `python -m benchmarks.faults`.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from benchmarks.faults_run import ends

CHANGES = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink"})
"""Audit events of Python's own changes to the file system, beside `open` for writing."""
NOT_RESULTS = re.compile(r"\.lock|.*\.lock|first|stdout|stderr")
"""Names of files that say nothing of a result: locks, and what was printed."""


@dataclass(frozen=True)
class Moment:
    """When a process is killed: `seconds` after its start, or before its change number `change` of the file system."""

    seconds: float | None = None
    change: int | None = None

    def __str__(self) -> str:
        return f"after {self.seconds:.3f} s" if self.seconds is not None else f"before change {self.change}"


@dataclass(frozen=True)
class Whole:
    """What a run does that nobody disturbs. seconds: that it takes. changes: of the file system."""

    seconds: float
    changes: int

    def moment(self, rng: np.random.Generator) -> Moment:
        """A random one: half of them by the clock, half by a change, since those are few and short."""
        if rng.random() < 0.5 or not self.changes:
            return Moment(seconds=float(rng.uniform(0, 1.05 * self.seconds)))
        return Moment(change=int(rng.integers(self.changes)))


def started(work: Callable[[], int], said: Path, moment: Moment | None = None, count: Path | None = None) -> int:
    """Calls `work` in a forked process and returns its id. said: file for what it prints.

    moment: kills the process before a change. count: file into which it writes the number of its changes at its end.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        _child(work, said, moment.change if moment else None, count)
    return child


def _child(work: Callable[[], int], said: Path, last: int | None, count: Path | None) -> NoReturn:
    code, seen = 1, 0

    def changed(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event in CHANGES or event == "open" and _for_writing(arguments):
            if seen == last:
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1

    try:
        stream = os.open(said, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        for number in (1, 2):
            os.dup2(stream, number)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False, buffering=1)
        if last is not None or count is not None:
            sys.addaudithook(changed)
        code = work()
    except BaseException:  # noqa: BLE001 - whatever it is, it is how the command ended
        traceback.print_exc()
    finally:
        total = seen
        if count is not None:
            count.write_text(str(total))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _for_writing(arguments: tuple[object, ...]) -> bool:
    flags = arguments[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def killed(child: int, moment: Moment) -> bool:
    """Kills a process at its moment; whether it was before its end."""
    if moment.seconds is not None and not ends(child, moment.seconds):
        os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def code_of(child: int) -> int:
    """The exit code of a process, for whose end it waits; negative: the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def measured(work: Callable[[], int], home: Path) -> Whole:
    """Runs `work` undisturbed. Raises RuntimeError, with what it said, when it fails."""
    count, said = home / "first", home / "stdout"
    began = time.monotonic()
    code = code_of(started(work, said, count=count))
    seconds = time.monotonic() - began
    if code:
        raise RuntimeError(f"ended with {code}: {said.read_text()[-500:]}")
    changes = int(count.read_text())
    count.unlink()
    return Whole(seconds, changes)


def hashes(folder: Path, varies: frozenset[str] = frozenset()) -> dict[str, str]:
    """SHA-256 of all files in a folder by their names, and "folder" for empty folders; "" for names in `varies`."""
    out = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if NOT_RESULTS.fullmatch(path.name):
            continue
        if path.is_dir():
            if not any(path.iterdir()):
                out[name] = "folder"
        elif path.is_file():
            out[name] = "" if name in varies else hashlib.sha256(path.read_bytes()).hexdigest()
    return out


def difference(found: dict[str, str], wanted: dict[str, str]) -> str:
    """How two results differ, in a line; empty where they are equal."""
    parts = [
        ("left", sorted(found.keys() - wanted.keys())),
        ("lost", sorted(wanted.keys() - found.keys())),
        ("other", sorted(name for name in found.keys() & wanted.keys() if found[name] != wanted[name])),
    ]
    return "; ".join(f"{what}: {', '.join(names[:6])}" for what, names in parts if names)
