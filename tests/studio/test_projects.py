"""Projects over HTTP: what the page sees, hears, edits and downloads."""

from __future__ import annotations

import io
import json
import shutil
import zipfile

import numpy as np
import pytest
import soundfile
from fastapi import FastAPI
from fastapi.testclient import TestClient

from condfoley import media
from condfoley.cli.main import main
from condfoley.files import make_folder
from condfoley.project.outputs import rendered
from condfoley.project.store import editing, read_project
from condfoley.studio.leases import OTHER_TAB
from condfoley.studio.project_routes import add_project_routes
from condfoley.studio.projects import WORKING
from condfoley.studio.record import Record, read_record, write_record
from condfoley.studio.workspace import Workspace
from tests.project.results import assert_of_one_revision, made_result
from tests.sounds import RATE

KEY, OTHER = "0123456789abcdef", "f" * 16
TAB, SECOND = {"X-Tab": "one"}, {"X-Tab": "two"}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return made_result(tmp_path_factory.mktemp("made"))


@pytest.fixture
def folder(result, tmp_path):
    """A project in a user's folder."""
    make_folder(tmp_path / "home" / "projects")
    folder = shutil.copytree(result, tmp_path / "home" / "projects" / KEY)
    write_record(folder, Record("Door & <b>", "a" * 16, {"main": "b" * 16}, 1))
    return folder


@pytest.fixture
def client(folder):
    app = FastAPI()
    app.state.projects = add_project_routes(app, lambda request: Workspace(folder.parents[1]))
    return TestClient(app, headers=TAB)


@pytest.fixture
def page(client):
    """The same with the lease of the first tab."""
    assert client.post(f"/api/projects/{KEY}/lease").json() == {"writable": True, "why": ""}
    return client


def view(client, **more):
    answer = client.get(f"/api/projects/{KEY}", **more)
    assert answer.status_code == 200
    return answer.json()


def edit(client, *operations, base=None, status=200, **more):
    base = view(client)["revision"] if base is None else base
    body = {"base": base, "operations": list(operations)}
    answer = client.post(f"/api/projects/{KEY}/edits", json=body, **more)
    assert answer.status_code == status, answer.json()
    return answer.json()


def change(cue, **values):
    return {"op": "change", "cue": cue, "values": values}


def sound(client, path="sound", status=200, **query):
    answer = client.get(f"/api/projects/{KEY}/{path}", params=query)
    assert answer.status_code == status, answer.text
    if status != 200:
        return answer.json()["detail"]
    samples, rate = soundfile.read(io.BytesIO(answer.content), dtype="float32", always_2d=True)
    assert rate == RATE and soundfile.info(io.BytesIO(answer.content)).subtype == "FLOAT"
    return samples.T


def test_the_view_has_all_that_the_page_shows(client, folder):
    found, project = view(client), read_project(folder)
    assert found["name"] == "Door & <b>" and found["target"] == "a" * 16 and found["references"] == {"main": "b" * 16}
    assert (found["revision"], found["can_undo"], found["can_redo"], found["undo_to"]) == (1, False, False, None)
    assert found["duration"] == 3.0 and found["rate"] == RATE and found["channels"] == 1 and found["changed"] is None
    assert [cue["id"] for cue in found["cues"]] == [1, 2, 3, 4] and found["dirty"] is False
    for cue, own in zip(found["cues"], project.cues):
        assert cue["time"] == pytest.approx(own.time, abs=1e-6) and cue["has_sound"] and cue["alternatives"] == 0
        assert cue["begin"] < cue["time"] < cue["end"] <= 3.0
        assert cue["made_of"] is None and not cue["pinned"]
    assert [cue["end"] for cue in found["cues"][:-1]] == [cue["begin"] for cue in found["cues"][1:]]
    (layer,) = found["layers"]
    assert layer["name"] == "main" and not layer["ambience"] and len(layer["candidates"]) == 3
    assert {c["seed"] for c in layer["candidates"]} == {7, 8, 9} and all(
        c["score"] is not None for c in layer["candidates"]
    )
    assert layer["takes"][0]["sound"] == layer["candidates"][0]["sound"] and layer["candidates"][0]["onsets"]
    assert -60 < found["loudness"]["integrated_lufs"] < 0 and found["loudness"]["true_peak_db"] <= -0.99
    assert client.get(f"/api/projects/{KEY}/loudness").json() == found["loudness"]
    (listed,) = client.get("/api/projects").json()
    assert (
        listed["id"] == KEY and listed["name"] == "Door & <b>" and listed["revision"] == 1 and "T" in listed["changed"]
    )
    assert str(folder.parents[1]) not in json.dumps(found)


