"""Writing media: WAV, a picture copied bit for bit beside a new sound, freshly encoded clips.

Every file is written beside its destination and moved there when complete: nothing half-written is left.
"""

from __future__ import annotations

import heapq
import io
import os
import shlex
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

from condfoley.errors import InputError
from condfoley.files import file_aside
from condfoley.media.probe import open_clip, require_video
from condfoley.media.streams import Clip, decoded, open_input

_FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
_SOUND_CODECS = {"aac": "aac", "pcm": "pcm_s24le"}
_MP4_CODECS = ("h264", "hevc", "av1", "vp9")  # what players expect in an MP4
_MP4_SOUND = ("aac",)
AAC_BITS = 192_000
"""bits per second; the encoder lowers it where a low sample rate cannot use as much."""
_KEPT_TAGS = ("title", "comment", "creation_time")
_BLOCK = 1024  # samples handed to the encoder at a time, AAC's own frame
_TRIAL_PACKETS, _TRIAL_RATE = 16, 48_000  # packets and Hz with which a container is tried: neither decides


def write_wav(path: str | Path, wav: np.ndarray, sample_rate: int) -> Path:
    """Write wav (N,) float, [-1, 1], as a mono 24-bit PCM WAV file at `sample_rate` Hz.

    Louder samples are clipped. Replaces an existing file. Raises InputError when the file cannot be written.
    """
    wav = _checked(wav)
    with _complete(path) as part:
        name = os.fsencode(part)  # soundfile itself takes only names in UTF-8
        soundfile.write(name, np.clip(wav, -1.0, 1.0), sample_rate, subtype="PCM_24", format="WAV")
    return Path(path)


def mux_suffix(video_path: str | Path, codec: str = "aac") -> str:
    """The container for `mux` that takes this file's picture as it is, beside this sound codec.

    ".mp4" where players expect both there, else ".mov" or ".mkv": the one nearer to where the picture comes from, if it
    takes it, else the other; found by copying the first packets in memory. Raises InputError for whatever `probe`
    refuses, a file without picture and a picture that none of them takes.
    """
    clip = open_clip(video_path)
    require_video(clip.info)
    usual = clip.codec in _MP4_CODECS
    near = (".mov", ".mkv") if clip.container.startswith("mov") or usual else (".mkv", ".mov")
    order = (".mp4", ".mkv") if usual and codec in _MP4_SOUND else near
    for suffix in order:
        if _takes(suffix, clip, codec):
            return suffix
    path = clip.info.path
    convert = f"ffmpeg -i {shlex.quote(str(path))} -c:v libx264 out.mp4"
    raise InputError(
        f"{path}: its picture ({clip.codec}) cannot be copied into a video with sound; convert it first, e.g. {convert}"
    )


def mux(video_path: str | Path, wav: np.ndarray, sample_rate: int, out_path: str | Path, codec: str = "aac") -> Path:
    """Write the video's picture, its packets copied unchanged, with `wav` as only sound. Returns out_path.

    wav: (N,) float mono, [-1, 1], at `sample_rate` Hz; its sample 0 sounds with the first picture frame.
    codec: "aac" (192 kbit/s), or "pcm" (24 bits, in .mov and .mkv only).
    The suffix of out_path chooses the container: .mp4, .mov or .mkv (which rounds times to milliseconds;
    the other two keep them exactly). H.264 and HEVC from transport streams and AVI get the new container's
    framing around the same coded data. Rotation stays; old sound, subtitles and data tracks do not.
    Replaces an existing file. Raises InputError for unusable input, a container that cannot hold the picture
    (`mux_suffix` names one that can), an output that cannot be written.
    """
    wav = _checked(wav)
    clip = open_clip(video_path)
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
        _complete(out) as part,
        _container(part, out, sample_rate) as target,
    ):
        try:
            _copy_with_sound(source, target, clip, wav, sample_rate, codec)
        except _Refused as error:
            better = mux_suffix(video_path, codec)
            raise InputError(
                f"{out}: {out.suffix} cannot hold this picture ({clip.codec}) unchanged; choose {better}"
            ) from error
    return out


