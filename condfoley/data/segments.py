"""From a video to clips of some seconds: small pictures, mono sound, events in each clip's own time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np

from condfoley import media
from condfoley.data.events import Event
from condfoley.data.heard import seen_onsets
from condfoley.data.sources.listing import Split, Video, split_of
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.media.picture import FrameScaler, frame_count, shown_at
from condfoley.media.probe import open_media
from condfoley.media.streams import timed_frames

QUIET = 1e-4  # peak amplitude of a clip without sound
MARGIN = 0.5  # s of sound before and after a clip, heard with it: an onset at its very start needs a before


class Damaged(InputError):
    """A file that can no longer be decoded from about a second on."""

    def __init__(self, path: Path, second: float):
        super().__init__(f"{path}: damaged, cannot be decoded from about {second:.1f} s on")


@dataclass(frozen=True)
class Cut:
    """How videos are cut. `segment`: s.   `short_side`: pixels; smaller pictures keep their size."""

    geometry: Geometry
    segment: float
    short_side: int


@dataclass(frozen=True)
class Facts:
    """What is known of a clip: all that stands in its JSON."""

    key: str
    video: str
    start: float
    """s into the video's files."""
    duration: float
    split: Split
    label: str
    simulated: bool
    events: tuple[Event, ...]
    """Times from the clip's first frame."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"events": [event.to_dict() for event in self.events]}


@dataclass(frozen=True)
class Segment:
    """One clip, decoded. frames: (T, H, W, 3) uint8.   wav: (N,) float32 at the geometry's rate."""

    facts: Facts
    frames: np.ndarray
    wav: np.ndarray


def spans(total: int, length: int, shortest: int) -> list[tuple[int, int]]:
    """(first frame, frames) of the segments of `total` frames: all `length` long, on a grid.

    A rest below `shortest` frames makes the last one longer instead of a clip of its own.
    """
    starts = list(range(0, total, length))
    if len(starts) > 1 and total - starts[-1] < shortest:
        starts.pop()
    return [(a, b - a) for a, b in zip(starts, [*starts[1:], total])]


def cut(video: Video, how: Cut) -> Iterator[Segment | tuple[str, str]]:
    """Yields the clips of a video, one at a time, and (key, reason) where a stretch holds nothing to learn from.

    So it does, with the video's name as key, for labels outside the video. Raises InputError when a file cannot be
    used; after the clips before it when one can no longer be decoded.
    """
    geometry = how.geometry
    info = media.probe(video.picture)
    media.require_video(info)
    sound = media.probe(video.sound)
    media.require_audio(sound)
    if video.start >= info.duration:
        raise InputError(f"{video.picture}: ends after {info.duration:.1f} s, the clip begins at {video.start:.1f} s")
    end = min(info.duration, video.end if video.end is not None else info.duration)
    total = frame_count(end - video.start, geometry.fps)
    yield from _outside(video, total / geometry.fps)
    pictures = _pictures(video.picture, geometry.fps, how.short_side, video.start, total)
    # Two windows fit into a segment, so that it holds a pair without overlap.
    length = max(round(how.segment * geometry.fps), 2 * geometry.window_frames)
    for number, (first, count) in enumerate(spans(total, length, 2 * geometry.window_frames)):
        key = f"{video.name}_{number:04d}"
        start = video.start + first / geometry.fps
        try:
            frames = np.stack(list(islice(pictures, count)))
            wav, before = _heard(video.sound, geometry.sample_rate, start, count / geometry.fps, sound.duration)
        except Damaged as damage:
            kept = f"used up to {start:.1f} s" if number else "what is before is too short to be used"
            raise InputError(f"{damage}; {kept}") from damage
        inside = wav[before : before + round(count / geometry.fps * geometry.sample_rate)]
        if float(np.abs(inside).max(initial=0.0)) < QUIET:
            yield key, f"its sound is silent from {start:.1f} s on, for {count / geometry.fps:.1f} s"
            continue
        events = _events(video, start, frames, wav, before, geometry)
        if not events:
            yield key, f"no event from {start:.1f} s on, for {count / geometry.fps:.1f} s"
            continue
        split: Split = "validation" if split_of(key) < video.held_out else video.split
        duration = count / geometry.fps
        facts = Facts(key, video.origin or video.name, start, duration, split, video.label, video.simulated, events)
        yield Segment(facts, frames, inside)


def _outside(video: Video, duration: float) -> Iterator[tuple[str, str]]:
    """(name, reason) of each label that no clip can hold. duration: s, of the video from its start on."""
    if video.end is None:
        for event in video.events or ():
            if not video.start <= event.time < video.start + duration:
                lasts = f"{video.picture.name} lasts from {video.start:g} to {video.start + duration:.2f} s"
                yield video.name, f"its event at {event.time:g} s is left out: {lasts}"


def _events(
    video: Video, start: float, frames: np.ndarray, wav: np.ndarray, before: int, geometry: Geometry
) -> tuple[Event, ...]:
    """The events of a clip in its own time: the data set's, or onsets that are heard and seen."""
    duration = len(frames) / geometry.fps
    if video.events is None:
        return seen_onsets(wav, geometry.sample_rate, before / geometry.sample_rate, frames, geometry.fps)
    moved = (Event(**(vars(e) | {"time": e.time - start})) for e in video.events)
    return tuple(e for e in moved if 0 <= e.time < duration)


def _heard(path: Path, rate: int, start: float, duration: float, available: float) -> tuple[np.ndarray, int]:
    """Sound of a clip with MARGIN on both sides as far as there is any, and the samples before the clip."""
    first = max(0.0, start - MARGIN)
    samples = round((start + duration + MARGIN - first) * rate)
    if first >= available:
        return np.zeros(samples, np.float32), round((start - first) * rate)
    last = min(available, start + duration + MARGIN)
    try:
        wav = media.read_audio(path, rate, first, last - first)
    except av.FFmpegError as error:
        raise Damaged(path, _breaks_at(path, first)) from error
    return np.pad(wav, (0, max(0, samples - len(wav)))), round((start - first) * rate)


def _breaks_at(path: Path, start: float) -> float:
    """The second of the last sound after `start` that can be decoded."""
    clip, last = open_media(path), start
    with suppress(av.FFmpegError):
        for time, _ in timed_frames(clip, clip.audio, start):
            last = time
    return last


def _pictures(path: Path, fps: float, short_side: int, start: float, count: int) -> Iterator[np.ndarray]:
    """`count` frames (H, W, 3) uint8 from `start` seconds on, upright, the shape kept, sides even."""
    clip = open_media(path)
    scale = min(1.0, short_side / min(clip.info.width, clip.info.height))
    width, height = (max(2, 2 * round(side * scale / 2)) for side in (clip.info.width, clip.info.height))
    if clip.orientation[1]:  # stored lying on its side
        width, height = height, width
    instants, small = (start + k / fps for k in range(count)), FrameScaler(clip, width, height)
    made = 0
    try:
        for frame in shown_at(timed_frames(clip, clip.video, start), instants):
            made += 1
            yield small(frame)
    except av.FFmpegError as error:
        raise Damaged(path, start + made / fps) from error
    if made < count:
        raise InputError(f"{path}: its picture can no longer be decoded; was the file changed?")
