"""Training examples of the transformer, the sync model and the event head: clips with features from frozen parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from condfoley.data.store import CachedClip
from condfoley.training.features import Features


@dataclass
class Example:
    """The transformer's training data of one clip.

    tokens: (views, T, D) float16. starts: (tracks, WINDOWS) picture frames. codes: (tracks, WINDOWS, codes) int32.
    """

    clip: CachedClip
    tokens: np.ndarray
    starts: np.ndarray
    codes: np.ndarray


def load_examples(clips: list[CachedClip], features: Features) -> list[Example]:
    """Picture tokens and windows of codes of all clips."""
    loaded = features.load(clips, features.picture_tokens(), features.code_windows())
    return [Example(clip, tokens, *codes) for clip, (tokens, codes) in zip(clips, loaded)]


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
