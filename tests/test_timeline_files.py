"""`condfoley timeline`: what it is given and refuses, how it names files, and hours of drift."""

from __future__ import annotations

import os
import shutil
import sys
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condfoley.cli.main import main
from condfoley.cues.rows import MAIN
from condfoley.media import MediaInfo
from condfoley.media.timecode import NTSC
from condfoley.project.model import Cue, Layer, Project
from condfoley.results.folder import TIMELINES
from condfoley.timeline import otio as otio_file
from condfoley.timeline import reaper, xmeml
from condfoley.timeline.lanes import timeline_of
from condfoley.timeline.model import Clip, Media
from condfoley.timeline.urls import file_url, plain_text, premiere_url, relative_to
from tests.test_timeline import OTIO, PREMIERE, REAPER, RESOLVE, made, read_otio, read_reaper, read_xml, values
from tests.xmeml import check

RATES = [24 * NTSC, Fraction(24), Fraction(25), 30 * NTSC, Fraction(30), Fraction(50), 60 * NTSC, Fraction(60)]
STARTS = ["00:00:00:00", "10:00:00:00", "01:00:00;00"]


@pytest.fixture
def result(tmp_path: Path) -> Path:
    return made(tmp_path)


def long_one(fps: Fraction, start: str, sample_rate: int, samples: list[int]):
    """A timeline of two hours with cues at some samples, without files."""
    duration = float(round(7200 * fps) / fps)
    cues = tuple(Cue(k, sample / sample_rate) for k, sample in enumerate(samples, 1))
    project = Project(duration, sample_rate, {}, (Layer(MAIN),), cues, {})
    info = MediaInfo(Path("/B.mov"), duration, True, False, float(fps), 1920, 1080, 0, 0, 0, start)
    media = Media(Path("/main.wav"), 1, project.samples)
    return timeline_of("long", project, info, {MAIN: media})


@given(
    st.sampled_from(
        [(fps, start) for fps in RATES for start in STARTS if ";" not in start or fps in (30 * NTSC, 60 * NTSC)]
    ),
    st.sampled_from([22_050, 44_100, 48_000]),
    st.lists(st.integers(0, 7199), min_size=1, max_size=4, unique=True),
)
def test_picture_and_sound_stay_together_for_two_hours(case, sample_rate, seconds) -> None:
    fps, start = case
    samples = sorted(second * sample_rate + 17 for second in seconds)
    timeline = long_one(fps, start, sample_rate, samples)
    read = otio.adapters.read_from_string(otio_file.to_text(timeline, file_url), "otio_json")
    picture, sound = read.tracks[0][0], read.tracks[1][0]
    millisecond = Fraction(1, 1000)
    for one, two in ((picture.source_range, sound.source_range), (picture.available_range(), sound.available_range())):
        first = [Fraction(r.start_time.value) / rate for r, rate in ((one, fps), (two, sample_rate))]
        length = [Fraction(r.duration.value) / rate for r, rate in ((one, fps), (two, sample_rate))]
        assert abs(first[0] - first[1]) < millisecond and abs(length[0] - length[1]) < millisecond
    assert [mark.marked_range.start_time.value for mark in read.tracks.markers] == samples
    root = check(xmeml.to_text(timeline, "premiere", premiere_url), "premiere")
    frames = [int(mark.findtext("in")) for mark in root.iter("marker")]
    assert all(abs(k / fps - Fraction(n, sample_rate)) <= 1 / fps / 2 for k, n in zip(frames, samples, strict=True))
    ends = [int(item.findtext("pproTicksOut")) for item in root.iter("clipitem")]
    assert abs(Fraction(ends[0] - ends[1], xmeml.TICKS)) < millisecond
    marks = [line.split()[2] for line in reaper.to_text(timeline, str).splitlines() if line.startswith("  MARKER")]
    assert [round(Fraction(mark) * sample_rate) for mark in marks] == samples


def test_premieres_clock_has_whole_ticks_in_frames_and_samples() -> None:
    for rate in (*RATES, 22_050, 44_100, 48_000, 96_000):
        assert (xmeml.TICKS / Fraction(rate)).denominator == 1


@pytest.mark.parametrize(
    ("path", "url", "premiere"),
    [
        (PurePosixPath("/home/a b.wav"), "file:///home/a%20b.wav", "file://localhost/home/a%20b.wav"),
        (PurePosixPath("/é/#1?.wav"), "file:///%C3%A9/%231%3F.wav", "file://localhost/%C3%A9/%231%3F.wav"),
        (
            PureWindowsPath("C:\\My Films\\a.wav"),
            "file:///C:/My%20Films/a.wav",
            "file://localhost/C%3a/My%20Films/a.wav",
        ),
        (PureWindowsPath("E:/a.wav"), "file:///E:/a.wav", "file://localhost/E%3a/a.wav"),
        (PureWindowsPath("\\\\nas\\films\\a.wav"), "file://nas/films/a.wav", "file://nas/films/a.wav"),
    ],
)
def test_paths_of_every_system_become_urls(path, url, premiere) -> None:
    assert (file_url(path), premiere_url(path)) == (url, premiere)


