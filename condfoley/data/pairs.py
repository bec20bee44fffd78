"""In-video pairs: which window of a video is the target and which its reference. Pure arithmetic.

`in_video` is our own rule. `published` copies what the paper's released loader really does (published_facts.md,
section 9), for reproduction only: a target may be its own reference, and a reference's sound and picture do not match
in time.
The third published defect, validation clips out of training videos, belongs to the split: `condfoley prepare
greatest-hits --split published`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from condfoley.data.events import Event

Pairing = Literal["in_video", "published"]

BEFORE_EVENT = 0.5  # s from a window's start to its event, published
SHIFT = 0.5  # s: windows are shifted by U(-SHIFT, SHIFT), published


def draw_pair(
    starts: np.ndarray, window: int, rng: np.random.Generator, pairing: Pairing = "in_video"
) -> tuple[int, int]:
    """(reference, target): indices of two windows of one soundtrack.

    starts: (W,) first frames of the windows. window: their length in frames.
    in_video: two windows that do not overlap where there are any, so that a target never hears its own sound in its
    reference; else the two that are farthest apart, in either order.
    published: both drawn independently. The loader means to exclude the target, but compares starts of which one is
    shifted already, so that nothing is excluded.
    """
    if pairing == "published":
        reference, target = rng.integers(len(starts), size=2)
        return int(reference), int(target)
    distance = np.abs(starts[:, None] - starts[None, :])
    np.fill_diagonal(distance, -1)
    pairs = np.argwhere(distance >= min(window, distance.max()))
    reference, target = pairs[rng.integers(len(pairs))]
    return int(reference), int(target)


def reference_slip(rng: np.random.Generator, fps: float, pairing: Pairing) -> int:
    """Frames by which a reference's picture is late against its sound; 0 for in_video.

    published: the picture is shifted by the reference's own random shift, truncated to a frame, its sound by the
    target's. The sound's shift is already in the windows, so the difference of two such shifts is left.
    """
    if pairing == "in_video":
        return 0
    picture, sound = rng.uniform(-SHIFT, SHIFT, 2)
    return int(fps * picture) - round(fps * sound)


def slipped(start: int, slip: int, frames: int, window: int) -> int:
    """A window's first picture frame after a slip, kept inside the clip's `frames`."""
    return min(max(0, start + slip), max(0, frames - window))


def event_starts(
    events: Sequence[Event], frames: int, window: int, fps: float, rng: np.random.Generator, count: int
) -> np.ndarray:
    """First frames of `count` windows around events: (count,) int64, inside the clip where it is long enough.

    A window starts BEFORE_EVENT before its event, shifted by U(-SHIFT, SHIFT) seconds; events are taken in random
    order, again from the first when there are fewer than `count`. The second window stands clear of the first when
    some event allows it, so that a pair without overlap exists. Windows at the ends are moved inside.
    frames: length of the clip, window: of a window, in frames. Raises ValueError without any event.
    """
    if not events:
        raise ValueError("windows around events need events")
    chosen = np.resize(rng.permutation([e.time for e in events]), max(count, len(events)))
    shifted = chosen - BEFORE_EVENT + rng.uniform(-SHIFT, SHIFT, len(chosen))
    starts = np.clip(np.round(shifted * fps), 0, max(0, frames - window)).astype(np.int64)
    clear = np.flatnonzero(np.abs(starts - starts[0]) >= window)
    if count > 1 and len(clear) and clear[0] > 1:
        starts[[1, clear[0]]] = starts[[clear[0], 1]]
    return starts[:count]