class _Refused(Exception):
    """A container takes no such picture."""


def _copy_with_sound(
    source: Any, target: Any, clip: Clip, wav: np.ndarray, sample_rate: int, codec: str, count: int | None = None
) -> None:
    """Fill an open container; see `mux`. count: packets of the picture (default: all). Raises _Refused."""
    picture = source.streams[clip.video]
    try:
        track = target.add_stream_from_template(picture, opaque=True)
    except ValueError as error:
        raise _Refused from error
    if picture.codec_context.codec_tag == "hvc1" and target.format.name != "matroska":
        track.codec_context.codec_tag = "hvc1"  # QuickTime plays HEVC under no other name
    track.metadata.update(picture.metadata)
    target.metadata.update({k: v for k, v in source.metadata.items() if k in _KEPT_TAGS})
    sound = _sound_stream(target, _SOUND_CODECS[codec], sample_rate)
    try:
        copied = islice(_copied(source, picture, track, clip.info.fps), count)
        _interleave(target, copied, _encoded_sound(sound, wav, sample_rate, clip.zero))
    except av.FFmpegError as error:
        if isinstance(error, OSError):  # the disk, not the picture
            raise
        raise _Refused from error


def _takes(suffix: str, clip: Clip, codec: str) -> bool:
    """Whether the container takes the clip's first packets, and the picture that is decoded from it is the same."""
    memory = io.BytesIO()
    silence = np.zeros(_BLOCK, np.float32)
    try:
        with (
            open_input(clip.info.path) as source,
            av.open(memory, "w", format=_FORMATS[suffix]) as target,
        ):
            _copy_with_sound(source, target, clip, silence, _TRIAL_RATE, codec, _TRIAL_PACKETS)
        memory.seek(0)
        with open_input(clip.info.path) as source, av.open(memory) as again:
            before = next(decoded(source, source.streams[clip.video]), None)
            after = next(decoded(again, again.streams.video[0]), None)
    except (_Refused, av.FFmpegError):
        return False
    if before is None or after is None:  # it begins with packets that are damaged or need those before them
        return True
    return np.array_equal(before.to_ndarray(format="rgb24"), after.to_ndarray(format="rgb24"))


def write_clip(
    path: str | Path,
    frames: Iterable[np.ndarray],
    fps: float,
    wav: np.ndarray | None,
    sample_rate: int,
    *,
    crf: int = 23,
) -> Path:
    """Encode a new clip (H.264 yuv420p, AAC) into .mp4, .mov or .mkv.

    frames: T of (H, W, 3) uint8 RGB, an array or any iterator; an odd side gets its last line doubled.
    wav: (N,) float mono, [-1, 1], at `sample_rate` Hz; sample 0 sounds with frame 0. None: no sound track.
    crf: x264's constant quality, 0 (lossless) to 51. Replaces an existing file.
    Raises InputError when the file cannot be written, ValueError without any frame.
    """
    wav = None if wav is None else _checked(wav)
    pictures = iter(frames)
    first = next(pictures, None)
    if first is None:
        raise ValueError("a clip needs at least one frame")
    out = Path(path)
    height, width = first.shape[:2]
    with _complete(out) as part, _container(part, out, sample_rate) as target:
        rate = Fraction(fps).limit_denominator(1001)
        track = target.add_stream("libx264", rate=rate, options={"crf": str(crf), "threads": "1"})
        track.width, track.height, track.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
        tracks = [_encoded_picture(track, chain([first], pictures), rate)]
        if wav is not None:
            tracks.append(_encoded_sound(_sound_stream(target, "aac", sample_rate), wav, sample_rate, 0.0))
        _interleave(target, *tracks)
    return out


def _checked(wav: np.ndarray) -> np.ndarray:
    wav = np.asarray(wav, np.float32)
    if wav.ndim != 1 or not np.isfinite(wav).all():
        raise ValueError(f"the sound must be (N,) finite numbers, got shape {wav.shape}")
    return wav