def test_a_path_without_a_relative_way_stays_absolute(monkeypatch) -> None:
    def other_drive(*_: object) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", other_drive)
    assert relative_to(Path("/home"), file_url)(Path("/mnt/a b.wav")) == "file:///mnt/a%20b.wav"


def test_names_of_reaper_are_quoted_by_what_they_do_not_have() -> None:
    assert [reaper.quoted(text) for text in ('a "b"', "it's", "a\"b'", "a\"b'`c")] == [
        "'a \"b\"'",
        '"it\'s"',
        "`a\"b'`",
        "`a\"b''c`",
    ]
    assert reaper.quoted("two\nlines") == '"two lines"'
    assert plain_text("a\udce9\x00b") == "a\N{REPLACEMENT CHARACTER} b"


@given(st.integers(-400, 400), st.integers(1, 400), st.integers(-400, 400), st.integers(1, 300), st.integers(1, 300))
def test_a_clip_plays_only_what_its_file_has(begin, length, offset, have, total) -> None:
    clip = Clip("a", Media(Path("a.wav"), 1, have), begin, length, offset)
    kept = clip.within(total)
    heard = {
        t: t - begin + offset
        for t in range(max(begin, 0), min(begin + length, total))
        if 0 <= t - begin + offset < have
    }
    assert ({t: t - kept.begin + kept.offset for t in range(kept.begin, kept.end)} if kept else {}) == heard


def test_the_command_prints_what_it_wrote(result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["timeline", str(result)]) == 0
    out, err = capsys.readouterr()
    assert out.split("\n")[:-1] == [str(result / name) for name in TIMELINES] and not err


def test_a_varying_frame_rate_is_told(result: Path, make_clip, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    times = [0.0, 0.033, 0.066, 0.3, 0.333, 0.366, 0.8, 0.833, 0.866, 1.0]
    varying = make_clip("varying.mp4", times=times)
    monkeypatch.setattr("condfoley.timeline.write.picture_of", lambda *_: varying)
    assert main(["timeline", str(result)]) == 0
    assert f"{varying} has a variable frame rate" in (err := capsys.readouterr().err) and err.count("\n") == 1


def test_the_folder_may_have_any_name(result: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    odd = result.rename(result.with_name("latin\udce9 $1"))
    assert main(["timeline", str(odd)]) == 0
    assert capfdbinary.readouterr().out.splitlines()[0] == os.fsencode(odd / OTIO)
    assert read_otio(odd).name == "latin\N{REPLACEMENT CHARACTER} $1"
    assert read_xml(odd, PREMIERE).findtext("sequence/name") == "latin\N{REPLACEMENT CHARACTER} $1"
    assert os.fsencode(odd) in (odd / REAPER).read_bytes()


def said(capsys: pytest.CaptureFixture[str], folder: Path, *options: str) -> str:
    """The one line with which the command refuses; nothing was written."""
    assert main(["timeline", str(folder), *options]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert not list(folder.glob("timeline*")) and not list(folder.glob(".partial*"))
    return error


def test_what_cannot_be_used_is_said_in_one_line(result: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    assert "holds no project" in said(capsys, tmp_path)
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "opentimelineio", None)
        assert "condfoley[studio]" in said(capsys, result)
    (tmp_path / "B.mov").rename(tmp_path / "moved away")
    assert "no such file" in said(capsys, result, "--target", str(tmp_path / "B.mov"))
    (result / "candidates" / "02_8.flac").rename(tmp_path / "away.flac")
    assert "02_8.flac is missing" in said(capsys, result)
    (result / "project.json").unlink()
    (result / "provenance.json").write_text("{}")
    assert "condfoley undo" in said(capsys, result)
    shutil.rmtree(result / "history")
    assert "was written by an older condfoley" in said(capsys, result)


def test_a_full_disk_leaves_no_half_written_timelines(result: Path, capsys, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("condfoley.timeline.write.write_wav", full)
    assert "No space left" in said(capsys, result)


def test_a_moved_target_is_found_or_named(result: Path, tmp_path: Path, capsys) -> None:
    home = tmp_path / "elsewhere"
    home.mkdir()
    (tmp_path / "B.mov").rename(home / "C.mov")
    assert main(["timeline", str(result), "--target", str(home / "C.mov")]) == 0
    assert read_otio(result).tracks[0][0].media_reference.target_url == (home / "C.mov").as_uri()
    assert main(["timeline", str(result), "--force"]) == 0  # nowhere to be found: the result's own copy of the picture
    assert "target_with_sound" in read_otio(result).tracks[0][0].media_reference.target_url


def test_timelines_are_not_replaced_unasked(result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (result / RESOLVE).write_text("mine")
    assert main(["timeline", str(result)]) == 2 and "--force" in capsys.readouterr().err
    assert (result / RESOLVE).read_text() == "mine" and not (result / OTIO).exists()
    assert main(["timeline", str(result), "--force"]) == 0
    assert (result / RESOLVE).read_text() != "mine"
    assert values(read_reaper(result), "MARKER")
