"""Runs what may go wrong in a process of its own, with little memory and time, and judges how it ended.

A helper of `python -m benchmarks.faults`.
"""

from __future__ import annotations

import faulthandler
import os
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from condfoley.cli.batch_jobs import FAILED
from condfoley.errors import EXIT_USER_ERROR
from condfoley.files import PART, SCRATCH

Verdict = Literal["done", "refused", "traceback", "crash", "hang", "memory", "unclear", "left", "other"]
FAULTS: tuple[Verdict, ...] = ("traceback", "crash", "hang", "memory", "unclear", "left", "other")
"""Verdicts that must not occur: an internal error; a signal; no end in time; no memory; a refusal that is not one line or
does not name the input; files that a failure left; a result that is not the one of an undisturbed run."""
OTHER = 77
"""Exit code of a case whose result is not the wanted one."""
SECONDS, PATIENCE, BYTES, FILE_BYTES = 60, 600.0, 2 << 30, 4 << 30
"""Limits of a case: s of the processor, s on the clock (the machine may be busy), bytes of memory, bytes of a file."""
NO_ROOM = "set TMPDIR"
"""What a refusal says where there is no room for temporary files, instead of naming the input."""
BAR = re.compile(r"\d%\|")
"""Told of in every line of a progress bar, which may stand before a refusal."""
OUT = "out"
"""Name, in a case's folder, of what it writes; nothing may be there after a refusal."""


def made_once(store: Path, module: str) -> Path:
    """The folder in `store` that `make` of a module of benchmarks fills, made once, in a process of its own, so that this
    one stays small."""
    home = (store / "base").resolve()
    if not (home / "complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        code = f"from pathlib import Path; from benchmarks.{module} import make; make(Path({str(home)!r}))"
        subprocess.run([sys.executable, "-c", code], check=True, stdout=sys.stderr)
        (home / "complete").touch()
    return home


@dataclass(frozen=True)
class Outcome:
    """How a case ended. said: its last line on stderr. peak: bytes of memory at most. seconds: that it took."""

    verdict: Verdict
    said: str
    peak: int
    seconds: float


def run_case(
    work: Callable[[Path], int],
    named: str = "",
    seconds: int = SECONDS,
    memory: int | None = BYTES,
    patience: float = PATIENCE,
    lines: int = 1,
) -> Outcome:
    """Calls `work` with a new folder, which is also the working folder, in a forked process; it returns an exit code.

    named: what a refusal must name. lines: that a refusal may have, as `batch` has one for each pair. memory: bytes that it
    may allocate beyond what this process has, without files mapped into memory, in which long targets are kept
    (RLIMIT_DATA); None: as many as it likes, but more than BYTES in use beyond what this process uses is a fault. The
    process has a group of its own, which is ended after `seconds` of the processor, or `patience` s on the clock. All that
    `work` imports should be imported before, since each fork starts from here.
    """
    home = Path(tempfile.mkdtemp(prefix="fault-"))
    try:
        began = time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        before = _own_bytes("RssAnon")  # which a fork has, too; it does not have mapped files
        child = os.fork()
        if not child:
            _child(work, home, seconds, memory)
        in_time = ends(child, patience)
        if not in_time:
            os.killpg(child, signal.SIGKILL)
        _, status, used = os.wait4(child, 0)
        said = (home / "stderr").read_text(errors="replace") if (home / "stderr").exists() else ""
        verdict = _judged(status, said, named, left_over(home), lines) if in_time else "hang"
        if memory is None and used.ru_maxrss << 10 > BYTES + before:
            verdict = "memory"
        last = said.strip().splitlines()[-1:] or [""]
        return Outcome(verdict, last[0][:400], used.ru_maxrss << 10, time.monotonic() - began)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _own_bytes(kind: str) -> int:
    """Bytes that this process has already, of a kind in /proc/self/status (Linux)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{kind}:"))
    return int(line.split()[1]) << 10


def _child(work: Callable[[Path], int], home: Path, seconds: int, memory: int | None) -> NoReturn:
    code = 1
    try:
        faulthandler.disable()  # of a parent that wants to be told of crashes
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
        streams = os.open(home / "stdout", os.O_CREAT | os.O_WRONLY), os.open(home / "stderr", os.O_CREAT | os.O_WRONLY)
        for stream, number in zip(streams, (1, 2), strict=True):
            os.dup2(stream, number)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)
        os.chdir(home)
        if memory is not None:
            most = memory + _own_bytes("VmData")  # what the parent had does not count
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        code = work(home)
    except BaseException:  # noqa: BLE001  (whatever it is, it is the case's outcome)
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def ends(child: int, seconds: float) -> bool:
    """Whether a process ends within some seconds; it is not waited for."""
    handle = os.pidfd_open(child)
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def left_over(home: Path) -> list[str]:
    """What a failure has left in a case's folder: results but the list of failed pairs, or temporary files."""
    found = [path for path in home.rglob("*") if PART.fullmatch(path.name) or SCRATCH.fullmatch(path.name)]
    results = (path for path in (home / OUT).glob("*") if path.name != FAILED)
    return [str(path.relative_to(home)) for path in [*found, *results]]


def _judged(status: int, said: str, named: str, left: list[str], most: int = 1) -> Verdict:
    """status: of the process, as os.wait gives it."""
    if os.WIFSIGNALED(status):
        return "hang" if os.WTERMSIG(status) == signal.SIGXCPU else "crash"
    code = os.WEXITSTATUS(status)
    if not code:
        return "left" if any(PART.fullmatch(Path(name).name) for name in left) else "done"
    if re.search(r"MemoryError|bad_alloc|Cannot allocate", said):
        return "memory"
    if code == OTHER:
        return "other"
    if code != EXIT_USER_ERROR:
        return "traceback"
    lines = [line for line in said.strip().splitlines() if not BAR.search(line)]
    named_well = named in said or NO_ROOM in said
    if not 1 <= len(lines) <= most or not all(line.startswith("condfoley: ") for line in lines) or not named_well:
        return "unclear"
    return "left" if left else "refused"
