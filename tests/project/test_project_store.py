"""project.json and the files beside it: what is written is read, what is damaged is told, and nobody is in the way."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condfoley.errors import InputError
from condfoley.project import store
from condfoley.project.find_inputs import at_its_place, find_input, picture_of
from condfoley.project.model import Cue, Excerpt, Input, Layer, LayerTake, Opening, Project, Sound, Tail
from condfoley.project.text import from_text, to_text
from condfoley.weights import sha256

finite = st.floats(-60, 60)
names = st.text(min_size=1, max_size=8)
whole = st.integers(0, 1000)
excerpts = st.builds(lambda a, b, o: Excerpt("main", min(a, b), max(a, b), o), whole, whole, st.integers(-5, 2000))
shares = st.none() | st.floats(0, 1)
cues = st.builds(
    Cue,
    id=st.just(0), time=st.floats(0, 1e4), strength=shares, kind=st.sampled_from(["impact", "slide"]),
    duration=st.none() | st.floats(0, 100), confidence=shares, layer=st.just("main"), gain=finite, pan=st.floats(-1, 1),
    locked=st.booleans(), muted=st.booleans(), reference_at=st.none() | st.floats(0, 100),
    seen=st.none() | finite, excerpt=st.none() | excerpts, alternatives=st.lists(excerpts, max_size=2).map(tuple),
    tails=st.lists(st.builds(Tail, whole, excerpts, whole), max_size=2).map(tuple),
)  # fmt: skip
layers = st.builds(
    Layer, st.just("main"), st.none() | st.just("target"), gain=finite, muted=st.booleans(), seed=whole,
    openings=st.lists(st.builds(Opening, whole, excerpts, whole), max_size=2).map(tuple),
    codes=st.none() | names, takes=st.lists(st.builds(LayerTake, finite, st.just("main"), finite), max_size=2).map(tuple),
)  # fmt: skip
json_values = st.recursive(st.none() | st.booleans() | finite | names, lambda inner: st.lists(inner, max_size=2))
projects = st.builds(
    lambda layer, found, sound, other, words: Project(
        60.0, 22050, {"target": Input(words, 5, "ab")}, (layer,),
        tuple(dataclasses.replace(cue, id=i + 1) for i, cue in enumerate(found)), {"main": sound},
        settings={"note": words, "codec": "pcm"}, weights={"hash": words}, engine={"name": words}, scene_cuts=(1.5,),
        revision=3, other=other,
    ),
    layers, st.lists(cues, max_size=3),
    st.builds(Sound, st.just("main"), st.just("sounds/main.flac"), st.just("soundtrack"), st.just("main"), whole,
              st.just(2000), seed=st.none() | whole, onsets=st.just((3, 4)), levels=st.tuples(finite, finite)),
    st.dictionaries(names.map("x_".__add__), json_values, max_size=2), names,
)  # fmt: skip


@given(projects)
def test_a_project_is_read_as_it_was_written(project):
    text = to_text(project)
    assert from_text(text, "p") == project
    assert from_text(text.encode("utf-8", "backslashreplace").decode(), "p") == project  # as the file has it
    assert to_text(from_text(text, "p")) == text


def content(home) -> dict:
    return json.loads((home.path / "project.json").read_text(encoding="utf-8"))


def rewrite(home, value) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    (home.path / "project.json").write_text(text, encoding="utf-8")


def test_unknown_keys_are_kept_by_an_edit(home):
    rewrite(home, content(home) | {"colour": {"main": "red"}})
    store.write_project(home.path, store.read_project(home.path))
    assert content(home)["colour"] == {"main": "red"} and content(home)["revision"] == 2


def test_what_a_project_lacks_has_its_default(home):
    value = content(home)
    del value["scene_cuts"], value["cues"][0]["pan"], value["layers"][0]["gain"]
    rewrite(home, value)
    assert store.read_project(home.path) == home.project


@pytest.mark.parametrize("version", [2, 99])
def test_a_newer_version_is_refused(home, version):
    rewrite(home, content(home) | {"version": version})
    with pytest.raises(InputError, match=f"newer condfoley .version {version}.; update condfoley"):
        store.read_project(home.path)


def damaged(path, value):
    """A change of project.json: `path` leads to what becomes `value`."""

    def change(content):
        *way, last = path
        for key in way:
            content = content[key]
        content[last] = value

    return change


@pytest.mark.parametrize(
    "change, complaint",
    [
        (damaged(["cues", 0, "time"], "soon"), r"cues\[0\].time is 'soon', not float"),
        (damaged(["cues", 0, "time"], float("nan")), "time is nan"),
        (damaged(["cues", 0, "time"], -1), "cue 1: its time is -1"),
        (damaged(["cues", 0, "gain"], 1e9), "cue 1: its gain is 1000000000"),
        (damaged(["cues", 0, "kind"], "scrape"), "not impact or slide"),
        (damaged(["cues", 0, "locked"], 1), "locked is 1, not bool"),
        (damaged(["cues", 0, "layer"], "steps"), "cue 1: no layer steps"),
        (damaged(["cues", 0, "id"], 2), "two cues have one id"),
        (damaged(["cues", 0, "excerpt", "sound"], "other"), "cue 1: no such part of a sound"),
        (damaged(["cues", 0, "excerpt", "end"], 10**9), "cue 1: no such part of a sound"),
        (damaged(["settings", "codec"], -1), "its settings: codec is -1, not aac or pcm"),
        (damaged(["settings", "tolerance"], "wide"), "tolerance is 'wide', not float"),
        (damaged(["settings", "candidates"], -2), "--candidates is -2; give 1 or more"),
        (damaged(["layers", 0, "candidates"], ["gone"]), "layer main: no sound gone"),
        (damaged(["layers", 0, "reference"], "gone"), "layer main: no input gone"),
        (damaged(["layers", 0, "gain"], 1e5), "layer main: its gain"),
        (damaged(["layers"], {}), "layers is {}, not list"),
        (damaged(["inputs"], {}), "no input target|no input reference"),
        (damaged(["sounds", "main", "file"], "../../else.flac"), "sound main"),
        (damaged(["sounds", "main", "levels"], []), "sound main"),
        (damaged(["rate"], 0), "a rate of 0 Hz"),
        (damaged(["duration"], None), "duration is None"),
    ],
)
def test_a_damaged_project_is_told_by_what_is_damaged(home, change, complaint):
    value = content(home)
    change(value)
    rewrite(home, value)
    with pytest.raises(InputError, match=complaint) as caught:
        store.read_project(home.path)
    assert "condfoley undo" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\x00", '{"version": 1'])
def test_what_is_no_json_is_told(home, text):
    rewrite(home, text)
    with pytest.raises(InputError, match="no JSON; take the last version back with `condfoley undo`"):
        store.read_project(home.path)


def test_what_is_no_project_is_told(home, tmp_path):
    for text in ("[]", '"text"', "{}", '{"version": "1"}'):
        rewrite(home, text)
        with pytest.raises(InputError, match="no project of condfoley"):
            store.read_project(home.path)
    (home.path / "project.json").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InputError, match="is no text"):
        store.read_project(home.path)
    with pytest.raises(InputError, match="holds no project; give the --out folder"):
        store.read_project(tmp_path)
    (tmp_path / "provenance.json").write_text("{}")
    with pytest.raises(InputError, match="older condfoley"):
        store.read_project(tmp_path)


def test_a_sound_that_is_missing_damaged_or_another_is_told(home):
    sound = home.project.sounds["main"]
    path = home.path / sound.file
    whole = path.read_bytes()
    assert home.read(sound).shape == (1, sound.length) and not home.read(sound).flags.writeable
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"main.flac (cannot be read|is another sound)"):
        home.read(sound)
    path.write_bytes(b"no flac")
    with pytest.raises(InputError, match="main.flac cannot be read"):
        home.read(sound)
    path.unlink()
    with pytest.raises(InputError, match="main.flac is missing; copy it back"):
        home.read(sound)
    store.write_sound(home.path, sound.file, np.zeros(sound.length - 1, np.float32), home.project.rate)
    with pytest.raises(InputError, match="is another sound than the project's"):
        home.read(sound)


def test_a_sound_that_was_replaced_is_read_anew(home):
    sound = home.project.sounds["main"]
    assert home.read(sound).any()
    store.write_sound(home.path, sound.file, np.zeros(sound.length, np.float32), home.project.rate)
    assert not home.read(sound).any()


@given(st.lists(st.integers(-(2**23), 2**23 - 1), min_size=1, max_size=50))
def test_sounds_keep_every_bit(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("sounds")
    samples = (np.array(values) / store.SCALE).astype(np.float32)
    store.write_sound(folder, "sounds/a.flac", samples, 22050)
    again = store.read_sound(folder, Sound("a", "sounds/a.flac", "candidate", "main", 0, len(values)), 22050)
    assert np.array_equal(again, samples[None])


def test_codes_are_kept_and_damaged_ones_are_told(home):
    file = home.project.layers[0].codes
    assert store.read_codes(home.path, file).tolist() == home.soundtrack.codes.tolist()
    path = home.path / file
    whole = path.read_bytes()
    for part in (whole[: len(whole) // 2], b"", b"no codes", whole[:60] + b"\0" * 40 + whole[100:]):
        path.write_bytes(part)
        with pytest.raises(InputError, match="main.npz cannot be read .*; copy it back into the project"):
            store.read_codes(home.path, file)
    path.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        store.read_codes(home.path, file)


def test_revisions_go_back_and_forward_and_a_new_one_forgets_those_ahead(home):
    path, first = home.path, home.project
    second = store.write_project(path, first.with_cues(first.cues[:2]))
    third = store.write_project(path, first.with_cues(first.cues[:1]))
    assert store.revisions(path) == [1, 2, 3] and store.read_project(path) == third
    store.make_current(path, store.read_revision(path, 1))
    assert store.read_project(path) == first and store.current_revision(path) == 1
    store.make_current(path, store.read_revision(path, 2))
    assert store.read_project(path) == second
    fourth = store.write_project(path, first)
    assert fourth.revision == 3 and store.revisions(path) == [1, 2, 3]
    assert store.read_revision(path, 3).cues == first.cues
    with pytest.raises(InputError, match="no revision 7; it keeps 1 to 3"):
        store.read_revision(path, 7)


@pytest.mark.parametrize("lost", [True, False])
def test_a_project_without_its_project_json_goes_back_to_the_last_revision(home, lost):
    store.write_project(home.path, home.project.with_cues(home.project.cues[:2]))
    if lost:
        (home.path / "project.json").unlink()
        with pytest.raises(InputError, match="is missing; take the last version back with `condfoley undo`"):
            store.read_project(home.path)
    else:
        rewrite(home, "damaged")
    assert store.current_revision(home.path) == 3  # so that the one before it is the last that is kept
    assert max(n for n in store.revisions(home.path) if n < 3) == 2


def test_a_history_that_was_deleted_begins_with_what_is_current(home):
    store.revision_path(home.path, 1).unlink()
    store.write_project(home.path, home.project.with_cues(()))
    assert store.revisions(home.path) == [1, 2] and store.read_revision(home.path, 1) == home.project


def test_a_damaged_revision_is_told(home):
    store.revision_path(home.path, 1).write_bytes(b"\xff")
    with pytest.raises(InputError, match="0001.json is damaged; go to another revision with `condfoley undo --to`"):
        store.read_revision(home.path, 1)


def test_a_second_process_is_told(home):
    code = f"""
