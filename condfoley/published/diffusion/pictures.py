"""A target's pictures as these systems see them."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.inputs import Clip, ClipFile, Footage
from condfoley.published.diffusion.systems import VISION_FPS, VISION_SIZE


def pictures(target: Clip, fps: float, resize: Literal["area", "crop"]) -> np.ndarray:
    """A target's pictures as these systems see them: (T, 224, 224, 3) uint8. Raises InputError for one without picture."""
    frames = target.frames(dataclasses.replace(Geometry(), fps=fps, frame_size=VISION_SIZE, resize=resize))
    if frames is None:
        raise InputError(f"{target.name} has no picture; give a video")
    return frames


def drifting(target: Clip) -> float:
    """Pictures a second that the released code really takes, since it cuts a rate to a whole number (torch_tools.py:274).

    Of 29.97 pictures a second each 14.5th is taken, which is 2.07 a second, so that they drift.
    """
    rate = 0.0
    if isinstance(target, ClipFile):
        rate = target.info.fps
    elif isinstance(target, Footage) and target.times is not None and len(target.times) > 1:
        rate = 1 / float(np.median(np.diff(target.times)))
    return VISION_FPS * rate / int(round(rate, 3)) if rate >= 1 else VISION_FPS
