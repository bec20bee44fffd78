"""Writing: the picture untouched, the sound in time, nothing half-written."""

import os
from pathlib import Path

import av
import numpy as np
import pytest

from condfoley import media
from condfoley.errors import InputError
from tests.conftest import click_times, clicks, grey
from tests.made_up import assert_shows, levels

EXAMPLES = Path(__file__).parents[1] / "condfoley" / "examples"

RATE = 22050
TIMES = [0.0, 0.3, 0.7]


def packets(path):
    """(seconds of display, bytes) of the picture's packets, in order of decoding."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [(float(p.pts * stream.time_base), bytes(p)) for p in container.demux(stream) if p.size]


@pytest.mark.parametrize(
    ("source", "out", "codec"),
    [
        ("a.mp4", "o.mp4", "aac"),
        ("a.mp4", "o.mov", "pcm"),
        ("a.mkv", "o.mp4", "aac"),
        ("a.mov", "o.mov", "aac"),
    ],
)
@pytest.mark.parametrize("late", [0.0, 0.5])
def test_mux_copies_the_picture_bit_for_bit(make_clip, tmp_path, source, out, codec, late):
    old_sound = clicks([0.1, 0.9], 1.0, 44100)
    path = make_clip(source, times=[late + k / 15 for k in range(15)], wav=old_sound)
    result = media.mux(path, clicks(TIMES, 1.0, RATE), RATE, tmp_path / out, codec)
    assert result == tmp_path / out
    before, after = packets(path), packets(result)
    assert [data for _, data in before] == [data for _, data in after]
    rounding = 0.0006 if source.endswith(".mkv") else 1e-6  # its times, which become exact
    assert [time for time, _ in after] == pytest.approx([time - late for time, _ in before], abs=rounding)
    assert click_times(media.read_audio(result, RATE), RATE) == pytest.approx(TIMES, abs=0.001)
    with av.open(str(result)) as container:
        assert [s.type for s in container.streams] == ["video", "audio"]
        assert container.streams.audio[0].codec_context.name == {"aac": "aac", "pcm": "pcm_s24le"}[codec]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([source, out])


def test_mux_into_matroska_keeps_the_bytes_and_the_sync(make_clip, tmp_path):
    path = make_clip("a.mp4")
    for codec in ("aac", "pcm"):
        result = media.mux(path, clicks(TIMES, 1.0, RATE), RATE, tmp_path / "o.mkv", codec)
        assert [p[1] for p in packets(path)] == [p[1] for p in packets(result)]
        assert click_times(media.read_audio(result, RATE), RATE) == pytest.approx(TIMES, abs=0.002)
        assert_shows(levels(result), range(15))


def test_pcm_is_exact(make_clip, tmp_path):
    wav = clicks(TIMES, 1.0, RATE)
    result = media.mux(make_clip(), wav, RATE, tmp_path / "o.mov", "pcm")
    assert np.abs(media.read_audio(result, RATE) - wav).max() < 2.0**-22


def test_two_channels_stay_two(make_clip, tmp_path):
    left, right = clicks(TIMES, 1.0, RATE), clicks([0.5], 1.0, RATE)
    wav = np.stack([left, right])
    for name, codec in (("o.mov", "pcm"), ("o.mp4", "aac"), ("o.mkv", "pcm")):
        result = media.mux(make_clip(), wav, RATE, tmp_path / name, codec)
        assert media.probe(result).channels == 2
        with av.open(str(result)) as container:
            decoded = [frame.to_ndarray() for frame in container.decode(audio=0)]
        if codec == "aac":
            heard = np.concatenate(decoded, 1)
            assert [click_times(x, RATE) for x in heard] == [
                pytest.approx(TIMES, abs=0.05),
                pytest.approx([0.5], abs=0.05),
            ]
        else:
            heard = np.concatenate(decoded, 1).reshape(-1, 2).T / 2.0**31
            assert np.abs(heard - wav).max() < 2.0**-22
    clip = media.write_clip(tmp_path / "c.mp4", np.zeros((15, 16, 16, 3), np.uint8), 15.0, wav, RATE)
    assert media.probe(clip).channels == 2
    with pytest.raises(ValueError, match="1 or 2 channels"):
        media.mux(make_clip(), np.zeros((3, RATE)), RATE, tmp_path / "o.mp4")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_transport_streams_late_clock_is_left_behind(make_clip, tmp_path, suffix):
    stamps = [3600 + k / 15 for k in range(15)]
    sound = clicks([0.1, 0.9], 1.0, 44100)
    path = make_clip("a.ts", times=stamps, wav=sound, wav_start=3600.0)
    assert media.probe(path).duration == pytest.approx(1.0, abs=0.002)
    result = media.mux(path, clicks(TIMES, 1.0, RATE), RATE, tmp_path / f"o{suffix}")
    times = [time for time, _ in packets(result)]
    assert min(times) == pytest.approx(0.0, abs=0.1 if suffix == ".mkv" else 1e-6)
    with av.open(str(result)) as container:
        assert container.duration / av.time_base == pytest.approx(1.0, abs=0.1)
    assert click_times(media.read_audio(result, RATE), RATE) == pytest.approx(TIMES, abs=0.002)
    assert_shows(levels(result), range(15))


def test_mux_keeps_the_rotation_and_the_example(make_clip, tmp_path):
    turned = media.mux(make_clip("a.mov", rotation=90), np.zeros(RATE), RATE, tmp_path / "o.mp4")
    assert (media.probe(turned).rotation, media.probe(turned).width) == (90, 48)
    target = EXAMPLES / "hitting_bag_silent.mp4"
    wav = clicks([0.091, 5.525], 6.0, RATE)
    result = media.mux(target, wav, RATE, tmp_path / "bag.mp4")
    assert packets(target) == packets(result)
    assert (media.read_frames(target, 15.0, 32) == media.read_frames(result, 15.0, 32)).all()
    assert click_times(media.read_audio(result, RATE), RATE) == pytest.approx([0.091, 5.525], abs=0.001)


@pytest.mark.parametrize(
    ("name", "codec", "suffix"),
    [
        ("a.mp4", "libx264", ".mp4"),
        ("a.mkv", "libx264", ".mp4"),
        ("a.webm", "libvpx", ".mkv"),
        ("a.avi", "mjpeg", ".mkv"),
        ("a.mov", "prores", ".mov"),
    ],
)
def test_mux_suffix_names_a_container_that_works(make_clip, tmp_path, name, codec, suffix):
    pix_fmt = {"prores": "yuv422p10le", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
    path = make_clip(name, codec=codec, pix_fmt=pix_fmt, b_frames=0)
    assert media.mux_suffix(path) == suffix
    result = media.mux(path, clicks(TIMES, 1.0, RATE), RATE, tmp_path / f"out{suffix}")
    assert [p[1] for p in packets(path)] == [p[1] for p in packets(result)]
    assert click_times(media.read_audio(result, RATE), RATE) == pytest.approx(TIMES, abs=0.002)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "aac", "pcm"),
    [
        ("a.mp4", "libx264", "yuv420p", ".mp4", ".mov"),
        ("a.webm", "libvpx-vp9", "yuv420p", ".mp4", ".mkv"),
        ("a.gif", "gif", "rgb8", ".mov", ".mov"),
        ("a.avi", "cinepak", "rgb24", ".mov", ".mov"),
        ("a.avi", "mjpeg", "yuvj420p", ".mkv", ".mkv"),
    ],
)
def test_a_container_is_found_for_either_sound(make_clip, tmp_path, name, codec, pix_fmt, aac, pcm):
    path = make_clip(name, codec=codec, pix_fmt=pix_fmt)
    for sound, suffix in (("aac", aac), ("pcm", pcm)):
        assert media.mux_suffix(path, sound) == suffix
        result = media.mux(path, clicks(TIMES, 1.0, RATE), RATE, tmp_path / f"out{suffix}", sound)
        assert [p[1] for p in packets(path)] == [p[1] for p in packets(result)]
        assert (media.read_frames(path, 15.0, 32) == media.read_frames(result, 15.0, 32)).all()


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [("a.wmv", "wmv2", "yuv420p"), ("a.avi", "huffyuv", "rgb24"), ("a.avi", "rawvideo", "yuv420p")],
)
def test_a_picture_that_no_container_takes_is_said_with_what_to_do(make_clip, tmp_path, name, codec, pix_fmt):
    path = make_clip(name, codec=codec, pix_fmt=pix_fmt)
    for refuse in (media.mux_suffix, lambda path: media.mux(path, clicks(TIMES, 1.0, RATE), RATE, tmp_path / "o.mp4")):
        with pytest.raises(InputError, match=rf"^{path}: its picture \({codec}\) cannot be copied .*ffmpeg -i {path} "):
            refuse(path)
    assert list(tmp_path.iterdir()) == [path]


def test_no_frame_is_lost_that_is_said_to_last_no_time(make_clip, tmp_path):
    path = make_clip("a.flv")
    result = media.mux(path, clicks(TIMES, 1.0, RATE), RATE, tmp_path / "o.mp4")
    with av.open(str(path)) as before, av.open(str(result)) as after:
        assert len(list(before.decode(video=0))) == len(list(after.decode(video=0))) == 15


def test_mux_refusals_leave_nothing(make_clip, tmp_path):
    path, webm = make_clip(), make_clip("v.webm", codec="libvpx")
    silence = np.zeros(RATE, np.float32)
    sound = media.write_wav(tmp_path / "s.wav", silence, RATE)
    held = sorted(p.name for p in tmp_path.iterdir())
    refused = [
        ((path, silence, RATE, tmp_path / "o.mp4", "pcm"), "no PCM sound in .mp4; choose .mov"),
        ((path, silence, RATE, tmp_path / "o.mp4", "opus"), "choose aac or pcm"),
        ((path, silence, RATE, tmp_path / "o.avi"), "suffix is not supported"),
        ((path, silence, RATE, path), "input video itself"),
        ((path, silence, RATE, tmp_path / "nowhere" / "o.mp4"), "folder does not exist"),
        ((path, silence, RATE, sound / "o.mp4"), "folder does not exist"),
        ((path, silence, RATE, tmp_path), "suffix is not supported|is a folder"),
        ((webm, silence, RATE, tmp_path / "o.mov"), "cannot hold this picture .vp8. unchanged; choose .mkv"),
        ((sound, silence, RATE, tmp_path / "o.mp4"), "has no picture"),
    ]
    for arguments, message in refused:
        with pytest.raises(InputError, match=message):
            media.mux(*arguments)
    with pytest.raises(ValueError, match="finite"):
        media.mux(path, silence * np.nan, RATE, tmp_path / "o.mp4")
    assert sorted(p.name for p in tmp_path.iterdir()) == held


def test_a_frame_that_asks_for_more_memory_than_there_is_damage(make_clip, tmp_path, monkeypatch):
    path = make_clip()

    def asks(*_):
        yield from ()
        raise av.error.MemoryError(12, "Cannot allocate memory", str(path))

    monkeypatch.setattr("condfoley.media.muxing._copied_packets", asks)
    with pytest.raises(
        InputError, match=rf"^{path}: a frame of its picture asks for more memory .*copy or export it again"
    ):
        media.mux(path, clicks(TIMES, 1.0, RATE), RATE, tmp_path / "o.mp4")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["wav", "mux", "clip"])
def test_a_failing_disk_keeps_the_old_file(make_clip, tmp_path, monkeypatch, kind):
    path, silence = make_clip(), np.zeros(RATE, np.float32)
    out = tmp_path / ("o.wav" if kind == "wav" else "o.mp4")
    out.write_bytes(b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    write = {
        "wav": lambda: media.write_wav(out, silence, RATE),
        "mux": lambda: media.mux(path, silence, RATE, out),
        "clip": lambda: media.write_clip(out, np.zeros((3, 16, 16, 3), np.uint8), 15.0, silence, RATE),
    }[kind]
    with pytest.raises(InputError, match="No space left"):
        write()
    assert out.read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([path.name, out.name])


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_write_clip_keeps_picture_and_sound_together(tmp_path, name):
    frames = np.stack([np.full((33, 47, 3), grey(k), np.uint8) for k in range(30)])
    path = media.write_clip(tmp_path / name, iter(frames), 15.0, clicks(TIMES, 2.0, RATE), RATE)
    info = media.probe(path)
    assert (info.width, info.height, info.fps, info.sample_rate) == (48, 34, 15.0, RATE)
    assert info.duration == pytest.approx(2.0, abs=0.001)
    assert_shows(levels(path), range(30))
    assert click_times(media.read_audio(path, RATE), RATE) == pytest.approx(TIMES, abs=0.002)


def test_write_clip_needs_a_frame(tmp_path):
    with pytest.raises(ValueError, match="at least one frame"):
        media.write_clip(tmp_path / "a.mp4", [], 15.0, np.zeros(10, np.float32), RATE)
    assert not list(tmp_path.iterdir())
