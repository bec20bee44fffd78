"""Film strips: evenly spaced frames of a clip in one row."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path

import numpy as np

from condfoley.errors import InputError
from condfoley.media.picture import apply_orientation, shown_at
from condfoley.media.probe import open_media
from condfoley.media.streams import MediaFile, timed_frames

MOST, LOWEST, HIGHEST = 100, 16, 240
"""Frames of a strip; pixels of its height."""
SEEKING = 4.0  # s between frames from which on each is sought by itself
QUALITY = 70


@lru_cache(maxsize=64)
def strip_jpeg(path: Path, version: int, begin: float, end: float, count: int, height: int) -> bytes:
    """JPEG of `count` frames of the picture in [begin, end), s, each that of the middle of its part, side by side.

    version: tells files at one path apart. height: pixels. Raises InputError for a span or size that is none.
    """
    from PIL import Image

    if not (1 <= count <= MOST and LOWEST <= height <= HIGHEST):
        raise InputError(f"a strip has 1 to {MOST} frames and is {LOWEST} to {HIGHEST} pixels high")
    clip = open_media(path)
    if not 0 <= begin < end <= clip.info.duration + 1.0:
        raise InputError(f"nothing is from {begin:g} to {end:g} s; the clip is {clip.info.duration:.2f} s long")
    width = max(1, round(height * clip.info.width / clip.info.height))
    if count * width > 20_000:
        raise InputError("this strip is too wide; ask for fewer frames")
    instants = [begin + (k + 0.5) * (end - begin) / count for k in range(count)]
    row = np.concatenate(_frames(clip, instants, width, height), axis=1)
    out = io.BytesIO()
    Image.fromarray(row).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def _frames(clip: MediaFile, instants: list[float], width: int, height: int) -> list[np.ndarray]:
    """(height, width, 3) uint8 of each instant, s."""
    from av.video.reformatter import VideoReformatter

    scaler = VideoReformatter()
    stored = (height, width) if clip.orientation[1] else (width, height)
    apart = instants[1] - instants[0] if len(instants) > 1 else SEEKING
    groups = [[instant] for instant in instants] if apart >= SEEKING else [instants]
    frames: list[np.ndarray] = []
    for group in groups:
        for frame in shown_at(timed_frames(clip, clip.video, group[0]), group):
            small = scaler.reformat(frame, *stored, format="rgb24", interpolation="AREA").to_ndarray()
            frames.append(apply_orientation(small, clip.orientation))
    if not frames:
        raise InputError("no picture is there; give an earlier time")
    return frames + frames[-1:] * (len(instants) - len(frames))
