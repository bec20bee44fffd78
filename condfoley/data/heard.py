"""Events of a clip that nobody annotated: onsets of its sound, and which of them the picture shows."""

from __future__ import annotations

import numpy as np

from condfoley.audio.onsets import detect_onsets
from condfoley.data.events import Event

BLOCK = 8  # pixels: motion is measured in blocks, so that a small hand counts and noise averages out
MOVING = 4.0  # of 255: a block whose mean brightness changes less between two frames stands still
NEAR = 0.2  # s between an onset and the motion that made it


def onsets(wav: np.ndarray, sample_rate: int) -> tuple[Event, ...]:
    """Every onset of a sound as an unlabelled hit; strengths relative to the strongest.

    wav: (N,) float, mono, at `sample_rate` Hz.
    """
    times, strengths = detect_onsets(wav, sample_rate)
    top = max(float(np.max(strengths, initial=0)), 1e-9)
    return tuple(
        Event(float(t), "hit", 0.0, float(min(1.0, s / top)), labelled=False) for t, s in zip(times, strengths)
    )


def motion(frames: np.ndarray) -> np.ndarray:
    """How far the picture moves from each frame to the next: (T - 1,) float32, 0 to 255.

    frames: (T, H, W, 3) uint8. The largest change of brightness over blocks of BLOCK x BLOCK pixels.
    """
    grey = frames.mean(3, dtype=np.float32)
    rows, columns = (max(1, side // BLOCK) for side in grey.shape[1:])
    high, wide = min(BLOCK, grey.shape[1]), min(BLOCK, grey.shape[2])
    blocks = grey[:, : rows * high, : columns * wide].reshape(len(grey), rows, high, columns, wide).mean((2, 4))
    change: np.ndarray = np.abs(np.diff(blocks, axis=0)).max((1, 2))
    return change


def seen_onsets(wav: np.ndarray, sample_rate: int, lead: float, frames: np.ndarray, fps: float) -> tuple[Event, ...]:
    """The onsets within a clip near which something moves, in the clip's own time.

    wav: (N,), beginning `lead` seconds before frames (T, H, W, 3) uint8 at `fps`.
    """
    moving = motion(frames) >= MOVING
    change_times = (np.arange(len(moving)) + 1) / fps  # of the later frame
    seen = []
    for event in onsets(wav, sample_rate):
        time = event.time - lead
        if 0 <= time < len(frames) / fps and moving[np.abs(change_times - time) <= NEAR].any():
            seen.append(Event(**(vars(event) | {"time": time})))
    return tuple(seen)
