"""Events of clips without annotation: onsets detected in the sound, optionally only those with motion in the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condfoley.audio.onsets import detect_onsets
from condfoley.data.events import Event

BLOCK_PIXELS = 8  # motion is measured in blocks: small objects count, noise averages out
MIN_CHANGE = 4.0  # of 255, change of a block's mean brightness between two frames that counts as motion
MAX_DISTANCE = 0.2  # s between an onset and motion


def sound_events(wav: np.ndarray, sample_rate: int) -> tuple[Event, ...]:
    """The onsets of a sound as unlabelled hits; strengths are relative to the strongest.

    wav: (N,) float, mono, at `sample_rate` Hz.
    """
    times, strengths = detect_onsets(wav, sample_rate)
    top = max(float(np.max(strengths, initial=0)), 1e-9)
    return tuple(
        Event(float(t), "hit", 0.0, float(min(1.0, s / top)), labelled=False) for t, s in zip(times, strengths)
    )


def frame_motion(frames: np.ndarray) -> np.ndarray:
    """Motion from each frame to the next: the largest change of mean brightness among blocks of BLOCK_PIXELS squared.

    frames: (T, H, W, 3) uint8. Returns (T - 1,) float32, 0 to 255.
    """
    grey = frames.mean(3, dtype=np.float32)
    rows, columns = (max(1, side // BLOCK_PIXELS) for side in grey.shape[1:])
    high, wide = min(BLOCK_PIXELS, grey.shape[1]), min(BLOCK_PIXELS, grey.shape[2])
    blocks = grey[:, : rows * high, : columns * wide].reshape(len(grey), rows, high, columns, wide).mean((2, 4))
    change: np.ndarray = np.abs(np.diff(blocks, axis=0)).max((1, 2))
    return change


def visible_sound_events(
    wav: np.ndarray, sample_rate: int, lead: float, frames: np.ndarray, fps: float
) -> tuple[Event, ...]:
    """The onsets in the sound of a clip that have motion in the picture within MAX_DISTANCE.

    wav: (N,) float, mono, at `sample_rate` Hz, starting `lead` s before frames (T, H, W, 3) uint8 at `fps` Hz.
    Returned times are relative to the first frame.
    """
    shifted = (Event(**(vars(event) | {"time": event.time - lead})) for event in sound_events(wav, sample_rate))
    return seen_events([event for event in shifted if 0 <= event.time < len(frames) / fps], frames, fps)


def seen_events(events: Sequence[Event], frames: np.ndarray, fps: float) -> tuple[Event, ...]:
    """Those of the events that have motion in the picture within MAX_DISTANCE.

    events: times, s, relative to the first of frames (T, H, W, 3) uint8 at `fps` Hz.
    """
    moving = frame_motion(frames) >= MIN_CHANGE
    change_times = (np.arange(len(moving)) + 1) / fps  # of the later frame
    return tuple(event for event in events if moving[np.abs(change_times - event.time) <= MAX_DISTANCE].any())
