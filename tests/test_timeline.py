"""A result opens in the editor: picture, soundtrack, lanes of takes, markers."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import opentimelineio as otio
import pytest

from condfoley.cli.main import main
from condfoley.comping.takes import Take
from condfoley.results import provenance
from condfoley.results.folder import OURS, write_sound
from condfoley.results.timeline import build, frame_rate
from tests.made_up import soundtrack, write_video

NAMES = ["picture", "soundtrack", "01", "02", "03"]


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """What `generate` leaves of a target of 2 s: taken from candidate 2, 1 and 2 again."""
    track = soundtrack([(0.0, 0.5), (0.1, 0.9), (0.2, 0.1)], takes=[Take(0.0, 1), Take(0.8, 0), Take(1.5, 1)])
    folder = tmp_path / "the result"
    folder.mkdir()
    write_sound(folder, track, write_video(tmp_path / "B.mp4", 2.0), "aac")
    table, takes = provenance.score_table(track), provenance.take_list(track)
    record = {
        "duration": 2.0,
        "candidates": [{"file": row.file} for row in table],
        "takes": takes,
        "hits": track.cues.times.tolist(),
    }
    (folder / "provenance.json").write_text(json.dumps(record))
    return folder


def lanes(timeline: otio.schema.Timeline) -> dict[str, list[tuple[str, float, float, bool]]]:
    """Track -> its clips: name, from when to when in s, enabled."""
    out = {}
    for track in timeline.tracks:
        spans = [(c.name, c.range_in_parent(), c.enabled) for c in track]
        out[track.name] = [(n, r.start_time.to_seconds(), r.end_time_exclusive().to_seconds(), e) for n, r, e in spans]
    return out


def test_lanes_are_cut_where_the_soundtrack_changes(result: Path) -> None:
    found = lanes(build(result))
    assert list(found) == NAMES
    assert [len(found[name]) for name in NAMES] == [1, 1, 3, 3, 1]
    assert [clip[0] for clip in found["02"]] == ["02 taken", "02", "02 taken"]
    assert [clip[1] for clip in found["02"]] == pytest.approx([0.0, 0.8, 1.5], abs=0.03)
    assert [clip[0] for clip in found["01"]] == ["01", "01 taken", "01"] and found["03"][0][0] == "03"
    assert {name: {clip[3] for clip in clips} for name, clips in found.items()} == {
        name: {name in NAMES[:2]} for name in NAMES
    }
    assert all(clips[-1][2] == pytest.approx(2.0, abs=0.03) for clips in found.values())


def test_clips_play_in_their_place(result: Path) -> None:
    timeline = build(result)
    for clip in timeline.find_clips():
        assert clip.source_range == clip.range_in_parent()
        assert Path(otio.url_utils.filepath_from_url(clip.media_reference.target_url)).is_file()


def test_a_moved_take_is_slipped_in_its_place(result: Path) -> None:
    path = result / "provenance.json"
    record = json.loads(path.read_text())
    record["takes"][1]["moved"], record["takes"][2]["moved"] = 0.2, -0.15
    path.write_text(json.dumps(record))
    timeline = build(result)
    tracks = {track.name: list(track) for track in timeline.tracks}
    later, earlier, untouched = tracks["01"][1], tracks["02"][2], tracks["02"][1]
    for clip, moved in ((later, 0.2), (earlier, -0.15), (untouched, 0.0)):
        slipped = clip.range_in_parent().start_time - clip.source_range.start_time
        assert slipped.to_seconds() == pytest.approx(moved, abs=0.03)
        assert clip.source_range.duration == clip.range_in_parent().duration
    assert {name: len(clips) for name, clips in tracks.items()} == dict(zip(NAMES, (1, 1, 3, 3, 1), strict=True))


def test_both_files_say_the_same(result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["timeline", str(result)]) == 0
    paths = [Path(line) for line in capsys.readouterr().out.split("\n")[:2]]
    one, other = (otio.adapters.read_from_file(str(path)) for path in paths)
    assert [[c.range_in_parent() for c in t] for t in one.tracks] == [
        [c.range_in_parent() for c in t] for t in other.tracks
    ]
    assert paths[1].read_text().count("<enabled>FALSE</enabled>") == 7
    for timeline in (one, other):
        marks = [m.marked_range.start_time.to_seconds() for m in timeline.tracks.markers]
        assert marks == pytest.approx([0.5, 1.2], abs=0.03)
    assert all(OURS.fullmatch(path.name) for path in paths)  # a new result takes them away


NTSC = 1000 / 1001
RATES = [
    (1, 24), (5, 25), (8, 24), (10, 30), (12, 24), (12.5, 25), (15, 30), (15 * NTSC, 30 * NTSC), (24 * NTSC, 24 * NTSC),
    (24, 24), (25, 25), (30 * NTSC, 30 * NTSC), (29.97, 30 * NTSC), (30, 30), (50, 50), (60 * NTSC, 60 * NTSC), (60, 60),
    (7.13, 30), (24.9, 25), (29.6, 30 * NTSC), (57, 60 * NTSC), (240, 120),
]  # fmt: skip


@pytest.mark.parametrize(("fps", "rate"), RATES)
def test_the_timeline_has_a_rate_that_editors_know(fps: float, rate: float) -> None:
    assert frame_rate(fps) == pytest.approx(rate, rel=1e-6)


@pytest.mark.parametrize("fps", [1, 5, 8, 10, 12, 12.5, 15, 24, 25, 30, 50, 60])
def test_durations_and_markers_are_exact_to_the_frame(result: Path, fps: float, monkeypatch) -> None:
    monkeypatch.setattr("condfoley.media.probe", lambda path: type("Info", (), {"fps": fps}))
    record = json.loads((result / "provenance.json").read_text())
    record["hits"] = hits = [0.0, 6 / fps, 9 / fps]
    record["duration"] = end = 12 / fps
    (result / "provenance.json").write_text(json.dumps(record))
    timeline = build(result)
    assert timeline.duration().to_seconds() == pytest.approx(end, abs=1e-9)
    for clip in timeline.tracks[1]:
        assert clip.media_reference.available_range.duration.to_seconds() == pytest.approx(end, abs=1e-9)
    marks = [mark.marked_range.start_time.to_seconds() for mark in timeline.tracks.markers]
    assert marks == pytest.approx(hits, abs=1e-9)
    assert f"<timebase>{round(frame_rate(fps))}</timebase>" in otio.adapters.write_to_string(timeline, "fcp_xml")


def test_the_folder_may_have_any_name(result: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    odd = result.rename(result.with_name("latin\udce9 $1"))
    assert main(["timeline", str(odd)]) == 0
    assert capfdbinary.readouterr().out.splitlines()[0] == os.fsencode(odd / "timeline.otio")
    assert build(odd).name == "latin\N{REPLACEMENT CHARACTER} $1"


def test_what_cannot_be_used_is_said_in_one_line(result: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    def said(folder: Path) -> str:
        assert main(["timeline", str(folder)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and not list(folder.glob("timeline.*"))
        return error

    assert "holds no result" in said(tmp_path)
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "opentimelineio", None)
        assert "condfoley[studio]" in said(result)
    with monkeypatch.context() as full:
        full.setattr("condfoley.files.os.replace", lambda *_: os.close(-1))  # an OSError of its own
        assert f"{result}/timeline.otio: cannot be written" in said(result)
    (result / "candidates" / "02_8.wav").rename(tmp_path / "away.wav")
    assert "02_8.wav is missing" in said(result)
    record = json.loads((result / "provenance.json").read_text())
    del record["takes"][1]["moved"]
    (result / "provenance.json").write_text(json.dumps(record))
    assert "names no moved; make the result again" in said(result)
    (result / "provenance.json").write_text("{}")
    assert "names no candidates" in said(result)


def test_timelines_are_not_replaced_unasked(result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (result / "timeline.xml").write_text("mine")
    assert main(["timeline", str(result)]) == 2 and "--force" in capsys.readouterr().err
    assert (result / "timeline.xml").read_text() == "mine" and not (result / "timeline.otio").exists()
    assert main(["timeline", str(result), "--force"]) == 0
    assert (result / "timeline.xml").read_text() != "mine"