def _complete(path: str | Path) -> AbstractContextManager[Path]:
    """A file to write to, which becomes `path` at the end and is removed after any failure."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give a file name")
    if not path.parent.is_dir():
        raise InputError(f"{path}: its folder does not exist; create it or choose another output")
    return file_aside(path, (OSError, soundfile.LibsndfileError))


def _container(part: Path, out: Path, sample_rate: int) -> Any:
    name = _FORMATS.get(out.suffix.lower())
    if name is None:
        raise InputError(f"{out}: {out.suffix or 'no'} suffix is not supported; choose .mp4, .mov or .mkv")
    options = {}
    if name != "matroska":
        # Index first: plays while loading. Start times in samples: the default unit is a millisecond.
        options = {"movflags": "+faststart", "movie_timescale": str(sample_rate)}
    return av.open(f"file:{part}", "w", format=name, options=options)


def _sound_stream(target: Any, codec: str, sample_rate: int) -> Any:
    stream = target.add_stream(codec, rate=int(sample_rate), layout="mono")
    if codec == "aac":
        stream.bit_rate = AAC_BITS
    return stream


def _interleave(target: Any, *tracks: Iterator[tuple[float, Any]]) -> None:
    """Write packets in order of time, so that the muxer never has to hold back a whole track."""
    for _, packet in heapq.merge(*tracks, key=lambda timed: timed[0]):
        target.mux(packet)


def _copied(source: Any, picture: Any, track: Any, fps: float) -> Iterator[tuple[float, Any]]:
    """Yields the picture's packets as they are stored, as (seconds, packet). fps: its mean rate."""
    for packet in source.demux(picture):
        if packet.size == 0:  # the demuxer's end mark
            continue
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is None:
            name = source.name.removeprefix("file:")
            raise InputError(f"{name}: its picture has no time stamps; wrap it into .mp4 or .mkv first")
        if packet.pts is None:
            packet.pts = packet.dts
        if not packet.duration:  # FLV and ASF state none, and MP4 players leave out a last frame that lasts no time
            packet.duration = round(1 / fps / packet.time_base)
        time = float(stamp * packet.time_base)
        packet.stream = track
        yield time, packet


def _encoded_sound(stream: Any, wav: np.ndarray, sample_rate: int, zero: float) -> Iterator[tuple[float, Any]]:
    """Yields wav (N,) as encoded (seconds, packet), its first sample at `zero` seconds of the container's time."""
    offset = round(zero * sample_rate)
    for begin in range(0, len(wav), _BLOCK):
        block = _samples(wav[begin : begin + _BLOCK], stream)
        frame = av.AudioFrame.from_ndarray(block, stream.format.name, "mono")
        frame.sample_rate, frame.time_base, frame.pts = sample_rate, Fraction(1, sample_rate), offset + begin
        yield from ((zero + begin / sample_rate, packet) for packet in stream.encode(frame))
    yield from ((zero + len(wav) / sample_rate, packet) for packet in stream.encode(None))


def _samples(block: np.ndarray, stream: Any) -> np.ndarray:
    """Samples (n,) as (1, n) of the encoder's format: float for AAC, 32-bit integers for PCM (24 bits are kept)."""
    if stream.format.name.startswith("flt"):
        return np.ascontiguousarray(block[None])
    return np.round(np.clip(block[None].astype(np.float64), -1.0, 1.0 - 2.0**-23) * 2.0**31).astype(np.int32)


def _encoded_picture(track: Any, frames: Iterable[np.ndarray], rate: Fraction) -> Iterator[tuple[float, Any]]:
    for k, image in enumerate(frames):
        image = np.pad(image, ((0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts, frame.time_base = k, 1 / rate
        yield from ((float(k / rate), packet) for packet in track.encode(frame))
    yield from ((float("inf"), packet) for packet in track.encode(None))
