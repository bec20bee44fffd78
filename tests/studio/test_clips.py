"""What the page sees and hears of a clip: copies that browsers play, strips, peaks, events; and files of a library."""

import io
import os

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from PIL import Image

from condfoley.media.probe import open_media
from condfoley.media.streams import timed_frames
from condfoley.studio.clips import read_clip, remove_unused
from condfoley.studio.playable import how_played
from condfoley.studio.proxies import proxy_size
from tests.made_up import pulses, write_video
from tests.studio.serving import browser, clip_of, studio_in, upload, wait_for
from tests.tiny import write_tiny_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_weights(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> bytes:
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", 2.0, pulses([0.5, 1.2], 2.0)).read_bytes()


@pytest.fixture
def studio(tmp_path, weights):
    library = tmp_path / "library"
    library.mkdir()
    with studio_in(tmp_path / "home", weights, library=str(library)) as studio:
        yield studio


@pytest.fixture
def client(studio) -> TestClient:
    return browser(studio)


def played(client, studio, key):
    """Path of what a browser gets, once it is ready."""
    found = wait_for(lambda: _media(client, key), ("ready", "failed"))
    assert found["state"] == "ready", found
    path = studio.users.home / f"played-{key}"
    path.write_bytes(client.get(f"/api/clips/{key}/media").content)
    return path, found


def _media(client, key):
    class Reply:
        def json(self):
            return client.get(f"/api/clips/{key}").json()["media"]

    return Reply()


def times(path):
    clip = open_media(path)
    return np.array([time for time, _ in timed_frames(clip, clip.video)])


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "plays"),
    [
        ("a.mp4", "libx264", "yuv420p", True),
        ("a.mov", "libx264", "yuv420p", True),
        ("a.webm", "libvpx", "yuv420p", True),
        ("a.webm", "libvpx-vp9", "yuv420p", True),
        ("a.mkv", "libx264", "yuv420p", False),
        ("a.mp4", "libx264", "yuv422p", False),
        ("a.mp4", "libx264", "yuv420p10le", False),
        ("a.mov", "prores_ks", "yuv422p10le", False),
        ("a.mp4", "libx265", "yuv420p", False),
        ("a.avi", "mjpeg", "yuvj420p", False),
        ("a.avi", "mpeg4", "yuv420p", False),
    ],
)
def test_what_browsers_do_not_play_gets_a_copy_with_the_same_times(
    make_clip, client, studio, name, codec, pix_fmt, plays
):
    path = make_clip(name, codec=codec, pix_fmt=pix_fmt)
    assert how_played(open_media(path))[0] == plays
    key = clip_of(client, path.read_bytes(), name)
    copy, state = played(client, studio, key)
    assert state["proxy"] != plays and ("original" in state["note"]) != plays
    assert plays or (state["note"][0].isupper() and state["note"].endswith("."))  # it follows other sentences
    found = open_media(copy)
    assert how_played(found)[0] and abs(found.zero) < 0.001
    assert times(copy) == pytest.approx(times(path), abs=0.0011 if path.suffix in (".mkv", ".webm") else 1e-4)


def test_a_copy_of_a_varying_rate_keeps_each_time(make_clip, client, studio):
    path = make_clip("a.mkv", times=[0.0, 0.1, 0.15, 0.4, 0.41, 0.9])
    copy, _ = played(client, studio, clip_of(client, path.read_bytes(), "a.mkv"))
    assert times(copy) == pytest.approx(times(path), abs=1e-4)


def test_a_copy_is_small_and_upright(make_clip, client, studio):
    path = make_clip("a.mov", codec="prores_ks", pix_fmt="yuv422p10le", size=(1280, 720), rotation=90)
    copy, _ = played(client, studio, clip_of(client, path.read_bytes(), "a.mov"))
    info = open_media(copy).info
    assert (info.width, info.height, info.rotation) == (540, 960, 0)


def test_sizes_of_copies_are_even_and_keep_the_shape():
    assert proxy_size(1920, 1080) == (960, 540) and proxy_size(1080, 1920) == (540, 960)
    assert proxy_size(63, 49) == (64, 48) or proxy_size(63, 49) == (62, 48)
    assert proxy_size(1, 1) == (2, 2) and proxy_size(10_000, 2) == (960, 2)


