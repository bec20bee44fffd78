"""Picture augmentation of whole batches: one crop, colour and camera for a clip, small drifts over its frames."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

SOURCE_RATES = (10.0, 12.0)  # frame rates below 15 fps, seen as repeated frames


def repeated_frames(count: int, fps: float, source_fps: float, phase: float) -> np.ndarray:
    """Which of `count` frames is shown at each instant when the source only has `source_fps` frames a second.

    phase: 0..1, where the source's grid starts. Returns (count,) int, never later than the instant itself.
    """
    instants = np.arange(count) / fps
    shown = (np.floor(instants * source_fps + phase) - phase) / source_fps
    return np.clip(np.floor(shown * fps + 1e-6), 0, None).astype(int)


def augment(frames: Tensor, size: int) -> Tensor:
    """frames: (B, T, 3, H, W) in [0, 1] -> (B, T, 3, size, size), randomly cropped, turned, panned and coloured."""
    b, t = frames.shape[:2]
    frames = _geometric(frames, size)
    grey = torch.rand(b) < 0.25
    frames[grey] = frames[grey].mean(2, keepdim=True).expand(-1, -1, 3, -1, -1)
    blurred = torch.rand(b) < 0.3
    if blurred.any():
        soft = F.avg_pool2d(frames[blurred].flatten(0, 1), 3, 1, 1, count_include_pad=False)
        frames[blurred] = soft.view(-1, t, *frames.shape[2:])
    contrast, tint = torch.empty(b, 1, 1, 1, 1).uniform_(0.5, 1.4), torch.empty(b, 1, 3, 1, 1).uniform_(-0.1, 0.1)
    middle = frames.mean((1, 2, 3, 4), keepdim=True)
    frames = (frames - middle) * contrast + middle + tint
    drift = torch.cumsum(torch.randn(b, t, 1, 1, 1), 1) * 0.004 * (torch.rand(b, 1, 1, 1, 1) < 0.3)  # exposure
    return frames + drift + torch.randn_like(frames) * torch.empty(b, 1, 1, 1, 1).uniform_(0, 0.04)


def _geometric(frames: Tensor, size: int) -> Tensor:
    """One random affine view a clip, with a hand-held drift in 40 % of them."""
    b, t = frames.shape[:2]
    scale = torch.empty(b).uniform_(0.6, 1.0)
    aspect = torch.empty(b).uniform_(-0.3, 0.6).exp().sqrt()  # wide pictures are squeezed to squares
    flip = torch.where(torch.rand(b) < 0.5, -1.0, 1.0)
    turn = torch.randn(b) * 0.08
    view = torch.zeros(b, t, 2, 3)
    view[..., 0, 0] = (scale * aspect * flip * turn.cos())[:, None]
    view[..., 0, 1] = (-scale * turn.sin())[:, None]
    view[..., 1, 0] = (scale * turn.sin() * flip)[:, None]
    view[..., 1, 1] = (scale / aspect * turn.cos())[:, None]
    view[..., :, 2] = (torch.empty(b, 2).uniform_(-1, 1) * (1 - scale)[:, None])[:, None]
    shaky = (torch.rand(b) < 0.4) * torch.rand(b) * 0.02
    view[..., :, 2] += torch.cumsum(torch.randn(b, t, 2), 1) * shaky[:, None, None]
    grid = F.affine_grid(view.flatten(0, 1), [b * t, 3, size, size], align_corners=False)
    out = F.grid_sample(frames.flatten(0, 1), grid, align_corners=False, padding_mode="reflection")
    return out.view(b, t, 3, size, size)
