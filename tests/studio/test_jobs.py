"""Jobs of the studio: soundtracks and edits that need the model, turns between users, cancelling, restarts."""

import json
import threading
from functools import partial

import pytest
from fastapi.testclient import TestClient

from condfoley.errors import InputError
from condfoley.project.model import AMBIENCE
from condfoley.project.store import editing, read_project, revisions
from condfoley.studio import work
from condfoley.studio.jobs import LOST, plain_names
from condfoley.studio.opened import open_project
from condfoley.studio.record import Record, read_record
from tests.made_up import pulses, write_video
from tests.studio.serving import FINAL, browser, clip_of, finished, studio_in, wait_for
from tests.tiny import write_tiny_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_weights(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> bytes:
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", 2.0, pulses([0.5, 1.2], 2.0)).read_bytes()


@pytest.fixture(scope="module")
def silent(tmp_path_factory) -> bytes:
    return write_video(tmp_path_factory.mktemp("clip") / "silent.mp4", 1.0).read_bytes()


@pytest.fixture(scope="module")
def studio(tmp_path_factory, weights):
    with studio_in(tmp_path_factory.mktemp("home"), weights) as studio:
        yield studio


@pytest.fixture(scope="module")
def client(studio) -> TestClient:
    return browser(studio)


@pytest.fixture(scope="module")
def key(client, clip) -> str:
    return clip_of(client, clip, "tap <b>.mp4")


@pytest.fixture(scope="module")
def made(client, key):
    """A finished soundtrack's job."""
    cues = [{"time": 0.4, "strength": 0.9, "kind": "impact"}, {"time": 1.1, "kind": "slide", "duration": 0.3}]
    body = {"kind": "generate", "name": " My  film ", "references": [key], "target": key, "cues": cues}
    return finished(client, body | {"settings": {"candidates": 2}, "reference_start": 0.1})


def project_of(studio, job):
    return studio.users.workspace("local").project(job["project"])


def test_a_soundtrack_becomes_a_project(studio, made, key):
    assert (made["state"], made["progress"], made["error"]) == ("done", 1.0, "")
    folder = project_of(studio, made)
    assert read_record(folder) == Record("My film", key, {"main": key}, 1)
    project = read_project(folder)
    assert [cue.time for cue in project.cues] == pytest.approx([0.4, 1.1], abs=0.02)
    assert (project.cues[1].kind, project.cues[1].duration, project.cues[0].strength) == ("slide", 0.3, 0.9)
    assert project.settings["candidates"] == 2 and project.layers[0].reference_start == 0.1
    assert {"soundtrack.wav", "cues.csv", "provenance.json"} <= {path.name for path in folder.iterdir()}
    assert list((studio.users.home / "jobs").iterdir()) == []


@pytest.mark.parametrize(
    ("body", "cues"), [({"cue": 1}, 1), ({"span": [0.2, 0.9]}, 1), ({"span": [0.0, 2.0], "layer": "main"}, 2)]
)
def test_a_cue_or_span_is_drawn_anew(studio, client, made, body, cues):
    folder = project_of(studio, made)
    before = read_project(folder)
    job = finished(client, {"kind": "redo", "project": made["project"], "base": before.revision, **body})
    after = read_project(folder)
    assert job["state"] == "done" and job["project"] == made["project"], job
    assert after.revision == before.revision + 1
    changed = [new.id for old, new in zip(before.cues, after.cues) if old.excerpt != new.excerpt]
    assert len(changed) >= cues and revisions(folder)[-1] == after.revision


def test_alternatives_of_a_cue(studio, client, made):
    folder = project_of(studio, made)
    before = read_project(folder)
    body = {"kind": "redo", "project": made["project"], "base": before.revision, "cue": 1, "variations": 3}
    assert finished(client, body)["state"] == "done"
    after = read_project(folder)
    assert len(after.cue(1).alternatives) == 3 and after.cue(1).excerpt == before.cue(1).excerpt


def test_a_layer_at_given_times_and_one_that_is_performed(studio, client, made, clip):
    folder = project_of(studio, made)
    other = clip_of(client, clip, "boots.mp4")
    for name, how, count in (("steps", {"times": [0.2, 0.6, 1.5]}, 3), ("claps", {"performance": other}, 2)):
        base = read_project(folder).revision
        body = {"kind": "layer", "project": made["project"], "base": base, "reference": other, "layer": name, **how}
        job = finished(client, body)
        assert job["state"] == "done", job
        assert any(note.startswith(f"layer {name}: ") for note in job["notes"])
        assert sum(cue.layer == name for cue in read_project(folder).cues) == count
        assert read_record(folder).references[name] == other


def test_a_bed(studio, client, made, key):
    folder = project_of(studio, made)
    base = read_project(folder).revision
    body = {"kind": "ambience", "project": made["project"], "base": base, "reference": key, "gain": -6}
    assert finished(client, body)["state"] == "done"
    bed = next(layer for layer in read_project(folder).layers if layer.name == "ambience")
    assert bed.gain == -6 and read_record(folder).references["ambience"] == key


def test_cues_are_panned_by_the_picture_and_back(studio, client, made):
    folder = project_of(studio, made)
    for values, width in (
        ({"pan": "picture", "width": 1.0}, 1.0),
        ({"pan": "picture", "width": 0.0}, 0.0),
        ({"pan": "middle"}, 0.0),
    ):
        before = read_project(folder)
        body = {"kind": "pan", "project": made["project"], "base": before.revision} | values
        assert finished(client, body)["state"] == "done"
        pans = [cue.pan for cue in read_project(folder).cues if cue.layer != AMBIENCE]
        assert pans and all(abs(pan) <= width for pan in pans) and any(pans) == bool(width)


def test_an_edit_of_the_same_moment_is_waited_for(studio, client, made, monkeypatch):
    folder = project_of(studio, made)
    base = read_project(folder).revision
    body = {"kind": "redo", "project": made["project"], "base": base, "cue": 1}
    client.post(f"/api/projects/{made['project']}/lease")
    with editing(folder):
        job = client.post("/api/jobs", json=body).json()["id"]
        wait_for(lambda: client.get(f"/api/jobs/{job}"), ("running", *FINAL))
    assert wait_for(lambda: client.get(f"/api/jobs/{job}"))["state"] == "done"
    monkeypatch.setattr(work, "PATIENCE", 0.1)
    with editing(folder):
        found = finished(client, body | {"base": base + 1})
    assert found["state"] == "failed" and "being edited" in found["error"]


def test_what_fails_leaves_the_project_as_it_was(studio, client, made, key, monkeypatch):
    folder = project_of(studio, made)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name not in (".lock",)}
    base = read_project(folder).revision

    def broken(*args, **kwargs):
        raise InputError(f"{folder}/sounds/x.flac is missing")

    monkeypatch.setattr("condfoley.project.redo.blended", broken)
    job = finished(client, {"kind": "redo", "project": made["project"], "base": base, "cue": 1})
    assert job["state"] == "failed" and job["error"] == "x.flac is missing"
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name not in (".lock",)} == before


