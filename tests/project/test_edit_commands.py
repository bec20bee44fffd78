"""`condfoley edit`, `undo` and `stems` on a whole result: what is written, what stays, and what is refused."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys

import numpy as np
import pytest

from condfoley import media
from condfoley.cli.main import main
from condfoley.errors import InputError
from condfoley.project.outputs import rendered
from condfoley.project.store import editing, read_project, write_project
from condfoley.results.folder import ResultFolder
from tests import made_up
from tests.project.conftest import DURATION, onsets
from tests.project.results import assert_of_one_revision, contents, sound_of
from tests.sounds import RATE


@pytest.fixture
def run(folder, capsys):
    """Runs a command on the result; what it printed on stderr."""

    def run(command: str, *words: str, code: int = 0) -> str:
        assert main([command, str(folder), *words]) == code
        return capsys.readouterr().err

    return run


def test_an_edited_list_is_rendered_and_nothing_that_was_not_touched_changes(folder, run):
    before = sound_of(folder)
    lines = (folder / "cues.csv").read_text().splitlines()
    moved = lines[2].split(",")
    moved[1] = "1.2"
    table = folder.parent / "edited.csv"
    table.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([lines[0], lines[1], ",".join(moved), lines[3], lines[4]]).encode())
    assert run("edit", "--cues", str(table)) == ""
    assert_of_one_revision(folder)
    after = sound_of(folder)
    different = np.flatnonzero((before != after).any(0)) / RATE
    assert different.min() > 1.0 - 0.07 and different.max() < 1.5
    assert np.abs(onsets(after) - [0.4, 1.2, 1.5, 2.3]).max() < 0.01
    assert read_project(folder).revision == 2


def test_an_edited_label_track_moves_adds_and_removes(folder, run):
    labels = folder.parent / "labels.txt"
    labels.write_text("0.4200\t0.4200\t0.40\n0.7200\t0.7200\n1.5500\t1.5500\t0.73\n2.3\t2.3\t0.9\n")
    run("edit", "--cues", str(labels))
    project = read_project(folder)
    assert len(project.cues) == 4
    assert [cue.time for cue in project.cues][1:3] == [0.72, 1.55]
    assert_of_one_revision(folder)


def test_the_lists_of_the_result_change_nothing(folder, run):
    before = contents(folder)
    for name in ("hits.txt", "cues.csv", "cues.json"):
        assert "nothing is changed by that" in run("edit", "--cues", str(folder / name))
    after = contents(folder)
    assert after.pop("hits.txt") != b"" and before.pop("hits.txt") != b""  # now has the times that are heard
    video = "target_with_sound.mp4"
    assert {k: v for k, v in after.items() if k != video} == {k: v for k, v in before.items() if k != video}


def test_words_change_cues_and_layers(folder, run):
    run("edit", "--set", "2:time=1.1,pan=-0.5", "--add", "1.9,strength=0.6", "--remove", "1", "--gain", "main=-3")
    project = read_project(folder)
    assert [cue.id for cue in project.cues] == [2, 3, 5, 4] and project.layers[0].gain == -3
    assert_of_one_revision(folder)
    assert sound_of(folder).shape == (2, project.samples)
    assert media.probe(folder / "target_with_sound.mp4").has_video
    run("edit", "--mute", "main")
    assert not sound_of(folder).any()
    run("edit", "--unmute", "main", "--gain", "main=0")
    assert read_project(folder).layers[0] == dataclasses.replace(project.layers[0], gain=0.0)


def test_an_alternative_is_chosen(folder, run):
    project = read_project(folder)
    other = project.cue(4).excerpt
    cues = [dataclasses.replace(cue, alternatives=(other,)) if cue.id == 2 else cue for cue in project.cues]
    write_project(folder, project.with_cues(cues))
    run("edit", "--choose", "2=1")
    assert read_project(folder).cue(2).excerpt == other
    assert_of_one_revision(folder)
    assert "no alternative 2" in run("edit", "--choose", "2=2", code=2)


def test_another_codec_is_another_video_in_place_of_the_former(folder, run):
    (folder / "target_with_sound.srt").write_text("mine")
    assert run("edit", "--codec", "pcm") == ""
    assert sorted(path.name for path in folder.glob("target_with_sound.*")) == [
        "target_with_sound.mov",
        "target_with_sound.srt",
    ]
    sound = media.read_audio(folder / "target_with_sound.mov", RATE)
    assert np.array_equal(sound, sound_of(folder)[0].astype(np.float32))
    run("edit", "--set", "1:gain=-1")
    assert (folder / "target_with_sound.mov").exists()  # the codec stays
    run("undo", "--to", "1")
    assert (folder / "target_with_sound.mp4").exists() and not (folder / "target_with_sound.mov").exists()


def test_undo_goes_back_and_forward(folder, run, capsys):
    whole = [sound_of(folder)]
    for gain in (-2, -4):
        run("edit", "--set", f"1:gain={gain}")
        whole.append(sound_of(folder))
    assert run("undo") == "condfoley: revision 2 of 3\n"
    assert np.array_equal(sound_of(folder), whole[1])
    run("undo")
    assert np.array_equal(sound_of(folder), whole[0])
    assert "no earlier revision" in run("undo", code=2)
    run("undo", "--forward")
    assert_of_one_revision(folder)
    assert main(["undo", str(folder), "--list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1\tgenerated: main 4 cues", "2\tgain of cue 1 set to -2 dB (current)", "3\tgain of cue 1 set to -4 dB",
    ]  # fmt: skip
    run("undo", "--to", "3")
    assert np.array_equal(sound_of(folder), whole[2])
    assert "no later revision" in run("undo", "--forward", code=2)
    assert "keeps 1 to 3" in run("undo", "--to", "9", code=2)
    assert "do not go together" in run("undo", "--to", "1", "--forward", code=2)


def test_an_edit_after_undo_forgets_what_was_undone(folder, run):
    run("edit", "--remove", "1")
    run("undo")
    run("edit", "--remove", "2")
    assert [cue.id for cue in read_project(folder).cues] == [1, 3, 4]
    assert "no later revision" in run("undo", "--forward", code=2)


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_undo_brings_a_damaged_project_back(folder, run, damage):
    run("edit", "--remove", "1")
    if damage == "gone":
        (folder / "project.json").unlink()
    else:
        (folder / "project.json").write_text((folder / "project.json").read_text()[:500])
    for command in ("edit", "stems"):
        assert "condfoley undo" in run(command, code=2)
    assert run("undo") == "condfoley: revision 2 of 2\n"
    assert [cue.id for cue in read_project(folder).cues] == [2, 3, 4]
    assert_of_one_revision(folder)


def test_a_damaged_revision_is_listed_and_passed_by(folder, run, capsys):
    run("edit", "--remove", "1")
    run("edit", "--remove", "2")
    (folder / "history/0002.json").write_text("{")
    assert main(["undo", str(folder), "--list"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["2\tcannot be read", "3\tcues 1, 2 removed (current)"]
    assert "undo --to" in run("undo", code=2)
    run("undo", "--to", "1")
    assert_of_one_revision(folder)


def test_stems_add_up_to_the_soundtrack_and_follow_edits(folder, run):
    run("stems")
    (folder / "stems/mix.wav").write_bytes(b"mine")
    assert np.array_equal(sound_of(folder / "stems", "main.wav"), sound_of(folder))
    run("edit", "--set", "2:gain=6,pan=1")
    assert (folder / "stems/mix.wav").read_bytes() == b"mine"
    (folder / "stems/mix.wav").unlink()
    assert_of_one_revision(folder)
    run("stems", "--each-cue")
    names = sorted(path.name for path in (folder / "stems").iterdir())
    assert names == ["main_before.wav", *(f"main_cue_0{k}.wav" for k in (1, 2, 3, 4))]
    assert_of_one_revision(folder)
    run("edit", "--remove", "3")
    assert not (folder / "stems/main_cue_03.wav").exists()
    assert_of_one_revision(folder)


def test_undo_removes_the_stems_of_a_layer_that_there_was_not(folder, run):
    run("stems")
    project = read_project(folder)
    layer = dataclasses.replace(project.layers[0], name="steps", openings=())
    cues = [dataclasses.replace(cue, layer="steps") if cue.id == 2 else cue for cue in project.cues]
    write_project(folder, project.with_layer(layer).with_cues(cues))
    run("edit", "--gain", "steps=-2")
    assert (folder / "stems/steps.wav").exists()
    assert_of_one_revision(folder)
    run("undo", "--to", "1")
    assert [path.name for path in (folder / "stems").iterdir()] == ["main.wav"]


def test_a_moved_target_is_found_again_and_its_place_is_kept(folder, run, made):
    target = str(shutil.copy(made.parent / "target.mp4", folder.parent / "renamed.mp4"))
    project = read_project(folder)
    gone = dataclasses.replace(project.inputs["target"], path=str(folder.parent / "gone" / "target.mp4"))
    write_project(folder, dataclasses.replace(project, inputs=project.inputs | {"target": gone}))
    run("edit", "--remove", "1")
    assert read_project(folder).inputs["target"].path == target
    assert_of_one_revision(folder)


def without_target(folder) -> None:
    """The project's target is nowhere."""
    project = read_project(folder)
    gone = dataclasses.replace(project.inputs["target"], path=str(folder / "gone.mp4"), sha256="0" * 64)
    write_project(folder, dataclasses.replace(project, inputs=project.inputs | {"target": gone}))


