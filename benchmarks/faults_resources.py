"""Commands that lack something: room on the disk, permission, memory, file handles, a home, a clock that goes on.

Each ends well, or is refused in one line and leaves all files as they were. A helper of `python -m benchmarks.faults`.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.faults_damage import Rng
from benchmarks.faults_kill import GENERATE, MODEL, OUT, TASKS, copied, warm
from benchmarks.faults_moments import code_of, difference, hashes, started
from benchmarks.faults_run import OTHER, Outcome, made_once, run_case
from condfoley.cli import main as cli
from condfoley.errors import EXIT_USER_ERROR

ADDRESS_SPACE, HANDLES, BACK = 1 << 30, 4, 3600.0
"""Bytes; file handles beside those that are open; s by which the clock jumps back at every look."""
SMALLEST, LARGEST = 1 << 12, 1 << 20
"""Bytes of room on a full disk."""
PAGE = 4096  # bytes in which tmpfs counts
DEEP = 3990
"""Bytes of a long path; Linux takes 4,095."""
Within = Callable[[], None]


@dataclass(frozen=True)
class Lack:
    """What a command lacks. around: of the folder in which it runs, before the files of `base` are there. within: called in its
    process. fresh: in a process that is started anew, with its own interpreter."""

    around: Callable[[Path, Path, Rng], AbstractContextManager[None]] = lambda place, base, rng: nullcontext()
    after: Callable[[Path], None] = lambda place: None
    within: Within = lambda: None
    fresh: bool = False
    environment: dict[str, str] = field(default_factory=dict)


@contextmanager
def full_disk(place: Path, base: Path, rng: Rng) -> Iterator[None]:
    """A file system in memory, with little more room than the files of `base` take."""
    sizes = [path.stat().st_size for path in base.rglob("*") if path.is_file()]
    size = sum(-(-size // PAGE) * PAGE for size in sizes)
    room = int(2 ** rng.uniform(SMALLEST.bit_length(), LARGEST.bit_length()))
    place.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={size + room}", "tmpfs", str(place))
    try:
        yield
    finally:
        os.chdir("/")
        subprocess.run(["umount", "-l", str(place)], check=True)


def read_only(place: Path) -> None:
    """Makes a mounted file system one that cannot be written."""
    _mount("-o", "remount,ro", str(place))


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)


def without_temporary_folder() -> None:
    """As where neither TMPDIR nor /tmp can be written."""
    tempfile.tempdir = "/nowhere"
    os.environ["TMPDIR"] = "/nowhere"


def with_few_handles() -> None:
    """Leaves HANDLES file handles."""
    most = max(map(int, os.listdir("/proc/self/fd"))) + 1 + HANDLES
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def with_clock_going_back() -> None:
    """The time of day is an hour earlier at every look."""
    looks, true = 0, time.time

    def back() -> float:
        nonlocal looks
        looks += 1
        return true() - BACK * looks

    time.time = back
    time.time_ns = lambda: int(back() * 1e9)


def with_little_memory() -> None:
    """At most ADDRESS_SPACE bytes of address space, with libraries."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))


def named_in_japanese(place: Path) -> None:
    """Targets whose names the locale C does not know."""
    (place / "target.mp4").rename(place / "標的 é.mp4")


LACKS = {
    "full disk": Lack(around=full_disk),
    "read-only folder": Lack(around=full_disk, after=read_only),
    "no temporary folder": Lack(within=without_temporary_folder),
    "4 file handles": Lack(within=with_few_handles),
    "clock goes back": Lack(within=with_clock_going_back),
    "1 GB of address space": Lack(within=with_little_memory, fresh=True),
    "locale C": Lack(
        after=named_in_japanese,
        fresh=True,
        environment={"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ),
    "no home": Lack(fresh=True, environment={"HOME": "/nowhere", "XDG_DATA_HOME": "", "XDG_CACHE_HOME": ""}),
}
LONG_OUT = "/".join(["x" * 199] * (DEEP // 200))
COMMANDS = {name: task.words for name, task in TASKS.items()} | {
    "generate: name": [word.replace("target.mp4", "標的 é.mp4") for word in GENERATE] + ["--out", OUT],
    "generate: long path": [*GENERATE, "--out", LONG_OUT],
    "generate: long target": [word.replace("target.mp4", f"{LONG_OUT}/t.mp4") for word in GENERATE] + ["--out", OUT],
    "generate: 500 candidates": ["generate", "--reference", "reference.mp4", "--target", "second.mp4", "--candidates",
                                 "500", "--out", OUT, *MODEL],
}  # fmt: skip
WRITING = ("generate", "generate --force", "batch", "edit", "redo", "prepare", "simulate", "train")
CASES = [
    *(("full disk", name) for name in WRITING[:5] * 3 + WRITING[5:]),
    *(("read-only folder", name) for name in WRITING),
    *(("no temporary folder", name) for name in ("generate", "edit", "redo", "batch")),
    *(("4 file handles", name) for name in ("generate", "edit", "redo", "batch", "prepare")),
    *(("clock goes back", name) for name in ("generate", "edit", "redo", "batch")),
    ("1 GB of address space", "generate"),
    ("locale C", "generate: name"),
    ("no home", "generate"),
    ("", "generate: long path"),
    ("", "generate: long target"),
    ("", "generate: 500 candidates"),
]
"""What lacks, and the command."""


def lacking_case(lack: Lack, words: list[str], base: Path, rng: Rng, home: Path) -> int:
    """Runs a command that lacks something. OTHER, and says why, where it leaves what a refusal may not."""
    said = home / "said"
    with lack.around(home / "work", base, rng):
        place = copied(base, home)
        lack.after(place)
        before = hashes(place)
        code = code_of(started(lambda: _command(lack, words), said))
        after = hashes(place)
    lines = [line for line in said.read_text(errors="replace").splitlines() if "%|" not in line]
    if code:
        told_each = all(line.startswith("condfoley: ") for line in lines)  # `batch` has a line for each pair
        print("\n".join(lines[-1:] if told_each else lines), file=sys.stderr)
    told = (f"{OUT}/failed.csv", "tmp/.ses", "tmp")  # how `batch` tells of pairs; onnxruntime's own
    after, before = (
        {n: known for n, known in found.items() if n not in told and ".cache" not in n} for found in (after, before)
    )
    changed = difference(after, before) if code == EXIT_USER_ERROR else ""
    if changed or (not code and any(".part" in name for name in after)):
        print(f"changed: {changed}", file=sys.stderr)
        return OTHER
    return code if code >= 0 else 1


def _command(lack: Lack, words: list[str]) -> int:
    lack.within()
    if not lack.fresh:
        return cli.main(words)
    environment = {name: value for name, value in {**os.environ, **lack.environment}.items() if value}
    os.execve(sys.executable, [sys.executable, "-m", "condfoley", *words], environment)


def run(number: int, rng: Rng, store: Path) -> list[tuple[str, str, Outcome]]:
    """One case; see `faults_media.run`."""
    base = made_once(store, "faults_kill")
    what, name = CASES[number % len(CASES)]
    task = TASKS.get(name)
    warm(bool(task and task.torch))
    outcome = run_case(partial(lacking_case, LACKS.get(what, Lack()), COMMANDS[name], base, rng), memory=None)
    return [(what or name, name, outcome)]
