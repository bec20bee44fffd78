"""Sync model: the time offset of a sound against its picture.

Picture tokens and mel frames are embedded at the picture's frame rate; their similarity at every shift of the grid
gives a distribution over offsets and "no match". Trained on pairs whose sound is shifted; needs no labels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condfoley.audio.windows import segments
from condfoley.sizes import SyncConfig


class Sync(nn.Module):
    """(picture tokens, mel) -> logits over offsets from -max_shift to +max_shift frames, and of "no match"."""

    feature_mean: Tensor
    feature_std: Tensor

    def __init__(self, config: SyncConfig | None = None):
        super().__init__()
        self.config = c = config or SyncConfig()
        self.register_buffer("feature_mean", torch.zeros(c.feature_dim))  # statistics of the picture tokens
        self.register_buffer("feature_std", torch.ones(c.feature_dim))  # that it was trained on
        self.picture = _branch(c.feature_dim, c.width, c.dim, c.dropout)
        self.sound_in = nn.Sequential(nn.Conv1d(2 * c.n_mels, c.width, 5, padding=2), nn.ReLU())
        self.sound = _branch(2 * c.width, c.width, c.dim, c.dropout)
        self.scale = nn.Parameter(torch.tensor(1.0))
        # "no match" logit; the name is that of the tensors in weights files
        self.judge = nn.Sequential(nn.Linear(2 * c.max_shift + 1, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, tokens: Tensor, spec01: Tensor) -> Tensor:
        """tokens: (B, T, feature_dim) of T frames. spec01: (B, n_mels, M) in [0, 1], spanning the same time.

        Returns (B, 2 * max_shift + 2) logits; class i: the sound is late by i - max_shift frames; the last class: this
        sound does not belong to this picture.
        """
        c = self.config
        tokens = (tokens - self.feature_mean) / self.feature_std
        p = self.picture(tokens.transpose(1, 2))  # (B, dim, T)
        s = self.sound(self._sound_frames(spec01, tokens.shape[1]))  # (B, dim, T)
        p, s = _standardise(p), _standardise(s)
        frames = tokens.shape[1]
        pair = torch.einsum("bdt,bdu->btu", p, s) / c.dim**0.5  # picture frame t against sound frame u
        # the mean along each diagonal: the similarity when the sound is shifted by that many frames
        diagonals = [
            pair.diagonal(k, 1, 2).sum(-1) / max(frames - abs(k), frames / 2) ** 0.5
            if abs(k) < frames
            else pair.new_zeros(len(pair))
            for k in range(-c.max_shift, c.max_shift + 1)
        ]
        logits = torch.stack(diagonals, 1) * self.scale  # (B, 2 * max_shift + 1)
        none = self.judge(logits.sort(1, descending=True).values)  # how much the best offset stands out
        return torch.cat([logits, none], 1)

    def _sound_frames(self, spec01: Tensor, frames: int) -> Tensor:
        """Mean and maximum of the embedded sound around each picture frame: (B, n_mels, M) -> (B, 2 * width, frames)."""
        level = spec01 * 2 - 1
        rise = F.pad(level[..., 1:] - level[..., :-1], (1, 0)) * 3
        x = self.sound_in(torch.cat([level, rise], 1))  # (B, width, M)
        # frame k shows the time k / fps: its span of sound is centred there
        half = round(self.config.mel_per_frame / 2)
        wanted = round(frames * self.config.mel_per_frame)
        x = F.pad(x, (half, max(0, wanted - x.shape[-1])))[..., :wanted]
        return torch.cat([F.adaptive_avg_pool1d(x, frames), F.adaptive_max_pool1d(x, frames)], 1)

    def score(self, tokens: Tensor, specs: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """Offset and confidence of N sounds for one picture, from the mean logits over segments of `length` frames.

        tokens: (T, feature_dim). specs: (N, n_mels, M) in [0, 1]. Returns what `offset_and_confidence` returns, (N,)
        each.
        """
        rate, logits = self.config.mel_per_frame, []
        for start in segments(len(tokens), length):
            frames = tokens[start : start + length]
            first = round(start * rate)
            sound = specs[:, :, first : first + round(len(frames) * rate)]
            logits.append(self(frames.expand(len(specs), -1, -1), sound))
        return self.offset_and_confidence(torch.stack(logits).mean(0).cpu())

    def offset_and_confidence(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Offset and confidence of each sound, from the output of `forward`, logits (B, classes).

        Returns (B,) s, positive when the sound is late, and (B,) in [0, 1], the probability of the likeliest offset.
        """
        confidence, index = logits.softmax(1)[:, :-1].max(1)
        return (index - self.config.max_shift) / self.config.fps, confidence


def _branch(inputs: int, width: int, dim: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(inputs, width, 5, padding=2),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Conv1d(width, width, 5, padding=2),
        nn.ReLU(),
        nn.Conv1d(width, dim, 1),
    )


def _standardise(x: Tensor) -> Tensor:
    """Zero mean over time, unit power over all: constant components of a clip are not compared."""
    x = x - x.mean(2, keepdim=True)
    return x / (x.square().mean((1, 2), keepdim=True).sqrt() + 1e-4)
