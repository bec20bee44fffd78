"""The picture's start timecode: read from every container, kept beside the new sound, and in the WAV file."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from wavinfo import WavInfoReader

from condfoley import media
from condfoley.media.timecode import NTSC
from condfoley.project.create import new_project
from condfoley.project.outputs import write_generated
from tests.made_up import soundtrack, timed_video, write_video

STARTS = [
    ("10:00:00:00", Fraction(25)), ("01:00:00;00", 30 * NTSC), ("01:00:00;00", 60 * NTSC), ("10:00:00:00", 24 * NTSC),
    ("00:59:59:23", Fraction(24)), ("01:00:00:00", 30 * NTSC), ("00:00:00:00", Fraction(50)),
]  # fmt: skip


@pytest.mark.parametrize(("timecode", "rate"), STARTS)
@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_mux_keeps_it(tmp_path: Path, suffix: str, timecode: str, rate: Fraction) -> None:
    path = timed_video(tmp_path / f"a{suffix}", rate, timecode)
    before = media.probe(path)
    assert (before.start_timecode, before.frame_rate) == (timecode, rate)
    assert before.start is not None and str(before.start) == timecode
    for out in (".mov", ".mp4", ".mkv"):
        after = media.probe(media.mux(path, np.zeros(48_000), 48_000, tmp_path / f"out{out}"))
        assert (after.start_timecode, after.frame_rate) == (timecode, rate)
        assert after.duration == pytest.approx(before.duration, abs=0.002)


@pytest.mark.parametrize(("timecode", "rate"), [("10:00:00:00", Fraction(25)), ("01:00:00;02", 30 * NTSC)])
def test_it_is_read_from_mxf(tmp_path: Path, timecode: str, rate: Fraction) -> None:
    path = timed_video(tmp_path / "a.mxf", rate, timecode, codec="mpeg2video")
    assert media.probe(path).start_timecode == timecode
    after = media.mux(path, np.zeros(48_000), 48_000, tmp_path / "out.mov")
    assert media.probe(after).start_timecode == timecode


def test_a_file_without_one_has_none(tmp_path: Path, make_clip) -> None:
    for path in (make_clip("a.mp4"), make_clip("a.ts"), make_clip("a.avi", codec="mjpeg", pix_fmt="yuvj420p")):
        info = media.probe(path)
        assert (info.start_timecode, info.start, info.variable_rate) == ("", None, False)


def test_a_tag_that_does_not_exist_at_the_rate_is_none(tmp_path: Path) -> None:
    path = timed_video(tmp_path / "a.mkv", Fraction(25), "10:00:00:49")  # counted at 50
    assert media.probe(path).start_timecode == ""


@pytest.mark.parametrize("timecode", ["", "10:00:00:00"])
def test_the_soundtrack_says_when_it_begins(tmp_path: Path, timecode: str) -> None:
    target = timed_video(tmp_path / "B.mov", Fraction(25), timecode, count=50)
    made = soundtrack([(0.0, 0.5)])
    write_generated(tmp_path, new_project(tmp_path, made, target, target), made, None, False, "aac")
    read = WavInfoReader(tmp_path / "soundtrack.wav")
    if timecode:
        assert read.bext.time_reference == 36_000 * made.sample_rate
    else:
        assert read.bext is None
    assert read.data.frame_count == len(made.wav)


def test_a_varying_rate_is_told_with_the_command_that_makes_it_constant(tmp_path: Path, make_clip) -> None:
    steady = write_video(tmp_path / "steady.mp4")
    times = [0.0, 0.033, 0.066, 0.3, 0.333, 0.366, 0.8, 0.833, 0.866, 1.0]
    varying = make_clip("it varies.mp4", times=times)
    for path, found in ((steady, False), (make_clip("a.mkv", fps=23.976), False), (varying, True)):
        assert media.probe(path).variable_rate == found
        assert bool(media.variable_rate_note(media.probe(path))) == found
    note = media.variable_rate_note(media.probe(varying))
    assert "\n" not in note and f"ffmpeg -i '{varying}' -fps_mode cfr -r 30 " in note


def test_the_timecode_of_a_varying_rate_counts_as_editors_do(make_clip, tmp_path: Path) -> None:
    varying = make_clip("varying.mp4", times=[0.0, 0.033, 0.066, 0.3, 0.333, 0.366, 0.8, 0.833, 0.866, 1.0])
    timed = tmp_path / "timed.mkv"
    with av.open(str(varying)) as source, av.open(str(timed), "w") as target:
        track = target.add_stream_from_template(source.streams.video[0], opaque=True)
        track.metadata["timecode"] = "10:00:00:00"
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = track
                target.mux(packet)
    info = media.probe(timed)
    assert info.variable_rate and info.frame_rate == 30
    assert info.start is not None and info.start.seconds == 36_000
    for suffix in (".mov", ".mp4", ".mkv"):
        after = media.mux(timed, np.zeros(22_050), 22_050, tmp_path / f"out{suffix}")
        assert media.probe(after).start_timecode == "10:00:00:00"


def test_a_frame_that_is_a_little_late_is_no_varying_rate(make_clip) -> None:
    assert not media.probe(make_clip(times=[k / 25 + (k % 3) * 0.004 for k in range(25)])).variable_rate
