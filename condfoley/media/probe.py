"""Streams, duration and sizes of a media file, measured from its packets instead of taken from its header."""

from __future__ import annotations

import re
from array import array
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

from condfoley.errors import InputError
from condfoley.media.channels import samples_of
from condfoley.media.clock import start_timecode, unevenness, varies
from condfoley.media.complete import is_closed
from condfoley.media.streams import MAX_PIXELS, MediaFile, MediaInfo, decode_stream, frame_time, open_input
from condfoley.media.timecode import nominal_rate

MAX_MISSING_SECONDS = 0.5
"""s, by which the data may end before the header's duration; a larger difference means a truncated file."""

MILLISECOND = 0.001001
"""s, and what floating point adds: the most by which Matroska's and FLV's times of even frames are uneven."""

MAX_SECONDS = 24 * 3600.0
"""s; longer files are refused: a few damaged time stamps make a small file last for years."""

SILENT = 1e-3
"""Amplitude below which a track counts as silent beside another one."""

_INDEXED = ("mov", "matroska", "avi", "flv", "asf")  # formats whose header has a duration

NO_PICTURE: dict[str, Any] = {"has_video": False, "fps": 0.0, "width": 0, "height": 0, "rotation": 0}
NO_SOUND: dict[str, Any] = {"has_audio": False, "sample_rate": 0, "channels": 0}


@dataclass
class _StreamSpan:
    """Time span of one stream's packets, in s; `declared`: duration in the header, 0 if there is none.

    `shown`: when each frame of a picture is shown, in the file's order. `falls`: by how much, at most, a packet is to be
    decoded no later than the one before; below 0: all times rise.
    """

    start: float = float("inf")
    end: float = float("-inf")
    packets: int = 0
    declared: float = 0.0
    shown: array[float] = field(default_factory=lambda: array("d"))
    falls: float = float("-inf")
    decoded: float = float("-inf")

    def decode(self, time: float) -> None:
        """Another packet is to be decoded at a time, s."""
        self.falls, self.decoded = max(self.falls, self.decoded - time), time


def probe(path: str | Path) -> MediaInfo:
    """Facts about a file. Reads every packet once and decodes one frame of picture and of sound.

    Raises InputError when the file is missing, a folder, empty, not a media file, truncated or cannot be decoded.
    A file is truncated when its data end more than MAX_MISSING_SECONDS before the duration in its header, unless its
    containers are closed (`complete.is_closed`); a smaller loss is accepted, and the duration is that of the data. One
    whose time stamps span more than MAX_SECONDS is refused.
    """
    return open_media(path).info


def require_video(info: MediaInfo) -> None:
    """Raises InputError when the file has no picture."""
    if not info.has_video:
        raise InputError(f"{info.path}: has no picture; give a video file")


def require_audio(info: MediaInfo) -> None:
    """Raises InputError when the file has no sound."""
    if not info.has_audio:
        raise InputError(f"{info.path}: has no sound; give a file with a sound track")


def open_media(path: str | Path) -> MediaFile:
    """Probes a file, for reading. Results for the last 16 files are cached until they change on disk.

    Raises InputError; see `probe`.
    """
    given, path = path, Path(path)
    if not path.exists():
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(given)):  # a Path has lost one of the two slashes
            raise InputError(f"{given}: is a URL; download it first and give the file")
        raise InputError(f"{path}: no such file; check the path")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give one media file")
    state = path.stat()
    if state.st_size == 0:
        raise InputError(f"{path}: the file is empty; copy or export it again")
    return _examine(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=16)
def _examine(path: Path, mtime: int, size: int) -> MediaFile:
    """The probed file. mtime, size: key of the cache together with the path, so that a changed file is read again."""
    with open_input(path) as container:
        names = container.format.name
        if names.endswith("_pipe") or names in ("image2", "tty"):
            raise InputError(f"{path}: is no video or sound file ({names}); give one")
        tracks = _measure_streams(container)
        _require_complete(path, container, tracks)
        video = next((s for s in container.streams.video if _is_picture(s) and tracks[s.index].packets), None)
        audio = _heard(path, [s for s in container.streams.audio if tracks[s.index].packets])
        if video is None and audio is None:
            raise InputError(f"{path}: holds neither picture nor sound (zero length); export it again")
        frame = _first_frame(path, video.index) if video is not None else None
        sound = _first_frame(path, audio.index) if audio is not None else None
        if frame is None and video is not None and not 0 < _pixels(video) <= MAX_PIXELS:
            raise InputError(
                f"{path}: its picture has no size, or more than {MAX_PIXELS >> 20} megapixels; scale it down"
            )
        if frame is None and (video is not None or sound is None):
            raise InputError(f"{path}: cannot be decoded (damaged or unknown codec); convert it to H.264 MP4")
        return _describe(path, container, tracks, video, audio, frame, sound)


