"""Odd files that people have: each test is of a kind of oddity, made on the spot, and says what is right."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from condfoley import media
from condfoley.errors import InputError
from condfoley.files import atomic_file
from condfoley.media.complete import is_closed
from condfoley.media.streams import decode_stream
from condfoley.results.folder import SOUNDTRACK, ResultFolder
from tests.conftest import click_times, clicks
from tests.made_up import assert_shows, levels

RATE = 22050


def remuxed(source: Path, out: Path, change: Callable[[int, av.Packet], None] = lambda k, packet: None) -> Path:
    """A copy of all streams; `change` is called with each picture packet's number and the packet."""
    with av.open(str(source)) as read, av.open(str(out), "w") as target:
        tracks = {s.index: target.add_stream_from_template(s, opaque=True) for s in read.streams}
        count = 0
        for packet in read.demux():
            if packet.size:
                if packet.stream.type == "video":
                    change(count, packet)
                    count += 1
                packet.stream = tracks[packet.stream.index]
                target.mux(packet)
    return out


@pytest.mark.parametrize("name", ["cover.m4a", "thumb.mp4"])
def test_a_cover_picture_is_no_picture(make_clip, tmp_path, name):
    times = {"fps": 15.0, "duration": 2.0} if name == "thumb.mp4" else {"times": []}
    whole = make_clip("whole.mp4", wav=clicks([0.5], 2.0, 44100), **times)
    path = tmp_path / name
    with av.open(str(whole)) as source, av.open(str(path), "w", format="mp4") as target:
        tracks = {s.index: target.add_stream_from_template(s, opaque=True) for s in source.streams}
        cover = target.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        for packet in source.demux():
            if packet.size:
                packet.stream = tracks[packet.stream.index]
                target.mux(packet)
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        target.mux([*cover.encode(frame), *cover.encode(None)])
    info = media.probe(path)
    assert (info.has_video, info.has_audio) == (name == "thumb.mp4", True)
    assert info.duration == pytest.approx(2.0, abs=0.03)
    assert click_times(media.read_audio(path, RATE), RATE) == pytest.approx([0.5], abs=0.002)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_two_packets_at_one_time_are_copied_one_after_the_other(make_clip, tmp_path, suffix):
    def change(number: int, packet: av.Packet) -> None:
        if number == 8:
            packet.pts = packet.dts = round(7 / 15 / packet.time_base)

    path = remuxed(make_clip("even.mkv", b_frames=0), tmp_path / "equal.mkv", change)
    out = media.mux(path, clicks([0.3], 1.0, RATE), RATE, tmp_path / f"out{suffix}")
    with av.open(str(out)) as container:
        stamps = [packet.dts for packet in container.demux(video=0) if packet.size]
    assert len(stamps) == 15 and sorted(set(stamps)) == stamps
    assert click_times(media.read_audio(out, RATE), RATE) == pytest.approx([0.3], abs=0.002)


def test_joined_recordings_are_refused_before_the_work(make_clip, tmp_path):
    one = make_clip("one.mkv", duration=2.0, b_frames=0)
    path = remuxed(one, tmp_path / "joined.ts", lambda k, packet: setattr(packet, "pts", packet.pts))
    path.write_bytes(path.read_bytes() * 2)
    for refuse in (media.mux_suffix, lambda path: media.mux(path, np.zeros(RATE), RATE, tmp_path / "out.mp4")):
        with pytest.raises(InputError, match=rf"^{path}: its picture goes back by \d.* joined.*-pix_fmt yuv420p"):
            refuse(path)
    assert not (tmp_path / "out.mp4").exists()