def test_a_copy_has_the_sound_at_its_time(client, studio, tmp_path):
    path = tmp_path / "a.mkv"
    write_video(path, 2.0, pulses([0.5, 1.2], 2.0))
    copy, _ = played(client, studio, clip_of(client, path.read_bytes(), "a.mkv"))
    from condfoley.audio.onsets import detect_onsets
    from condfoley.media import read_audio

    onsets = detect_onsets(read_audio(copy, 22050), 22050)[0]
    assert onsets == pytest.approx([0.5, 1.2], abs=0.01)


def test_a_sound_that_browsers_do_not_play(client, studio, tmp_path):
    path = tmp_path / "a.aiff"
    soundfile.write(path, pulses([0.5], 1.0), 22050, "PCM_16")
    copy, state = played(client, studio, clip_of(client, path.read_bytes(), "a.aiff"))
    info = open_media(copy).info
    assert client.get(f"/api/clips/{copy.name.removeprefix('played-')}/media").headers["content-type"] == "audio/mp4"
    assert state["proxy"] and not info.has_video and info.duration == pytest.approx(1.0, abs=0.05)


def test_strips_show_the_frames_of_a_span(make_clip, client):
    key = clip_of(client, make_clip("a.mp4", times=[k / 10 for k in range(20)]).read_bytes())
    row = client.get(f"/api/clips/{key}/strip.jpg?begin=0.5&end=1.5&count=5&height=32")
    picture = np.asarray(Image.open(io.BytesIO(row.content)).convert("L")).astype(float)
    assert row.headers["content-type"] == "image/jpeg" and picture.shape[0] == 32
    shades = picture.reshape(32, 5, -1).mean((0, 2))
    assert (np.diff(shades) > 3).all(), shades
    for wrong in ("count=0", "count=1000", "height=1", "begin=5&end=4", "begin=nan", "begin=-1", "end=inf&begin=inf"):
        assert client.get(f"/api/clips/{key}/strip.jpg?{wrong}").status_code == 422, wrong


def test_the_sound_and_its_peaks(client):
    wav = np.stack([pulses([0.5], 1.0), -pulses([0.7], 1.0)])
    out = io.BytesIO()
    soundfile.write(out, wav.T, 22050, "FLOAT", format="WAV")
    key = clip_of(client, out.getvalue(), "a.wav")
    reply = client.get(f"/api/clips/{key}/sound?begin=0.4&end=0.8")
    samples, rate = soundfile.read(io.BytesIO(reply.content), dtype="float32")
    assert rate == 22050 and np.array_equal(samples.T, wav[:, 8820:17640].astype(np.float32))
    peaks = client.get(f"/api/clips/{key}/peaks?points=10").json()
    assert len(peaks["max"]) == 2 and len(peaks["max"][0]) == 10
    assert np.max(peaks["max"][0]) == pytest.approx(wav[0].max(), abs=1e-3)
    assert client.get(f"/api/clips/{key}/spectrogram.png?width=50&height=20").headers["content-type"] == "image/png"
    for wrong in (
        "peaks?points=0",
        "peaks?begin=9",
        "spectrogram.png?width=0",
        "sound?begin=2&end=1",
        "sound?begin=nan",
    ):
        reply = client.get(f"/api/clips/{key}/{wrong}")
        assert reply.status_code == 422 and isinstance(reply.json()["detail"], str)
    assert client.get(f"/api/clips/{key}/strip.jpg").status_code == 422


def test_events_of_sound_and_picture(client, clip):
    key = clip_of(client, clip)
    found = wait_for(lambda: client.get(f"/api/clips/{key}/events"))
    assert found["state"] == "done" and [one["time"] for one in found["onsets"]] == pytest.approx([0.5, 1.2], abs=0.02)
    assert len(found["curve"]["probability"]) == 30 and found["curve"]["fps"] == 15
    assert all(set(one) == {"time", "confidence", "strength"} for one in found["impacts"])


def test_a_file_of_the_library_is_not_copied(client, studio, clip):
    folder = studio.library.folder
    (folder / "takes").mkdir()
    (folder / "takes/one.mp4").write_bytes(clip)
    (folder / "notes.txt").write_text("x")
    (folder / ".hidden.mp4").write_bytes(clip)
    names = [one["name"] for one in client.get("/api/library").json()]
    assert names == ["example:hitting_metal.mp4", "example:hitting_bag_silent.mp4", "takes/one.mp4"]
    first, again = (client.post("/api/library", json={"name": "takes/one.mp4"}) for _ in range(2))
    assert first.status_code == 201 and first.json() == again.json()
    key = first.json()["id"]
    assert not list(studio.users.workspace("local").root.rglob("*.mp4"))
    assert client.get(f"/api/clips/{key}/media").content == clip
    assert client.delete(f"/api/clips/{key}").status_code == 204 and (folder / "takes/one.mp4").exists()


