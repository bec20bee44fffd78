"""Training examples of the transformer, the flow, the sync model and the event head: clips with features from frozen parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from condfoley.data.pairs import Pairing, draw_misalignment, draw_pair, shift_start
from condfoley.data.store import CachedClip
from condfoley.geometry import Geometry
from condfoley.training.features import FeatureKind, Features


@dataclass
class Example:
    """Training data of one clip for the stages that learn from in-video pairs.

    tokens: (views, T, D) float16. starts: (tracks, W) picture frames. sounds: of these windows, (tracks, W, codes) int32
    or tokens of sound (tracks, W, L, dim) float16.
    """

    clip: CachedClip
    tokens: np.ndarray
    starts: np.ndarray
    sounds: np.ndarray


class Drawn(NamedTuple):
    """A pair of windows. reference, target: their indices. pictures: (frames, D) tokens of reference and target."""

    example: Example
    track: int
    reference: int
    target: int
    pictures: tuple[np.ndarray, np.ndarray]

    @property
    def sounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Codes or tokens of the sound of reference and target."""
        rows = self.example.sounds[self.track]
        return rows[self.reference], rows[self.target]

    @property
    def start(self) -> int:
        """First picture frame of the target."""
        return int(self.example.starts[self.track, self.target])


def load_examples(clips: list[CachedClip], features: Features, windows: FeatureKind) -> list[Example]:
    """Picture tokens of all clips, and windows of their sounds."""
    loaded = features.load(clips, features.picture_tokens(), windows)
    return [Example(clip, tokens, *sounds) for clip, (tokens, sounds) in zip(clips, loaded)]


def draw_windows(
    bank: list[Example], rng: np.random.Generator, views: int, geometry: Geometry, pairing: Pairing
) -> Drawn:
    """A random in-video pair of a random clip, track and view; of the first `views` ones."""
    e, n = bank[rng.integers(len(bank))], geometry.window_frames
    track, view = int(rng.integers(len(e.starts))), int(rng.integers(views))
    reference, target = draw_pair(e.starts[track], n, rng, pairing)
    shift, first = draw_misalignment(rng, geometry.fps, pairing), int(e.starts[track, reference])
    if shift:
        first = shift_start(first, shift, len(e.tokens[view]), n)
    pictures = (token_window(e.tokens[view], start, n) for start in (first, int(e.starts[track, target])))
    return Drawn(e, track, reference, target, (next(pictures), next(pictures)))


def noisy_pictures(pictures: Sequence[Tensor], deviation: Tensor, rngs: Sequence[np.random.Generator]) -> list[Tensor]:
    """Picture tokens of reference and target, (B, frames, D) each, with Gaussian noise. deviation: (D,)."""
    shape = (2, *pictures[0].shape[1:])
    noise = torch.from_numpy(np.stack([r.standard_normal(shape, np.float32) for r in rngs]))
    return [frames + noise[:, i] * deviation for i, frames in enumerate(pictures)]


def token_statistics(tokens: list[np.ndarray], most: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation, (D,) each, of the picture tokens of up to about `most` clips.

    tokens: (views, T, D) of each clip.
    """
    some = tokens[:: max(1, len(tokens) // most)]
    every = torch.from_numpy(np.concatenate([views[0] for views in some])).float()
    return every.mean(0), every.std(0) + 1e-2


def token_window(tokens: np.ndarray, start: int, count: int) -> np.ndarray:
    """Tokens of frames [start, start + count) of a clip, (T, D) -> (count, D); the last one is repeated beyond the end."""
    return tokens[np.minimum(np.arange(start, start + count), len(tokens) - 1)]
