"""An opened media file: what is known of it, and its decoded frames with their times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from condfoley.errors import InputError

_SEEKABLE = ("mov", "matroska")  # seeking there lands at or before the wanted time


@dataclass(frozen=True)
class MediaInfo:
    """A file's streams. `duration`: seconds, the picture's own (the sound's where there is no picture)."""

    path: Path
    duration: float
    has_video: bool
    has_audio: bool
    fps: float
    """Mean frames per second; 0 without picture."""
    width: int
    """Pixels, after rotation; 0 without picture."""
    height: int
    rotation: int
    """Degrees counter-clockwise by which the stored picture is turned for display: 0, 90, 180 or 270."""
    sample_rate: int
    """Hz as decoded; 0 without sound."""
    channels: int


@dataclass(frozen=True)
class Clip:
    """A probed file and what the readers need: streams, clock, orientation."""

    info: MediaInfo
    zero: float
    """s, container time of time zero."""
    video: int
    """Index of the picture stream, -1 without."""
    audio: int
    orientation: tuple[int, int, int, int]
    """(a, b, c, d) of the display matrix, reduced to -1, 0, 1: x' = a x + c y, y' = b x + d y."""
    codec: str
    """The picture's codec ("h264"), "" without."""
    container: str
    """The container format's names, as "mov,mp4,m4a,3gp,3g2,mj2"."""


def open_input(path: Path) -> Any:
    """Open for demuxing. Only local files: a playlist in disguise must not reach the network."""
    options = {"protocol_whitelist": "file", "fflags": "+genpts"}  # AVI and the like store no display times
    try:
        return av.open(f"file:{path}", "r", container_options=options, metadata_errors="replace")
    except PermissionError as error:
        raise InputError(f"{path}: may not be read; change its permissions") from error
    except av.FFmpegError as error:
        raise InputError(
            f"{path}: not a media file, or cut off before its index; give a complete video or sound file"
        ) from error


def decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Frames of one stream in display order. Damaged packets are skipped: the decoder recovers after them."""
    stream.thread_type = "AUTO"
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            return
        if packet is None:
            return
        try:
            frames = packet.decode()
        except (av.error.InvalidDataError, av.error.EOFError):
            continue
        yield from frames


def timed_frames(clip: Clip, index: int, start: float = 0.0) -> Iterator[tuple[float, Any]]:
    """Yields the frames of one stream as (seconds on the clip's clock, frame), from one at or before `start` s on.

    Seeks when that pays; where the seek lands too late, decodes from the beginning.
    """
    margin = 1.0  # s of run-in: decoders of sound need some packets to settle
    may_seek = start > 2 * margin and clip.container.startswith(_SEEKABLE)
    for seek in (True, False) if may_seek else (False,):
        with open_input(clip.info.path) as container:
            stream = container.streams[index]
            if seek:
                try:
                    target = (clip.zero + start - margin) / stream.time_base
                    container.seek(int(target), stream=stream)
                except av.FFmpegError:
                    continue
            frames = _stamped(decoded(container, stream), clip)
            first = next(frames, None)
            if seek and (first is None or first[0] > start):
                continue
            if first is not None:
                yield first
                yield from frames
            return


def _stamped(frames: Iterator[Any], clip: Clip) -> Iterator[tuple[float, Any]]:
    due = 0.0  # where a frame without any time stamp is put
    first: int | None = None
    for frame in frames:
        is_sound = isinstance(frame, av.AudioFrame)
        if clip.container == "avi" and not is_sound:
            # AVI stores no display times, only decoding times; the frames come out in order at their spacing.
            first = frame.dts if first is None else first
            time = due if frame.dts is None or first is None else float((frame.dts - first) * frame.time_base)
        else:
            stamp = frame_time(frame)
            time = due if stamp is None else stamp - clip.zero
        due = time + (frame.samples / frame.sample_rate if is_sound else 1.0 / (clip.info.fps or 25.0))
        yield time, frame


def frame_time(frame: Any) -> float | None:
    """Time of a frame in seconds on the container's own clock; None where it carries no stamp."""
    stamp = frame.pts if frame.pts is not None else frame.dts
    return None if stamp is None else float(stamp * frame.time_base)