def test_a_target_that_is_gone_is_replaced_by_the_results_picture_or_asked_for(folder, run):
    without_target(folder)
    run("edit", "--remove", "1")
    assert_of_one_revision(folder)
    (folder / "target_with_sound.mp4").unlink()
    before = contents(folder)
    assert "was moved or changed" in (said := run("edit", "--remove", "2", code=2)) and "--target" in said
    another = made_up.write_video(folder.parent / "another.mp4", DURATION)
    assert "is another file than the target" in run("edit", "--target", str(another), code=2)
    assert "no such file" in run("edit", "--target", str(another) + "x", code=2)
    assert contents(folder) == before


def test_a_target_is_taken_from_where_it_is_said_to_be(folder, run, made):
    without_target(folder)
    project = read_project(folder)
    away = folder.parent / "away"
    away.mkdir()
    target = str(shutil.copy(made.parent / "target.mp4", away / "target.mp4"))
    known = dataclasses.replace(
        project.inputs["target"], sha256=read_project(made).inputs["target"].sha256, path=str(folder / "gone.mp4")
    )
    write_project(folder, dataclasses.replace(project, inputs=project.inputs | {"target": known}))
    (folder / "target_with_sound.mp4").unlink()
    run("edit", "--target", target)
    assert read_project(folder).inputs["target"].path == target
    assert_of_one_revision(folder)


