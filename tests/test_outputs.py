"""The result folder: complete or not there, and nothing of the user's is touched."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from condfoley.comping.ranking import rank
from condfoley.errors import InputError
from condfoley.media import probe, read_audio
from condfoley.project.create import new_project
from condfoley.project.outputs import write_generated
from condfoley.results.folder import ResultFolder, results_in
from condfoley.results.scores import score_table
from tests.made_up import RATE, soundtrack, write_video


def fill(folder: ResultFolder, text: str = "new") -> None:
    (folder.work / "soundtrack.wav").write_text(text)
    (folder.work / "candidates").mkdir()
    (folder.work / "candidates" / "01_7.wav").write_text(text)
    (folder.work / "provenance.json").write_text(text)


def tree(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_commit_leaves_exactly_what_was_written(tmp_path: Path) -> None:
    out = tmp_path / "new" / "deep"
    with ResultFolder(out) as folder:
        assert not out.exists()
        fill(folder)
        folder.commit()
    assert tree(tmp_path) == {
        "new/deep/soundtrack.wav": "new",
        "new/deep/candidates/01_7.wav": "new",
        "new/deep/provenance.json": "new",
    }


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("existing", [False, True])
def test_a_failure_leaves_nothing(tmp_path: Path, failure: type[BaseException], existing: bool) -> None:
    out = tmp_path / "a" / "b"
    if existing:
        out.mkdir(parents=True)
    with pytest.raises(failure), ResultFolder(out) as folder:
        fill(folder)
        raise failure
    assert sorted(tmp_path.rglob("*")) == ([tmp_path / "a", out] if existing else [])


def test_existing_results_are_refused_without_force(tmp_path: Path) -> None:
    (tmp_path / "overview.png").write_text("old")
    with pytest.raises(InputError, match="--force"), ResultFolder(tmp_path):
        pass
    assert tree(tmp_path) == {"overview.png": "old"}


def test_force_replaces_our_files_only(tmp_path: Path) -> None:
    (tmp_path / "candidates").mkdir()
    ours = ["soundtrack.wav", "target_with_sound.mov", "candidates/02_8.wav", "candidates/scores.csv", "project.json"]
    ours += ["candidates/steps/01_0.flac", "sounds/main.flac", "codes/main.npz", "history/0001.json", "stems/main.wav"]
    ours += ["stems/main_cue_07.wav", "stems/main_before.wav"]
    users = ["notes.txt", "soundtrack_final.wav", "candidates/01_7 (edited).wav", "candidates/02_8.mp3"]
    users += ["sounds/my boots.wav", "history/old.json", "stems/dialogue.wav"]
    for name in ours + users:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("old")
    with ResultFolder(tmp_path, force=True) as folder:
        fill(folder)
        folder.commit()
    new = ["soundtrack.wav", "candidates/01_7.wav", "provenance.json"]
    assert tree(tmp_path) == dict.fromkeys(users, "old") | dict.fromkeys(new, "new")
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_an_interrupted_commit_restores_the_earlier_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "soundtrack.wav").write_text("old")
    (tmp_path / "overview.png").write_text("old")
    from condfoley.results import folder as outputs

    move = outputs.move

    def interrupted(source: Path, goal: Path) -> None:
        if goal == tmp_path / "provenance.json":
            raise KeyboardInterrupt
        move(source, goal)

    monkeypatch.setattr(outputs, "move", interrupted)
    with pytest.raises(KeyboardInterrupt), ResultFolder(tmp_path, force=True) as folder:
        fill(folder)
        folder.commit()
    assert tree(tmp_path) == {"soundtrack.wav": "old", "overview.png": "old"}
    assert not (tmp_path / "candidates").exists()


def test_a_folder_with_only_the_users_files_is_fine(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with ResultFolder(tmp_path) as folder:
        fill(folder)
        folder.commit()
    assert tree(tmp_path)["notes.txt"] == "mine"
    assert len(results_in(tmp_path)) == 3


def test_an_input_is_never_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "target_with_sound.mp4"
    target.write_text("mine")
    with (
        pytest.raises(InputError, match="is an input"),
        ResultFolder(tmp_path, force=True, inputs=(tmp_path / "x" / ".." / "target_with_sound.mp4", target)),
    ):
        pass
    assert target.read_text() == "mine"


@pytest.mark.parametrize("where", ["file", "file/below", "file/far/below"])
def test_an_unwritable_folder_is_refused(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="choose another --out"), ResultFolder(tmp_path / where):
        pass
    assert tree(tmp_path) == {"file": "mine"}


def test_the_table_follows_the_one_rule() -> None:
    scores = [(0.5, 0.9), (0.1, 0.3), (-0.25, 0.6), (0.31, 0.99)]
    for agreements in (None, [0.5, 0.5, 0.5, 0.5], [0.2, 0.9, 0.2, 0.9]):
        best = rank(*zip(*scores), 0.2, agreements)
        files = [f"{i + 1:02d}_{7 + i}.flac" for i in best]
        assert [row.file for row in score_table(soundtrack(scores, chosen=best[0], agreements=agreements))] == files
    assert best == [1, 3, 2, 0]  # those that agree best, the timely one first; then the same among the others
    other = score_table(soundtrack(scores, chosen=0))  # a soundtrack that mostly consists of another candidate
    assert [row.file[:2] for row in other] == ["01", "03", "02", "04"]


def test_without_reranking_the_order_of_generation_stays() -> None:
    rows = score_table(soundtrack([(0.9, 0.1), (0.0, 0.9), (0.5, 0.5)], rerank=False))
    assert [row.file[:2] for row in rows] == ["01", "02", "03"]


def test_the_table_names_candidates_in_order_of_generation() -> None:
    rows = score_table(soundtrack([(0.5, 0.9), (0.0, 0.8), (0.1, 0.7)], chosen=1))
    assert [(row.rank, row.file, row.chosen) for row in rows] == [
        (1, "02_8.flac", True),
        (2, "03_9.flac", False),
        (3, "01_7.flac", False),
    ]


@pytest.mark.parametrize("codec", ["aac", "pcm"])
def test_sound_files(tmp_path: Path, codec: str) -> None:
    target = write_video(tmp_path / "target.mp4", 2.0)
    track = soundtrack([(0.04, 0.5), (0.3, 0.4)])
    out = tmp_path / "out"
    out.mkdir()
    write_generated(out, new_project(out, track, target, target), track, None, False, codec)
    info = probe(next(out.glob("target_with_sound.*")))
    assert info.has_audio and info.has_video
    assert info.duration == pytest.approx(2.0, abs=0.1)
    assert len(read_audio(out / "soundtrack.wav", RATE)) == len(track.wav)
    assert sorted(p.name for p in (out / "candidates").iterdir()) == ["01_7.flac", "02_8.flac", "scores.csv"]
    with open(out / "candidates" / "scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["rank", "file", "seed", "agreement", "offset_s", "confidence", "chosen"]
    assert list(rows[0].values()) == ["1", "01_7.flac", "7", "", "0.0400", "0.5000", "1"]
    assert {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()} == {
        str(p.relative_to(out)) for p in results_in(out)
    }