def _describe(
    path: Path, container: Any, tracks: dict[int, _StreamSpan], video: Any, audio: Any, frame: Any, sound: Any
) -> MediaFile:
    """The probed file from its streams and their first decoded frames, None where there is no picture or no sound."""
    if frame is not None:
        track = tracks[video.index]
        rate = float(video.average_rate or video.guessed_rate or 0)
        counted = track.packets / rate if rate else 0.0
    else:
        track = tracks[audio.index]
        counted = track.packets * sound.samples / sound.sample_rate
    zero = frame_time(frame if frame is not None else sound) if container.format.name != "avi" else None
    zero = track.start if zero is None and np.isfinite(track.start) else (zero or 0.0)
    duration = track.end - zero if np.isfinite(track.end) else counted  # without any time stamps: counted
    if not duration > 0:
        raise InputError(f"{path}: has zero length; export it again")
    orientation, picture = (1, 0, 0, 1), NO_PICTURE
    if frame is not None:
        orientation = _orientation(frame)
        variable = len(track.shown) == track.packets and varies(track.shown)  # AVI has no such times
        if variable or not rate:  # what Matroska says of a varying rate is no mean
            rate = track.packets / duration
        picture = _picture_facts(frame, orientation, rate)
        if variable and sound is not None and tracks[audio.index].end - track.end > MAX_MISSING_SECONDS:
            duration = (
                tracks[audio.index].end - zero
            )  # the last picture of a screen recorder stays until its sound ends
        start = start_timecode(container, video, nominal_rate(rate, variable))
        picture |= {"variable_rate": variable, "start_timecode": start}
    if duration > MAX_SECONDS:
        raise InputError(
            f"{path}: lasts {duration / 3600:.3g} hours by its time stamps, more than {MAX_SECONDS / 3600:.0f}; "
            "cut out a part, or export it again"
        )
    audio_facts = NO_SOUND
    if sound is not None:
        audio_facts = {"has_audio": True, "sample_rate": sound.sample_rate, "channels": len(sound.layout.channels)}
    info = MediaInfo(path=path, duration=duration, **picture, **audio_facts)
    return MediaFile(
        info=info,
        zero=zero,
        video=video.index if frame is not None else -1,
        audio=audio.index if sound is not None else -1,
        orientation=orientation,
        codec=video.codec_context.codec.canonical_name if frame is not None else "",
        container=container.format.name,
        steady=frame is not None and _is_steady(info, track),
        falls=track.falls,
        shown=track.shown if frame is not None else array("d"),
    )


def _picture_facts(frame: Any, orientation: tuple[int, int, int, int], fps: float) -> dict[str, Any]:
    """Fields of MediaInfo about the picture, from its first frame."""
    width, height = frame.width, frame.height
    if orientation[1]:  # stored on its side
        width, height = height, width
    return {"has_video": True, "fps": fps, "width": width, "height": height, "rotation": frame.rotation % 360}


def _is_steady(info: MediaInfo, track: _StreamSpan) -> bool:
    """See `MediaFile.steady`. track: of the picture."""
    complete = len(track.shown) == track.packets > 1
    return complete and unevenness(track.shown, info.frame_rate) <= MILLISECOND


def _is_picture(stream: Any) -> bool:
    """Whether a video stream is a moving picture, not the cover art of a sound file."""
    return stream.codec_context is not None and Disposition.attached_pic not in stream.disposition