def test_an_edit_is_heard_and_says_where(page, folder):
    before = sound(page)
    assert np.array_equal(before, rendered(folder, read_project(folder)).sum())
    cues = view(page)["cues"]
    found = edit(page, change(2, time=cues[1]["time"] + 0.2), change(3, gain=-6))
    assert found["revision"] == 2 and found["undo_to"] == 1 and found["dirty"] is True
    assert found["cues"][1]["time"] == pytest.approx(cues[1]["time"] + 0.2) and found["cues"][2]["gain"] == -6
    after = sound(page)
    assert np.array_equal(after, rendered(folder, read_project(folder)).sum())
    differ, inside = (before != after).any(0), np.zeros(before.shape[1], bool)
    for begin, end in found["changed"]:
        inside[round(begin * RATE) : round(end * RATE)] = True
    assert differ.any() and not (differ & ~inside).any() and not differ[: round(cues[0]["time"] * RATE)].any()
    assert np.array_equal(sound(page, revision=1), before)
    assert np.array_equal(sound(page, begin=0.5, end=1.5), after[:, round(0.5 * RATE) : round(1.5 * RATE)])
    assert edit(page, change(3, gain=-6))["revision"] == 2  # changes nothing


def test_undo_and_redo_go_to_any_revision(page, folder):
    for gain in (-1, -2, -3):
        edit(page, change(1, gain=gain))
    heard = [sound(page, revision=number) for number in (1, 2, 3, 4)]

    def go(to):
        answer = page.post(f"/api/projects/{KEY}/revision", json={"to": to})
        assert answer.status_code == 200
        return answer.json()

    found = go(1)
    assert found["can_redo"] and found["redo_to"] == 2 and found["undo_to"] is None and found["changed"]
    assert np.array_equal(sound(page), heard[0]) and read_project(folder).revision == 1
    assert go(3)["cues"][0]["gain"] == -2 and np.array_equal(sound(page), heard[2])
    listed = page.get(f"/api/projects/{KEY}/revisions").json()
    assert [one["revision"] for one in listed] == [1, 2, 3, 4] and all("T" in one["changed"] for one in listed)
    assert listed[0]["words"].startswith("generated: main ") and all(one["words"] != "nothing" for one in listed)
    found = edit(page, change(1, gain=5))
    assert found["revision"] == 4 and not found["can_redo"] and not np.array_equal(sound(page, revision=4), heard[3])
    assert page.post(f"/api/projects/{KEY}/revision", json={"to": 9}).status_code == 422
    assert sound(page, revision=9, status=422)


def test_operations_in_one_edit(page):
    found = edit(
        page,
        {"op": "remove", "cue": 1},
        {"op": "add", "values": {"time": 0.7, "strength": 0.5, "layer": "main"}},
        {"op": "layer", "layer": "main", "values": {"gain": -3.5}},
        change(4, locked=True, pan=0.5, strength=None),
    )
    assert [cue["id"] for cue in found["cues"]] == [5, 2, 3, 4] and found["revision"] == 2
    assert found["cues"][0]["has_sound"] and found["layers"][0]["gain"] == -3.5
    assert found["cues"][3]["locked"] and found["cues"][3]["pan"] == 0.5 and found["cues"][3]["strength"] is None
    assert found["channels"] == 2 and sound(page).shape == (2, 3 * RATE)
    assert edit(page, {"op": "layer", "layer": "main", "values": {"muted": True}})["layers"][0]["muted"]
    assert not sound(page).any()
    assert not edit(page, {"op": "layer", "layer": "main", "values": {"muted": False}})["layers"][0]["muted"]
    assert edit(page, change(2, kind="slide", duration=0.3))["cues"][1]["duration"] == 0.3
    assert edit(page, change(2, kind="impact"))["cues"][1]["duration"] is None


