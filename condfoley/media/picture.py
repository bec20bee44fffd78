"""The picture at a fixed frame rate, by time stamps, scaled down and upright."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from av import VideoFrame
from av.video.reformatter import VideoReformatter

from condfoley.errors import InputError
from condfoley.media.probe import open_media, require_video
from condfoley.media.streams import MediaFile, MediaInfo, timed_frames
from condfoley.memory import array_in_file, release

Item = TypeVar("Item")

LARGE = 64 << 20  # bytes of a clip's small frames above which they are kept in a temporary file
RELEASED = 1000  # frames after which the memory of those that were read is given back
TIMESTAMP_TOLERANCE = 0.002
"""s, by which a time stamp may be late and still count. Matroska and FLV round time stamps to whole milliseconds."""


def frame_count(duration: float, fps: float) -> int:
    """Frames of `duration` seconds at `fps`: the nearest whole number, at least one."""
    return max(1, round(duration * fps))


def shown_at(
    timed: Iterable[tuple[float, Item]], instants: Iterable[float], tolerance: float = TIMESTAMP_TOLERANCE
) -> Iterator[Item]:
    """Yields the item shown at each instant; an item is shown until the next one.

    timed: (time in s, item), in display order. instants: s, not decreasing. tolerance: s.
    For each instant yields the last item with time <= instant + tolerance, or the first item if there is none. Holds
    two items at a time and stops reading after the last instant. Yields nothing when `timed` is empty.
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


def check_span(info: MediaInfo, start: float, duration: float | None) -> float:
    """Length in s of a requested span: `duration`, or the rest of the clip after `start` when that is None.

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
    resize: Callable[[np.ndarray, int], np.ndarray] | None = None,
) -> np.ndarray:
    """The picture as (T, size, size, 3) uint8 RGB; frame k shows the instant start + k / fps seconds.

    Upright (display matrix applied), resized to a square by area averaging, 10 bits reduced to 8, alpha ignored.
    start, duration: s; None: to the picture's end. T = frame_count(duration, fps); past the end the last frame is
    repeated. resize: used in place of area averaging: (upright picture (H, W, 3) uint8, size) -> (size, size, 3).
    Only the resized frames are kept, those of long clips in a temporary file.
    Raises InputError for whatever `probe` refuses, a file without picture, a start outside it.
    """
    if fps <= 0 or size <= 0:
        raise ValueError(f"fps and size must be above 0, got {fps} and {size}")
    clip = open_media(path)
    require_video(clip.info)
    count = frame_count(check_span(clip.info, start, duration), fps)
    shape = (count, size, size, 3)
    frames = np.empty(shape, np.uint8) if np.prod(shape) <= LARGE else array_in_file(shape, np.uint8)
    instants = (start + k / fps for k in range(count))
    scale = FrameScaler(clip) if resize else FrameScaler(clip, size, size)
    previous: Any = None
    k = -1
    for k, frame in enumerate(shown_at(timed_frames(clip, clip.video, start), instants)):
        if frame is previous:
            frames[k] = frames[k - 1]
        else:
            frames[k] = resize(scale(frame), size) if resize else scale(frame)
            previous = frame
        if k % RELEASED == 0:
            release(frames)
    if k + 1 < count:
        raise InputError(f"{clip.info.path}: its picture can no longer be decoded; was the file changed?")
    return frames


def frame_ages(path: str | Path, fps: float, start: float = 0.0, duration: float | None = None) -> np.ndarray:
    """By how much the picture that each frame of `read_frames` shows was there before the frame's instant: (T,) s.

    At most until the next frame: what stays longer does not move. Zeros where the file does not say when frames are shown.
    start, duration: s. Raises InputError, see `read_frames`.
    """
    clip = open_media(path)
    require_video(clip.info)
    instants = start + np.arange(frame_count(check_span(clip.info, start, duration), fps)) / fps
    return picture_ages(np.sort(np.frombuffer(clip.shown)) - clip.zero, instants, fps)


def picture_ages(times: np.ndarray, instants: np.ndarray, fps: float) -> np.ndarray:
    """See `frame_ages`. times: (P,) s, ascending, when pictures are shown. instants: (T,) s. fps: of the frames, Hz."""
    if not len(times):
        return np.zeros(len(instants))
    shown = np.searchsorted(times, instants + TIMESTAMP_TOLERANCE, "right") - 1
    return (instants - times[shown.clip(0)]).clip(0, 1 / fps)


def resampled_frames(
    pictures: np.ndarray,
    times: np.ndarray,
    duration: float,
    fps: float,
    size: int,
    resize: Callable[[np.ndarray, int], np.ndarray] | None = None,
) -> np.ndarray:
    """Pictures that are in memory as `read_frames` gives a file's: (T, size, size, 3) uint8, T = frame_count(duration, fps).

    pictures: (P, H, W, 3) uint8, upright. times: (P,) s, ascending. resize: see `read_frames`.
    """
    scaler = VideoReformatter()

    def small(picture: np.ndarray) -> np.ndarray:
        if resize:
            return resize(picture, size)
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        return scaler.reformat(frame, size, size, format="rgb24", interpolation="AREA").to_ndarray()

    instants = (k / fps for k in range(frame_count(duration, fps)))
    frames: list[np.ndarray] = []
    last = -1
    for index in shown_at(zip(times.tolist(), range(len(pictures))), instants):
        frames.append(frames[-1] if index == last else small(pictures[index]))
        last = index
    return np.stack(frames)


class FrameScaler:
    """Converts frames of one clip to upright RGB of one size, by area averaging.

    One scaler for all frames: PyAV's `frame.reformat` creates one for each frame, which takes twenty times as long as
    scaling it.
    """

    def __init__(self, clip: MediaFile, width: int | None = None, height: int | None = None):
        """width, height: pixels, before the clip's orientation is applied; None: as stored."""
        self._clip, self._size, self._scaler = clip, (width, height), VideoReformatter()

    def __call__(self, frame: Any) -> np.ndarray:
        """A decoded frame -> (H, W, 3) uint8."""
        how = "AREA" if self._size != (None, None) else None
        small = self._scaler.reformat(frame, *self._size, format="rgb24", interpolation=how)
        return apply_orientation(small.to_ndarray(), self._clip.orientation)