def _measure_streams(container: Any) -> dict[int, _StreamSpan]:
    """Time span of each stream, by index, from all packets (without decoding)."""
    tracks, avi = {}, container.format.name == "avi"  # which stores the times of decoding only
    for stream in container.streams:
        declared = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
        tracks[stream.index] = _StreamSpan(declared=declared)
    try:
        for packet in container.demux():
            stamp = packet.dts if avi or packet.pts is None else packet.pts
            track = tracks[packet.stream.index]
            if packet.dts is not None:
                track.decode(float(packet.dts * packet.time_base))
            if packet.size == 0 or packet.is_discard:  # the end; or decoded for others' sake, but not shown
                continue
            track.packets += 1
            if stamp is None:
                continue
            length = float((packet.duration or 0) * packet.time_base)
            if packet.stream.type == "video":
                nominal = 1.0 / float(packet.stream.average_rate or packet.stream.guessed_rate or 25)
                if not length or abs(length - nominal) < 0.001:  # Matroska truncates durations to whole milliseconds
                    length = nominal
            begin = float(stamp * packet.time_base)
            if packet.stream.type == "video" and packet.pts is not None:
                track.shown.append(begin)
            track.start = min(track.start, begin)
            track.end = max(track.end, begin + length)
    except av.FFmpegError:
        pass  # the data end here; `_require_complete` decides whether too early
    return tracks


def _require_complete(path: Path, container: Any, tracks: dict[int, _StreamSpan]) -> None:
    """Raises InputError for a truncated file; see `probe`."""
    if not container.format.name.startswith(_INDEXED) or is_closed(path):
        return
    missing = 0.0
    for stream in container.streams:
        track = tracks[stream.index]
        if track.declared and (stream.type == "audio" or (stream.type == "video" and _is_picture(stream))):
            held = track.end - track.start if np.isfinite(track.end) else 0.0
            missing = max(missing, track.declared - held)
    spans = [track for track in tracks.values() if np.isfinite(track.end)]
    if spans and container.duration and container.format.name.startswith("matroska"):
        # Matroska's duration counts from 0, not from the first time stamp.
        missing = max(missing, container.duration / av.time_base - max(t.end for t in spans))
    if missing > MAX_MISSING_SECONDS:
        raise InputError(f"{path}: cut off, {missing:.1f} s of its data are missing; copy or export it again")


def _pixels(video: Any) -> int:
    """Of a picture as its file says; 0 where it does not, or where FFmpeg refuses the size."""
    return int(video.codec_context.width * video.codec_context.height)


def _first_frame(path: Path, index: int) -> Any:
    with open_input(path) as container:
        stream = container.streams[index]
        if stream.codec_context is None:
            return None
        try:
            return next((f for f in decode_stream(container, stream) if getattr(f, "samples", 1)), None)
        except MemoryError:
            raise
        except av.FFmpegError:  # the decoder does not even begin
            return None


def _heard(path: Path, streams: list[Any]) -> Any:
    """The first sound stream in which something is heard, else the loudest, or the first where none can be decoded; or None.

    Recorders write a track for each microphone, and screen recorders for each source, of which many are silent.
    """
    best, highest = next(iter(streams), None), -2.0
    if len(streams) < 2:
        return best
    for stream in streams:
        peak = _peak(path, stream.index)
        if peak > SILENT:
            return stream
        if peak > highest:
            best, highest = stream, peak
    return best


def _peak(path: Path, index: int) -> float:
    """The highest sample of a sound stream, read no further than to one above SILENT; -1 where none can be decoded."""
    peak = -1.0
    with open_input(path) as container:
        stream = container.streams[index]
        if stream.codec_context is None:
            return peak
        with suppress(av.FFmpegError):
            for frame in decode_stream(container, stream):
                peak = max(peak, float(np.abs(samples_of(frame)[0]).max(initial=0.0)))
                if peak > SILENT:
                    break
    return peak


def _orientation(frame: Any) -> tuple[int, int, int, int]:
    """The nearest of the eight upright orientations to the frame's display matrix."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return 1, 0, 0, 1
    matrix = np.frombuffer(bytes(data), dtype=np.int32)
    a, b, c, d = (int(matrix[i]) for i in (0, 1, 3, 4))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return (1 if a >= 0 else -1), 0, 0, (1 if d >= 0 else -1)
    return 0, (1 if b >= 0 else -1), (1 if c >= 0 else -1), 0
