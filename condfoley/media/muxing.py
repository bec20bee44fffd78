"""Stream copy: the picture's packets, unchanged, with a new sound track, in a container that supports both."""

from __future__ import annotations

import io
import shlex
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np

from condfoley.errors import InputError
from condfoley.media.probe import open_media, require_video
from condfoley.media.streams import MediaFile, decode_stream, open_input
from condfoley.media.write import (
    ENCODER_BLOCK,
    FORMATS,
    add_sound_stream,
    check_sound,
    encode_sound,
    interleave,
    new_media_file,
    open_container,
)

_SOUND_CODECS = {"aac": "aac", "pcm": "pcm_s24le"}
_MP4_CODECS = ("h264", "hevc", "av1", "vp9")  # that players expect in an MP4
_MP4_SOUND = ("aac",)
_KEPT_TAGS = ("title", "comment", "creation_time")
_TRIAL_PACKETS, _TRIAL_RATE = 16, 48_000  # packets and Hz with which a container is tested; their values hardly matter


def mux_suffix(video_path: str | Path, codec: str = "aac") -> str:
    """Suffix of the container in which `mux` can put this file's picture, unchanged, with this sound codec.

    ".mp4" if players expect both codecs there, else ".mov" or ".mkv", first the one that is closer to the source's
    container; tested by copying the first packets in memory. codec: "aac" or "pcm". Raises InputError for whatever
    `probe` refuses, a file without picture, and a picture that none of the containers can hold.
    """
    clip = open_media(video_path)
    require_video(clip.info)
    usual = clip.codec in _MP4_CODECS
    near = (".mov", ".mkv") if clip.container.startswith("mov") or usual else (".mkv", ".mov")
    order = (".mp4", ".mkv") if usual and codec in _MP4_SOUND else near
    for suffix in order:
        if _can_hold(suffix, clip, codec):
            return suffix
    path = clip.info.path
    convert = f"ffmpeg -i {shlex.quote(str(path))} -c:v libx264 out.mp4"
    raise InputError(
        f"{path}: its picture ({clip.codec}) cannot be copied into a video with sound; convert it first, e.g. {convert}"
    )


def mux(video_path: str | Path, wav: np.ndarray, sample_rate: int, out_path: str | Path, codec: str = "aac") -> Path:
    """Writes the video's picture, its packets copied unchanged, with `wav` as the only sound. Returns out_path.

    wav: (N,) or (C, N) float, C = 1 or 2, [-1, 1], at `sample_rate` Hz; sample 0 is at the time of the first picture
    frame, which is at 0 s of the new file, whatever the source's clock has there (transport streams: hours). A start
    timecode is kept.
    codec: "aac" (192 kbit/s), or "pcm" (24 bits, in .mov and .mkv only).
    The suffix of out_path chooses the container: .mp4, .mov or .mkv (which rounds times to milliseconds; the other two
    keep them exactly, and get those of an even frame rate exactly where the source rounds them). H.264 and HEVC from
    transport streams and AVI get the new container's framing around the same coded data. Rotation is kept; old sound,
    subtitles and data tracks are not.
    Replaces an existing file. Raises InputError for unusable input, a container that cannot hold the picture
    (`mux_suffix` names one that can), an output that cannot be written.
    """
    wav = check_sound(wav)
    clip = open_media(video_path)
    require_video(clip.info)
    out = Path(out_path)
    if codec not in _SOUND_CODECS:
        raise InputError(f"sound codec {codec!r} is unknown; choose aac or pcm")
    if codec not in _MP4_SOUND and out.suffix.lower() == ".mp4":
        raise InputError(f"{out}: players expect no PCM sound in .mp4; choose .mov, .mkv or the aac codec")
    if out.exists() and out.samefile(clip.info.path):
        raise InputError(f"{out}: is the input video itself; choose another output")
    with (
        open_input(clip.info.path) as source,
        new_media_file(out) as part,
        open_container(part, out, sample_rate) as target,
    ):
        try:
            _copy_with_sound(source, target, clip, wav, sample_rate, codec)
        except _UnsupportedPictureError as error:
            better = mux_suffix(video_path, codec)
            raise InputError(
                f"{out}: {out.suffix} cannot hold this picture ({clip.codec}) unchanged; choose {better}"
            ) from error
    return out


