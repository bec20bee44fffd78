"""Event head: onset, sliding contact and strength of each frame, read from the picture tokens of the whole clip.

The video encoder's own event head sees a frame and half a second around it. Impacts are easier to detect from the
whole clip: this one is a bidirectional recurrent network over the frozen tokens.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condfoley.sizes import EventsConfig


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

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: (B, T, feature_dim), one for each of T frames -> (B, T, 3), as `VideoEncoder.event_logits`."""
        x = (tokens - self.feature_mean) / self.feature_std
        x, _ = self.body(self.dropout(F.relu(self.enter(x))))
        out: Tensor = self.leave(self.dropout(x))
        return out