from pathlib import Path
from condfoley.errors import InputError
from condfoley.project.store import editing
try:
    with editing(Path({str(home.path)!r})):
        print("edits")
except InputError as error:
    print(error)
"""

    def second() -> str:
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    with store.editing(home.path):
        assert "is being edited by another process; wait for it, or close it" in second()
    assert second() == "edits\n"


def test_a_folder_without_a_project_is_not_locked(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="no project|there is no folder"):
            with store.editing(folder):
                pass
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_told(home):
    home.path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="cannot be written to"):
            with store.editing(home.path):
                pass
    finally:
        home.path.chmod(0o700)


def test_what_a_killed_edit_left_is_removed_and_nothing_else(home):
    left = [".partial-0123abcd", ".project.0123abcd.part.json", "history/.0002.89abcdef.part.json"]
    kept = [".partial", ".notes.part.json", "sounds/main.flac", ".x.partial-0123abcd"]
    (home.path / left[0]).mkdir()
    for name in (*left[1:], left[0] + "/soundtrack.wav", *(name for name in kept if "flac" not in name)):
        (home.path / name).write_text("x")
    with store.editing(home.path):
        assert not [name for name in left if (home.path / name).exists()]
    assert all((home.path / name).exists() for name in kept)


@pytest.fixture
def target(tmp_path) -> tuple[Path, Project]:
    """A target's file, and a project that knows it."""
    path = tmp_path / "shoot" / "target.mp4"
    path.parent.mkdir()
    path.write_bytes(b"picture")
    known = Input(str(path), 7, sha256(path))
    return path, Project(1.0, 100, {"target": known}, (), (), {})


