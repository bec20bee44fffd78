"""A project opens in the editor: the same cue times in every file, whatever the picture's rate and start timecode."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest
import rpp
import soundfile
from wavinfo import WavInfoReader

from condfoley.audio.onsets import detect_onsets
from condfoley.cli.main import main
from condfoley.media.timecode import NTSC, Timecode
from condfoley.project.create import new_project
from condfoley.project.model import Project
from condfoley.project.outputs import write_generated
from condfoley.project.store import read_project, write_project
from condfoley.results.folder import OURS, TIMELINES
from condfoley.timeline.write import write
from tests.made_up import timed_video
from tests.project.conftest import TIMES, generated
from tests.sounds import RATE
from tests.xmeml import check

OTIO, PREMIERE, RESOLVE, REAPER = TIMELINES
STARTS = ["00:00:00:00", "10:00:00:00", "01:00:00;00"]
FPS = [24 * NTSC, Fraction(24), Fraction(25), 30 * NTSC, Fraction(30), 60 * NTSC]
CASES = [(fps, start) for fps in FPS for start in STARTS if ";" not in start or fps in (30 * NTSC, 60 * NTSC)]


def made(home: Path, fps: Fraction = Fraction(25), start: str = "", suffix: str = ".mov", **how: object) -> Path:
    """What `generate` leaves of a target of about 3 s with a start timecode."""
    target = timed_video(home / f"B{suffix}", fps, start, count=round(3 * fps))
    folder, track = home / "the result", generated(duration=float(round(3 * fps) / fps), **how)
    folder.mkdir()
    write_generated(folder, new_project(folder, track, target, target), track, None, False, "aac")
    return folder


def edited(folder: Path, **values: object) -> Project:
    """The project with other values."""
    return write_project(folder, dataclasses.replace(read_project(folder), **values))


@pytest.fixture
def result(tmp_path: Path) -> Path:
    return made(tmp_path)


def read_otio(folder: Path) -> otio.schema.Timeline:
    return otio.adapters.read_from_string((folder / OTIO).read_text(encoding="utf-8"), "otio_json")


def read_xml(folder: Path, name: str):
    return check((folder / name).read_text(encoding="utf-8"), "premiere" if name == PREMIERE else "resolve")


def read_reaper(folder: Path) -> rpp.Element:
    return rpp.loads((folder / REAPER).read_text(encoding="utf-8"))


def values(element: rpp.Element, name: str) -> list[list[str]]:
    """Values of the lines of that name."""
    return [line[1:] for line in element.children if isinstance(line, list) and line[0] == name]


def items(folder: Path, track: str) -> list[rpp.Element]:
    """Items of a track of the REAPER project."""
    found = [t for t in read_reaper(folder).findall("TRACK") if values(t, "NAME") == [[track]]]
    return found[0].findall("ITEM")


@pytest.mark.parametrize(("fps", "start"), CASES, ids=str)
def test_every_file_has_the_same_cues_to_the_sample(tmp_path: Path, fps: Fraction, start: str) -> None:
    folder = made(tmp_path, fps, start)
    write(folder)
    project, at = read_project(folder), Timecode.parse(start, fps)
    wanted = [round(cue.time * project.rate) for cue in project.cues]
    assert np.array(wanted) / RATE == pytest.approx(TIMES, abs=0.01)

    timeline = read_otio(folder)
    marks = [mark.marked_range.start_time for mark in timeline.tracks.markers]
    assert [(mark.value, mark.rate) for mark in marks] == [(sample, RATE) for sample in wanted]
    picture, layer = timeline.tracks[0][0], timeline.tracks[1][0]
    assert (
        timeline.global_start_time
        == picture.source_range.start_time
        == picture.media_reference.available_range.start_time
    )
    assert picture.source_range.start_time.value == at.frames
    assert otio.opentime.to_timecode(picture.source_range.start_time, float(fps), at.drop) == start
    heard = layer.media_reference.available_range.start_time
    assert (heard.value, heard.rate) == (at.samples(RATE), RATE) and layer.source_range.start_time == heard
    assert layer.range_in_parent().start_time.value == 0 and layer.source_range.duration.value == project.samples

    wav = folder / "timeline_media" / "main.wav"
    read = WavInfoReader(wav)
    assert read.bext.time_reference == at.samples(RATE) and read.data.frame_count == project.samples
    onsets = detect_onsets(soundfile.read(wav)[0], RATE)[0]
    assert onsets * RATE == pytest.approx(wanted, abs=2)  # whose peaks are limited, by which they are heard as moved

    session = read_reaper(folder)
    assert [round(Fraction(mark[1]) * RATE) for mark in values(session, "MARKER")] == wanted
    assert all(
        abs(Fraction(mark[1]) * RATE - s) < 1e-6 for mark, s in zip(values(session, "MARKER"), wanted, strict=True)
    )
    assert abs(Fraction(values(session, "PROJOFFS")[0][0]) - at.seconds) < 1e-9
    assert values(session, "SAMPLERATE")[0][0] == str(RATE)
    places = [[Fraction(values(i, key)[0][0]) for key in ("POSITION", "SOFFS")] for i in items(folder, "main")]
    assert all(position == offset for position, offset in places)

    for name in (PREMIERE, RESOLVE):
        root = read_xml(folder, name)
        said = [float(m.findtext("comment").split(" at ")[1].split(" s")[0]) for m in root.iter("marker")]
        assert [round(time * RATE) for time in said] == wanted
        assert [int(m.findtext("in")) for m in root.iter("marker")] == [round(Fraction(s, RATE) * fps) for s in wanted]
        for item in root.findall("sequence/media/audio/track/clipitem")[:1]:
            assert item.findtext("start") == item.findtext("in") == "0"  # so the file's samples stay at their times
        codes = [(t.findtext("string"), int(t.findtext("frame"))) for t in root.iter("timecode")]
        assert set(codes) == {(start, at.frames)}


@pytest.mark.parametrize(
    ("fps", "mode"),
    [(24 * NTSC, "24 2"), (Fraction(25), "25 0"), (30 * NTSC, "30 2"), (Fraction(30), "30 0"), (60 * NTSC, "60 2")],
    ids=str,
)
def test_reaper_counts_in_the_pictures_frames(tmp_path: Path, fps: Fraction, mode: str) -> None:
    write(made(tmp_path, fps, "10:00:00:00"))
    assert values(read_reaper(tmp_path / "the result"), "TIMEMODE")[0][3:5] == mode.split()


def test_reaper_drops_numbers_as_the_picture_does(tmp_path: Path) -> None:
    write(made(tmp_path, 30 * NTSC, "01:00:00;00"))
    assert values(read_reaper(tmp_path / "the result"), "TIMEMODE")[0][3:5] == ["30", "1"]


def test_lanes_are_cut_where_the_layer_changes_takes(result: Path) -> None:
    write(result)
    timeline = read_otio(result)
    tracks = {track.name: list(track) for track in timeline.tracks}
    assert list(tracks) == ["picture", "main", "01", "02", "03"]
    assert [clip.name for clip in tracks["01"]] == ["01 taken", "01"]
    assert [clip.name for clip in tracks["02"]] == ["02", "02 taken"]
    assert [clip.name for clip in tracks["03"]] == ["03"]
    assert tracks["02"][1].range_in_parent().start_time.value == round(1.25 * RATE)
    assert {name: {clip.enabled for clip in clips} for name, clips in tracks.items()} == {
        name: {name in ("picture", "main")} for name in tracks
    }
    for name in ("01", "02", "03"):
        assert sum(clip.duration().value for clip in tracks[name]) == 3 * RATE


@pytest.mark.parametrize("moved", [0.05, -0.05, 0.2, 0.0])
def test_a_moved_take_is_slipped_to_the_sample(result: Path, moved: float) -> None:
    layer = read_project(result).layers[0]
    takes = (layer.takes[0], dataclasses.replace(layer.takes[1], moved=moved))
    edited(result, layers=(dataclasses.replace(layer, takes=takes),))
    write(result)
    timeline = read_otio(result)
    clip = timeline.tracks[3][1]
    slipped = clip.range_in_parent().start_time - clip.source_range.start_time
    assert slipped.value == round(moved * RATE) and slipped.rate == RATE
    item = read_xml(result, PREMIERE).findall("sequence/media/audio/track")[2].findall("clipitem")[1]
    exact = Fraction(round(1.25 * RATE) - round(moved * RATE), RATE)
    assert Fraction(int(item.findtext("pproTicksIn")), 254_016_000_000) == exact
    assert abs(int(item.findtext("in")) - exact * 25) <= Fraction(1, 2)
    placed = items(result, "02")[1]
    assert Fraction(values(placed, "SOFFS")[0][0]) == pytest.approx(float(exact), abs=1e-12)


def test_a_first_take_moved_later_begins_where_it_has_sound(result: Path) -> None:
    layer = read_project(result).layers[0]
    takes = (dataclasses.replace(layer.takes[0], moved=0.05), dataclasses.replace(layer.takes[1], moved=-0.1))
    edited(result, layers=(dataclasses.replace(layer, takes=takes),))
    write(result)
    timeline = read_otio(result)
    gap, clip = timeline.tracks[2][:2]
    assert isinstance(gap, otio.schema.Gap) and gap.duration().value == clip.range_in_parent().start_time.value
    assert clip.range_in_parent().start_time.value == round(0.05 * RATE) and clip.source_range.start_time.value == 0
    last = timeline.tracks[3][-1]
    assert last.source_range.end_time_exclusive() == last.available_range().end_time_exclusive()
    for name in (PREMIERE, RESOLVE):
        read_xml(result, name)  # no negative in point


def test_each_cue_is_an_item_of_its_own_in_reaper(result: Path) -> None:
    project = read_project(result)
    muted = project.with_cues([dataclasses.replace(c, muted=c.id == 3) for c in project.cues])
    write_project(result, muted)
    write(result)
    found = items(result, "main")
    assert [values(item, "NAME")[0][0] for item in found] == ["main before", "cue 1", "cue 2", "cue 4"]
    for item, cue in zip(found[1:], [c for c in project.cues if c.id != 3], strict=True):
        begin, length = (Fraction(values(item, key)[0][0]) for key in ("POSITION", "LENGTH"))
        assert begin <= cue.time < begin + length
        source = item.find("SOURCE")
        assert source.attrib == ["WAVE"] and Path(values(source, "FILE")[0][0]).is_file()
    assert read_reaper(result).findall("TRACK")[0].find("ITEM").find("SOURCE").attrib == ["VIDEO"]


def test_layers_play_and_their_mixture_is_muted(result: Path) -> None:
    project = read_project(result)
    cues = [dataclasses.replace(cue, layer="cups" if cue.id % 2 else "main") for cue in project.cues]
    layers = (
        project.layers[0],
        dataclasses.replace(project.layers[0], name="cups", candidates=(), openings=(), takes=()),
    )
    project = write_project(result, dataclasses.replace(project, layers=layers).with_cues(cues))
    write(result)
    timeline = read_otio(result)
    tracks = {track.name: track for track in timeline.tracks}
    assert list(tracks) == ["picture", "main", "cups", "soundtrack", "main 01", "main 02", "main 03"]
    assert [tracks[name][0].enabled for name in list(tracks)[:4]] == [True, True, True, False]
    assert [mark.name for mark in read_otio(result).tracks.markers][:2] == ["cups cue 1", "main cue 2"]
    links = [link.findtext("linkclipref") for link in read_xml(result, RESOLVE).find(".//clipitem").iter("link")]
    assert links == ["picture", "clip-1-1", "clip-2-1"]
    stems = [soundfile.read(result / "timeline_media" / f"{name}.wav")[0] for name in ("main", "cups")]
    assert all(np.abs(stem).max() > 0.01 for stem in stems)
    edited(result, layers=(layers[0], dataclasses.replace(layers[1], muted=True)))
    write(result, force=True)
    assert not read_otio(result).tracks[2][0].enabled
    alone = soundfile.read(result / "timeline_media" / "cups.wav")[0]
    assert np.abs(alone).max() > 0.01  # muted, not empty


def test_panned_cues_make_stereo_lanes(result: Path) -> None:
    project = read_project(result)
    write_project(result, project.with_cues([dataclasses.replace(c, pan=0.5) for c in project.cues]))
    write(result)
    assert soundfile.info(result / "timeline_media" / "main.wav").channels == 2
    assert soundfile.info(result / "timeline_media" / "main_01.wav").channels == 1
    premiere, resolve = read_xml(result, PREMIERE), read_xml(result, RESOLVE)
    tracks = premiere.findall("sequence/media/audio/track")
    assert [t.get("premiereTrackType") for t in tracks] == ["Stereo", "Stereo", "Mono", "Mono", "Mono"]
    assert [t.get("currentExplodedTrackIndex") for t in tracks[:3]] == ["0", "1", "0"]
    assert [t.get("totalExplodedTrackCount") for t in tracks[:3]] == ["2", "2", "1"]
    assert [t.findtext("outputchannelindex") for t in tracks[:3]] == ["1", "2", "1"]
    assert len(resolve.findall("sequence/media/audio/track")) == 4
    for root in (premiere, resolve):
        counts = {f.findtext("name"): f.findtext("media/audio/channelcount") for f in root.iter("file") if len(f)}
        assert counts == {"B.mov": None, "main.wav": "2", "main_01.wav": "1", "main_02.wav": "1", "main_03.wav": "1"}


def test_the_picture_has_its_size_and_rate(tmp_path: Path) -> None:
    write(made(tmp_path, 24 * NTSC))
    for name in (PREMIERE, RESOLVE):
        root = read_xml(tmp_path / "the result", name)
        form = root.find("sequence/media/video/format/samplecharacteristics")
        assert (form.findtext("width"), form.findtext("height")) == ("64", "48")
        for rate in root.iter("rate"):
            assert (rate.findtext("timebase"), rate.findtext("ntsc")) == ("24", "TRUE")
        assert root.findtext("sequence/media/audio/format/samplecharacteristics/samplerate") == "48000"
        rates = {
            e.findtext("samplecharacteristics/samplerate")
            for e in root.iter("audio")
            if e.find("channelcount") is not None
        }
        assert rates == {str(RATE)}
        durations = {file.findtext("duration") for file in root.iter("file") if len(file)}
        assert durations == ({"72"} if name == PREMIERE else {""})


def test_another_reader_of_xml_finds_the_same_clips(tmp_path: Path) -> None:
    folder = made(tmp_path, start="10:00:00:00")
    write(folder)
    ours, other = read_otio(folder), otio.adapters.read_from_file(str(folder / PREMIERE), adapter_name="fcp_xml")
    assert [[clip.name for clip in track] for track in other.tracks] == [[c.name for c in t] for t in ours.tracks]
    for one, two in zip(ours.find_clips(), other.find_clips(), strict=True):
        for found, wanted in ((two.range_in_parent(), one.range_in_parent()), (two.source_range, one.source_range)):
            assert found.start_time.to_seconds() == pytest.approx(wanted.start_time.to_seconds(), abs=0.021)
        assert two.media_reference.available_range.start_time.to_seconds() == 36_000.0


STOCK = {
    "Timeline.1", "Stack.1", "Track.1", "Clip.2", "Gap.1", "ExternalReference.1", "Marker.2", "RationalTime.1", "TimeRange.1",
}  # fmt: skip


def test_only_stock_schemas_are_used(result: Path) -> None:
    write(result)
    found = set()

    def look(value: object) -> None:
        if isinstance(value, dict):
            found.update([value["OTIO_SCHEMA"]] if "OTIO_SCHEMA" in value else [])
            value = list(value.values())
        for part in value if isinstance(value, list) else []:
            look(part)

    look(json.loads((result / OTIO).read_text(encoding="utf-8")))
    assert found <= STOCK and {"Clip.2", "Marker.2"} <= found


def test_files_are_named_by_their_whole_path_or_from_the_folder(result: Path, tmp_path: Path) -> None:
    write(result)
    for clip in read_otio(result).find_clips():
        assert Path(otio.url_utils.filepath_from_url(clip.media_reference.target_url)).is_absolute()
    assert all(url.text.startswith("file://localhost/") for url in read_xml(result, PREMIERE).iter("pathurl"))
    assert all(url.text.startswith("file:///") for url in read_xml(result, RESOLVE).iter("pathurl"))
    assert main(["timeline", str(result), "--relative", "--force"]) == 0
    urls = {clip.media_reference.target_url for clip in read_otio(result).find_clips()}
    assert urls == {"../B.mov", "timeline_media/main.wav", *(f"timeline_media/main_0{k}.wav" for k in (1, 2, 3))}
    assert {url.text for url in read_xml(result, PREMIERE).iter("pathurl")} == urls
    assert values(items(result, "main")[0].find("SOURCE"), "FILE") == [["timeline_media/main.wav"]]


def test_nothing_but_wav_and_the_target_is_played(result: Path) -> None:
    write(result)
    paths = [
        Path(otio.url_utils.filepath_from_url(c.media_reference.target_url)) for c in read_otio(result).find_clips()
    ]
    assert paths[0] == result.parent / "B.mov" and {path.suffix for path in paths[1:]} == {".wav"}
    assert all(OURS.fullmatch(path.relative_to(result).as_posix()) for path in result.rglob("timeline*/*"))
    assert all(OURS.fullmatch(name) for name in TIMELINES)  # a new result takes them away


def test_a_picture_that_editors_do_not_open_is_taken_from_the_results_video(tmp_path: Path) -> None:
    folder = made(tmp_path, suffix=".mkv")
    write(folder)
    assert read_otio(folder).tracks[0][0].media_reference.target_url.endswith("/target_with_sound.mp4")


def test_the_candidates_are_24_bit_and_those_of_before_go(result: Path) -> None:
    write(result)
    (result / "timeline_media" / "gone_01.wav").write_bytes(b"")
    write(result, force=True)
    home = result / "timeline_media"
    assert sorted(path.name for path in home.iterdir()) == ["main.wav", "main_01.wav", "main_02.wav", "main_03.wav"]
    assert {soundfile.info(path).subtype for path in home.iterdir()} == {"PCM_24"}
    for number in (1, 2, 3):
        flac = soundfile.read(result / "candidates" / f"0{number}_{number + 6}.flac", dtype="int32")[0]
        assert np.array_equal(soundfile.read(home / f"main_0{number}.wav", dtype="int32")[0], flac)