@pytest.mark.parametrize(
    ("change", "status", "what"),
    [
        ({"references": []}, 422, "references"),
        ({"references": ["0" * 16]}, 404, "no such clip"),
        ({"references": ["../../x"]}, 422, "pattern"),
        ({"target": "silent", "references": ["silent"]}, 422, "has no sound"),
        ({"settings": {"candidates": 0}}, 422, "--candidates is 0"),
        ({"settings": {"candidate": 3}}, 422, "did you mean candidates?"),
        ({"settings": {"out": "/tmp/x"}}, 422, "unknown setting out"),
        ({"settings": {"candidates": "3"}}, 422, "candidates"),
        ({"reference_start": 50.0}, 422, "past the end"),
        ({"cues": [{"time": 50.0}]}, 422, "past the"),
        ({"cues": [{"time": 0.5, "strength": 2}]}, 422, "strength"),
        ({"cues": [{"time": 0.5, "path": "/etc"}]}, 422, "extra"),
        ({"kind": "shell"}, 422, "kind"),
        ({"kind": "redo", "project": "0" * 16, "base": 1, "cue": 1}, 422, "extra"),
    ],
)
def test_what_cannot_be_generated_is_said_in_one_line(studio, client, key, silent, change, status, what):
    body = {"kind": "generate", "references": [key], "target": key} | change
    body = json.loads(json.dumps(body).replace('"silent"', f'"{clip_of(client, silent, "silent.mp4")}"'))
    before = len(client.get("/api/jobs").json())
    reply = client.post("/api/jobs", json=body)
    detail = reply.json()["detail"]
    assert reply.status_code == status and what in detail and "\n" not in detail, reply.text
    assert str(studio.users.home) not in detail
    assert len(client.get("/api/jobs").json()) == before and list((studio.users.home / "jobs").iterdir()) == []


