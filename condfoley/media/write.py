"""Writing newly encoded clips, and the functions shared with `mux` and `write_wav`.

Every file is written beside its destination and moved there when complete: no partial files are left.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

from condfoley.errors import InputError
from condfoley.files import atomic_file
from condfoley.memory import Releaser, blocks

FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
AAC_BIT_RATE = 192_000
"""bit/s; the encoder lowers it for low sample rates."""
ENCODER_BLOCK = 1024  # samples passed to the encoder at a time: AAC's frame size


def write_clip(
    path: str | Path,
    frames: Iterable[np.ndarray],
    fps: float,
    wav: np.ndarray | None,
    sample_rate: int,
    *,
    crf: int = 23,
) -> Path:
    """Encodes a new clip (H.264 yuv420p, AAC) into .mp4, .mov or .mkv. Returns the path.

    frames: T of (H, W, 3) uint8 RGB, an array or any iterator; if a side is odd, its last line is doubled.
    wav: (N,) or (C, N) float, C = 1 or 2, [-1, 1], at `sample_rate` Hz; sample 0 is at the time of frame 0. None: no
    sound track.
    crf: x264's constant quality, 0 (lossless) to 51. Replaces an existing file.
    Raises InputError when the file cannot be written, ValueError without any frame.
    """
    wav = None if wav is None else check_sound(wav)
    pictures = iter(frames)
    first = next(pictures, None)
    if first is None:
        raise ValueError("a clip needs at least one frame")
    out = Path(path)
    height, width = first.shape[:2]
    with new_media_file(out) as part, open_container(part, out, sample_rate) as target:
        rate = Fraction(fps).limit_denominator(1001)
        track = target.add_stream("libx264", rate=rate, options={"crf": str(crf), "threads": "1"})
        track.width, track.height, track.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
        tracks = [_encode_picture(track, chain([first], pictures), rate)]
        if wav is not None:
            tracks.append(encode_sound(add_sound_stream(target, "aac", sample_rate, len(wav)), wav, sample_rate))
        interleave(target, *tracks)
    return out


def check_sound(wav: np.ndarray) -> np.ndarray:
    """wav as (C, N) float32. Raises ValueError unless it is (N,) or (C, N), C = 1 or 2, and finite."""
    wav = np.asarray(wav, np.float32)
    wav = wav[None] if wav.ndim == 1 else wav
    if (
        wav.ndim != 2
        or len(wav) not in (1, 2)
        or not all(np.isfinite(wav[:, part]).all() for part in blocks(wav.shape[1]))
    ):
        raise ValueError(f"the sound must be (N,) or (1 or 2 channels, N) finite numbers, got shape {wav.shape}")
    return wav


def new_media_file(path: str | Path) -> AbstractContextManager[Path]:
    """Yields a temporary file to write to, which becomes `path` at the end; see `files.atomic_file`. Raises InputError."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give a file name")
    if not path.parent.is_dir():
        raise InputError(f"{path}: its folder does not exist; create it or choose another output")
    return atomic_file(path, (OSError, soundfile.LibsndfileError))


def open_container(part: Path, out: Path, sample_rate: int) -> Any:
    """Opens `part` for muxing in the container that the suffix of `out` names. Raises InputError for another suffix."""
    name = FORMATS.get(out.suffix.lower())
    if name is None:
        raise InputError(f"{out}: {out.suffix or 'no'} suffix is not supported; choose .mp4, .mov or .mkv")
    options = {}
    if name != "matroska":
        # Index first, so that it plays while loading. Start times in samples: the default unit is a millisecond.
        options = {"movflags": "+faststart", "movie_timescale": str(sample_rate)}
    return av.open(f"file:{part}", "w", format=name, options=options)


def add_sound_stream(target: Any, codec: str, sample_rate: int, channels: int) -> Any:
    """Adds a sound stream of 1 or 2 channels to an open container and returns it."""
    stream = target.add_stream(codec, rate=int(sample_rate), layout=("mono", "stereo")[channels - 1])
    if codec == "aac":
        stream.bit_rate = AAC_BIT_RATE
    return stream


def interleave(target: Any, *tracks: Iterator[tuple[float, Any]]) -> None:
    """Muxes the packets of several (s, packet) iterators in order of time, so that the muxer need not buffer a track."""
    for _, packet in heapq.merge(*tracks, key=lambda timed: timed[0]):
        target.mux(packet)


def encode_sound(stream: Any, wav: np.ndarray, sample_rate: int) -> Iterator[tuple[float, Any]]:
    """Yields wav (C, N) encoded, as (s, packet); its first sample is at 0 s on the container's clock."""
    length, release_until = wav.shape[1], Releaser()
    for begin in range(0, length, ENCODER_BLOCK):
        release_until(begin)
        block = _samples(wav[:, begin : begin + ENCODER_BLOCK], stream)
        frame = av.AudioFrame.from_ndarray(block, stream.format.name, stream.layout.name)
        frame.sample_rate, frame.time_base, frame.pts = sample_rate, Fraction(1, sample_rate), begin
        yield from ((begin / sample_rate, packet) for packet in stream.encode(frame))
    yield from ((length / sample_rate, packet) for packet in stream.encode(None))


def sixteen_bits(samples: np.ndarray) -> np.ndarray:
    """Samples as int16; their multiples of 2^-15 stay exact, what is beyond [-1, 1) is clipped."""
    return np.rint(samples.astype(np.float64) * 2**15).clip(-(2**15), 2**15 - 1).astype(np.int16)


def _samples(block: np.ndarray, stream: Any) -> np.ndarray:
    """Samples (C, n) in the encoder's format: (C, n) float for AAC, for PCM (1, n * C) integers (of 32 bits 24 are used)."""
    if stream.format.is_planar:
        return np.ascontiguousarray(block)
    if stream.format.name == "s16":
        block = sixteen_bits(block)
    elif stream.format.name != "flt":
        block = np.round(np.clip(block.astype(np.float64), -1.0, 1.0 - 2.0**-23) * 2.0**31).astype(np.int32)
    return np.ascontiguousarray(block.T.reshape(1, -1))


def _encode_picture(track: Any, frames: Iterable[np.ndarray], rate: Fraction) -> Iterator[tuple[float, Any]]:
    for k, image in enumerate(frames):
        image = np.pad(image, ((0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts, frame.time_base = k, 1 / rate
        yield from ((float(k / rate), packet) for packet in track.encode(frame))
    yield from ((float("inf"), packet) for packet in track.encode(None))