@pytest.mark.parametrize(
    "operation, says",
    [
        (change(9, gain=1), "there is no cue 9"),
        (change(1, gain=99), "from -60 to 60"),
        (change(1, gain="loud"), "from -60 to 60"),
        (change(1, gain=[1]), "not a number"),
        (change(1, time=77), "past the end"),
        (change(1, time=None), "time"),
        (change(1, id=3), "there is no value id"),
        (change(1, layer="bed"), "no layer bed"),
        ({"op": "change", "cue": 1}, "give values"),
        ({"op": "change", "cue": "1", "values": {}}, "whole number"),
        ({"op": "add", "values": {}}, "the new cue"),
        ({"op": "remove", "cue": True}, "whole number"),
        ({"op": "choose", "cue": 1, "alternative": 1}, "draw some first"),
        ({"op": "layer", "layer": "main", "values": {"gain": 70}}, "-60 to 60"),
        ({"op": "layer", "layer": "main", "values": {"pan": 1}}, "give gain"),
        ({"op": "layer", "layer": "main", "values": {"muted": 1}}, "true or false"),
        ({"op": "layer", "layer": "x", "values": {"gain": 1}}, "no layer x"),
        ({"op": "take", "layer": "main", "sound": "../x"}, "no such take"),
        ({"op": "take", "layer": "main", "sound": "main", "begin": 2.9}, "nothing was changed"),
        ({"op": "take", "layer": "main", "sound": "main", "begin": "x"}, "not a number"),
        ({"op": "explode"}, "no operation explode"),
        ({}, "no operation"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(page, folder, operation, says):
    before = (folder / "project.json").read_bytes()
    detail = edit(page, change(2, gain=1), operation, base=1, status=422)["detail"]
    assert says in detail and "\n" not in detail and "condfoley" not in detail and str(folder) not in detail
    assert (folder / "project.json").read_bytes() == before and len(list((folder / "history").iterdir())) == 1


def test_locked_cues_stay(page):
    edit(page, change(2, locked=True))
    assert "unlock" in edit(page, change(2, gain=1), status=422)["detail"]
    assert "unlock" in edit(page, {"op": "remove", "cue": 2}, status=422)["detail"]
    assert not edit(page, change(2, locked=False, gain=1))["cues"][1]["locked"]


def test_another_take_for_a_span_and_in_whole(page, folder):
    before = read_project(folder)
    key = view(page)["layers"][0]["candidates"][1]["sound"]
    edit(page, change(3, locked=True))
    found = edit(page, {"op": "take", "layer": "main", "sound": key, "begin": 0.8, "end": 2.0})
    after = read_project(folder)
    assert [cue.excerpt.sound == key for cue in after.cues] == [False, True, False, False]
    assert after.cues[1].time == before.cues[1].time and "locked" in found["notes"][0] and found["changed"]
    assert [(take["start"], take["sound"]) for take in found["layers"][0]["takes"]][1:2] == [(0.8, key)]
    found = edit(page, {"op": "take", "layer": "main", "sound": key, "begin": None, "end": None})
    assert [cue.excerpt.sound == key for cue in read_project(folder).cues] == [True, True, False, True]
    assert [take["sound"] for take in found["layers"][0]["takes"]] == [key]
    whole = rendered(folder, read_project(folder)).sum()
    assert np.array_equal(sound(page), whole)


def test_one_tab_edits_and_the_other_is_told(page, folder):
    assert page.post(f"/api/projects/{KEY}/lease", headers=SECOND).json() == {"writable": False, "why": OTHER_TAB}
    found = view(page, headers=SECOND)
    assert found["writable"] is False and found["why"] == OTHER_TAB and view(page)["writable"] is True
    assert edit(page, change(1, gain=1), base=1, status=423, headers=SECOND)["detail"] == OTHER_TAB
    assert page.post(f"/api/projects/{KEY}/revision", json={"to": 1}, headers=SECOND).status_code == 423
    assert page.delete(f"/api/projects/{KEY}", headers=SECOND).status_code == 423
    assert page.delete(f"/api/projects/{KEY}/lease").status_code == 204
    assert "try again" in edit(page, change(1, gain=1), base=1, status=423)["detail"]
    assert page.post(f"/api/projects/{KEY}/lease", headers=SECOND).json()["writable"] is True
    assert page.post(f"/api/projects/{KEY}/lease", headers={"X-Tab": ""}).status_code == 422
    assert read_project(folder).revision == 1


def test_an_edit_by_the_command_line_is_seen(page, folder, capsys):
    edit(page, change(1, gain=1))
    assert main(["edit", str(folder), "--set", "2:gain=-2", "--quiet"]) == 0
    assert "revision 3" in edit(page, change(1, gain=2), base=2, status=409)["detail"]
    found = view(page)
    assert found["revision"] == 3 and [cue["gain"] for cue in found["cues"][:2]] == [1, -2]
    assert np.array_equal(sound(page), rendered(folder, read_project(folder)).sum())
    with editing(folder):
        assert edit(page, change(1, gain=2), base=3, status=423)["detail"] == WORKING
    assert edit(page, change(1, gain=2))["revision"] == 4


def test_after_an_edit_and_a_restart_nothing_is_lost(page, folder):
    edit(page, change(1, gain=1))
    app = FastAPI()
    add_project_routes(app, lambda request: Workspace(folder.parents[1]))
    again = TestClient(app, headers=TAB)
    assert view(again)["revision"] == 2 and view(again)["cues"][0]["gain"] == 1
    assert np.array_equal(sound(again), sound(page))


def test_layers_candidates_cues_and_peaks(page, folder):
    whole, key = sound(page), view(page)["layers"][0]["candidates"][2]["sound"]
    assert np.array_equal(sound(page, layers="main"), whole)
    stored = soundfile.read(folder / f"{key}.flac", dtype="float32", always_2d=True)[0].T
    assert np.array_equal(sound(page, candidate=key, begin=1.0, end=1.5), stored[:, RATE : round(1.5 * RATE)])
    assert "no such take" in sound(page, candidate="x", status=422)
    assert "no layer bed" in sound(page, layers="bed", status=422)
    assert sound(page, begin=2, end=1, status=422) and sound(page, begin="nan", status=422)
    assert sound(page, true=1, status=404) == "the target has no sound of its own"
    answer = page.get(f"/api/projects/{KEY}/cues/2/sound")
    alone = soundfile.read(io.BytesIO(answer.content), dtype="float32", always_2d=True)[0].T
    cue = view(page)["cues"][1]
    first = round((cue["time"] - float(answer.headers["X-Onset"])) * RATE)
    assert np.array_equal(
        alone, rendered(folder, read_project(folder)).cue_stem("main", 2)[:, first:][:, : alone.shape[1]]
    )
    edit(page, change(2, muted=True))
    answer = page.get(f"/api/projects/{KEY}/cues/2/sound")
    muted = soundfile.read(io.BytesIO(answer.content), dtype="float32", always_2d=True)[0].T
    assert np.array_equal(muted, alone)
    assert page.get(f"/api/projects/{KEY}/cues/2/sound?alternative=1").status_code == 422
    peaks = page.get(f"/api/projects/{KEY}/peaks", params={"points": 30, "begin": 0, "end": 3, "revision": 1}).json()
    assert len(peaks["min"][0]) == len(peaks["max"][0]) == 30
    assert max(peaks["max"][0]) == pytest.approx(whole.max(), abs=1e-3)
    peaks = page.get(f"/api/projects/{KEY}/peaks", params={"candidate": key, "points": 10, "begin": 1, "end": 2}).json()
    assert (peaks["begin"], peaks["end"]) == (1, 2) and max(peaks["max"][0]) == pytest.approx(
        stored[:, RATE : 2 * RATE].max(), abs=1e-3
    )
    image = page.get(f"/api/projects/{KEY}/spectrogram.png", params={"width": 90, "height": 40, "layers": "main"})
    assert image.headers["content-type"] == "image/png" and image.content.startswith(b"\x89PNG")
    assert page.get(f"/api/projects/{KEY}/spectrogram.png?width=0").status_code == 422


def test_the_targets_own_sound(page, folder, tmp_path):
    from tests.made_up import write_video
    from tests.sounds import pulses

    target = write_video(tmp_path / "with.mp4", 3.0, pulses([1.0], 3.0))
    project = json.loads((folder / "project.json").read_text())
    from condfoley.project.find_inputs import input_of

    found = input_of(target)
    project["inputs"]["target"] = {"path": found.path, "bytes": found.bytes, "sha256": found.sha256}
    (folder / "project.json").write_text(json.dumps(project))
    own = sound(page, true=1)
    assert own.shape == (1, 3 * RATE) and abs(int(np.abs(own).argmax()) - RATE) < 0.1 * RATE
    assert np.array_equal(own, media.read_sound(target, RATE)[0])


def test_names_and_removal(page, folder):
    answer = page.patch(f"/api/projects/{KEY}", json={"name": "  New\nname "})
    assert answer.json()["name"] == "New name" and read_record(folder).name == "New name"
    assert page.patch(f"/api/projects/{KEY}", json={"name": " "}).status_code == 422
    with editing(folder):
        assert page.delete(f"/api/projects/{KEY}").status_code == 423
    assert page.delete(f"/api/projects/{KEY}").status_code == 204
    assert not folder.exists() and list(folder.parent.iterdir()) == []
    for path in ("", "/sound", "/peaks", "/files/video", "/cues/1/sound"):
        assert page.get(f"/api/projects/{KEY}{path}").status_code == 404
    for key in (OTHER, "..", "%2e%2e", "0123456789abcde/", "0123456789ABCDEF"):
        assert page.get(f"/api/projects/{key}").status_code in (404, 405)
    assert page.get("/api/projects").json() == []


def test_a_linked_project_stays_where_it_is(page, folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    assert page.post(f"/api/projects/{KEY}/lease").json()["writable"]
    assert edit(page, change(1, gain=1))["revision"] == 2 and read_project(elsewhere).revision == 2
    assert page.delete(f"/api/projects/{KEY}").status_code == 204
    assert not folder.is_symlink() and read_project(elsewhere).revision == 2


def test_damaged_projects_are_told_and_can_be_removed(page, folder):
    (folder / "project.json").write_text("{")
    detail = page.get(f"/api/projects/{KEY}").json()["detail"]
    assert "project.json" in detail and str(folder) not in detail and page.get("/api/projects").json() == []
    assert page.delete(f"/api/projects/{KEY}").status_code == 204 and not folder.exists()


def test_a_missing_sound_is_told_before_anything_is_written(page, folder):
    shutil.rmtree(folder / "sounds")
    answer = page.get(f"/api/projects/{KEY}")
    assert answer.status_code == 422 and "sounds/main.flac is missing" in answer.json()["detail"]
    assert edit(page, change(1, gain=1), base=1, status=422) and read_project(folder).revision == 1


def write(page, folder, what):
    projects = page.app.state.projects
    return projects.write_files(Workspace(folder.parents[1]), KEY, what, lambda stage, share: None)


def test_downloads_are_what_the_commands_write(page, folder):
    edit(page, change(2, gain=-4))
    for what in ("video", "soundtrack", "stems", "timeline", "reaper", "all"):
        assert page.get(f"/api/projects/{KEY}/files/{what}").status_code == 409
    assert page.get(f"/api/projects/{KEY}/files/passwd").status_code == 404
    assert write(page, folder, "video") == f"/api/projects/{KEY}/files/video?revision=2"
    assert_of_one_revision(folder)
    assert read_record(folder).written == 2 and view(page)["dirty"] is False
    answer = page.get(f"/api/projects/{KEY}/files/video?revision=2")
    assert answer.status_code == 200 and 'filename="Door' in answer.headers["content-disposition"]
    assert "_video.mp4" in answer.headers["content-disposition"]
    answer = page.get(f"/api/projects/{KEY}/files/soundtrack")
    samples = soundfile.read(io.BytesIO(answer.content), dtype="float32", always_2d=True)[0].T
    assert np.array_equal(samples, sound(page))
    edit(page, change(2, gain=-5))
    assert page.get(f"/api/projects/{KEY}/files/soundtrack").status_code == 409
    assert main(["undo", str(folder), "--quiet"]) == 0
    assert_of_one_revision(folder)


def test_archives(page, folder, tmp_path):
    edit(page, change(2, gain=-4))
    for what in ("stems", "reaper", "all"):
        url = write(page, folder, what)
        answer = page.get(url)
        assert answer.status_code == 200 and f"_{what}.zip" in answer.headers["content-disposition"]
        home = tmp_path / what
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
            archive.extractall(home)
        (base,) = home.iterdir()
        names = {path.relative_to(base).as_posix() for path in base.rglob("*") if path.is_file()}
        if what != "reaper":
            stem = soundfile.read(base / "stems/main.wav", dtype="float32", always_2d=True)[0].T
            assert np.array_equal(stem, sound(page))
        if what == "reaper":
            text = (base / "timeline.rpp").read_text()
            assert '"target.mp4"' in text and "timeline_media/main.wav" in text
            assert {"target.mp4", "timeline_media/main.wav", "timeline.rpp"} <= names and "stems/main.wav" not in names
        for path in base.rglob("*"):
            if path.suffix in (".json", ".csv", ".txt", ".xml", ".otio", ".rpp"):
                assert str(tmp_path) not in path.read_text() and "/made" not in path.read_text(), path
    assert {
        "timeline.otio",
        "target.mp4",
        "project.json",
        "cues.csv",
        "sounds/main.flac",
        "target_with_sound.mp4",
    } <= names
    assert main(["edit", str(base), "--set", "1:gain=-1", "--quiet"]) == 0  # it can be edited elsewhere
    assert_of_one_revision(base)
    assert_of_one_revision(folder)
    assert not list(folder.glob("timeline*"))
    edit(page, change(2, gain=-6))
    write(page, folder, "stems")
    assert [path.name for path in (folder / ".studio").iterdir()] == ["stems-0003.zip"]


def test_a_download_that_fails_leaves_nothing(page, folder):
    edit(page, change(2, gain=-4))

    def cancelled(stage, share):
        if "archive" in stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        page.app.state.projects.write_files(Workspace(folder.parents[1]), KEY, "stems", cancelled)
    assert page.get(f"/api/projects/{KEY}/files/stems").status_code == 409
    assert_of_one_revision(folder)
    assert not (folder / ".studio").exists() or not list((folder / ".studio").iterdir())


def master(**values):
    return {"op": "master", "values": values}


def test_the_master_is_edited_heard_and_undone(page, folder):
    before, first = sound(page), view(page)
    assert first["master"] == {"loudness": None, "true_peak": -1.0, "bits": "24", "room": "dry", "room_gain": 0.0}
    found = edit(page, master(loudness=-30, true_peak=-12, bits="16"))
    assert found["revision"] == 2 and found["master"]["loudness"] == -30 and found["changed"]
    assert found["loudness"]["integrated_lufs"] == pytest.approx(-30, abs=0.1)
    assert found["loudness"]["true_peak_db"] <= -11.9
    after = sound(page)
    assert np.array_equal(after, rendered(folder, read_project(folder)).sum()) and not np.array_equal(after, before)
    assert not np.array_equal(sound(page, revision=1), after)
    softer = edit(page, {"op": "layer", "layer": "main", "values": {"gain": -6}})["loudness"]["integrated_lufs"]
    assert softer < -34  # the gain stays
    again = edit(page, master(loudness=-30))  # the same, which is reached anew
    assert again["loudness"]["integrated_lufs"] == pytest.approx(-30, abs=0.1)
    assert edit(page, master(loudness=-30))["revision"] == again["revision"]  # it is there already
    wet = edit(page, master(room="hall", room_gain=-3))
    assert wet["channels"] == 2 and sound(page).shape[0] == 2 and wet["master"]["room_gain"] == -3
    assert edit(page, master(room="dry"))["master"]["room_gain"] == 0
    free = edit(page, master(loudness=None))
    assert free["master"]["loudness"] is None and read_project(folder).master.gain == 0
    assert page.post(f"/api/projects/{KEY}/revision", json={"to": 1}).json()["master"] == first["master"]
    assert np.array_equal(sound(page), before)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"loudness": 3}, "the loudness is 3 LUFS; give one from -60 to -5"),
        ({"true_peak": 1}, "the true peak is 1 dBTP"),
        ({"bits": "8"}, "there is no bits 8"),
        ({"room": "cave"}, "there is no room cave"),
        ({"room_gain": 3}, "the echo is of a room"),
        ({"loudness": "loud"}, "loudness is not a number"),
        ({"gain": 3}, "load the page again"),
        ({}, "load the page again"),
    ],
)
def test_what_the_master_cannot_be(page, folder, values, says):
    assert says in edit(page, master(**values), status=422)["detail"]
    assert read_project(folder).revision == 1


def test_layers_have_colours(page, folder):
    assert view(page)["layers"][0]["colour"] == 0
    found = edit(page, {"op": "layer", "layer": "main", "values": {"colour": 4}})
    assert found["layers"][0]["colour"] == 4 and found["changed"] == [] and read_project(folder).layers[0].colour == 4
    assert "from 0 to 5" in edit(page, {"op": "layer", "layer": "main", "values": {"colour": 6}}, status=422)["detail"]
