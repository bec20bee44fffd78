"""A timeline in OpenTimelineIO's stock schemas. Sound has its own rate there, so that it is exact to the sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from condfoley.timeline.model import Clip, Lane, Mark, Timeline
from condfoley.timeline.urls import Address

if TYPE_CHECKING:
    from opentimelineio import schema as types


def to_text(timeline: Timeline, address: Address) -> str:
    """The content of a .otio file."""
    import opentimelineio as otio

    return str(otio.adapters.write_to_string(build(timeline, address), "otio_json"))


def build(timeline: Timeline, address: Address) -> types.Timeline:
    """A timeline as OpenTimelineIO's. address: how it names files."""
    from opentimelineio import opentime, schema

    rate, picture = float(timeline.fps), timeline.picture
    out = schema.Timeline(timeline.name, global_start_time=opentime.RationalTime(picture.start.frames, rate))
    whole = _range(picture.start.frames, picture.frames, rate)
    track = schema.Track("picture", kind=schema.TrackKind.Video)
    track.append(schema.Clip(picture.path.name, schema.ExternalReference(address(picture.path), whole), whole))
    out.tracks.append(track)
    for lane in timeline.lanes:
        out.tracks.append(_track(timeline, lane, address))
    for mark in timeline.marks:
        out.tracks.markers.append(_marker(timeline, mark))
    return out


def _track(timeline: Timeline, lane: Lane, address: Address) -> types.Track:
    from opentimelineio import schema

    track, cursor = schema.Track(lane.name, kind=schema.TrackKind.Audio), 0
    for clip in lane.clips:
        if clip.begin > cursor:
            track.append(schema.Gap(source_range=_range(0, clip.begin - cursor, timeline.rate)))
        track.append(_clip(timeline, clip, lane.enabled, address))
        cursor = clip.end
    return track


def _clip(timeline: Timeline, clip: Clip, enabled: bool, address: Address) -> types.Clip:
    from opentimelineio import schema

    available = _range(timeline.start, clip.media.samples, timeline.rate)
    used = _range(timeline.start + clip.offset, clip.length, timeline.rate)
    out = schema.Clip(clip.name, schema.ExternalReference(address(clip.media.path), available), used)
    out.enabled = enabled
    return out


def _marker(timeline: Timeline, mark: Mark) -> types.Marker:
    from opentimelineio import schema

    frame = round(timeline.rate / timeline.fps)  # editors show no shorter one
    colour = schema.MarkerColor.CYAN if mark.length else schema.MarkerColor.GREEN
    place = _range(mark.begin, mark.length or frame, timeline.rate)
    return schema.Marker(mark.name, place, color=colour, metadata={"condfoley": {"note": mark.note}})


def _range(start: int, length: int, rate: float) -> Any:
    from opentimelineio import opentime

    return opentime.TimeRange(opentime.RationalTime(start, rate), opentime.RationalTime(length, rate))
