"""A result folder as a timeline for the editor: picture, soundtrack, and one muted lane a candidate.

OpenTimelineIO writes it twice: `timeline.otio` (DaVinci Resolve and others) and `timeline.xml`, Final Cut Pro 7's,
which Premiere Pro and Resolve import. Both name the files by their full path. Every clip of a candidate's lane is
disabled; those that the soundtrack came from are marked as taken, so that another take is one click away.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from condfoley.comping.takes import Take, spans
from condfoley.errors import InputError
from condfoley.files import atomic_file
from condfoley.results.folder import CANDIDATES, PROVENANCE, SOUNDTRACK, TIMELINES, VIDEO_STEM

if TYPE_CHECKING:
    from opentimelineio.schema import Clip, Timeline, Track

RATES = (24, 25, 30, 48, 50, 60, 100, 120, *(rate * 1000 / 1001 for rate in (24, 30, 48, 60, 120)))
"""Frames a second that editors' timelines may have."""
ADAPTERS = dict(zip(TIMELINES, ("otio_json", "fcp_xml"), strict=True))


def write(folder: Path, force: bool = False) -> list[Path]:
    """Writes both files into a result folder and returns their paths.

    Raises InputError when it is no result folder, cannot be written to, holds timelines and `force` is not set, or the
    extra is missing.
    """
    try:
        import opentimelineio as otio
        import otio_fcp_adapter  # noqa: F401  (found by name, as a plug-in)
    except ImportError:
        raise InputError("timelines need OpenTimelineIO; run `pip install 'condfoley[studio]'`") from None
    paths = [folder / name for name in ADAPTERS]
    if not force and (there := [path for path in paths if path.exists()]):
        raise InputError(f"{there[0]} exists; give --force to write it again")
    timeline = build(folder)
    texts = [otio.adapters.write_to_string(timeline, adapter) for adapter in ADAPTERS.values()]
    for path, text in zip(paths, texts, strict=True):
        with atomic_file(path) as part:
            part.write_bytes(text.encode())
    return paths


def build(folder: Path) -> Timeline:
    """The timeline of a result folder. Raises InputError when it is none, or a file of it is gone."""
    from opentimelineio import opentime, schema

    from condfoley.media import probe

    record = _record(folder)
    video = next(iter(sorted(folder.glob(VIDEO_STEM + ".*"))), folder / f"{VIDEO_STEM}.mp4")
    files = [video, folder / SOUNDTRACK, *(folder / CANDIDATES / row["file"] for row in record["candidates"])]
    if gone := [path for path in files if not path.is_file()]:
        raise InputError(f"{gone[0]} is missing; make the result again with --force")
    rate = frame_rate(probe(video).fps)
    end = float(record["duration"])
    name = os.fsencode(folder.resolve().name).decode(errors="replace")  # a folder's may not be UTF-8
    timeline = schema.Timeline(name, global_start_time=opentime.RationalTime(0, rate))
    whole = [_Cut(0.0, end)]
    timeline.tracks.append(_lane("picture", video, whole, end, rate))
    timeline.tracks.append(_lane("soundtrack", folder / SOUNDTRACK, whole, end, rate))
    names = sorted((row["file"] for row in record["candidates"]), key=lambda name: int(name.split("_")[0]))
    placed = spans([Take(t["start"], names.index(t["file"]), t["moved"]) for t in record["takes"]], end)
    for i, name in enumerate(names):
        cuts = _cuts(placed, i)
        timeline.tracks.append(_lane(name.split("_")[0], folder / CANDIDATES / name, cuts, end, rate, muted=True))
    for hit in record["hits"]:
        place = opentime.TimeRange(_time(hit, rate), opentime.RationalTime(1, rate))
        timeline.tracks.markers.append(schema.Marker("hit", place, color=schema.MarkerColor.GREEN))
    return timeline


def frame_rate(fps: float) -> float:
    """The timeline's frames a second for a picture of `fps`, above 0.

    The least of RATES in which each frame of the picture lasts whole frames. Where it goes into none (the mean of a
    varying rate), the nearest one, or 30 for a picture slower than all.
    """
    whole = [rate for rate in RATES if rate / fps > 0.5 and abs(rate / fps / round(rate / fps) - 1) < 4e-4]
    slowest = 23.5
    return min(whole) if whole else min(RATES, key=lambda rate: abs(rate - (fps if fps > slowest else 30)))


def _record(folder: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"{folder} holds no result; give the --out folder of `condfoley generate`") from None
    missing = [key for key in ("candidates", "takes", "hits", "duration") if key not in record]
    missing += [key for take in record.get("takes", []) for key in ("start", "file", "moved") if key not in take]
    if missing:
        raise InputError(f"{folder / PROVENANCE} names no {missing[0]}; make the result again with --force")
    return record


class _Cut(NamedTuple):
    """A clip of a lane: start and stop, s, whether the soundtrack took it, and how much later, s, it was moved then."""

    start: float
    stop: float
    taken: bool = False
    moved: float = 0.0


def _cuts(placed: list[tuple[Take, float]], candidate: int) -> list[_Cut]:
    """The clips of a candidate's lane. placed: takes and their ends, s, see `spans`."""
    out: list[_Cut] = []
    for take, stop in placed:
        cut = _Cut(take.start, stop, True, take.moved) if take.candidate == candidate else _Cut(take.start, stop)
        if out and out[-1][2:] == cut[2:]:
            cut = cut._replace(start=out.pop().start)
        out.append(cut)
    return out


def _lane(name: str, path: Path, cuts: list[_Cut], end: float, rate: float, muted: bool = False) -> Track:
    """A track of one file, cut into `cuts`, each in its place; an empty one leaves no clip."""
    from opentimelineio import opentime, schema

    track = schema.Track(name, kind=schema.TrackKind.Video if name == "picture" else schema.TrackKind.Audio)
    whole = opentime.TimeRange(opentime.RationalTime(0, rate), _time(end, rate))
    for cut in cuts:
        used = opentime.TimeRange.range_from_start_end_time(_time(cut.start, rate), _time(cut.stop, rate))
        if used.duration.value:
            media = schema.ExternalReference(path.resolve().as_uri(), whole)
            used = opentime.TimeRange(used.start_time - _time(cut.moved, rate), used.duration)
            track.append(_clip(f"{name} taken" if cut.taken else name, media, used, muted))
    return track


def _clip(name: str, media: Any, used: Any, muted: bool) -> Clip:
    from opentimelineio import schema

    clip = schema.Clip(name, media, used)
    if muted:
        clip.enabled = False
        clip.metadata["fcp_xml"] = {"enabled": "FALSE"}  # the adapter does not write the flag by itself
    return clip


def _time(seconds: float, rate: float) -> Any:
    """The time of the timeline's nearest frame, an OpenTimelineIO RationalTime."""
    from opentimelineio import opentime

    return opentime.RationalTime(round(seconds * rate), rate)
