"""What an editor goes by beside the mean frame rate: a picture's start timecode, and whether its frame rate varies."""

from __future__ import annotations

import shlex
from array import array
from fractions import Fraction
from typing import Any

import numpy as np

from condfoley.media.streams import MediaInfo
from condfoley.media.timecode import Timecode, editing_rate


def start_timecode(container: Any, video: Any, rate: Fraction) -> str:
    """The first frame's timecode as an open file has it; empty where it has none that exists at `rate`.

    It is in the tags of the picture (MOV, MP4, Matroska), of a timecode track, or of the file (MXF).
    """
    tracks = [stream for stream in container.streams if stream.type == "data"]
    tags = [tag for holder in (video, *tracks, container) for tag in holder.metadata.items()]
    text = next((str(text).strip() for name, text in tags if name.lower() == "timecode"), "")  # Matroska: capitals
    try:
        Timecode.parse(text, rate)
    except ValueError:
        return ""
    return text


def unevenness(shown: array[float], rate: Fraction) -> float:
    """By how much, s, the frames' times differ from those at a constant rate: how far apart the differences lie.

    shown: (T,) s, when each frame is shown, in any order. rate: frames a second.
    """
    times = np.sort(np.frombuffer(shown)) if len(shown) else np.zeros(1)
    late = times - times[0] - np.arange(len(times)) / float(rate)
    return float(late.max() - late.min())


def varies(shown: array[float]) -> bool:
    """Whether the frame rate varies by a frame or more: no constant rate shows them within half a frame.

    shown: (T,) s, when each frame is shown, in any order.
    """
    span = max(shown, default=0.0) - min(shown, default=0.0)
    if len(shown) < 3 or not span:
        return False
    mean = Fraction((len(shown) - 1) / span)
    return unevenness(shown, mean) >= 1 / float(mean)


def variable_rate_note(info: MediaInfo) -> str:
    """A line about a picture of variable frame rate, with the command that makes it constant; else empty."""
    if not info.variable_rate:
        return ""
    name, rate = shlex.quote(str(info.path)), editing_rate(info.fps)
    return (
        f"{info.path} has a variable frame rate, with which picture and sound drift apart in editors; "
        f"make it constant first: ffmpeg -i {name} -fps_mode cfr -r {rate} -c:v libx264 -crf 16 constant.mp4"
    )
