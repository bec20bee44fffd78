"""Event head: onset, sliding contact and strength of each frame, read from the picture tokens of the whole clip.

The video encoder's own event head sees a frame and half a second around it. Impacts are easier to detect from the
whole clip: this one is a bidirectional recurrent network over the frozen tokens. A second one, which has seen people talk and
gesture, feet, balls and typing, may veto what the first one takes for an impact.
"""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condfoley.runtime.peaks import LABEL_WIDTH
from condfoley.sizes import EventsConfig

NEAR = 2  # frames before and after one, in which the second head may expect its onset
AROUND = 15  # frames before and after one, in which it has to be surer of some onset
NEVER = -4.0  # highest logit of an onset that is vetoed; three such frames expect .03 onsets


class EventHead(nn.Module):
    """Picture tokens -> onset logit, sliding contact logit and strength of each frame (part `events` of the weights)."""

    feature_mean: Tensor
    feature_std: Tensor

    def __init__(self, config: EventsConfig | None = None):
        super().__init__()
        self.config = c = config or EventsConfig()
        self.register_buffer("feature_mean", torch.zeros(c.feature_dim))  # statistics of the picture tokens
        self.register_buffer("feature_std", torch.ones(c.feature_dim))  # that it was trained on
        self.enter = nn.Linear(c.feature_dim, c.width)
        between = c.dropout if c.layers > 1 else 0.0
        self.body = nn.GRU(c.width, c.width, c.layers, batch_first=True, dropout=between, bidirectional=True)
        self.dropout = nn.Dropout(c.dropout)
        self.leave = nn.Linear(2 * c.width, 3)
        self.second = EventHead(dataclasses.replace(c, veto=0.0)) if c.veto else None

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: (B, T, feature_dim), one for each of T frames -> (B, T, 3), as `VideoEncoder.event_logits`."""
        first = self._read(tokens)
        return (
            first
            if self.second is None
            else vetoed(first, self.second(tokens), self.config.veto, self.config.veto_around)
        )

    def each(self, tokens: Tensor) -> Tensor:
        """As `forward`, of each head by itself, the first one first: (heads, B, T, 3)."""
        heads = [self._read(tokens)] if self.second is None else [self._read(tokens), self.second(tokens)]
        return torch.stack(heads)

    def _read(self, tokens: Tensor) -> Tensor:
        x = (tokens - self.feature_mean) / self.feature_std
        x, _ = self.body(self.dropout(F.relu(self.enter(x))))
        out: Tensor = self.leave(self.dropout(x))
        return out


def vetoed(first: Tensor, second: Tensor, least: float, around: float = 0.0) -> Tensor:
    """The first head's logits, (B, T, 3), without onsets near which the second one, (B, T, 3), expects fewer than `least`.

    around: onsets that the second one has to expect somewhere within AROUND frames. Expected are onsets within three frames, as
    impacts are picked (`pick_onsets`).
    """
    chance = second[..., 0].sigmoid()[:, None]
    expected = F.avg_pool1d(chance, 3, 1, 1) * (3 / ((2 * torch.pi) ** 0.5 * LABEL_WIDTH))
    near, about = (F.max_pool1d(expected, 2 * reach + 1, 1, reach)[:, 0] for reach in (NEAR, AROUND))
    onset = torch.where((near >= least) & (about >= around), first[..., 0], first[..., 0].clamp(max=NEVER))
    return torch.cat([onset[..., None], first[..., 1:]], -1)