@pytest.mark.parametrize(
    ("body", "status", "what"),
    [
        ({"kind": "redo", "cue": 99}, 422, "99"),
        ({"kind": "redo"}, 422, "either a span or a cue"),
        ({"kind": "redo", "cue": 1, "span": [0, 1]}, 422, "either a span or a cue"),
        ({"kind": "redo", "span": [1, 0.5]}, 422, "span"),
        ({"kind": "redo", "span": [0, 1], "variations": 2}, 422, "variations"),
        ({"kind": "redo", "cue": 1, "base": 0}, 409, "changed meanwhile"),
        ({"kind": "layer", "layer": "main", "reference": "KEY"}, 422, "main"),
        ({"kind": "layer", "layer": "../x", "reference": "KEY"}, 422, "letters"),
        ({"kind": "layer", "layer": "a=b", "reference": "KEY"}, 422, "letters"),
        ({"kind": "layer", "layer": "new", "reference": "KEY", "times": [99.0]}, 422, "past the end"),
        ({"kind": "layer", "layer": "new", "reference": "0" * 16, "times": [0.5]}, 404, "no such clip"),
        ({"kind": "ambience", "reference": "KEY", "gain": 1000}, 422, "gain"),
        ({"kind": "pan", "pan": "picture", "width": 2}, 422, "width"),
        ({"kind": "pan", "pan": "left"}, 422, "pan"),
        ({"kind": "redo", "project": "f" * 16, "cue": 1}, 404, "no such project"),
    ],
)
def test_edits_that_cannot_be_done_are_said_in_one_line(studio, client, made, key, body, status, what):
    base = read_project(project_of(studio, made)).revision
    body = {"project": made["project"], "base": base} | body
    client.post(f"/api/projects/{made['project']}/lease")
    reply = client.post("/api/jobs", json=json.loads(json.dumps(body).replace("KEY", key)))
    assert reply.status_code == status and what in reply.json()["detail"], reply.text


class Turns:
    """Made-up work that says whose turn it is, and waits for `go`."""

    def __init__(self) -> None:
        self.go, self.order, self.at_once = threading.Semaphore(0), list[str](), 0
        self.most = 0

    def __call__(self, task, progress, model):
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            self.order.append(task.workspace.name)
            progress("working", 0.5)
            while not self.go.acquire(timeout=0.02):
                progress("working", 0.5)
            return {"project": None}
        finally:
            self.at_once -= 1


@pytest.fixture
def turns(monkeypatch) -> Turns:
    turns = Turns()
    monkeypatch.setattr(work, "generate", turns)
    return turns


@pytest.fixture
def many(tmp_path, turns):
    with studio_in(tmp_path, users="alice,bob,carol", max_waiting=3) as studio:
        yield studio
        for _ in range(100):
            turns.go.release()


def submit(client, key) -> str:
    reply = client.post("/api/jobs", json={"kind": "generate", "references": [key], "target": key})
    assert reply.status_code == 201, reply.text
    return reply.json()["id"]


def test_users_take_turns(many, turns, clip):
    alice, bob, carol = (browser(many, name) for name in many.users.names)
    mine, his, hers = (clip_of(one, clip) for one in (alice, bob, carol))
    first = submit(alice, mine)
    wait_for(lambda: alice.get(f"/api/jobs/{first}"), ("running",))
    rest = [submit(alice, mine) for _ in range(3)]
    late, last = submit(bob, his), submit(carol, hers)
    assert [alice.get(f"/api/jobs/{job}").json()["position"] for job in (first, *rest)] == [0, 3, 4, 5]
    assert bob.get(f"/api/jobs/{late}").json()["position"] == 1
    for _ in range(6):
        turns.go.release()
    wait_for(lambda: alice.get(f"/api/jobs/{rest[-1]}"))
    assert [one.get("/api/jobs").json()[0]["state"] for one in (bob, carol)] == ["done", "done"]
    assert {late, last} == {one.get("/api/jobs").json()[0]["id"] for one in (bob, carol)}
    assert turns.order == ["alice", "bob", "carol", "alice", "alice", "alice"] and turns.most == 1


