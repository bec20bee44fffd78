"""Facts about an opened media file, and its decoded frames with their times."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av

from condfoley.errors import InputError
from condfoley.media.timecode import Timecode, nominal_rate

_SEEKABLE = ("mov", "matroska", "wav", "w64", "flac", "aiff")
"""Formats in which a seek lands at or before the requested time."""
_PLAYLISTS = frozenset("applehttp concat dash hls imf lavfi rtp rtsp sap sdp webm_dash_manifest".split())
"""Formats that name other files, or devices, instead of holding picture and sound."""

MAX_PIXELS = 2**26
"""Of one picture, as 8192 x 8192 has them; larger ones are not decoded, since a tiny file may claim any size."""
_LIMITS = {"max_pixels": str(MAX_PIXELS)}


@dataclass(frozen=True)
class MediaInfo:
    """Facts about a file's streams. `duration`: s, of the picture (of the sound if there is no picture)."""

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
    start_timecode: str = ""
    """Of the first picture frame as the file has it, such as "10:00:00:00" or, with dropped numbers, "01:00:00;00";
    empty without one."""
    variable_rate: bool = False
    """Whether no constant frame rate shows all frames within half a frame of their times."""

    @property
    def frame_rate(self) -> Fraction:
        """The exact rate that `fps` stands for, that of an editor where it varies; 0 without picture."""
        return nominal_rate(self.fps, self.variable_rate) if self.fps else Fraction(0)

    @property
    def start(self) -> Timecode | None:
        """The first picture frame's timecode; None where the file has none."""
        return Timecode.parse(self.start_timecode, self.frame_rate) if self.start_timecode else None


@dataclass(frozen=True)
class MediaFile:
    """A probed file with what is needed to read it: stream indices, clock, orientation."""

    info: MediaInfo
    zero: float
    """s, time zero on the container's own clock."""
    video: int
    """Index of the picture stream; -1: none."""
    audio: int
    """Index of the sound stream; -1: none."""
    orientation: tuple[int, int, int, int]
    """(a, b, c, d) of the display matrix, rounded to -1, 0, 1: x' = a x + c y, y' = b x + d y."""
    codec: str
    """The picture's codec, such as "h264"; empty without picture."""
    container: str
    """The container format's names, such as "mov,mp4,m4a,3gp,3g2,mj2"."""
    falls: float = float("-inf")
    """s, by how much, at most, a packet of the picture is to be decoded no later than the one before; below 0: never."""
    steady: bool = False
    """Whether the picture's frames are shown as at its exact constant rate, within the millisecond of Matroska's clock."""
    shown: array[float] = field(default_factory=lambda: array("d"), compare=False, repr=False)
    """s on the container's own clock, when each of the picture's frames is shown, in the file's order; empty where a file
    does not say (AVI)."""


def open_input(path: Path) -> Any:
    """Opens a file for demuxing. Nothing but this file is read: a playlist, which names others, is refused.

    Raises InputError when it cannot be opened.
    """
    options = {"protocol_whitelist": "file", "format_whitelist": _formats()}
    options["fflags"] = "+genpts"  # AVI and the like store no display times
    try:
        return av.open(f"file:{path}", "r", options=_LIMITS, container_options=options, metadata_errors="replace")
    except PermissionError as error:
        raise InputError(f"{path}: may not be read; change its permissions") from error
    except av.FFmpegError as error:
        raise InputError(
            f"{path}: not a media file, or cut off before its index; give a complete video or sound file"
        ) from error


@lru_cache(maxsize=1)
def _formats() -> str:
    """Names of the formats that are read, separated by commas."""
    return ",".join(sorted(av.formats_available - _PLAYLISTS))


def decode_stream(
    container: Any, stream: Any, numbered: bool = False, on_refusal: Callable[[Any], None] = lambda packet: None
) -> Iterator[Any]:
    """Yields the frames of one stream in display order. Packets that the decoder refuses are skipped: it recovers after them.

    Whatever the refusal is called: decoders answer damage with various codes, such as EPERM or numbers of their own.
    on_refusal: called with each of them.
    numbered: each frame's `opaque` is the number of its packet, if the decoder's flag copy_opaque is set.
    Raises av.FFmpegError when the decoder does not even begin.
    """
    stream.thread_type = "AUTO"
    stream.codec_context.options = _LIMITS
    stream.codec_context.open(strict=False)
    packets, number = container.demux(stream), 0
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            return
        if packet is None:
            return
        if numbered and packet.size:
            packet.opaque, number = number, number + 1
        try:
            frames = packet.decode()
        except MemoryError:
            raise
        except av.FFmpegError:
            on_refusal(packet)
            continue
        yield from frames


def timed_frames(
    clip: MediaFile, index: int, start: float = 0.0, refused: dict[float, float] | None = None
) -> Iterator[tuple[float, Any]]:
    """Yields the frames of one stream as (s on the clip's clock, frame), beginning at or before `start` s.

    Seeks if `start` is far enough from the beginning; if the seek lands too late, decodes from the beginning. refused: gets
    the times and the durations, s, of packets that the decoder refuses on the way.
    """

    def on_refusal(packet: Any) -> None:
        if refused is not None and packet.pts is not None:
            time = float(packet.pts * packet.time_base) - clip.zero
            refused[time] = float((packet.duration or 0) * packet.time_base)

    margin = 1.0  # s decoded before `start`: sound decoders need some packets to settle
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
            frames = _with_times(decode_stream(container, stream, on_refusal=on_refusal), clip)
            first = next(frames, None)
            if seek and (first is None or first[0] > start):
                continue
            if first is not None:
                yield first
                yield from frames
            return


def _with_times(frames: Iterator[Any], clip: MediaFile) -> Iterator[tuple[float, Any]]:
    expected = 0.0  # s, time of a frame that has no time stamp
    first: int | None = None
    for frame in frames:
        is_sound = isinstance(frame, av.AudioFrame)
        if clip.container == "avi" and not is_sound:
            # AVI stores no display times, only decoding times; the frames come out in order at their spacing.
            first = frame.dts if first is None else first
            time = expected if frame.dts is None or first is None else float((frame.dts - first) * frame.time_base)
        else:
            stamp = frame_time(frame)
            time = expected if stamp is None else stamp - clip.zero
        expected = time + (frame.samples / frame.sample_rate if is_sound else 1.0 / (clip.info.fps or 25.0))
        yield time, frame


def frame_time(frame: Any) -> float | None:
    """Time of a frame in s on the container's own clock; None without a time stamp."""
    stamp = frame.pts if frame.pts is not None else frame.dts
    return None if stamp is None else float(stamp * frame.time_base)