def test_no_weights_are_needed(folder, run):
    assert read_project(folder).weights == {"name": "made-up", "hash": "0" * 64}  # which nobody has
    run("edit", "--set", "1:gain=1")
    assert_of_one_revision(folder)


@pytest.mark.parametrize("text", ["", "id,time,strength\n", '{"cues": []}', "# all gone\n"])
def test_an_empty_list_does_not_remove_all(folder, run, tmp_path, text):
    (tmp_path / "empty").write_text(text)
    before = contents(folder)
    assert "lists no cues" in run("edit", "--cues", str(tmp_path / "empty"), code=2)
    assert contents(folder) == before
    ids = [word for cue in read_project(folder).cues for word in ("--remove", str(cue.id))]
    run("edit", *ids)
    assert "nothing is changed" in run("edit", "--cues", str(folder / "hits.txt"))


def test_exported_timelines_are_said_to_be_old(folder, run):
    (folder / "timeline.otio").write_text("{}")
    assert f"condfoley timeline {folder} --force" in run("edit", "--remove", "1")
    assert f"condfoley timeline {folder} --force" in run("undo")
    assert "timeline" not in run("edit")  # which changes nothing


@pytest.mark.parametrize(
    "words, complaint",
    [
        (["--cues", "{}/none.csv"], "no such file of cues"),
        (["--cues", "{}/DIR/hits.txt", "--remove", "1"], "leave out one of the two, it or --remove"),
        (["--set", "1:time=3.2"], "past the end of the target"),
        (["--set", "1:time=1.01"], "overlaps"),
        (["--set", "9:time=1"], "there is no cue 9; cues.csv lists them"),
        (["--set", "1:layer=steps"], "there is no layer steps"),
        (["--add", "1.2,kind=scrape"], "there is no kind scrape"),
        (["--gain", "steps=-3"], "there is no layer steps; the project has main"),
        (["--gain", "main=loud"], "give a layer and dB"),
        (["--choose", "1=²"], "give an id and a number"),
        (["--choose", "1=1"], "cue 1 has no alternative 1; it has none"),
        (["--codec", "mp3"], "--codec must be one of"),
        (["--mute", "main", "--unmute", "main"], "both muted and unmuted"),
    ],
)
def test_what_cannot_be_done_changes_nothing(folder, run, words, complaint):
    before = contents(folder)
    said = run("edit", *(word.format(folder.parent) for word in words), code=2)
    assert complaint in said and said.count("\n") == 1
    assert contents(folder) == before