class _UnsupportedPictureError(Exception):
    """The container does not support the picture's codec."""


def _copy_with_sound(
    source: Any, target: Any, clip: MediaFile, wav: np.ndarray, sample_rate: int, codec: str, count: int | None = None
) -> None:
    """Fills an open container; see `mux`. count: packets of the picture; None: all. Raises _UnsupportedPictureError."""
    picture = source.streams[clip.video]
    try:
        track = target.add_stream_from_template(picture, opaque=True)
    except ValueError as error:
        raise _UnsupportedPictureError from error
    if picture.codec_context.codec_tag == "hvc1" and target.format.name != "matroska":
        track.codec_context.codec_tag = "hvc1"  # the only tag under which QuickTime plays HEVC
    track.metadata.update({k: v for k, v in picture.metadata.items() if k.lower() != "timecode"})
    if clip.info.start_timecode:
        track.metadata["timecode"] = clip.info.start_timecode
        track.codec_context.framerate = clip.info.frame_rate  # in which it counts, also where frames come unevenly
    target.metadata.update({k: v for k, v in source.metadata.items() if k in _KEPT_TAGS})
    if _is_rounded(picture, clip):
        track.time_base = 1 / clip.info.frame_rate
    sound = add_sound_stream(target, _SOUND_CODECS[codec], sample_rate, len(wav))
    try:
        copied = islice(_copied_packets(source, picture, track, clip), count)
        interleave(target, copied, encode_sound(sound, wav, sample_rate))
    except av.FFmpegError as error:
        if isinstance(error, OSError):  # a full disk or the like, not the codec
            raise
        raise _UnsupportedPictureError from error


def _can_hold(suffix: str, clip: MediaFile, codec: str) -> bool:
    """Whether the container can hold the clip's first packets and the same picture is decoded from it."""
    memory = io.BytesIO()
    silence = np.zeros((1, ENCODER_BLOCK), np.float32)
    try:
        with (
            open_input(clip.info.path) as source,
            av.open(memory, "w", format=FORMATS[suffix]) as target,
        ):
            _copy_with_sound(source, target, clip, silence, _TRIAL_RATE, codec, _TRIAL_PACKETS)
        memory.seek(0)
        with open_input(clip.info.path) as source, av.open(memory) as again:
            before = next(decode_stream(source, source.streams[clip.video]), None)
            after = next(decode_stream(again, again.streams.video[0]), None)
    except (_UnsupportedPictureError, av.FFmpegError):
        return False
    if before is None or after is None:  # the first packets are damaged or depend on earlier ones
        return True
    return np.array_equal(before.to_ndarray(format="rgb24"), after.to_ndarray(format="rgb24"))


def _copied_packets(source: Any, picture: Any, track: Any, clip: MediaFile) -> Iterator[tuple[float, Any]]:
    """Yields the picture's packets in stored order, as (s, packet), the first frame shown at 0 s."""
    for packet in source.demux(picture):
        if packet.size == 0:  # marks the end
            continue
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is None:
            name = source.name.removeprefix("file:")
            raise InputError(f"{name}: its picture has no time stamps; wrap it into .mp4 or .mkv first")
        zero = round(clip.zero / packet.time_base)
        packet.pts = (stamp if packet.pts is None else packet.pts) - zero
        packet.dts = None if packet.dts is None else packet.dts - zero
        if not packet.duration:  # FLV and ASF have none, and MP4 players skip a last frame of no duration
            packet.duration = round(1 / clip.info.fps / packet.time_base)
        time = float((stamp - zero) * packet.time_base)
        if _is_rounded(picture, clip):
            frame = packet.time_base * clip.info.frame_rate
            packet.pts, packet.duration = round(packet.pts * frame), 1
            packet.dts = None if packet.dts is None else round(packet.dts * frame)
            packet.time_base = 1 / clip.info.frame_rate
        packet.stream = track
        yield time, packet


def _is_rounded(picture: Any, clip: MediaFile) -> bool:
    """Whether a picture's times are those of an even frame rate, rounded to milliseconds."""
    return clip.steady and picture.time_base == Fraction(1, 1000)
