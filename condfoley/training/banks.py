"""What the transformer, the sync model and the event head are trained on: clips with what earlier parts made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from condfoley.data.store import CachedClip
from condfoley.training.features import Features


@dataclass
class Example:
    """What the transformer's training draws from for one clip.

    tokens: (views, T, D) float16. starts: (tracks, WINDOWS) picture frames. codes: (tracks, WINDOWS, codes) int32.
    """

    clip: CachedClip
    tokens: np.ndarray
    starts: np.ndarray
    codes: np.ndarray


def examples(clips: list[CachedClip], features: Features) -> list[Example]:
    """Tokens and code windows of all clips, by the frozen parts of a weights folder."""
    made = features.of(clips, features.picture_tokens(), features.code_windows())
    return [Example(clip, tokens, *codes) for clip, (tokens, codes) in zip(clips, made)]


def token_statistics(tokens: list[np.ndarray], most: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of each number of the picture tokens of (some of) the clips, each (views, T, D): (D,), (D,)."""
    some = tokens[:: max(1, len(tokens) // most)]
    every = torch.from_numpy(np.concatenate([views[0] for views in some])).float()
    return every.mean(0), every.std(0) + 1e-2


def token_window(tokens: np.ndarray, start: int, count: int) -> np.ndarray:
    """Frames [start, start + count) of (T, D), the last one repeated beyond the end."""
    return tokens[np.minimum(np.arange(start, start + count), len(tokens) - 1)]
