"""Small copies of clips that browsers do not play: H.264 or VP9 with the same times, and AAC or Opus.

They are only looked at: what is delivered is made from the clip itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from condfoley.files import atomic_file
from condfoley.media.picture import apply_orientation
from condfoley.media.probe import open_media
from condfoley.media.sound import align_to_clock, to_stereo
from condfoley.media.streams import MediaFile, timed_frames
from condfoley.media.write import interleave
from condfoley.studio.background import Background
from condfoley.studio.clips import Clip
from condfoley.studio.wording import for_page

WIDEST = 960  # pixels of the longer side
CLOCK = 90_000  # Hz of time stamps
SOUND_RATE = 48_000  # Hz
KEYFRAME_SECONDS = 0.5  # s between pictures that a seek lands on
VIDEO_ENCODERS = {
    "libx264": {"preset": "veryfast", "crf": "26", "bf": "0", "threads": "2"},
    "libvpx-vp9": {
        "deadline": "realtime",
        "cpu-used": "8",
        "crf": "36",
        "b": "0",
        "threads": "2",
        "lag-in-frames": "0",
    },
}


def proxy_path(clip: Clip) -> Path:
    """Where a clip's proxy is, once it is made."""
    return clip.folder / ("proxy.mp4" if _encoder() == "libx264" else "proxy.webm")


def media_state(clip: Clip, background: Background) -> dict[str, Any]:
    """Whether a clip can be played: {state, proxy, note, error}. A proxy that is needed is made in the background."""
    if clip.plays:
        return {"state": "ready", "proxy": False, "note": "", "error": ""}
    note = f"{clip.why[:1].upper()}{clip.why[1:]}; you see a smaller copy, what you download keeps the original."
    if proxy_path(clip).is_file():
        return {"state": "ready", "proxy": True, "note": note, "error": ""}
    state, error = background.ask(clip.folder.parent, ("proxy", clip.folder), lambda: make_proxy(clip))
    shown = {"running": "preparing", "done": "ready", "failed": "failed"}[state]
    return {"state": shown, "proxy": True, "note": note, "error": for_page(error, (clip.path.parent,))}


def make_proxy(clip: Clip) -> Path:
    """Writes a clip's proxy and returns its path. Raises InputError when the clip cannot be read."""
    source, out, encoder = open_media(clip.path), proxy_path(clip), _encoder()
    kind, options = ("mp4", {"movflags": "+faststart"}) if encoder == "libx264" else ("webm", {})
    with atomic_file(out) as part, av.open(f"file:{part}", "w", format=kind, options=options) as target:
        tracks = []
        if source.info.has_video:
            tracks.append(_picture(target, source, encoder))
        if source.info.has_audio:
            tracks.append(_sound(target, source, "aac" if kind == "mp4" else "libopus"))
        interleave(target, *tracks)
    return out


def _encoder() -> str:
    return next(name for name in VIDEO_ENCODERS if name in av.codecs_available)


def _picture(target: Any, source: MediaFile, encoder: str) -> Iterator[tuple[float, Any]]:
    """Adds a stream for the picture; its packets with their times, s."""
    width, height = proxy_size(source.info.width, source.info.height)
    rate = Fraction(min(max(source.info.fps, 1.0), 240.0)).limit_denominator(1001)
    stream = target.add_stream(encoder, rate=rate, options=VIDEO_ENCODERS[encoder])
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.time_base = stream.codec_context.time_base = Fraction(1, CLOCK)
    stream.codec_context.gop_size = max(1, round(KEYFRAME_SECONDS * float(rate)))
    return _encoded_picture(stream, source, (width, height))


def _encoded_picture(stream: Any, source: MediaFile, size: tuple[int, int]) -> Iterator[tuple[float, Any]]:
    turned = source.orientation != (1, 0, 0, 1)
    stored = size[::-1] if source.orientation[1] else size  # before it is turned
    scaler = av.video.reformatter.VideoReformatter()
    last = -1
    for time, frame in timed_frames(source, source.video):
        stamp = round(time * CLOCK)
        if stamp <= last:  # two at one time, or one out of order
            continue
        last = stamp
        small = scaler.reformat(frame, *stored, format="rgb24" if turned else "yuv420p", interpolation="AREA")
        if turned:
            upright = np.ascontiguousarray(apply_orientation(small.to_ndarray(), source.orientation))
            small = av.VideoFrame.from_ndarray(upright, format="rgb24").reformat(format="yuv420p")
        small.pts, small.time_base = stamp, Fraction(1, CLOCK)
        small.pict_type = av.video.frame.PictureType.NONE
        yield from ((time, packet) for packet in stream.encode(small))
    yield from ((float("inf"), packet) for packet in stream.encode(None))


def proxy_size(width: int, height: int) -> tuple[int, int]:
    """Of a proxy, even numbers, for a picture of some size."""
    scale = min(1.0, WIDEST / max(width, height))
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def _sound(target: Any, source: MediaFile, codec: str) -> Iterator[tuple[float, Any]]:
    """Adds a stream for the sound; its packets with their times, s."""
    layout = "mono" if source.info.channels == 1 else "stereo"
    stream = target.add_stream(codec, rate=SOUND_RATE, layout=layout)
    return _encoded_sound(stream, source)


def _encoded_sound(stream: Any, source: MediaFile) -> Iterator[tuple[float, Any]]:
    chunks = ((time, frame.sample_rate, to_stereo(frame)) for time, frame in timed_frames(source, source.audio))
    resampler: Any = None
    layout, begin, time = stream.layout.name, 0, 0.0
    for rate, samples in align_to_clock(chunks, 0.0, source.info.duration):
        if resampler is None:
            resampler = av.AudioResampler(stream.format.name, layout, SOUND_RATE, frame_size=stream.frame_size or 1024)
        frame = av.AudioFrame.from_ndarray(_with_channels(samples, layout), "fltp", layout)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), begin
        begin, time = begin + samples.shape[-1], time + samples.shape[-1] / rate
        for ready in resampler.resample(frame):
            yield from ((time, packet) for packet in stream.encode(ready))
    for ready in resampler.resample(None) if resampler else ():
        yield from ((time, packet) for packet in stream.encode(ready))
    yield from ((float("inf"), packet) for packet in stream.encode(None))


def _with_channels(samples: np.ndarray, layout: str) -> np.ndarray:
    """(1 or 2, n) -> as many channels as the layout has, since a file may change in the middle."""
    wanted = 1 if layout == "mono" else 2
    if len(samples) != wanted:
        samples = samples.mean(0, keepdims=True) if wanted == 1 else np.repeat(samples, 2, 0)
    return np.ascontiguousarray(samples, np.float32)
