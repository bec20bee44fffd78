"""Videos with known cuts: shots of recorded and simulated clips, joined in memory, with flashes, shakes and pans.

A helper of `python -m benchmarks.scene_cuts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from condfoley import media
from condfoley.errors import InputError
from condfoley.media.formats import VIDEO_SUFFIXES

FPS, SIZE = 30.0, 160  # of the joined videos: Hz, pixels
SHOTS, SECONDS = (3, 7), (0.5, 3.0)  # of a joined video, and of each shot
KINDS = ("joined", "similar", "flashes", "shaken", "one shot", "as recorded")


class Video(NamedTuple):
    """frames: (T, SIZE, SIZE, 3) uint8 at FPS. cuts: (K,) s, when another shot begins."""

    frames: np.ndarray
    cuts: np.ndarray


def read_clips(folders: Sequence[Path], cut: dict[str, float]) -> list[np.ndarray]:
    """All videos in folders, each (T, SIZE, SIZE, 3) uint8 at FPS, cut in two where they have a cut themselves.

    cut: its time, s, by file name. Raises InputError for a folder without videos.
    """
    clips: list[np.ndarray] = []
    for folder in folders:
        paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
        if not paths:
            raise InputError(f"{folder} holds no videos; give a folder of videos")
        for path in paths:
            frames = media.read_frames(path, FPS, SIZE)
            if path.name in cut:
                at, margin = round(cut[path.name] * FPS), 3
                clips += [frames[: at - margin], frames[at + margin :]]
            else:
                clips.append(frames)
    return clips


def make(kind: str, clips: Sequence[np.ndarray], rng: np.random.Generator) -> Video:
    """One video of a kind (KINDS). joined: other clips follow each other. similar: other views of one clip, in its colours.

    flashes, shaken: joined, and hard to tell. one shot: both, without a cut. as recorded: without a cut and as it is.
    """
    whole = clips[rng.integers(len(clips))]
    if kind == "as recorded":
        return Video(whole, np.zeros(0))
    if kind == "one shot":
        return Video(_flashes(_shaken(whole, rng), rng), np.zeros(0))
    count = int(rng.integers(*SHOTS))
    if kind == "similar":
        shots = [_shot(whole, rng) for _ in range(count)]
        shots = [_view(shot, i % 2, rng) for i, shot in enumerate(shots)]
    else:
        order = rng.permutation(len(clips))[:count]
        shots = [_shot(clips[i], rng) for i in order]
    if kind == "flashes":
        shots = [_flashes(shot, rng) for shot in shots]
    if kind == "shaken":
        shots = [_shaken(shot, rng) for shot in shots]
    return Video(np.concatenate(shots), np.cumsum([len(shot) for shot in shots[:-1]]) / FPS)


def _shot(clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    length = min(len(clip), round(rng.uniform(*SECONDS) * FPS))
    begin = int(rng.integers(len(clip) - length + 1))
    return clip[begin : begin + length]


def _view(shot: np.ndarray, close: int, rng: np.random.Generator) -> np.ndarray:
    """The whole picture, or a close-up of a part of it."""
    return _cropped(shot, rng.uniform(0.45, 0.7), *rng.uniform(0, 1, 2)) if close else shot


def _cropped(shot: np.ndarray, share: float, x: float | np.ndarray, y: float | np.ndarray) -> np.ndarray:
    """A part of each picture, enlarged. share: of the width. x, y: of the room, in [0, 1]; of each frame, or of all."""
    side = round(share * SIZE)
    index = np.minimum(np.arange(SIZE) * side // SIZE, side - 1)
    left, top = (np.broadcast_to(np.round(z * np.float64(SIZE - side)).astype(int), len(shot)) for z in (x, y))
    return np.stack([frame[t + index[:, None], x0 + index] for frame, x0, t in zip(shot, left, top, strict=True)])


def _flashes(shot: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Brighter for some frames about every second: a shot, lightning, another photographer."""
    gain = np.zeros(len(shot))
    for _ in range(max(1, round(len(shot) / FPS))):
        at, length = int(rng.integers(len(shot))), int(rng.integers(1, 5))
        gain[at : at + length] = rng.uniform(60, 220) * rng.uniform(0.3, 1.0) ** np.arange(length)[: len(shot) - at]
    return np.clip(shot + gain[:, None, None, None], 0, 255).astype(np.uint8)


def _shaken(shot: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The camera shakes after impacts about every second, and pans once."""
    time = np.arange(len(shot)) / FPS
    x, y = np.full(len(shot), 0.5), np.full(len(shot), 0.5)
    for _ in range(max(1, round(len(shot) / FPS))):
        since = time - rng.uniform(0, time[-1] + 1e-3)
        swing = np.where(since >= 0, np.exp(-since.clip(0) / 0.15) * np.sin(2 * np.pi * 7 * since), 0)
        x, y = x + rng.uniform(-0.5, 0.5) * swing, y + rng.uniform(-0.5, 0.5) * swing
    pan = np.clip((time - rng.uniform(0, time[-1] + 1e-3)) / rng.uniform(0.15, 0.6), 0, 1)
    return _cropped(shot, 0.75, (x + rng.uniform(-0.5, 0.5) * pan).clip(0, 1), y.clip(0, 1))
