"""Uploads: counted while they come, known by decoding, gone when they stop; and what tiny files may do."""

import asyncio
import struct
import zlib
from fractions import Fraction

import av
import httpx
import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from starlette.requests import ClientDisconnect

from condfoley.server import limits
from condfoley.studio.users import COOKIE
from tests.made_up import pulses, write_video
from tests.studio.serving import LOCAL, browser, clip_of, studio_in, upload


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> bytes:
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", 1.0, pulses([0.5], 1.0)).read_bytes()


@pytest.fixture
def studio(tmp_path):
    with studio_in(tmp_path / "home", max_upload=1, max_seconds=60.0, max_clips=3) as studio:
        yield studio


@pytest.fixture
def client(studio) -> TestClient:
    return browser(studio)


def nothing_is_left(studio) -> bool:
    """Whether no clip is there, and no part of one."""
    root = studio.users.workspace(studio.users.names[0]).root
    return not [path for path in root.rglob("*") if path.is_file()]


def test_an_upload_is_a_clip(client, studio, clip):
    reply = upload(client, clip, "my clip.mp4")
    found = reply.json()
    assert reply.status_code == 201 and client.get(f"/api/clips/{found['id']}").json() == found
    assert (found["name"], found["bytes"], found["duration"]) == ("my clip.mp4", len(clip), pytest.approx(1.0, abs=0.1))
    assert found["picture"]["width"] == 64 and found["sound"]["channels"] == 1
    assert found["media"] == {"state": "ready", "proxy": False, "note": "", "error": ""}
    media = client.get(f"/api/clips/{found['id']}/media")
    assert media.content == clip and media.headers["content-type"] == "video/mp4"
    part = client.get(f"/api/clips/{found['id']}/media", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, clip[4:8])
    assert client.delete(f"/api/clips/{found['id']}").status_code == 204 and nothing_is_left(studio)


def streamed(studio, chunks, **headers) -> httpx.Response:
    """The reply to an upload whose parts are sent as they are asked for."""

    async def parts():
        for chunk in chunks:
            yield chunk

    async def send():
        transport = httpx.ASGITransport(studio.app)
        given = {**browser(studio).headers, **headers}
        cookies = {COOKIE: studio.users.cookie("local")}
        async with httpx.AsyncClient(transport=transport, base_url=LOCAL, headers=given, cookies=cookies) as client:
            return await client.post("/api/clips", content=parts())

    return asyncio.run(send())


@pytest.mark.parametrize("size", [10**6 + 1, 10**15])
def test_what_is_larger_than_allowed_is_refused_before_it_comes(studio, size):
    def never():
        raise AssertionError("the body was read")
        yield b""

    reply = streamed(studio, never(), **{"Content-Length": str(size)})
    assert reply.status_code == 413 and nothing_is_left(studio)


def test_an_endless_upload_is_stopped_while_it_comes(studio):
    sent = 0

    def endless():
        nonlocal sent
        for _ in range(10_000):
            sent += 2**16
            yield bytes(2**16)

    assert streamed(studio, endless()).status_code == 413
    assert sent < 2 * 2**20 and nothing_is_left(studio)


def test_an_upload_that_creeps_is_stopped(studio, monkeypatch):
    monkeypatch.setattr(limits, "_in_time", lambda receive: receive())
    monkeypatch.setattr(limits, "GRACE", -1.0)
    monkeypatch.setattr(limits, "SLOWEST", 1e12)
    assert streamed(studio, [b"a", b"b"]).status_code == 408 and nothing_is_left(studio)


def test_an_upload_that_breaks_off_leaves_nothing(studio, clip):
    def broken():
        yield clip[:100]
        raise ClientDisconnect

    assert streamed(studio, broken()).status_code == 400 and nothing_is_left(studio)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty"),
        (b"#!/bin/sh\nrm -rf /\n", "not a media file"),
        (b"<html><script>alert(1)</script></html>", "not a media file"),
        (b"ffconcat version 1.0\nfile 'clip.mp4'\n", "not a media file"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/passwd\n#EXT-X-ENDLIST\n", "not a media file"),
        (b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n", "not a media file"),
    ],
)
@pytest.mark.parametrize("name", ["clip.mp4", "list.m3u8", "x.sdp", "list.ffconcat", ""])
def test_what_is_no_clip_is_refused_whatever_its_name(client, studio, content, what, name):
    reply = upload(client, content, name)
    detail = reply.json()["detail"]
    assert reply.status_code == 422 and what in detail and "\n" not in detail
    assert str(studio.users.home) not in detail and nothing_is_left(studio)


