"""A timeline as a REAPER project: a track a layer with an item a cue, in exact seconds.

The format is REAPER's own plain text: blocks in angle brackets, one value a line. Time zero is the picture's first frame;
the ruler adds its timecode.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from condfoley.media.timecode import counted
from condfoley.timeline.model import Lane, Mark, Picture, Timeline
from condfoley.timeline.urls import Address, plain_text

_DIGITS = 15
"""Behind the point, of seconds: far below a sample."""
_INTEGER, _DROP, _NTSC = 0, 1, 2
"""Kinds of a frame rate: whole; 29.97 that drops numbers; 24, 30, 48 or 60 times 1000 / 1001."""


def to_text(timeline: Timeline, address: Address) -> str:
    """The content of a .rpp file. address: how it names files."""
    return "\n".join(_project(timeline, address)) + "\n"


def _project(timeline: Timeline, address: Address) -> Iterator[str]:
    start, fps = timeline.picture.start, timeline.fps
    kind = _INTEGER if fps.denominator == 1 else _DROP if start.drop and counted(fps) == 30 else _NTSC
    yield '<REAPER_PROJECT 0.1 "7.0" 0'
    yield f"  PROJOFFS {number(start.seconds)} 0 0"
    yield f"  TIMEMODE 1 5 -1 {counted(fps)} {kind} 0 -1"
    yield f"  SAMPLERATE {timeline.rate} 0 0"
    for index, mark in enumerate(timeline.marks, 1):
        yield from _marker(timeline, index, mark)
    yield from _picture_track(timeline.picture, fps, address)
    for lane in timeline.lanes:
        yield from _track(timeline, lane, address)
    yield ">"


def _marker(timeline: Timeline, index: int, mark: Mark) -> Iterator[str]:
    """A marker; a region of a mark with a length."""
    name, region = quoted(f"{mark.name}: {mark.note}"), int(bool(mark.length))
    yield f"  MARKER {index} {number(timeline.seconds(mark.begin))} {name} {region}"
    if region:
        yield f'  MARKER {index} {number(timeline.seconds(mark.begin + mark.length))} "" {region}'


def _picture_track(picture: Picture, fps: Fraction, address: Address) -> Iterator[str]:
    yield "  <TRACK"
    yield '    NAME "picture"'
    yield from _item(
        picture.path.name, (Fraction(0), picture.frames / fps, Fraction(0)), "VIDEO", address(picture.path)
    )
    yield "  >"


def _track(timeline: Timeline, lane: Lane, address: Address) -> Iterator[str]:
    yield "  <TRACK"
    yield f"    NAME {quoted(lane.name)}"
    yield f"    MUTESOLO {int(not lane.enabled)} 0 0"
    yield "    NCHAN 2"
    for clip in lane.items:
        begin, length, offset = (timeline.seconds(samples) for samples in (clip.begin, clip.length, clip.offset))
        yield from _item(clip.name, (begin, length, offset), "WAVE", address(clip.media.path))
    yield "  >"


def _item(name: str, place: tuple[Fraction, Fraction, Fraction], kind: str, file: str) -> Iterator[str]:
    """An item. place: begin, length and offset in the file, s."""
    begin, length, offset = place
    yield "    <ITEM"
    yield f"      POSITION {number(begin)}"
    yield f"      LENGTH {number(length)}"
    yield "      LOOP 0"
    yield f"      NAME {quoted(name)}"
    yield f"      SOFFS {number(offset)}"
    yield f"      <SOURCE {kind}"
    yield f"        FILE {quoted(file, keep=True)}"
    yield "      >"
    yield "    >"


def number(value: Fraction) -> str:
    """A number with all digits that matter."""
    whole = round(value * 10**_DIGITS)
    text = f"{whole // 10**_DIGITS}.{whole % 10**_DIGITS:0{_DIGITS}d}"  # none is below 0
    return text.rstrip("0").rstrip(".")


def quoted(text: str, keep: bool = False) -> str:
    """A text between the quotation marks that it does not have itself. keep: bytes that are not UTF-8 stay, as of a path."""
    text = text if keep else plain_text(text)
    for mark in ('"', "'", "`"):
        if mark not in text:
            return f"{mark}{text}{mark}"
    return "`" + text.replace("`", "'") + "`"