def test_a_moved_input_is_found_by_its_content(target, tmp_path):
    path, project = target
    folder = tmp_path / "results" / "DIR"
    folder.mkdir(parents=True)
    assert find_input(folder, project, "target") == path
    for goal in (path.with_name("renamed.mp4"), folder / "here.mp4", folder.parent / "beside.mp4"):
        path = path.rename(goal)
        (path.parent / "another.mp4").write_bytes(b"7 bytes")
        assert find_input(folder, project, "target") == path
    moved = at_its_place(project, "target", path)
    assert moved.inputs["target"].path == str(path) and find_input(tmp_path, moved, "target") == path


def test_an_input_that_is_nowhere_is_asked_for(target, tmp_path):
    path, project = target
    folder = tmp_path / "DIR"
    folder.mkdir()
    away = tmp_path / "else" / "target.mp4"
    away.parent.mkdir()
    path.rename(away)
    with pytest.raises(InputError, match="was moved or changed, .*; say where it is with --target"):
        find_input(folder, project, "target")
    assert find_input(folder, project, "target", away) == away
    own = folder / "target_with_sound.mp4"
    assert picture_of(folder, project, own) == own  # which has a copy of the picture
    with pytest.raises(InputError, match="no such file; give --target"):
        find_input(folder, project, "target", tmp_path / "none.mp4")
    away.write_bytes(b"PICTURE")
    with pytest.raises(InputError, match="is another file than the target of this project .target.mp4."):
        picture_of(folder, project, own, away)
