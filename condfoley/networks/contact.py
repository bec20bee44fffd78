"""Contact map: where in the picture something is struck, seen in the frames around an impact.

A small U-shaped convolutional network over a few frames and their differences; no part of the published system. The
position is the mean of its map, so that it moves towards the middle of the picture the less certain the map is.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condfoley.sizes import ContactConfig

LEAST_DEVIATION = 0.05  # by which a window's grey levels are divided at least


def _layer(channels: int, out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU())


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class ContactMap(nn.Module):
    """Frames around an impact -> map of where it is (part `contact` of the weights)."""

    def __init__(self, config: ContactConfig | None = None):
        super().__init__()
        self.config = c = config or ContactConfig()
        w = c.width
        self.to_half = nn.Sequential(_layer(2 * c.frames + 2, w, 2), _layer(w, w))
        self.to_quarter = nn.Sequential(_layer(w, 2 * w, 2), _layer(2 * w, 2 * w))
        self.to_eighth = nn.Sequential(_layer(2 * w, 3 * w, 2), _layer(3 * w, 3 * w))
        self.to_sixteenth = nn.Sequential(_layer(3 * w, 4 * w, 2), _layer(4 * w, 3 * w))
        self.back_to_quarter, self.back_to_half = _layer(3 * w, 2 * w), _layer(2 * w, w)
        self.leave = nn.Conv2d(w, 1, 3, 1, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """(B, frames, S, S, 3) uint8, or float in [0, 255] -> (B, S / 2, S / 2) logits."""
        pictures = frames.float() / 255
        grey = pictures.mean(-1)
        grey = grey - grey.mean((1, 2, 3), keepdim=True)
        grey = grey / (grey.square().mean((1, 2, 3), keepdim=True).sqrt() + LEAST_DEVIATION)
        colour = pictures[:, self.config.frames // 2].permute(0, 3, 1, 2) - 0.5
        half = self.to_half(torch.cat([grey, grey[:, 1:] - grey[:, :-1], colour], 1))
        quarter = self.to_quarter(half)
        eighth = self.to_eighth(quarter)
        x = self.back_to_quarter(eighth + _twice(self.to_sixteenth(eighth)))
        x = self.back_to_half(quarter + _twice(x))
        out: Tensor = self.leave(half + _twice(x))[:, 0]
        return out


def places(logits: Tensor) -> Tensor:
    """Mean position of maps: (B, G, G) logits -> (B, 2): x and y in [0, 1], (0, 0) top left."""
    size = logits.shape[-1]
    chance = logits.flatten(1).softmax(1).view_as(logits)
    grid = (torch.arange(size, device=logits.device) + 0.5) / size
    return torch.stack([(chance.sum(1) * grid).sum(1), (chance.sum(2) * grid).sum(1)], 1)
