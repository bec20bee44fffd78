"""What an editor goes by beside the mean frame rate: a picture's start timecode, and whether its frame rate varies."""

from __future__ import annotations

import shlex
from array import array
from typing import Any

import numpy as np

from condfoley.media.streams import MediaInfo
from condfoley.media.timecode import Timecode, editing_rate, exact_rate


def start_timecode(container: Any, video: Any, fps: float) -> str:
    """The first frame's timecode as an open file has it; empty where it has none that exists at `fps`.

    It is in the tags of the picture (MOV, MP4, Matroska), of a timecode track, or of the file (MXF).
    """
    tracks = [stream for stream in container.streams if stream.type == "data"]
    tags = [tag for holder in (video, *tracks, container) for tag in holder.metadata.items()]
    text = next((str(text).strip() for name, text in tags if name.lower() == "timecode"), "")  # Matroska: capitals
    try:
        Timecode.parse(text, exact_rate(fps))
    except ValueError:
        return ""
    return text


def varies(shown: array[float]) -> bool:
    """Whether frames are shown half a frame or more from where they would be at a constant rate.

    shown: (T,) s, when each frame is shown, in any order.
    """
    times = np.sort(np.frombuffer(shown)) if len(shown) > 2 else np.zeros(1)
    step = (times[-1] - times[0]) / max(1, len(times) - 1)
    return bool(step and np.abs(times - times[0] - step * np.arange(len(times))).max() >= step / 2)


def variable_rate_note(info: MediaInfo) -> str:
    """A line about a picture of variable frame rate, with the command that makes it constant; else empty."""
    if not info.variable_rate:
        return ""
    name, rate = shlex.quote(str(info.path)), editing_rate(info.fps)
    return (
        f"{info.path} has a variable frame rate, with which picture and sound drift apart in editors; "
        f"make it constant first: ffmpeg -i {name} -fps_mode cfr -r {rate} -c:v libx264 -crf 16 constant.mp4"
    )
