"""Short clips in many containers and codecs, cut from the example pair, that are damaged afterwards.

A helper of `python -m benchmarks.faults`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from condfoley import examples, media

FPS, RATE, SECONDS = 15, 48_000, 2.0
WIDTH, HEIGHT = 160, 90


@dataclass(frozen=True)
class Form:
    """How a clip is encoded. options: of the muxer. picture, sound: encoders; empty: none."""

    name: str
    picture: str = ""
    sound: str = ""
    pixels: str = "yuv420p"
    options: tuple[tuple[str, str], ...] = ()
    fps: int = FPS
    muxer: str = ""


FORMS = (
    Form("a.mp4", "libx264", "aac"),
    Form("fragments.mp4", "libx264", "aac", options=(("movflags", "frag_keyframe+empty_moov"),)),
    Form("prores.mov", "prores_ks", "pcm_s16le", "yuv422p10le"),
    Form("phone.mov", "libx265", "alac"),
    Form("a.mkv", "libx265", "flac", "yuv420p10le"),
    Form("ffv1.mkv", "ffv1", "pcm_s24le", "yuv444p16le"),
    Form("a.webm", "libvpx-vp9", "libopus"),
    Form("av1.webm", "libsvtav1", "libopus"),
    Form("a.avi", "mpeg4", "libmp3lame"),
    Form("h264.avi", "libx264", "pcm_s16le"),
    Form("a.ts", "libx264", "aac", muxer="mpegts"),
    Form("a.flv", "flv", "libmp3lame"),
    Form("a.mxf", "mpeg2video", "pcm_s16le", "yuv422p", fps=25),
    Form("a.wmv", "wmv2", "wmav2", muxer="asf"),
    Form("mjpeg.mov", "mjpeg", "pcm_s16le", "yuvj422p"),
    Form("a.mpg", "mpeg2video", "ac3", fps=25, muxer="mpeg"),
    Form("a.wav", sound="pcm_s16le"),
    Form("a.flac", sound="flac"),
    Form("a.mp3", sound="libmp3lame"),
    Form("a.m4a", sound="aac", muxer="ipod"),
    Form("a.ogg", sound="libopus"),
    Form("a.aac", sound="aac", muxer="adts"),
)
ODD_PIXELS = ("gray", "rgb24", "bgr0", "yuv410p", "yuv411p", "yuva444p", "gbrp10le", "gray16le", "yuv440p", "rgb555le")
"""Formats of pixels that FFV1 or raw video take and few cameras write."""


@lru_cache(maxsize=1)
def example() -> tuple[np.ndarray, np.ndarray]:
    """The first seconds of the example: (T, H, W, 3) uint8 at FPS and (N,) float32 at RATE."""
    frames = media.read_frames(examples.REFERENCE, FPS, WIDTH, 0.0, SECONDS)[:, :HEIGHT]
    return frames, media.read_audio(examples.REFERENCE, RATE, 0.0, SECONDS)


def write_form(path: Path, form: Form, stamps: Sequence[int] | None = None) -> None:
    """Writes the example in a form. stamps: of the frames, in units of 1 / (90 * fps) s; None: evenly.

    Raises av.FFmpegError where the muxer refuses the stamps.
    """
    frames, wav = example()
    base = Fraction(1, 90 * form.fps)
    with av.open(str(path), "w", format=form.muxer or None, options=dict(form.options)) as target:
        packets: list[Any] = []
        if form.picture:
            track: Any = target.add_stream(form.picture, rate=form.fps)
            track.width, track.height, track.pix_fmt = WIDTH, HEIGHT, form.pixels
            if form.picture == "libsvtav1":
                track.options = {"preset": "12"}
        if form.sound:
            sound: Any = target.add_stream(form.sound, rate=RATE, layout="stereo")
            sound.bit_rate = 128_000
        if form.picture:
            for index, image in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, form.fps)
                packets += track.encode(frame)
            packets += track.encode(None)
            if stamps is not None:
                packets = [_stamped(packet, stamp, base) for packet, stamp in zip(packets, stamps)]
        if form.sound:
            packets += _encoded(sound, wav)
        key: Callable[[Any], float] = lambda packet: float((packet.dts or 0) * packet.time_base)  # noqa: E731
        for packet in packets if stamps is not None else sorted(packets, key=key):
            target.mux(packet)


def _stamped(packet: Any, stamp: int, base: Fraction) -> Any:
    packet.time_base, packet.pts, packet.dts, packet.duration = base, stamp, stamp, 0
    return packet


def _encoded(sound: Any, wav: np.ndarray) -> list[Any]:
    both = np.stack([wav, 0.5 * wav])
    kind = sound.codec_context.format
    resampler = av.AudioResampler(
        format=kind, layout="stereo", rate=RATE, frame_size=sound.codec_context.frame_size or 1024
    )
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(both), "fltp", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
    pieces = [*resampler.resample(frame), *resampler.resample(None)]
    return [packet for piece in [*pieces, None] for packet in sound.encode(piece)]


def write_all(folder: Path) -> list[Path]:
    """Writes all FORMS into a folder, where they are missing; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for form in FORMS:
        if not (folder / form.name).exists():
            write_form(folder / form.name, form)
    return [folder / form.name for form in FORMS]
