"""In-video pairs: which window of a video is the target and which its reference. Pure arithmetic."""

from __future__ import annotations

import numpy as np


def draw_pair(starts: np.ndarray, window: int, rng: np.random.Generator) -> tuple[int, int]:
    """(reference, target): indices of two different windows of one soundtrack.

    starts: (W,) first frames of the windows. window: their length in frames. Windows that do not overlap are drawn
    from when there are any, so that a target never hears its own sound in its reference (the published loader could
    draw the target as its own reference; facts.md, section 9); else the two that are farthest apart, in either order.
    """
    distance = np.abs(starts[:, None] - starts[None, :])
    np.fill_diagonal(distance, -1)
    pairs = np.argwhere(distance >= min(window, distance.max()))
    reference, target = pairs[rng.integers(len(pairs))]
    return int(reference), int(target)