def test_a_project_that_another_process_edits_is_left_alone(folder, run):
    with editing(folder):
        for command in ("edit", "undo", "stems"):
            assert "is being edited by another process" in run(command, code=2)


def test_a_project_that_is_being_edited_is_not_replaced(folder):
    before = contents(folder)
    with ResultFolder(folder, force=True) as results:
        (results.work / "soundtrack.wav").write_bytes(b"new")
        with editing(folder), pytest.raises(InputError, match="is being edited by another process"):
            results.commit()
    assert contents(folder) == before


def test_what_cannot_be_rendered_changes_nothing(folder, run):
    (folder / "sounds/main.flac").write_bytes(b"damaged")
    before = contents(folder)
    for command in ("edit", "stems"):
        assert "main.flac cannot be read; copy it back" in run(command, code=2)
    assert contents(folder) == before


KILLED = """
import os, pathlib, signal, sys
left = int(sys.argv[1])
def counted(function):
    def call(*args, **kwargs):
        global left
        left -= ".partial-" not in str(args[-1])  # what is written aside matters to nobody
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)
    return call
from condfoley.cli.main import main
import condfoley.project.outputs
os.replace, pathlib.Path.unlink = counted(os.replace), counted(pathlib.Path.unlink)
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.heavy
def test_an_edit_that_is_killed_between_any_steps_leaves_a_project_that_opens(folder, run, tmp_path):
    run("stems")
    words = ["--remove", "2", "--codec", "pcm"]  # another suffix of the video
    revisions = set()
    for step in range(100):
        home = tmp_path / f"killed{step}"
        shutil.copytree(folder, home)
        command = [sys.executable, "-c", KILLED, str(step), "edit", str(home), *words]
        code = subprocess.run(command, capture_output=True).returncode
        project = read_project(home)
        rendered(home, project)
        assert any(media.probe(path).has_video for path in home.glob("target_with_sound.*"))
        revisions.add(project.revision)
        if code == 0:
            break
        undone = project.revision == 2 and step % 2 == 1
        assert main(["undo" if undone else "edit", str(home)]) == 0
        assert len(read_project(home).cues) == (4 if undone else len(project.cues))
        assert_of_one_revision(home)
    assert code == 0 and step > 8 and revisions == {1, 2}
