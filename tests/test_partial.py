"""Folders of results that are not in place yet: whose process lives, what is left of killed ones, and who may write."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from condfoley.errors import InputError
from condfoley.files.partial import REPLACED, SET_ASIDE, clear_killed, move_all, only_writer, owned_folder, partial_name
from condfoley.results.folder import ResultFolder


def files(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def written(folder: Path, contents: dict[str, str]) -> Path:
    for name, text in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_folder_is_removed_at_the_end_with_its_lock(tmp_path):
    with owned_folder(tmp_path, ".x-") as work:
        written(work, {"a/b": "1"})
        assert len(list(tmp_path.iterdir())) == 2
    assert not list(tmp_path.iterdir())


def test_what_a_living_process_makes_is_left_alone_and_what_a_killed_one_left_is_removed(tmp_path):
    left = written(tmp_path / ".x-0123abcd", {"a": "1"})
    (tmp_path / ".x-0123abcd.lock").touch()
    (tmp_path / ".x-89abcdef.lock").touch()  # killed before its folder was made
    others = {".x-": "", ".x-0123abcde/a": "", "x-0123abcd/a": "", ".x-notahex0/a": ""}
    written(tmp_path, others)
    with owned_folder(tmp_path, ".x-") as first, owned_folder(tmp_path, ".x-") as second:
        assert first.is_dir() and second.is_dir() and not left.exists()
    assert files(tmp_path) == others


OLD, NEW = {"soundtrack.wav": "old", "history/0001.json": "old"}, {"soundtrack.wav": "new", "cues.csv": "new"}


def killed_run(out: Path) -> Path:
    return out / f"{partial_name(out)}0123abcd"


def test_a_replacement_that_was_killed_before_all_was_set_aside_is_undone(tmp_path):
    out = written(tmp_path / "out", {"history/0001.json": "old", "mine.txt": "mine"})
    written(killed_run(out), NEW | {f"{SET_ASIDE}/soundtrack.wav": "old"})
    clear_killed(out)
    assert files(out) == OLD | {"mine.txt": "mine"}


def test_a_replacement_that_was_killed_later_is_finished(tmp_path):
    out = written(tmp_path / "out", {"cues.csv": "new", "mine.txt": "mine"})
    written(killed_run(out), {"soundtrack.wav": "new"} | {f"{REPLACED}/{name}": text for name, text in OLD.items()})
    with pytest.raises(InputError, match="already holds results"), ResultFolder(out):
        pass
    assert files(out) == NEW | {"mine.txt": "mine"}


@pytest.mark.parametrize("last", range(6))
def test_results_that_are_replaced_are_the_old_or_the_new_ones_wherever_that_is_killed(tmp_path, monkeypatch, last):
    from condfoley.results import folder as results

    class Killed(BaseException):
        pass

    moved, found = 0, tmp_path / "copy" / "out"

    def counted(source: Path, goal: Path) -> None:
        nonlocal moved
        if moved == last and not found.exists():
            shutil.copytree(out, found)  # as it is after a kill
            raise Killed
        moved += 1
        move(source, goal)

    out = written(tmp_path / "out", OLD)
    move = results.move
    monkeypatch.setattr(results, "move", counted)
    with pytest.raises(Killed) if last < 4 else monkeypatch.context():
        with ResultFolder(out, force=True) as run:
            written(run.work, NEW)
            run.commit()
    if last >= 4:  # two are set aside, two are placed
        assert files(out) == NEW
        return
    assert files(out) == OLD  # an error is undone at once
    clear_killed(found)
    assert files(found) == (OLD if last < 2 else NEW)


def test_who_comes_second_is_told(tmp_path):
    folder = tmp_path / "new" / "out"
    with only_writer(folder):
        with pytest.raises(InputError, match="another process writes to .*out; wait"), only_writer(folder):
            pass
    with only_writer(folder):
        pass
    assert not list(folder.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written to"), only_writer(tmp_path / "file" / "x"):
        pass


def test_files_are_moved_to_the_same_places(tmp_path):
    move_all(written(tmp_path / "a", {"x": "1", "y/z": "2"}), written(tmp_path / "b", {"x": "0", "w": "3"}))
    assert files(tmp_path / "b") == {"x": "1", "y/z": "2", "w": "3"} and not files(tmp_path / "a")
