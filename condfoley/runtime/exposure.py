"""When what the frames of a picture show was there: earlier than the frame's instant where an older picture is still shown,
later because a camera exposes a picture, row by row, after the time that it is stamped with.

The networks see 15 frames a second, of which frame k shows the picture at k / 15 s, whatever the file's own frame rate.
"""

from __future__ import annotations

import numpy as np

EXPOSURE_DELAY = 0.016
"""s by which impacts are seen too early in pictures of simulated cameras of 15 to 60 frames a second, once older pictures are
taken into account: the same at all of these rates (docs/experiments, E30.2)."""


def corrected(times: np.ndarray, late: np.ndarray | None, fps: float) -> np.ndarray:
    """Times (K,) s, ascending, at which frames show something, as the times at which that was there: ascending, too.

    late: (T,) s by which what each frame shows was there later than the frame's instant; None: not known. fps: of the frames, Hz.
    """
    if late is None or not len(late):
        return times
    moved = times + np.interp(times * fps, np.arange(len(late)), late)
    return np.maximum.accumulate(moved.clip(0, max(0.0, (len(late) - 0.5) / fps)))
