"""The picture at a fixed frame rate: by time stamps, small, upright."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from av import VideoFrame
from av.video.reformatter import VideoReformatter

from condfoley.errors import InputError
from condfoley.media.probe import open_clip, require_video
from condfoley.media.streams import Clip, MediaInfo, timed_frames

Item = TypeVar("Item")

STAMP_ERROR = 0.002
"""s: how late a time stamp may be and still count. Matroska and FLV round theirs to whole milliseconds."""


def frame_count(duration: float, fps: float) -> int:
    """Frames of `duration` seconds at `fps`: the nearest whole number, at least one."""
    return max(1, round(duration * fps))


def shown_at(
    timed: Iterable[tuple[float, Item]], instants: Iterable[float], tolerance: float = STAMP_ERROR
) -> Iterator[Item]:
    """What is on the screen at each instant, every item staying until the next one comes.

    timed: (time in seconds, item), in display order.   instants: seconds, not decreasing.
    For each instant yields the last item with time <= instant + tolerance; the first item before that,
    the last one ever after. Holds two items at a time and stops reading after the last instant.
    Yields nothing when `timed` is empty.
    """
    source = iter(timed)
    held = next(source, None)
    if held is None:
        return
    following = next(source, None)
    for instant in instants:
        while following is not None and following[0] <= instant + tolerance:
            held, following = following, next(source, None)
        yield held[1]


def window(info: MediaInfo, start: float, duration: float | None) -> float:
    """Length in seconds of the stretch asked for: `duration`, or what is left after `start`.

    Raises InputError when `start` lies outside the clip or `duration` is not positive.
    """
    if not 0 <= start < info.duration:
        allowed = f"from 0 to below {info.duration:.3f} s"
        raise InputError(f"{info.path}: has no time {start:g} s; give a start {allowed}")
    if duration is None:
        return info.duration - start
    if not duration > 0:
        raise InputError(f"{info.path}: a duration of {duration:g} s was asked for; give one above 0")
    return duration


def read_frames(
    path: str | Path,
    fps: float,
    size: int,
    start: float = 0.0,
    duration: float | None = None,
    shrink: Callable[[np.ndarray, int], np.ndarray] | None = None,
) -> np.ndarray:
    """The picture as (T, size, size, 3) uint8 RGB; frame k shows the instant start + k / fps seconds.

    Upright (display matrix applied), squeezed to a square with area averaging, 10 bits reduced to 8,
    alpha ignored.   duration: seconds; None = to the picture's end.   T = frame_count(duration, fps);
    past the end the last frame stays.   shrink: in place of the squeezing, from the upright picture (H, W, 3) uint8.
    Only the small frames are kept in memory.
    Raises InputError for whatever `probe` refuses, a file without picture, a start outside it.
    """
    if fps <= 0 or size <= 0:
        raise ValueError(f"fps and size must be above 0, got {fps} and {size}")
    clip = open_clip(path)
    require_video(clip.info)
    count = frame_count(window(clip.info, start, duration), fps)
    frames = np.empty((count, size, size, 3), np.uint8)
    instants = (start + k / fps for k in range(count))
    small = Shrinker(clip) if shrink else Shrinker(clip, size, size)
    shown: Any = None
    k = -1
    for k, frame in enumerate(shown_at(timed_frames(clip, clip.video, start), instants)):
        if frame is shown:
            frames[k] = frames[k - 1]
        else:
            frames[k] = shrink(small(frame), size) if shrink else small(frame)
            shown = frame
    if k + 1 < count:
        raise InputError(f"{clip.info.path}: its picture can no longer be decoded; was the file changed?")
    return frames


def resampled_frames(
    pictures: np.ndarray,
    times: np.ndarray,
    duration: float,
    fps: float,
    size: int,
    shrink: Callable[[np.ndarray, int], np.ndarray] | None = None,
) -> np.ndarray:
    """Pictures that are in memory as `read_frames` gives a file's: (T, size, size, 3) uint8, T = frame_count(duration, fps).

    pictures: (P, H, W, 3) uint8, upright. times: (P,) s, ascending. shrink: see `read_frames`.
    """
    scaler = VideoReformatter()

    def small(picture: np.ndarray) -> np.ndarray:
        if shrink:
            return shrink(picture, size)
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        return scaler.reformat(frame, size, size, format="rgb24", interpolation="AREA").to_ndarray()

    instants = (k / fps for k in range(frame_count(duration, fps)))
    frames: list[np.ndarray] = []
    last = -1
    for index in shown_at(zip(times.tolist(), range(len(pictures))), instants):
        frames.append(frames[-1] if index == last else small(pictures[index]))
        last = index
    return np.stack(frames)


class Shrinker:
    """Frames of one clip as upright RGB of one size, by area averaging.

    One scaler for all of them: PyAV's `frame.reformat` would set one up for each, which takes twenty times as long as
    its work.
    """

    def __init__(self, clip: Clip, width: int | None = None, height: int | None = None):
        """width, height: pixels before the clip's orientation is applied; None: as they are stored."""
        self._clip, self._size, self._scaler = clip, (width, height), VideoReformatter()

    def __call__(self, frame: Any) -> np.ndarray:
        """A decoded frame -> (H, W, 3) uint8."""
        how = "AREA" if self._size != (None, None) else None
        small = self._scaler.reformat(frame, *self._size, format="rgb24", interpolation=how)
        return upright(small.to_ndarray(), self._clip.orientation)


def middle_of_bicubic(image: np.ndarray, size: int) -> np.ndarray:
    """The published squeeze: to 8/7 of `size` by PIL's bicubic filter, aspect ignored, then the middle of it.

    Published: 128 pixels, then the middle 112 (published_facts.md, section 7).
    image: (H, W, 3) uint8 -> (size, size, 3) uint8.
    """
    from PIL import Image

    side = round(size * 8 / 7)
    edge = round((side - size) / 2)
    small = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(small)[edge : edge + size, edge : edge + size]


def upright(image: np.ndarray, orientation: tuple[int, int, int, int]) -> np.ndarray:
    """Turn and mirror image (H, W, 3) by the display matrix (a, b, c, d) of -1, 0, 1; see `streams.Clip`."""
    a, b, c, d = orientation
    if b:  # x' = c y, y' = b x
        image, a, d = image.transpose(1, 0, 2), c, b
    return image[:: 1 if d > 0 else -1, :: 1 if a > 0 else -1]