def test_twenty_users_at_once_lose_nothing_and_take_turns(tmp_path, turns, clip):
    names = [f"user{k}" for k in range(20)]
    with studio_in(tmp_path, users=",".join(names)) as studio:
        browsers = {name: browser(studio, name) for name in names}
        keys = {name: clip_of(one, clip) for name, one in browsers.items()}
        jobs: dict[str, list[str]] = {name: [] for name in names}

        def ask(name):
            jobs[name] += [submit(browsers[name], keys[name]) for _ in range(3)]

        threads = [threading.Thread(target=ask, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for _ in range(60):
            turns.go.release()
        for name, own in jobs.items():
            for job in own:
                assert wait_for(partial(browsers[name].get, f"/api/jobs/{job}"))["state"] == "done"
            assert [one["id"] for one in browsers[name].get("/api/jobs").json()] == own
        assert turns.most == 1 and sorted(turns.order) == sorted(names * 3)
        rounds = turns.order[1:]  # the first one began before the others had come
        assert all(len(set(rounds[k : k + 19])) == 19 for k in (0, 20))
        assert list((tmp_path / "jobs").iterdir()) == []


def test_one_users_waiting_jobs_are_limited_and_the_others_still_come_in(many, turns, clip):
    alice, bob = browser(many, "alice"), browser(many, "bob")
    mine, his = clip_of(alice, clip), clip_of(bob, clip)
    first = submit(alice, mine)
    wait_for(lambda: alice.get(f"/api/jobs/{first}"), ("running",))
    for _ in range(3):
        submit(alice, mine)
    reply = alice.post("/api/jobs", json={"kind": "generate", "references": [mine], "target": mine})
    assert reply.status_code == 503 and "waiting" in reply.json()["detail"] and "Retry-After" in reply.headers
    submit(bob, his)


def test_waiting_and_running_jobs_are_cancelled(many, turns, clip):
    alice = browser(many, "alice")
    key = clip_of(alice, clip)
    first, second = submit(alice, key), submit(alice, key)
    wait_for(lambda: alice.get(f"/api/jobs/{first}"), ("running",))
    assert alice.delete(f"/api/jobs/{second}").status_code == 204
    assert alice.get(f"/api/jobs/{second}").json()["state"] == "cancelled"
    assert alice.delete(f"/api/jobs/{first}").status_code == 204
    assert wait_for(lambda: alice.get(f"/api/jobs/{first}"))["state"] == "cancelled"
    assert turns.order == ["alice"] and list((many.users.home / "jobs").iterdir()) == []
    assert alice.delete(f"/api/jobs/{first}").status_code == 204 and len(alice.get("/api/jobs").json()) == 1


def test_jobs_that_a_killed_server_left_are_told(tmp_path, turns, clip):
    with studio_in(tmp_path) as studio:
        alice = browser(studio)
        key = clip_of(alice, clip)
        jobs = [submit(alice, key) for _ in range(2)]
        wait_for(lambda: alice.get(f"/api/jobs/{jobs[0]}"), ("running",))
        left = {path: path.read_bytes() for path in (tmp_path / "jobs").rglob("job.json")}
        turns.go.release()
        turns.go.release()
        wait_for(lambda: alice.get(f"/api/jobs/{jobs[1]}"))
    for path, content in left.items():  # as if it had been killed
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    with studio_in(tmp_path) as studio:
        alice = browser(studio)
        for job in jobs:
            found = alice.get(f"/api/jobs/{job}").json()
            assert (found["state"], found["error"]) == ("failed", LOST)
        assert list((tmp_path / "jobs").iterdir()) == []
        unknown = alice.get("/api/jobs/" + "0" * 16)
        assert unknown.status_code == 404 and "restarted" in unknown.json()["detail"]


def test_a_job_that_breaks_does_not_end_the_others(tmp_path, clip, monkeypatch):
    def broken(task, progress, model):
        raise ValueError(f"no way in {task.folder}/results")

    monkeypatch.setattr(work, "generate", broken)
    with studio_in(tmp_path) as studio:
        client = browser(studio)
        key = clip_of(client, clip)
        for _ in range(2):
            found = finished(client, {"kind": "generate", "references": [key], "target": key})
            assert found["state"] == "failed" and "internal error" in found["error"]
            assert str(tmp_path) not in found["error"]


def test_a_result_of_the_command_line_is_opened_where_it_is(studio, client, made, tmp_path, clip):
    from condfoley.cli.main import main

    (tmp_path / "tap.mp4").write_bytes(clip)
    words = ["--reference", str(tmp_path / "tap.mp4"), "--target", str(tmp_path / "tap.mp4"), "--quiet"]
    out = tmp_path / "out"
    assert main(["generate", *words, "--out", str(out), "--weights", studio.options.weights, "--candidates", "2"]) == 0
    workspace = studio.users.workspace("local")
    key = open_project(workspace, out, studio.limits)
    assert open_project(workspace, out, studio.limits) == key and workspace.project(key).resolve() == out
    record = read_record(out)
    assert record.name == "out" and record.target == record.references["main"]
    assert client.get(f"/api/clips/{record.target}").json()["name"] == "tap.mp4"
    job = finished(client, {"kind": "redo", "project": key, "base": 1, "span": [0.0, 2.0]})
    assert job["state"] == "done" and read_project(out).revision == 2
    with pytest.raises(InputError, match="holds no project"):
        open_project(workspace, tmp_path, studio.limits)


def test_messages_name_files_without_their_folders(tmp_path):
    text = f"{tmp_path}/clips/ab/file/a.mp4: is silent; see {tmp_path}/x and /usr/share/y"
    assert plain_names(text, tmp_path) == "a.mp4: is silent; see x and /usr/share/y"
