"""In-video pairs: which window of a video is the target and which is its reference. Pure arithmetic.

`in_video` is condfoley's own rule. `published` reproduces the behaviour of the paper's released loader
(published_facts.md, section 9), for comparison only: a target may be its own reference, and a reference's sound and
picture are not aligned in time.
The third published defect, validation clips from training videos, is part of the split: `condfoley prepare
greatest-hits --split published`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from condfoley.data.events import Event

Pairing = Literal["in_video", "published"]

BEFORE_EVENT = 0.5  # s from a window's start to its event, before the shift (published)
MAX_SHIFT = 0.5  # s, windows are shifted by U(-MAX_SHIFT, MAX_SHIFT) (published)


def draw_pair(
    starts: np.ndarray, window: int, rng: np.random.Generator, pairing: Pairing = "in_video"
) -> tuple[int, int]:
    """Draws two windows of one soundtrack; returns their indices (reference, target).

    starts: (W,) first frames of the windows. window: their length in frames.
    in_video: two windows that do not overlap, if there are any, so that a reference does not contain the target's
    sound; else the two that are farthest apart, in either order.
    published: both are drawn independently. (The published loader tries to exclude the target, but compares a shifted
    start with one that is not shifted, so that nothing is excluded.)
    """
    if pairing == "published":
        reference, target = rng.integers(len(starts), size=2)
        return int(reference), int(target)
    pairs = separate_pairs(starts, window)
    reference, target = pairs[rng.integers(len(pairs))]
    return int(reference), int(target)


def separate_pairs(starts: np.ndarray, window: int) -> np.ndarray:
    """All pairs of windows that do not overlap, in either order, or else those that are farthest apart: (K, 2) indices.

    starts: (W,) first frames of the windows. window: their length in frames.
    """
    distance = np.abs(starts[:, None] - starts[None, :])
    np.fill_diagonal(distance, -1)
    return np.argwhere(distance >= min(window, distance.max()))


def draw_misalignment(rng: np.random.Generator, fps: float, pairing: Pairing) -> int:
    """Frames by which a reference's picture is late relative to its sound; 0 for in_video.

    published: the picture is shifted by the reference's own random shift, truncated to whole frames, but its sound by
    the target's shift; what remains is the difference of two random shifts.
    """
    if pairing == "in_video":
        return 0
    picture, sound = rng.uniform(-MAX_SHIFT, MAX_SHIFT, 2)
    return int(fps * picture) - round(fps * sound)


def shift_start(start: int, shift: int, frames: int, window: int) -> int:
    """First frame of a window after a shift, limited to a clip of `frames` frames. All arguments in frames."""
    return min(max(0, start + shift), max(0, frames - window))


def event_starts(
    events: Sequence[Event], frames: int, window: int, fps: float, rng: np.random.Generator, count: int
) -> np.ndarray:
    """First frames of `count` windows around events: (count,) int64, inside the clip if it is long enough.

    A window starts BEFORE_EVENT before its event, shifted by U(-MAX_SHIFT, MAX_SHIFT); events are taken in random
    order, repeatedly if there are fewer than `count`. The second window does not overlap the first if the events allow
    it, so that a pair without overlap exists. Windows beyond the ends of the clip are moved inside.
    frames, window: lengths of the clip and of a window, in frames. Raises ValueError without any event.
    """
    if not events:
        raise ValueError("windows around events need events")
    chosen = np.resize(rng.permutation([e.time for e in events]), max(count, len(events)))
    shifted = chosen - BEFORE_EVENT + rng.uniform(-MAX_SHIFT, MAX_SHIFT, len(chosen))
    starts = np.clip(np.round(shifted * fps), 0, max(0, frames - window)).astype(np.int64)
    apart = np.flatnonzero(np.abs(starts - starts[0]) >= window)
    if count > 1 and len(apart) and apart[0] > 1:
        starts[[1, apart[0]]] = starts[[apart[0], 1]]
    return starts[:count]
