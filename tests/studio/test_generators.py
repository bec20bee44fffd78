"""The generator flow on the page: a soundtrack that starts from a sound, and sounds drawn anew by another generator."""

import json
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from condfoley.media import read_sound
from condfoley.project.store import read_project
from condfoley.project.store import read_sound as read_drawn
from tests.made_up import pulses, write_video
from tests.studio.serving import browser, clip_of, finished, studio_in
from tests.tiny import write_tiny_flow, write_tiny_weights

FLOW = {"candidates": 1, "generator": "flow", "steps": 2, "render": "vocoder"}


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    weights = write_tiny_flow(tmp_path_factory.mktemp("tiny"))
    with studio_in(tmp_path_factory.mktemp("home"), str(weights)) as studio:
        yield studio


@pytest.fixture(scope="module")
def client(studio) -> TestClient:
    return browser(studio)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> bytes:
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", 2.0, pulses([0.5, 1.2], 2.0)).read_bytes()


@pytest.fixture(scope="module")
def key(client, clip) -> str:
    return clip_of(client, clip)


def generated(studio, client, key: str, **more) -> Path:
    """Folder of a soundtrack that has cues at 0.4 s and 1.1 s."""
    body = {"kind": "generate", "references": [key], "target": key, "cues": [{"time": 0.4}, {"time": 1.1}]} | more
    job = finished(client, body)
    assert job["state"] == "done", job
    return studio.users.workspace("local").project(job["project"])


def test_the_page_is_told_which_generators_there_are(client, tmp_path):
    assert client.get("/api/about").json()["generators"] == ["transformer", "flow"]
    with studio_in(tmp_path / "home", str(write_tiny_weights(tmp_path / "weights"))) as other:
        assert browser(other).get("/api/about").json()["generators"] == ["transformer"]


def test_a_soundtrack_starts_from_a_sound(studio, client, key):
    heard = {}
    for strength in (0.1, 0.9):
        folder = generated(studio, client, key, start_from=key, settings=FLOW | {"strength": strength})
        told = json.loads((folder / "provenance.json").read_text())
        assert told["settings"]["strength"] == strength and told["inputs"]["start_from"]["name"] == "clip.mp4"
        heard[strength] = read_sound(folder / "soundtrack.wav")[0]
    assert not np.array_equal(heard[0.1], heard[0.9])
    folder = generated(studio, client, key, start_from=key, settings=FLOW)  # half, where nothing is said
    assert json.loads((folder / "provenance.json").read_text())["settings"]["strength"] == 0.5


def test_sounds_are_drawn_anew_by_another_generator(studio, client, key):
    settings = {"candidates": 1, "generator": "transformer", "render": "vocoder"}
    folder = generated(studio, client, key, settings=settings)
    sounds = []
    for how in ({}, {"generator": "flow"}, {"generator": "flow", "strength": 0.2}):
        base = read_project(folder).revision
        job = finished(client, {"kind": "redo", "project": folder.name, "base": base, "span": [0.2, 0.9], **how})
        assert job["state"] == "done", job
        project = read_project(folder)
        used = project.cues[0].excerpt
        sounds.append(read_drawn(folder, project.sounds[used.sound], project.rate))
    assert not any(np.array_equal(*pair) for pair in zip(sounds, sounds[1:]))
    assert read_project(folder).settings["generator"] == "transformer"


@pytest.mark.parametrize(
    ("change", "status", "what"),
    [
        ({"settings": FLOW | {"strength": 0.5}}, 422, "choose the sound that it starts from"),
        ({"start_from": "KEY", "settings": FLOW | {"strength": 1.5}}, 422, "strength"),
        ({"start_from": "f" * 16}, 404, "no such clip"),
        ({"start_from": "KEY", "settings": {"generator": "transformer"}}, 422, "flow"),
        ({"kind": "redo", "strength": 0.5, "generator": "transformer"}, 422, "only the generator flow"),
        ({"kind": "redo", "generator": "diffusion"}, 422, "generator"),
        ({"kind": "redo", "strength": -1}, 422, "strength"),
    ],
)
def test_what_does_not_go_together_is_said_in_one_line(studio, client, key, change, status, what):
    if change.get("kind") == "redo":
        folder = generated(studio, client, key, settings={"candidates": 1})
        client.post(f"/api/projects/{folder.name}/lease")
        body = {"project": folder.name, "base": 1, "span": [0.2, 0.9]} | change
    else:
        body = {"kind": "generate", "references": [key], "target": key, "settings": FLOW} | change
    reply = client.post("/api/jobs", json=json.loads(json.dumps(body).replace("KEY", key)))
    detail = reply.json()["detail"]
    assert reply.status_code == status and what in detail and "\n" not in detail, reply.text


def test_a_sound_of_another_length_is_refused(client, key, tmp_path):
    short = clip_of(client, write_video(tmp_path / "short.mp4", 1.0, pulses([0.5], 1.0)).read_bytes())
    body = {"kind": "generate", "references": [key], "target": key, "start_from": short, "settings": FLOW}
    reply = client.post("/api/jobs", json=body)
    assert reply.status_code == 422 and "as long as" in reply.json()["detail"], reply.text
