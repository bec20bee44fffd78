"""What a media file holds, measured from its packets instead of believed from its header."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from condfoley.errors import InputError
from condfoley.media.streams import Clip, MediaInfo, decoded, frame_time, open_input

TRUNCATED = 0.5
"""s: data that end this much before the header's duration mean a cut-off file."""

_INDEXED = ("mov", "matroska", "avi", "flv", "asf")  # their headers state a duration


@dataclass
class _Track:
    """What the packets of one stream add up to, in seconds."""

    start: float = float("inf")
    end: float = float("-inf")
    packets: int = 0
    declared: float = 0.0


def probe(path: str | Path) -> MediaInfo:
    """Find out what a file holds. Reads every packet once, decodes one frame of each kind.

    Raises InputError when the file is missing, a folder, empty, no media file, cut off or cannot be decoded.
    A file is taken as cut off when its data end more than `TRUNCATED` seconds before its header says;
    a smaller loss at the end is accepted and the duration is what is really there.
    """
    return open_clip(path).info


def require_video(info: MediaInfo) -> None:
    """Raise InputError when the file has no picture."""
    if not info.has_video:
        raise InputError(f"{info.path}: has no picture; give a video file")


def require_audio(info: MediaInfo) -> None:
    """Raise InputError when the file has no sound."""
    if not info.has_audio:
        raise InputError(f"{info.path}: has no sound; give a file with a sound track")


def open_clip(path: str | Path) -> Clip:
    """A probed clip with the details that readers need. The last few files are remembered until they change on disk."""
    asked, path = path, Path(path)
    if not path.exists():
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(asked)):  # a Path has one slash of the two
            raise InputError(f"{asked}: is a URL; download it first and give the file")
        raise InputError(f"{path}: no such file; check the path")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give one media file")
    state = path.stat()
    if state.st_size == 0:
        raise InputError(f"{path}: the file is empty; copy or export it again")
    return _examine(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=16)
def _examine(path: Path, mtime: int, size: int) -> Clip:
    """The probed clip; `mtime` and `size` only tell one state of the file from the next in the cache."""
    with open_input(path) as container:
        names = container.format.name
        if names.endswith("_pipe") or names in ("image2", "tty"):
            raise InputError(f"{path}: is no video or sound file ({names}); give one")
        tracks = _measure(container)
        _refuse_cut_off(path, container, tracks)
        video = next((s for s in container.streams.video if _is_picture(s) and tracks[s.index].packets), None)
        audio = next((s for s in container.streams.audio if tracks[s.index].packets), None)
        if video is None and audio is None:
            raise InputError(f"{path}: holds neither picture nor sound (zero length); export it again")
        frame = _first_frame(path, video.index) if video is not None else None
        sound = _first_frame(path, audio.index) if audio is not None else None
        if frame is None and (video is not None or sound is None):
            raise InputError(f"{path}: cannot be decoded (damaged or unknown codec); convert it to H.264 MP4")
        return _describe(path, names, tracks, video, audio, frame, sound)


def _describe(
    path: Path, names: str, tracks: dict[int, _Track], video: Any, audio: Any, frame: Any, sound: Any
) -> Clip:
    leader = frame if frame is not None else sound
    track = tracks[(video if frame is not None else audio).index]
    zero = frame_time(leader)
    zero = track.start if zero is None and np.isfinite(track.start) else (zero or 0.0)
    rate = float(video.average_rate or video.guessed_rate or 0) if frame is not None else 0.0
    if np.isfinite(track.end):
        duration = track.end - zero
    elif frame is not None:  # no time stamps at all: count
        duration = track.packets / rate if rate else 0.0
    else:
        duration = track.packets * sound.samples / sound.sample_rate
    if not duration > 0:
        raise InputError(f"{path}: has zero length; export it again")
    a, b, c, d = _orientation(frame) if frame is not None else (1, 0, 0, 1)
    width, height = (frame.width, frame.height) if frame is not None else (0, 0)
    info = MediaInfo(
        path=path,
        duration=duration,
        has_video=frame is not None,
        has_audio=sound is not None,
        fps=(rate or track.packets / duration) if frame is not None else 0.0,
        width=height if b else width,
        height=width if b else height,
        rotation=(frame.rotation % 360) if frame is not None else 0,
        sample_rate=sound.sample_rate if sound is not None else 0,
        channels=len(sound.layout.channels) if sound is not None else 0,
    )
    codec = video.codec_context.codec.canonical_name if frame is not None else ""
    return Clip(
        info=info,
        zero=zero,
        video=video.index if frame is not None else -1,
        audio=audio.index if sound is not None else -1,
        orientation=(a, b, c, d),
        codec=codec,
        container=names,
    )


def _is_picture(stream: Any) -> bool:
    """Whether a video stream is a picture; the cover art of a sound file is a video stream too, and is none."""
    return stream.codec_context is not None and not int(stream.disposition) & 0x400  # attached_pic


def _measure(container: Any) -> dict[int, _Track]:
    """Run through all packets (without decoding) and add up every stream's span."""
    tracks = {}
    for stream in container.streams:
        declared = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
        tracks[stream.index] = _Track(declared=declared)
    try:
        for packet in container.demux():
            stamp = packet.pts if packet.pts is not None else packet.dts
            if packet.size == 0:
                continue
            track = tracks[packet.stream.index]
            track.packets += 1
            if stamp is None:
                continue
            length = float((packet.duration or 0) * packet.time_base)
            if packet.stream.type == "video":
                nominal = 1.0 / float(packet.stream.average_rate or packet.stream.guessed_rate or 25)
                if not length or abs(length - nominal) < 0.001:  # Matroska cuts lengths to whole milliseconds
                    length = nominal
            begin = float(stamp * packet.time_base)
            track.start = min(track.start, begin)
            track.end = max(track.end, begin + length)
    except av.FFmpegError:
        pass  # the data stop here; whether that is too early is decided next
    return tracks


def _refuse_cut_off(path: Path, container: Any, tracks: dict[int, _Track]) -> None:
    if not container.format.name.startswith(_INDEXED):
        return
    missing = 0.0
    for stream in container.streams:
        track = tracks[stream.index]
        if stream.type in ("video", "audio") and track.declared:
            held = track.end - track.start if track.packets else 0.0
            missing = max(missing, track.declared - held)
    spans = [track for track in tracks.values() if np.isfinite(track.end)]
    if spans and container.duration and container.format.name.startswith("matroska"):
        # Matroska's duration counts from 0, wherever the first time stamp lies.
        missing = max(missing, container.duration / av.time_base - max(t.end for t in spans))
    if missing > TRUNCATED:
        raise InputError(f"{path}: cut off, {missing:.1f} s of its data are missing; copy or export it again")


def _first_frame(path: Path, index: int) -> Any:
    with open_input(path) as container:
        stream = container.streams[index]
        if stream.codec_context is None:
            return None
        return next((f for f in decoded(container, stream) if getattr(f, "samples", 1)), None)


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