def test_a_file_of_the_library_that_is_gone(client, studio, clip):
    (studio.library.folder / "one.mp4").write_bytes(clip)
    key = client.post("/api/library", json={"name": "one.mp4"}).json()["id"]
    (studio.library.folder / "one.mp4").unlink()
    reply = client.get(f"/api/clips/{key}")
    assert reply.status_code == 404 and "moved or removed" in reply.json()["detail"]
    assert client.get("/api/clips").json() == []


@pytest.mark.parametrize(
    "name",
    [
        "../secret.mp4",
        "/etc/passwd",
        "takes/../../secret.mp4",
        "link.mp4",
        "out/secret.mp4",
        "a\0.mp4",
        "",
        ".",
        "x.mp4",
    ],
)
def test_nothing_outside_the_library_is_reached(client, studio, clip, tmp_path, name):
    (tmp_path / "secret.mp4").write_bytes(clip)
    folder = studio.library.folder
    os.symlink(tmp_path / "secret.mp4", folder / "link.mp4")
    os.symlink(tmp_path, folder / "out")
    os.symlink(folder / "loop.mp4", folder / "loop.mp4")
    assert len(client.get("/api/library").json()) == 2  # the examples
    assert client.post("/api/library", json={"name": name}).status_code == 404
    absolute = client.post("/api/library", json={"name": str(tmp_path / "secret.mp4")})
    assert absolute.status_code == 404 and client.get("/api/clips").json() == []


def test_a_file_that_was_replaced_by_a_link_is_not_read(client, studio, clip, tmp_path):
    (tmp_path / "secret.mp4").write_bytes(clip)
    (studio.library.folder / "one.mp4").write_bytes(clip)
    key = client.post("/api/library", json={"name": "one.mp4"}).json()["id"]
    (studio.library.folder / "one.mp4").unlink()
    os.symlink(tmp_path / "secret.mp4", studio.library.folder / "one.mp4")
    assert client.get(f"/api/clips/{key}/media").status_code == 404


def test_unused_clips_are_removed_after_some_days(client, studio, clip):
    workspace = studio.users.workspace("local")
    old, new = clip_of(client, clip), clip_of(client, clip)
    record = workspace.clip(old) / "clip.json"
    os.utime(record, (0, 0))
    kept = workspace.projects / "0123456789abcdef"
    kept.mkdir()
    (kept / "studio.json").write_text(f'{{"name": "mine", "target": "{old}", "references": {{}}, "written": 1}}')
    remove_unused(workspace, 7)
    assert read_clip(workspace, old).id == old
    reply = client.delete(f"/api/clips/{old}")
    assert reply.status_code == 422 and "the project mine still uses" in reply.json()["detail"]
    (kept / "studio.json").unlink()
    remove_unused(workspace, 7)
    assert [one["id"] for one in client.get("/api/clips").json()] == [new]


def test_a_damaged_file_says_so_once(client, studio, clip):
    assert upload(client, clip[: len(clip) // 2], "half.mp4").status_code == 422


def test_failures_in_the_background_are_told_without_folders(make_clip, client, studio):
    key = clip_of(client, make_clip("my clip.avi", codec="mjpeg", pix_fmt="yuvj420p").read_bytes(), "my clip.avi")
    played(client, studio, key)
    other = clip_of(client, make_clip("b.mp4").read_bytes(), "my other clip.mp4")
    (studio.users.workspace("local").clip(other) / "file/my other clip.mp4").write_bytes(b"damaged")
    found = wait_for(lambda: client.get(f"/api/clips/{other}/events"))
    assert found["state"] == "failed" and found["error"].startswith("my other clip.mp4: not a media file")
    strip = client.get(f"/api/clips/{other}/strip.jpg")
    assert strip.status_code == 422 and str(studio.users.home) not in strip.text


def test_frame_rates_are_kept_exactly(make_clip, client):
    found = upload(client, make_clip("a.mp4", fps=30000 / 1001).read_bytes()).json()
    assert found["picture"]["fps"] == pytest.approx(29.97, abs=0.01)
