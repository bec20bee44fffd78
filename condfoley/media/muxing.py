"""Stream copy: the picture's packets, unchanged, with a new sound track, in a container that supports both."""

from __future__ import annotations

import io
import shlex
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.context import Flags

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

_SOUND_CODECS = {"aac": "aac", "pcm": "pcm_s24le", "pcm16": "pcm_s16le", "pcm32f": "pcm_f32le"}
_MP4_CODECS = ("h264", "hevc", "av1", "vp9")  # that players expect in an MP4
_MP4_SOUND = ("aac",)
_KEPT_TAGS = ("title", "comment", "creation_time")
MAX_FALL = 0.1
"""s, by which a packet may be to be decoded before the one before it; it is decoded right after that then."""
_TRIAL_PACKETS, _TRIAL_RATE = 16, 48_000  # packets and Hz with which a container is tested; their values hardly matter


def mux_suffix(video_path: str | Path, codec: str = "aac") -> str:
    """Suffix of the container in which `mux` can put this file's picture, unchanged, with this sound codec.

    ".mp4" if players expect both codecs there, else ".mov" or ".mkv", first the one that is closer to the source's
    container; tested by copying the first packets in memory. codec: "aac" or "pcm". Raises InputError for whatever
    `probe` refuses, a file without picture, and a picture that none of the containers can hold.
    """
    clip = open_media(video_path)
    require_video(clip.info)
    _require_one_line(clip)
    usual = clip.codec in _MP4_CODECS
    near = (".mov", ".mkv") if clip.container.startswith("mov") or usual else (".mkv", ".mov")
    order: tuple[str, ...] = (".mp4", ".mkv") if usual and codec in _MP4_SOUND else near
    if _hides_alpha(clip):
        order = (".mkv",)
    for suffix in order:
        if _can_hold(suffix, clip, codec):
            return suffix
    path = clip.info.path
    raise InputError(
        f"{path}: its picture ({clip.codec}) cannot be copied into a video with sound; "
        f"convert it first, e.g. {_conversion(path)}"
    )


def _conversion(path: Path) -> str:
    """A command that makes a picture one that all players show: 4:2:0, with even sides."""
    even = "pad=ceil(iw/2)*2:ceil(ih/2)*2"
    return f"ffmpeg -i {shlex.quote(str(path))} -c:v libx264 -pix_fmt yuv420p -vf {shlex.quote(even)} out.mp4"


def _require_one_line(clip: MediaFile) -> None:
    """Raises InputError where the picture's packets begin again somewhere: in joined recordings, edit lists of parts."""
    if clip.falls > MAX_FALL:
        raise InputError(
            f"{clip.info.path}: its picture goes back by {clip.falls:.2f} s somewhere, as in recordings that were joined, "
            f"and cannot be copied; make it one first, e.g. {_conversion(clip.info.path)}"
        )


def _hides_alpha(clip: MediaFile) -> bool:
    """Whether transparency is in data beside the packets, which MP4 and MOV do not keep."""
    if clip.codec not in ("vp8", "vp9"):
        return False
    with open_input(clip.info.path) as container:
        tags = container.streams[clip.video].metadata
        return any(name.lower() == "alpha_mode" and text == "1" for name, text in tags.items())


