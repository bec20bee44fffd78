"""Bind: sound and picture as vectors, so that what belongs together is near. It finds sounds for a picture.

Trained by InfoNCE (van den Oord et al. 2018) on pairs of two moments of one video: no labels. No part of the published
system. A vector does not depend on how loud a sound is, nor on how long it is silent before and after.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condfoley.sizes import BindConfig

RANGE = 0.6  # of a spectrogram below its highest value that is heard: 60 dB
HOTTEST = 4.6  # highest logarithm of the scale of similarities: a scale of 100


class Bind(nn.Module):
    """Vectors of length 1 of sounds (`embed_sound`) and of pictures (`embed_picture`), part `bind` of the weights."""

    feature_mean: Tensor
    feature_std: Tensor

    def __init__(self, config: BindConfig | None = None):
        super().__init__()
        self.config = c = config or BindConfig()
        self.register_buffer("feature_mean", torch.zeros(c.feature_dim))  # statistics of the picture tokens
        self.register_buffer("feature_std", torch.ones(c.feature_dim))  # that it was trained on
        self.sound = nn.Sequential(*_layer(2 * c.n_mels, c.width, 2), *_layer(c.width, c.width, 2))
        self.sound_out = _head(c.width, c.dim, c.dropout)
        self.picture = nn.Sequential(*_layer(c.feature_dim, c.width, 1), *_layer(c.width, c.width, 1))
        self.picture_out = _head(c.width, c.dim, c.dropout)
        self.scale = nn.Parameter(torch.tensor(2.3))  # logarithm of the scale of similarities in the loss

    def embed_sound(self, specs: Tensor) -> Tensor:
        """(B, n_mels, M) in [0, 1], M >= 1 -> (B, dim), of length 1."""
        heard = F.relu((specs - specs.amax((1, 2), keepdim=True)) / RANGE + 1)  # 0 to 1, whatever the level
        rise = F.pad(heard[..., 1:] - heard[..., :-1], (1, 0)) * 3
        x = self.sound(torch.cat([heard * 2 - 1, rise], 1))  # (B, width, M / 4)
        weight = F.avg_pool1d(F.pad(heard.mean(1, keepdim=True), (0, 3)), 4)  # (B, 1, M / 4); loud moments count more
        weight = weight / (weight.sum(2, keepdim=True) + 1e-6)
        return F.normalize(self.sound_out(torch.cat([(x * weight).sum(2), x.amax(2)], 1)), dim=1)

    def embed_picture(self, tokens: Tensor) -> Tensor:
        """(B, T, feature_dim) of T frames, T >= 1 -> (B, dim), of length 1."""
        tokens = (tokens - self.feature_mean) / self.feature_std
        x = self.picture(tokens.transpose(1, 2))  # (B, width, T)
        return F.normalize(self.picture_out(torch.cat([x.mean(2), x.amax(2)], 1)), dim=1)

    def similarity(self, a: Tensor, b: Tensor) -> Tensor:
        """Scaled cosines of vectors: (A, dim) and (B, dim) -> (A, B)."""
        return a @ b.T * self.scale.clamp(max=HOTTEST).exp()


def _layer(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    return [nn.Conv1d(inputs, outputs, 5, stride, padding=2), nn.GELU()]


def _head(width: int, dim: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, dim))