def test_a_playlist_does_not_read_other_files(client, studio, clip, tmp_path):
    (tmp_path / "secret.mp4").write_bytes(clip)
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{tmp_path}/secret.mp4\n#EXT-X-ENDLIST\n"
    for name in ("a.m3u8", "a.mp4"):
        assert upload(client, playlist.encode(), name).status_code == 422


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("<script>alert(1)</script>.mp4", "script_.mp4"),
        ('"><img src=x onerror=alert(1)>.mp4', None),
        (".hidden", "hidden"),
        ("", "recording"),
        ("a\nb\0c.mp4", "a_b_c.mp4"),
        ("ä" * 300 + ".mp4", None),
        ("clip.json", "clip.json"),
    ],
)
def test_names_are_only_shown(client, studio, clip, name, shown):
    found = upload(client, clip, name).json()
    assert shown is None or found["name"] == shown
    assert not set("<>\"'/\\\n\0") & set(found["name"])
    assert client.get(f"/api/clips/{found['id']}").json() == found
    media = client.get(f"/api/clips/{found['id']}/media")
    assert media.headers["content-type"] == "video/mp4" and media.headers["content-disposition"].startswith("inline;")
    home = studio.users.home
    assert {path.name for path in home.iterdir()} == {"users", "jobs", "tokens.json", ".lock"}


def test_a_page_that_is_also_a_sound_is_never_served_as_a_page(client):
    wav = _wav(1.0)
    hidden = wav + b"LIST" + struct.pack("<I", 64) + b"<html><script>alert(document.domain)</script></html>".ljust(64)
    reply = upload(client, hidden, "page.html")
    assert reply.status_code == 201
    media = client.get(f"/api/clips/{reply.json()['id']}/media")
    assert media.headers["content-type"] == "audio/wav" and media.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in media.headers["content-security-policy"]


def test_a_tiny_file_that_claims_a_huge_picture(client, studio, tmp_path):
    path = tmp_path / "bomb.mov"
    _write_png_video(path, 16_000)
    assert path.stat().st_size < 10**6
    reply = upload(client, path.read_bytes(), "bomb.mov")
    assert reply.status_code == 422 and "megapixels" in reply.json()["detail"] and nothing_is_left(studio)


def test_a_tiny_file_that_lasts_for_hours(client, studio, tmp_path):
    path = tmp_path / "long.flac"
    soundfile.write(path, np.zeros(8000 * 7200, np.int16), 8000)
    assert path.stat().st_size < 10**6
    reply = upload(client, path.read_bytes(), "long.flac")
    assert reply.status_code == 422 and "7200 s long" in reply.json()["detail"] and nothing_is_left(studio)


def test_zips_are_no_clips(client, studio):
    import io
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil.txt", bytes(10**6))
    assert upload(client, out.getvalue(), "clips.mp4").status_code == 422 and nothing_is_left(studio)


def test_a_user_has_a_number_of_clips_and_of_bytes(client, studio, clip):
    for _ in range(3):
        clip_of(client, clip)
    reply = upload(client, clip)
    assert reply.status_code == 409 and "remove some" in reply.json()["detail"]


def test_bytes_of_all_clips_count(tmp_path):
    content = _wav(3.0)
    with studio_in(tmp_path, max_storage=1) as studio:
        client = browser(studio)
        replies = [upload(client, content, "a.wav").status_code for _ in range(5)]
        assert 0 < replies.count(201) < 5 and set(replies) <= {201, 409, 413}
        used = sum(one["bytes"] for one in client.get("/api/clips").json())
        assert used <= 10**6


def test_what_a_killed_server_left_is_removed_at_the_next_start(tmp_path, clip):
    with studio_in(tmp_path) as studio:
        workspace = studio.users.workspace("local")
        key = clip_of(browser(studio), clip)
    for place in (workspace.root / "uploads/0123456789abcdef", workspace.clips / ".new/0123456789abcdef"):
        place.mkdir(parents=True, exist_ok=True)
        (place / "half.mp4").write_bytes(clip[:1000])
    with studio_in(tmp_path) as studio:
        assert [one["id"] for one in browser(studio).get("/api/clips").json()] == [key]
    assert not (workspace.root / "uploads").exists() and not (workspace.clips / ".new").exists()


def _wav(seconds: float) -> bytes:
    import io

    out = io.BytesIO()
    noise = np.random.default_rng(0).normal(0, 0.1, round(seconds * 44100))
    soundfile.write(out, noise, 44100, "PCM_16", format="WAV")
    return out.getvalue()


def _write_png_video(path, size):
    """A video of one PNG whose header claims `size` x `size` pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(2**20))
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width = stream.height = size
        stream.pix_fmt = "rgb24"
        for k in range(5):
            packet = av.Packet(png)
            packet.stream, packet.pts, packet.dts, packet.duration = stream, k, k, 1
            packet.time_base = Fraction(1, 25)
            container.mux(packet)
