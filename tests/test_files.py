"""Files and folders are whole or not there, and a place that cannot be written to is told in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from condfoley.data.decode import CacheSettings, decode_file
from condfoley.data.segments import SegmentOptions
from condfoley.data.shards import ShardJob, make_shard
from condfoley.data.sources.listing import Video
from condfoley.errors import InputError, UnwritableError
from condfoley.files import atomic_file, make_folder, open_atomic, scratch_folder
from condfoley.geometry import Geometry
from condfoley.published import exporter
from tests.made_up import FPS, RATE, pulses, write_video


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full when a file is moved in place."""

    def replace(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", replace)


def test_files_that_differ_in_their_suffix_do_not_meet(tmp_path: Path) -> None:
    with open_atomic(tmp_path / "x.json") as one, open_atomic(tmp_path / "x.npz") as other:
        one.write(b"json")
        other.write(b"npz")
        assert not (tmp_path / "x.json").exists()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"x.json": "json", "x.npz": "npz"}


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("aside", [atomic_file, scratch_folder])
def test_a_failure_leaves_what_was_there(tmp_path: Path, aside, failure: type[BaseException]) -> None:
    (tmp_path / "x").write_text("old")
    with pytest.raises(failure), aside(tmp_path / "x" if aside is atomic_file else tmp_path) as part:
        (part / "y" if part.is_dir() else part).write_text("new")
        raise failure
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("x", "old")]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, full: None) -> None:
    says = r"x\.json: cannot be written \(No space left on device\); make room there or choose another place$"
    with pytest.raises(InputError, match=says), atomic_file(tmp_path / "x.json"):
        pass
    with pytest.raises(UnwritableError, match=says), open_atomic(tmp_path / "x.json"):
        pass
    with pytest.raises(InputError, match=r"^\S+: cannot be written \(No space left on device\); [^;]+$"):
        with scratch_folder(tmp_path) as work, open_atomic(work / "x.json"):
            pass
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", 1.0, pulses([0.5], 1.0))


def test_a_full_disk_is_no_fault_of_the_clip(tmp_path: Path, clip: Path, full: None) -> None:
    """One that is taken for unusable stays left out."""
    with pytest.raises(UnwritableError):
        decode_file((str(clip), str(tmp_path / "clip"), ""), CacheSettings(FPS, RATE, 24, 0), False)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_no_part_of_a_shard(tmp_path: Path, clip: Path, full: None) -> None:
    how = SegmentOptions(Geometry(), 8.0, 48)
    with pytest.raises(InputError, match="No space left"):
        make_shard(ShardJob(0, (Video("clip", clip, clip, "train"),)), tmp_path, how, {})
    assert [path for path in tmp_path.rglob("*") if path.name != ".parts"] == []


def test_a_full_disk_leaves_neither_of_two_checkpoints(tmp_path: Path, full: None) -> None:
    with pytest.raises(InputError, match="No space left"):
        exporter._write({tmp_path / "new" / name: {} for name in ("x.ckpt", "y.pt")})
    assert list((tmp_path / "new").iterdir()) == []


def test_what_other_writers_raise_is_told_too(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="cannot be written .no luck"),
        atomic_file(tmp_path / "x", (OSError, RuntimeError)),
    ):
        raise RuntimeError("no luck")
    assert list(tmp_path.iterdir()) == []


def test_a_place_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for refused in (atomic_file(tmp_path / "file" / "x"), scratch_folder(tmp_path / "file" / "x")):
        with pytest.raises(InputError, match="cannot be written"), refused:
            pass
    with pytest.raises(InputError, match="cannot be written"):
        make_folder(tmp_path / "file" / "x")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_keeps_what_is_moved_out_of_it(tmp_path: Path) -> None:
    with scratch_folder(tmp_path / "new") as work:
        (work / "x").write_text("kept")
        (work / "y").write_text("left")
        os.replace(work / "x", tmp_path / "new" / "x")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["x"]