def mux(video_path: str | Path, wav: np.ndarray, sample_rate: int, out_path: str | Path, codec: str = "aac") -> Path:
    """Writes the video's picture, its packets copied unchanged, with `wav` as the only sound. Returns out_path.

    wav: (N,) or (C, N) float, C = 1 or 2, [-1, 1], at `sample_rate` Hz; sample 0 is at the time of the first picture
    frame, which is at 0 s of the new file, whatever the source's clock has there (transport streams: hours). A start
    timecode is kept.
    codec: "aac" (192 kbit/s), or "pcm" (24 bits; "pcm16": 16 bits, "pcm32f": floating point; in .mov and .mkv only).
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
    _require_one_line(clip)
    with (
        open_input(clip.info.path) as source,
        new_media_file(out) as part,
        open_container(part, out, sample_rate) as target,
    ):
        try:
            _copy_with_sound(source, target, clip, wav, sample_rate, codec)
        except _UnsupportedPictureError as error:
            if isinstance(error.__cause__, MemoryError):  # the size of a packet is damaged
                raise InputError(
                    f"{clip.info.path}: a frame of its picture asks for more memory than there is, so it is damaged; "
                    "copy or export it again"
                ) from error
            better = mux_suffix(video_path, codec)
            if better == out.suffix.lower():  # it took the first packets
                raise InputError(
                    f"{clip.info.path}: its picture ({clip.codec}) cannot be copied to its end ({error.__cause__}); "
                    f"convert it first, e.g. {_conversion(clip.info.path)}"
                ) from error
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
    _keep_description(picture, track, clip, target.format.name)
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


def _keep_description(picture: Any, track: Any, clip: MediaFile, container: str) -> None:
    """What a copy of a stream leaves behind: the shape of pixels that only the container tells, and the codec's tag."""
    if shape := picture.sample_aspect_ratio:
        track.codec_context.sample_aspect_ratio = shape
    if container == "matroska":
        return
    if clip.codec == "hevc":
        track.codec_context.codec_tag = "hvc1"  # the only tag under which QuickTime plays HEVC
    elif container == "mov" and clip.container.startswith("mov"):  # which of ProRes' six it is, for instance
        track.codec_context.codec_tag = picture.codec_context.codec_tag


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
    """Yields the picture's packets in stored order, as (s, packet), the first frame shown at 0 s.

    Decoding times rise strictly, as containers demand: one that does not is moved right behind the one before.
    """
    latest: int | None = None
    packets = _shown_packets(source.demux(picture))
    if clip.container == "avi" and picture.codec_context.has_b_frames:
        packets = _with_display_times(packets, clip)
    for packet in packets:
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
        if packet.dts is not None:
            if latest is not None and packet.dts <= latest:
                packet.dts = latest + 1
                packet.pts = max(packet.pts, packet.dts)
            latest = packet.dts
        packet.stream = track
        yield time, packet


def _shown_packets(packets: Iterable[Any]) -> Iterator[Any]:
    """Packets without those at the end that an edit list hides; hidden ones before are needed to decode others."""
    hidden: list[Any] = []
    for packet in packets:
        if packet.size == 0:  # marks the end, or repeats the frame before
            continue
        if packet.is_discard:
            hidden.append(packet)
            continue
        yield from hidden
        hidden.clear()
        yield packet


def _with_display_times(packets: Iterable[Any], clip: MediaFile) -> Iterator[Any]:
    """Packets of AVI, which stores the times of decoding only, with those of display, in the decoder's order."""
    copied = list(packets)
    times = [packet.dts for packet in copied]
    shown = list(dict.fromkeys(_decoded_order(clip)))
    place = {number: index for index, number in enumerate(shown) if number < len(copied)}
    delay = max((number - index for index, number in enumerate(shown)), default=0)  # so that none is shown undecoded
    step = (times[-1] - times[0]) / max(1, len(times) - 1)
    for number, packet in enumerate(copied):
        packet.pts = times[min(place.get(number, number), len(times) - 1)]
        packet.dts = times[number] - round(max(0, delay) * step)
        yield packet


def _decoded_order(clip: MediaFile) -> Iterator[int]:
    """Numbers of a picture's packets in the order in which a decoder shows their frames."""
    with open_input(clip.info.path) as source:
        stream = source.streams[clip.video]
        stream.codec_context.flags |= Flags.copy_opaque
        for frame in decode_stream(source, stream, numbered=True):
            yield frame.opaque


def _is_rounded(picture: Any, clip: MediaFile) -> bool:
    """Whether a picture's times are those of an even frame rate, rounded to milliseconds."""
    return clip.steady and picture.time_base == Fraction(1, 1000)
