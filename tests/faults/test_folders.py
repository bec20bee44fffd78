"""Folders that a user named are made where a refusal is one line; what processes leave that are killed goes in any case."""

from __future__ import annotations

import ast
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from condfoley.errors import InputError
from condfoley.files import atomic_file, make_folder, scratch_folder
from condfoley.project.leftovers import UNFINISHED, only_if_finished
from condfoley.project.store import editing
from condfoley.studio.jobs import studio_queue
from tests.project.results import contents, made_result

PACKAGE = Path(__file__).parents[2] / "condfoley"
OWN = {
    "files/__init__.py", "files/partial.py",  # of these `make_folder` is one
    "references/cache.py", "finding/known.py",  # caches, which are done without
    "comfyui.py", "training/checkpoint.py", "study/export.py", "studio/jobs.py",  # inside a folder that was made
    "studio/downloads.py",
}  # fmt: skip


def test_folders_that_a_user_names_are_made_by_make_folder():
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("mkdir", "makedirs"):
                if any(word.arg == "parents" for word in node.keywords) or node.func.attr == "makedirs":
                    found.add(path.relative_to(PACKAGE).as_posix())
    assert found - OWN == set()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(InputError, match=r"x: cannot be written \(Read-only file system\); make room there or choose"):
        make_folder(tmp_path / "x")


KILLED = """
import os, signal, sys
from pathlib import Path
from condfoley.files import atomic_file, scratch_folder
home = Path(sys.argv[1])
with atomic_file(home / "a.txt"), scratch_folder(home) as work:
    (work / "half").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.heavy
def test_the_next_writer_removes_what_a_killed_one_left_and_no_other_files(tmp_path):
    assert subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)]).returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 3  # a file, a folder and its lock
    (tmp_path / ".b.0123abcd.part.txt").touch()  # of another file
    with atomic_file(tmp_path / "a.txt") as other:
        other.write_text("other")
        with atomic_file(tmp_path / "a.txt") as part:  # beside one that is being written
            part.write_text("mine")
        assert other.exists()
    with scratch_folder(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.0123abcd.part.txt", "a.txt"]
    assert (tmp_path / "a.txt").read_text() == "other"


def test_sounds_of_an_edit_that_was_killed_are_removed_by_the_next_one(tmp_path):
    folder = made_result(tmp_path)
    before = contents(folder)
    with editing(folder), only_if_finished(folder):
        (folder / "sounds" / "drawn.flac").touch()
        noted = (folder / UNFINISHED).read_text()
    assert (folder / "sounds" / "drawn.flac").exists() and not (folder / UNFINISHED).exists()
    (folder / UNFINISHED).write_text(noted)  # as if it had been killed
    with editing(folder), only_if_finished(folder):
        pass
    assert contents(folder) == before
    (folder / UNFINISHED).write_text("[")  # killed while that was written
    with editing(folder), only_if_finished(folder):
        pass
    assert contents(folder) == before


def test_a_job_of_a_killed_server_whose_project_is_there_is_done(tmp_path):
    pytest.importorskip("fastapi", reason="the studio needs FastAPI")
    for key in ("0" * 16, "1" * 16):
        folder = tmp_path / "jobs" / key
        folder.mkdir(parents=True)
        (folder / "job.json").write_text('{"owner": "local", "kind": "generate", "project": null}')
    (tmp_path / "users" / "local" / "projects" / ("1" * 16)).mkdir(parents=True)
    queue = studio_queue(tmp_path, 5)
    found = {job.id: (job.state, job.options.project) for job in queue.all()}
    queue.close()
    assert found == {"0" * 16: ("failed", None), "1" * 16: ("done", "1" * 16)}