def resize_and_crop(image: np.ndarray, size: int) -> np.ndarray:
    """The published resizing: to 8/7 of `size` by PIL's bicubic filter, ignoring the aspect ratio, then a centre crop.

    Published: to 128 pixels, then the central 112 (published_facts.md, section 7).
    image: (H, W, 3) uint8 -> (size, size, 3) uint8.
    """
    from PIL import Image

    side = round(size * 8 / 7)
    edge = round((side - size) / 2)
    small = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(small)[edge : edge + size, edge : edge + size]


def crop_to_square(image: np.ndarray, size: int) -> np.ndarray:
    """The shorter side resized to `size` by PIL's bicubic filter, then a centre crop: (H, W, 3) -> (size, size, 3) uint8."""
    from PIL import Image

    height, width = image.shape[:2]
    scale = size / min(height, width)
    new = max(size, round(width * scale)), max(size, round(height * scale))
    small = np.asarray(Image.fromarray(image).resize(new, Image.Resampling.BICUBIC))
    top, left = (small.shape[0] - size) // 2, (small.shape[1] - size) // 2
    return small[top : top + size, left : left + size]


def apply_orientation(image: np.ndarray, orientation: tuple[int, int, int, int]) -> np.ndarray:
    """Rotates and flips an image (H, W, 3) by the display matrix (a, b, c, d) of -1, 0, 1; see `streams.MediaFile`."""
    a, b, c, d = orientation
    if b:  # x' = c y, y' = b x
        image, a, d = image.transpose(1, 0, 2), c, b
    return image[:: 1 if d > 0 else -1, :: 1 if a > 0 else -1]