def test_what_an_edit_list_hides_at_the_end_stays_hidden(make_clip, tmp_path):
    path = make_clip("long.mp4", duration=3.0, b_frames=0)
    content = path.read_bytes()
    place = content.index(b"elst") + 12
    whole = struct.unpack(">I", content[place : place + 4])[0]
    path.write_bytes(content[:place] + struct.pack(">I", whole // 2) + content[place + 4 :])
    assert media.probe(path).duration == pytest.approx(1.5, abs=0.07)
    out = media.mux(path, clicks([0.3], 1.5, RATE), RATE, tmp_path / "out.mp4")
    assert media.probe(out).duration == pytest.approx(1.5, abs=0.07)
    assert_shows(levels(out)[:22], range(22))


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_channels_that_cancel_each_other_out(tmp_path, noise):
    wav = clicks([0.2, 0.7], 1.0, RATE)
    other = -wav + noise * np.random.default_rng(0).normal(size=len(wav)).astype(np.float32)
    path = tmp_path / "inverted.flac"
    soundfile.write(path, np.stack([wav, other], 1), RATE)
    heard = media.read_audio(path, RATE)
    assert np.abs(heard).max() == pytest.approx(np.abs(wav).max(), abs=0.01)
    assert click_times(heard, RATE) == pytest.approx([0.2, 0.7], abs=0.001)
    soundfile.write(path, np.stack([wav, 0 * wav], 1), RATE)
    assert np.abs(media.read_audio(path, RATE)).max() == pytest.approx(np.abs(wav).max() / 2, rel=0.01)


@pytest.mark.parametrize("first", ["silent", "heard"])
def test_the_first_track_in_which_something_is_heard(make_clip, tmp_path, first):
    quiet, loud = (
        make_clip(f"{name}.mov", wav=wav, sound_codec="pcm_s16le")
        for name, wav in (("quiet", np.zeros(44100, np.float32)), ("loud", clicks([0.25], 1.0, 44100)))
    )
    other = make_clip("other.mov", wav=clicks([0.6], 1.0, 44100), sound_codec="pcm_s16le")
    files = (quiet, loud, other) if first == "silent" else (loud, quiet, other)
    path = tmp_path / "tracks.mov"
    with av.open(str(path), "w") as target:
        sources = [av.open(str(file)) for file in files]
        streams = [sources[0].streams.video[0], *(source.streams.audio[0] for source in sources)]
        tracks = [target.add_stream_from_template(stream, opaque=True) for stream in streams]
        for stream, track in zip(streams, tracks, strict=True):
            stream.container.seek(0)
            for packet in stream.container.demux(stream):
                if packet.size:
                    packet.stream = track
                    target.mux(packet)
        for source in sources:
            source.close()
    assert click_times(media.read_audio(path, RATE), RATE) == pytest.approx([0.25], abs=0.002)


def test_a_whole_file_may_say_that_it_lasts_longer(make_clip):
    path = make_clip("wallclock.mkv", b_frames=0)
    content = path.read_bytes()
    place = content.index(b"\x44\x89\x88") + 3
    longer = content[:place] + struct.pack(">d", 10_000.0) + content[place + 8 :]
    path.write_bytes(longer)
    assert is_closed(path) and media.probe(path).duration == pytest.approx(1.0, abs=0.01)
    path.write_bytes(longer[: len(longer) - 300])
    assert not is_closed(path)
    with pytest.raises(InputError, match=r"cut off, \d.* s of its data are missing"):
        media.probe(path)


@pytest.mark.parametrize(("name", "closed"), [("a.mp4", True), ("a.mov", True), ("a.mkv", True), ("a.avi", False)])
def test_whether_a_file_is_whole(make_clip, name, closed):
    path = make_clip(
        name, codec="mpeg4", wav=clicks([0.2], 1.0, 44100), sound_codec="pcm_s16le" if "v" in name else "aac"
    )
    assert is_closed(path) == closed
    content = path.read_bytes()
    for end in (len(content) - 1, len(content) // 2, 40, 9, 3):
        path.write_bytes(content[:end])
        assert not is_closed(path)


def test_the_last_picture_of_a_screen_recording_stays_while_its_sound_goes_on(make_clip, tmp_path):
    times = [0.0, 0.033, 0.066, 1.0, 1.033]
    path = make_clip("still.mp4", times=times, stay=0.033, wav=clicks([0.2, 2.5], 4.0, 44100), b_frames=0)
    assert media.probe(path).duration == pytest.approx(4.0, abs=0.05)
    assert click_times(media.read_audio(path, RATE), RATE) == pytest.approx([0.2, 2.5], abs=0.002)
    assert_shows(levels(path)[16:], [4] * 44)
    out = media.mux(path, clicks([3.0], 4.0, RATE), RATE, tmp_path / "out.mp4")
    assert click_times(media.read_audio(out, RATE), RATE) == pytest.approx([3.0], abs=0.002)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_few_damaged_time_stamps_do_not_make_a_file_last_for_weeks(make_clip, suffix):
    path = make_clip(f"jump{suffix}", times=[0, 0.1, 0.2, 90_000], b_frames=0)
    with pytest.raises(InputError, match="lasts 25 hours by its time stamps, more than 24; cut out a part"):
        media.probe(path)


def test_tags_of_codecs_are_kept(make_clip, tmp_path):
    def tag(path: Path) -> str:
        with av.open(str(path)) as container:
            return container.streams.video[0].codec_context.codec_tag

    prores = make_clip("hq.mov", codec="prores_ks", pix_fmt="yuv422p10le")
    wav = clicks([0.3], 1.0, RATE)
    with av.open(str(tmp_path / "proxy.mov"), "w") as target:
        track = target.add_stream("prores_ks", rate=15, options={"profile": "proxy"})
        track.width, track.height, track.pix_fmt = 64, 48, "yuv422p10le"
        for _ in range(15):
            target.mux(track.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        target.mux(track.encode(None))
    for path in (prores, tmp_path / "proxy.mov"):
        assert tag(media.mux(path, wav, RATE, tmp_path / "out.mov")) == tag(path)
    hevc = make_clip("a.mkv", codec="libx265")
    assert tag(media.mux(hevc, wav, RATE, tmp_path / "out.mp4")) == "hvc1"


def test_the_shape_of_pixels_that_only_the_container_tells(make_clip, tmp_path):
    path = tmp_path / "wide.mp4"
    with av.open(str(make_clip("square.mp4", b_frames=0))) as source, av.open(str(path), "w") as target:
        track = target.add_stream_from_template(source.streams.video[0], opaque=True)
        track.codec_context.sample_aspect_ratio = Fraction(32, 27)
        for packet in source.demux():
            if packet.size:
                packet.stream = track
                target.mux(packet)
    out = media.mux(path, clicks([0.3], 1.0, RATE), RATE, tmp_path / "out.mp4")
    with av.open(str(out)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(32, 27)


def test_transparency_stays_where_its_container_keeps_it(make_clip, tmp_path):
    plain = make_clip("plain.webm", codec="libvpx-vp9", b_frames=0)
    path = tmp_path / "alpha.webm"
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        track = target.add_stream_from_template(source.streams.video[0], opaque=True)
        track.metadata["alpha_mode"] = "1"
        for packet in source.demux():
            if packet.size:
                packet.stream = track
                target.mux(packet)
    assert (media.mux_suffix(plain), media.mux_suffix(path)) == (".mp4", ".mkv")


def test_b_frames_in_a_container_without_display_times(make_clip, tmp_path):
    path = make_clip("b.avi", b_frames=2)
    out = media.mux(path, clicks([0.4], 1.0, RATE), RATE, tmp_path / f"out{media.mux_suffix(path)}")
    assert_shows(levels(out), range(15))
    assert click_times(media.read_audio(out, RATE), RATE) == pytest.approx([0.4], abs=0.002)


class Refusing:
    """A packet that a decoder answers with an error, or with frames."""

    def __init__(self, answer: Exception | list[int]) -> None:
        self.answer = answer

    def decode(self) -> list[int]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Stream:
    """A stream, its decoder and its container, as far as `decode_stream` asks for them."""

    def __init__(self, packets: list[Refusing]) -> None:
        self.packets = packets
        self.codec_context = self

    def open(self, strict: bool) -> None:
        pass

    def demux(self, _: object) -> object:
        return iter(self.packets)


ERRORS = (av.error.PermissionError, av.error.ArgumentError, av.error.UndefinedError, av.error.UnknownError)


@pytest.mark.parametrize("error", [av.error.InvalidDataError, av.error.BugError, *ERRORS])
def test_whatever_a_decoder_calls_damage_it_is_skipped(error):
    stream = Stream([Refusing([1]), Refusing(error(1, "send_packet")), Refusing([2, 3])])
    assert list(decode_stream(stream, stream)) == [1, 2, 3]


def test_a_decoder_without_memory_is_not_skipped():
    stream = Stream([Refusing([1]), Refusing(av.error.MemoryError(12, "send_packet"))])
    with pytest.raises(MemoryError):
        list(decode_stream(stream, stream))


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "x" * 245 + ".mp4"])
def test_names_as_long_as_the_system_has(tmp_path, name):
    with atomic_file(tmp_path / name) as part:
        part.write_text("whole")
    assert (tmp_path / name).read_text() == "whole" and len(list(tmp_path.iterdir())) == 1
    out = tmp_path / "results" / name
    with ResultFolder(out) as folder:
        (folder.work / SOUNDTRACK).write_text("a sound")
        folder.commit()
    assert (out / SOUNDTRACK).exists() and len(list(out.parent.iterdir())) == 1


@pytest.mark.parametrize("there", [False, True])
def test_of_two_runs_into_one_folder_the_second_is_told(tmp_path, there):
    out = tmp_path / "out"
    if there:
        out.mkdir()
    with ResultFolder(out) as one, pytest.raises(InputError, match="--force"), ResultFolder(out) as two:
        for run in (one, two):
            (run.work / SOUNDTRACK).write_text("first" if run is one else "second")
        one.commit()
        two.commit()
    assert (out / SOUNDTRACK).read_text() == "first"
    with ResultFolder(out, force=True) as third:
        (third.work / SOUNDTRACK).write_text("third")
        third.commit()
    assert (out / SOUNDTRACK).read_text() == "third" and [path.name for path in tmp_path.iterdir()] == ["out"]
