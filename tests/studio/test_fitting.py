"""Sounds of the library that fit a target: found in the background, by name, and by nobody else's path."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("fastapi", reason="fastapi is missing: pip install -e '.[studio]'")

from condfoley.references import cache
from condfoley.weights import drop_part
from tests.made_up import write_video
from tests.sounds import pulses
from tests.studio.serving import browser, clip_of, studio_in, wait_for
from tests.tiny import write_tiny_weights


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_tiny_weights(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def library(tmp_path):
    folder = tmp_path / "library"
    (folder / "deep").mkdir(parents=True)
    for name, pitch in (("one.mp4", 300), ("deep/two.mp4", 2500)):
        write_video(folder / name, 1.0, pulses([0.2], 1.0, pitch))
    (folder / "damaged.wav").write_bytes(b"x")
    write_video(tmp_path / "secret.mp4", 1.0, pulses([0.2], 1.0))
    os.symlink(tmp_path / "secret.mp4", folder / "link.mp4")
    return folder


@pytest.fixture
def target(tmp_path):
    return write_video(tmp_path / "target.mp4", 2.0).read_bytes()


def test_the_best_of_the_library_are_offered(tmp_path, weights, library, target):
    with studio_in(tmp_path / "home", str(weights), library=str(library)) as studio:
        client = browser(studio)
        assert client.get("/api/about").json()["finds"] is True
        key = clip_of(client, target)
        found = wait_for(lambda: client.get(f"/api/clips/{key}/fitting"))
        assert found["state"] == "done", found
        assert {one["name"] for one in found["found"]} == {"one.mp4", "deep/two.mp4"} and found["left_out"] == 1
        assert found["found"][0]["score"] >= found["found"][1]["score"] and found["by"] == "picture"
        assert client.post("/api/library", json={"name": found["found"][0]["name"]}).status_code == 201
        write_video(library / "three.mp4", 1.0, pulses([0.2], 1.0, 900))
        again = wait_for(lambda: client.get(f"/api/clips/{key}/fitting"))
        assert {one["name"] for one in again["found"]} == {"one.mp4", "deep/two.mp4", "three.mp4"}


def test_others_clips_are_refused_and_a_sound_alone_is_enough(tmp_path, weights, library, target):
    with studio_in(tmp_path / "home", str(weights), library=str(library), users="alice,bob") as studio:
        alice, bob = browser(studio, "alice"), browser(studio, "bob")
        key = clip_of(alice, target)
        assert bob.get(f"/api/clips/{key}/fitting").status_code == 404
        bob.cookies.clear()
        assert bob.get(f"/api/clips/{key}/fitting").status_code == 401
        (tmp_path / "sound.wav").write_bytes(b"")
        import soundfile as sf

        sf.write(tmp_path / "sound.wav", pulses([0.2], 1.0), 22050)
        sound = clip_of(alice, (tmp_path / "sound.wav").read_bytes(), "sound.wav")
        found = wait_for(lambda: alice.get(f"/api/clips/{sound}/fitting"))
        assert found["state"] == "done" and found["by"] == "sound" and len(found["found"]) == 2


def test_where_nothing_can_be_found_the_page_is_told(tmp_path, weights, library, target):
    unable = write_tiny_weights(tmp_path / "unable")
    drop_part(unable, "bind")
    for name, model, folder in (("a", weights, None), ("b", unable, str(library))):
        with studio_in(tmp_path / name, str(model), library=folder) as studio:
            client = browser(studio)
            assert client.get("/api/about").json()["finds"] is False
            reply = client.get(f"/api/clips/{clip_of(client, target)}/fitting")
            assert reply.status_code == 422 and "cannot look for sounds" in reply.json()["detail"]


def test_a_library_of_damaged_files_fails_in_words(tmp_path, weights, target):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/a.wav").write_bytes(b"x")
    with studio_in(tmp_path / "home", str(weights), library=str(tmp_path / "bad")) as studio:
        client = browser(studio)
        key = clip_of(client, target)
        found = wait_for(lambda: client.get(f"/api/clips/{key}/fitting"))
        assert (
            found["state"] == "failed" and "none of 1 files" in found["error"] and str(tmp_path) not in found["error"]
        )
