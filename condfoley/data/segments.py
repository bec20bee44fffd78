"""Cuts a video into clips of some seconds: scaled pictures, mono sound, events relative to the clip's start."""

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
from condfoley.data.detected_events import visible_sound_events
from condfoley.data.events import Event
from condfoley.data.sources.listing import Split, Video, hash_fraction
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.media.picture import FrameScaler, frame_count, shown_at
from condfoley.media.probe import open_media
from condfoley.media.streams import timed_frames

REFUSED = 0.2  # s of sound that cannot be decoded, above which a clip is not used: silence would be learnt
SILENCE_PEAK = 1e-4  # peak amplitude below which a clip is silent
MARGIN = 0.5  # s of sound before and after a clip in which onsets are detected too: one at its start needs a context


class DamagedFile(InputError):
    """A file that cannot be decoded from `second` s on."""

    def __init__(self, path: Path, second: float):
        super().__init__(f"{path}: damaged, cannot be decoded from about {second:.1f} s on")


@dataclass(frozen=True)
class SegmentOptions:
    """How videos are cut. segment: s. short_side: pixels; smaller pictures keep their size."""

    geometry: Geometry
    segment: float
    short_side: int


@dataclass(frozen=True)
class ClipFacts:
    """The content of a clip's JSON file."""

    key: str
    video: str
    start: float
    """s, its position in the video's files."""
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
    """One decoded clip. frames: (T, H, W, 3) uint8. wav: (N,) float32 at the geometry's sample rate."""

    facts: ClipFacts
    frames: np.ndarray
    wav: np.ndarray


def segment_spans(total: int, length: int, shortest: int) -> list[tuple[int, int]]:
    """(first frame, number of frames) of the segments of a video of `total` frames; all are `length` frames long.

    A remainder below `shortest` frames is added to the last segment.
    """
    starts = list(range(0, total, length))
    if len(starts) > 1 and total - starts[-1] < shortest:
        starts.pop()
    return [(a, b - a) for a, b in zip(starts, [*starts[1:], total])]


def cut_video(video: Video, options: SegmentOptions) -> Iterator[Segment | tuple[str, str]]:
    """Yields the clips of a video one by one, or (key, reason) for a segment that is silent or has no event.

    Also yields (name of the video, reason) for labels outside the video. Raises InputError when a file cannot be used;
    if it is damaged in the middle, after yielding the clips before.
    """
    geometry = options.geometry
    info = media.probe(video.picture)
    media.require_video(info)
    sound = media.probe(video.sound)
    media.require_audio(sound)
    if video.start >= info.duration:
        raise InputError(f"{video.picture}: ends after {info.duration:.1f} s, the clip begins at {video.start:.1f} s")
    end = min(info.duration, video.end if video.end is not None else info.duration)
    total = frame_count(end - video.start, geometry.fps)
    yield from _labels_outside(video, total / geometry.fps)
    pictures = _pictures(video.picture, geometry.fps, options.short_side, video.start, total)
    # At least two windows long, so that a segment has a pair of windows without overlap.
    length = max(round(options.segment * geometry.fps), 2 * geometry.window_frames)
    for number, (first, count) in enumerate(segment_spans(total, length, 2 * geometry.window_frames)):
        key = f"{video.name}_{number:04d}"
        start = video.start + first / geometry.fps
        try:
            frames = np.stack(list(islice(pictures, count)))
            wav, before = _read_sound(video.sound, geometry.sample_rate, start, count / geometry.fps, sound.duration)
        except DamagedFile as damage:
            kept = f"used up to {start:.1f} s" if number else "what is before is too short to be used"
            raise InputError(f"{damage}; {kept}") from damage
        inside = wav[before : before + round(count / geometry.fps * geometry.sample_rate)]
        if float(np.abs(inside).max(initial=0.0)) < SILENCE_PEAK:
            yield key, f"its sound is silent from {start:.1f} s on, for {count / geometry.fps:.1f} s"
            continue
        events = _events(video, start, frames, wav, before, geometry)
        if not events:
            yield key, f"no event from {start:.1f} s on, for {count / geometry.fps:.1f} s"
            continue
        split: Split = "validation" if hash_fraction(key) < video.held_out else video.split
        duration = count / geometry.fps
        facts = ClipFacts(key, video.origin or video.name, start, duration, split, video.label, video.simulated, events)
        yield Segment(facts, frames, inside)


def _labels_outside(video: Video, duration: float) -> Iterator[tuple[str, str]]:
    """Yields (name, reason) for each label outside the video. duration: s, from the video's start."""
    if video.end is None:
        for event in video.events or ():
            if not video.start <= event.time < video.start + duration:
                lasts = f"{video.picture.name} lasts from {video.start:g} to {video.start + duration:.2f} s"
                yield video.name, f"its event at {event.time:g} s is left out: {lasts}"


def _events(
    video: Video, start: float, frames: np.ndarray, wav: np.ndarray, before: int, geometry: Geometry
) -> tuple[Event, ...]:
    """The events of a clip, relative to its start: those of the data set, or detected onsets with motion near them."""
    duration = len(frames) / geometry.fps
    if video.events is None:
        return visible_sound_events(wav, geometry.sample_rate, before / geometry.sample_rate, frames, geometry.fps)
    moved = (Event(**(vars(e) | {"time": e.time - start})) for e in video.events)
    return tuple(e for e in moved if 0 <= e.time < duration)


def _read_sound(path: Path, rate: int, start: float, duration: float, available: float) -> tuple[np.ndarray, int]:
    """Sound of a clip with up to MARGIN on both sides, and the number of samples before the clip.

    rate: Hz. start, duration: s, of the clip. available: s, duration of the file.
    """
    first = max(0.0, start - MARGIN)
    samples = round((start + duration + MARGIN - first) * rate)
    if first >= available:
        return np.zeros(samples, np.float32), round((start - first) * rate)
    last = min(available, start + duration + MARGIN)
    refused: dict[float, float] = {}
    try:
        wav = media.read_audio(path, rate, first, last - first, refused)
    except av.FFmpegError as error:
        raise DamagedFile(path, _last_decodable(path, first)) from error
    lost = {time: lasts for time, lasts in refused.items() if first <= time < last}
    if sum(lost.values()) > REFUSED:
        raise DamagedFile(path, min(lost))
    return np.pad(wav, (0, max(0, samples - len(wav)))), round((start - first) * rate)


def _last_decodable(path: Path, start: float) -> float:
    """Time in s of the last sound frame after `start` s that can be decoded."""
    clip, last = open_media(path), start
    with suppress(av.FFmpegError):
        for time, _ in timed_frames(clip, clip.audio, start):
            last = time
    return last


def _pictures(path: Path, fps: float, short_side: int, start: float, count: int) -> Iterator[np.ndarray]:
    """Yields `count` frames (H, W, 3) uint8 from `start` s on, upright, with the aspect ratio kept and even sides."""
    clip = open_media(path)
    scale = min(1.0, short_side / min(clip.info.width, clip.info.height))
    width, height = (max(2, 2 * round(side * scale / 2)) for side in (clip.info.width, clip.info.height))
    if clip.orientation[1]:  # stored on its side
        width, height = height, width
    instants, small = (start + k / fps for k in range(count)), FrameScaler(clip, width, height)
    made = 0
    try:
        for frame in shown_at(timed_frames(clip, clip.video, start), instants):
            made += 1
            yield small(frame)
    except av.FFmpegError as error:
        raise DamagedFile(path, start + made / fps) from error
    if made < count:
        raise InputError(f"{path}: its picture can no longer be decoded; was the file changed?")
