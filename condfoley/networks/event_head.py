"""Event head: onset, sliding contact and strength of each frame, read from the picture tokens of the whole clip.

The video encoder's own event head sees a frame and half a second around it. Impacts are easier to detect from the
whole clip: this one is a bidirectional recurrent network over the frozen tokens.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condfoley.sizes import EventsConfig

LABEL_WIDTH = 0.7  # frames, standard deviation of the soft label around an onset, whose peak is 1


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


def pick_onsets(probability: np.ndarray, fps: float, threshold: float = 0.5, gap: float = 0.15) -> np.ndarray:
    """Onset times, (K,) s, ascending, from the onset probability of each frame.

    Where the head is unsure of the frame, it spreads the probability of one onset over several frames. Peaks are
    therefore not picked by their height but by the expected number of onsets within three frames, which hold nearly all
    of an onset's label. A time is the mean of the three frames, weighted by the cube of their probability
    (docs/experiments, E16.2).

    probability: (T,) in [0, 1] at `fps` Hz. threshold: least expected number of onsets; 0.4 and 0.6 were no better
    (E16.2). gap: s, least distance of two peaks; other values were no better (E16.1).
    """
    from scipy.signal import find_peaks

    padded = np.pad(np.asarray(probability, float), 2)
    triples = np.lib.stride_tricks.sliding_window_view(padded, 3)  # (T + 2, 3), frames -2 to 0 first
    expected = triples.sum(1) / (np.sqrt(2 * np.pi) * LABEL_WIDTH)
    expected += 1e-4 * triples[:, 1]  # of equal sums, the one centred on the likeliest frame
    peaks, _ = find_peaks(expected, height=threshold, distance=max(1, round(gap * fps)))
    weights = triples[peaks] ** 3
    shift = weights @ np.array([-1.0, 0.0, 1.0]) / weights.sum(1)
    return np.clip((peaks - 1 + shift) / fps, 0, None)
