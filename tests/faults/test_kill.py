"""The harness that kills commands and takes resources from them: moments, comparison, and a few whole cases."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import faults_kill, faults_resources
from benchmarks.faults_kill import Task
from benchmarks.faults_moments import Moment, Whole, code_of, difference, hashes, killed, measured, started
from benchmarks.faults_run import run_case
from condfoley.cli import main as cli
from condfoley.errors import InputError
from condfoley.files import atomic_file

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="processes are watched as Linux does")


def careful(argv: list[str]) -> int:
    """Writes a file that is complete or absent."""
    with atomic_file(Path("out.txt")) as part:
        part.write_text("done")
    return 0


def careless(argv: list[str]) -> int:
    """Leaves its temporary file when it is killed, for ever."""
    Path(f"{os.getpid()}.tmp").write_text("done")
    os.replace(f"{os.getpid()}.tmp", "out.txt")
    return 0


def lossy(argv: list[str]) -> int:
    """Forgets what it had once it was killed."""
    if not Path("begun").exists():
        Path("begun").touch()
        Path("out.txt").write_text("done")
    return 0


def full(argv: list[str]) -> int:
    """Writes in place, and is told in the middle that there is no more room."""
    Path("out.txt").write_text("half")
    raise InputError("out.txt: cannot be written")


@pytest.fixture
def base(tmp_path, monkeypatch) -> Path:
    commands = {work.__name__: ("", work) for work in (careful, careless, lossy, full)}
    monkeypatch.setattr(cli, "COMMANDS", dict(cli.COMMANDS) | commands)
    monkeypatch.setattr(
        faults_kill, "TASKS", {name: Task([name], twice=name == "careful") for name in commands} | {"train": Task([])}
    )
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "before.txt").write_text("before")
    return tmp_path / "base"


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("name", "verdicts"), [("careful", {"done"}), ("careless", {"done", "other"}), ("lossy", {"done", "other"})]
)
def test_what_a_kill_leaves_is_told(base, tmp_path, name, verdicts):
    task = faults_kill.TASKS[name]
    whole, wanted = faults_kill.undisturbed(name, base, tmp_path)
    found = set()
    for change in range(whole.changes):
        case = lambda home, change=change: faults_kill.kill_case(task, base, Moment(change=change), wanted, home)  # noqa: E731
        found.add(run_case(case, memory=None).verdict)
    assert whole.changes >= 2 and found == verdicts


def test_commands_at_the_same_time_are_compared(base, tmp_path):
    _, wanted = faults_kill.undisturbed("careful", base, tmp_path)
    for name, verdict in (("careful", "done"), ("full", "other")):
        task = faults_kill.TASKS[name]
        case = lambda home, task=task: faults_kill.twice_case(task, base, Moment(seconds=0.0), wanted, home)  # noqa: E731
        assert run_case(case, memory=None).verdict == verdict


def test_a_refusal_that_leaves_something_is_told(base):
    lack = faults_resources.Lack()
    for words, verdict in ((["careful"], "done"), (["full"], "other"), (["unheard-of"], "refused")):
        case = lambda home, words=words: faults_resources.lacking_case(  # noqa: E731
            lack, words, base, np.random.default_rng(0), home
        )
        assert run_case(case, memory=None).verdict == verdict


def test_moments_are_random_within_a_run():
    rng = np.random.default_rng(0)
    moments = [Whole(2.0, 10).moment(rng) for _ in range(100)]
    seconds = [moment.seconds for moment in moments if moment.seconds is not None]
    changes = {moment.change for moment in moments if moment.change is not None}
    assert 20 < len(seconds) < 80 and max(seconds) <= 2.1 and changes <= set(range(10)) and len(changes) > 5


def test_a_process_is_killed_before_a_change_or_after_a_time(tmp_path):
    def work() -> int:
        for number in range(3):
            (tmp_path / str(number)).mkdir()
        return 5

    moment = Moment(change=1)
    assert killed(started(work, tmp_path / "said", moment), moment)
    assert hashes(tmp_path) == {"0": "folder", "said": hashes(tmp_path)["said"]}
    (tmp_path / "0").rmdir()
    assert code_of(started(work, tmp_path / "said")) == 5
    late = Moment(seconds=0.05)
    assert killed(started(lambda: __import__("signal").pause() or 0, tmp_path / "said", late), late)
    with pytest.raises(RuntimeError, match="ended with 1"):
        measured(lambda: 1 // 0, tmp_path)


def test_differences_are_named(tmp_path):
    (tmp_path / "a").write_text("1")
    (tmp_path / ".lock").touch()
    one = hashes(tmp_path)
    (tmp_path / "a").write_text("2")
    (tmp_path / "b").write_text("3")
    assert list(one) == ["a"] and difference(hashes(tmp_path), one) == "left: b; other: a"
    assert difference(one, hashes(tmp_path)) == "lost: b; other: a"
    assert difference(hashes(tmp_path, frozenset({"a"})), one | {"a": "", "b": ""}) == "other: b"


def test_each_lack_is_what_it_says(monkeypatch):
    monkeypatch.setattr("time.time", faults_resources.time.time)
    monkeypatch.setattr("time.time_ns", faults_resources.time.time_ns)
    faults_resources.with_clock_going_back()
    first, second = faults_resources.time.time(), faults_resources.time.time()
    assert first - second > 3000
    assert 3000 < len(f"{faults_resources.LONG_OUT}/soundtrack.wav") < 4096
    assert all(what in faults_resources.LACKS or not what for what, _ in faults_resources.CASES)
    assert all(name in faults_resources.COMMANDS for _, name in faults_resources.CASES)
