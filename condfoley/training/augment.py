"""Picture augmentation: a random crop, colour and camera for each clip, with small drifts over its frames."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from condfoley.geometry import Geometry

SOURCE_RATES = (10.0, 12.0)  # Hz, frame rates of sources, simulated by repeated frames
CUT_SHARE = 0.15  # share of clips with a cut to another view, which is no event


def repeated_frames(count: int, fps: float, source_fps: float, phase: float) -> np.ndarray:
    """Index of the frame that is shown at each of `count` frames if the source has only `source_fps` Hz.

    phase: 0..1, offset of the source's frames. Returns (count,) int; indices never exceed the frame's own.
    """
    times = np.arange(count) / fps
    shown = (np.floor(times * source_fps + phase) - phase) / source_fps
    return np.clip(np.floor(shown * fps + 1e-6), 0, None).astype(int)


def augment(frames: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Randomly crops, rotates, pans and colours a clip.

    frames: (T, 3, H, W) in [0, 1]. size: pixels. generator: the only source of randomness. Returns (T, 3, size, size).
    """
    draw = _RandomStream(generator)
    return _coloured(_seen(frames, _views(len(frames), draw), size), draw)


def augment_with_point(
    frames: Tensor, point: tuple[float, float], size: int, generator: torch.Generator
) -> tuple[Tensor, tuple[float, float]]:
    """The same for a clip with a point of its picture, which may be outside of it afterwards; no view is cut to another.

    point: x and y, (0, 0) top left, (1, 1) bottom right. Returns the frames (T, 3, size, size) and the point in their middle
    one.
    """
    draw = _RandomStream(generator)
    views = _views(len(frames), draw, cut_share=0.0)
    turn, shift = views[len(views) // 2].split((2, 1), 1)  # from a place in the new picture to one in the old, -1 .. 1
    x, y = torch.linalg.solve(turn, 2 * torch.tensor(point)[:, None] - 1 - shift).flatten().tolist()
    return _coloured(_seen(frames, views, size), draw), ((x + 1) / 2, (y + 1) / 2)


def _coloured(frames: Tensor, draw: _RandomStream) -> Tensor:
    """Other colours, sharpness, exposure and noise: (T, 3, S, S) -> the same."""
    t = len(frames)
    if draw.uniform() < 0.25:
        frames = frames.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    if draw.uniform() < 0.3:
        frames = F.avg_pool2d(frames, 3, 1, 1, count_include_pad=False)
    if draw.uniform() < 0.2:
        coarse = F.interpolate(frames, scale_factor=draw.uniform(0.35, 0.8), mode="area")
        frames = F.interpolate(coarse, frames.shape[2:], mode="bilinear", align_corners=False)
    if draw.uniform() < 0.5:
        frames = frames.clamp(min=0) ** math.exp(draw.uniform(-0.5, 0.5))
    contrast, tint = draw.uniform(0.5, 1.4), torch.tensor([draw.uniform(-0.1, 0.1) for _ in range(3)])
    middle = frames.mean()
    frames = (frames - middle) * contrast + middle + tint.view(3, 1, 1)
    if draw.uniform() < 0.3:
        frames = frames + torch.cumsum(draw.normal(t, 1, 1, 1), 0) * 0.004  # exposure drifts
    return frames + draw.normal(*frames.shape) * draw.uniform(0, 0.04)


def paste_half(frames: Tensor, other: Tensor, rng: np.random.Generator) -> None:
    """Replaces the left or upper half of a clip's picture (T, 3, S, S) by a random half of another one's, in place."""
    axis, half = int(rng.integers(2, 4)), frames.shape[-1] // 2
    frames.narrow(axis, 0, half).copy_(other.narrow(axis, int(rng.integers(half)), half))


def cut_window(
    tokens: tuple[np.ndarray, np.ndarray], codes: tuple[np.ndarray, np.ndarray], column: int, geometry: Geometry
) -> tuple[np.ndarray, np.ndarray]:
    """A window that is cut to another one, as a film is: picture tokens and codes up to a column of one, then of the other.

    tokens: of both windows, (frames, D). codes: of both, (codes,). column: the first of the other. Each token and code stays
    at its place in the window, and the picture is cut to the frame nearest to the sound's cut.
    """
    g = geometry
    frame = round((column * g.column_samples + g.sound_lag * g.hop) / g.sample_rate * g.fps)
    code = column * g.code_rows
    return np.concatenate([tokens[0][:frame], tokens[1][frame:]]), np.concatenate([codes[0][:code], codes[1][code:]])


class _RandomStream:
    """Random numbers of one stream."""

    def __init__(self, generator: torch.Generator):
        self.generator = generator

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        return low + (high - low) * torch.rand((), generator=self.generator).item()

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator)


def _views(t: int, draw: _RandomStream, cut_share: float = CUT_SHARE) -> Tensor:
    """Random affine views of T frames, (T, 2, 3): one for all; in `cut_share` of cases another from a random frame on; in
    40 % with camera shake."""
    aspect = math.sqrt(math.exp(draw.uniform(-0.3, 0.6)))  # wide pictures are resized to squares
    flip = -1.0 if draw.uniform() < 0.5 else 1.0
    view = _affine(draw, aspect, flip).repeat(t, 1, 1)
    if draw.uniform() < cut_share:
        view[int(draw.uniform() * t) :] = _affine(draw, aspect, flip)
    if draw.uniform() < 0.4:
        view[:, :, 2] += torch.cumsum(draw.normal(t, 2), 0) * draw.uniform(0, 0.02)
    return view


def _seen(frames: Tensor, views: Tensor, size: int) -> Tensor:
    """Frames (T, 3, H, W) in views (T, 2, 3): (T, 3, size, size)."""
    grid = F.affine_grid(views, [len(frames), 3, size, size], align_corners=False)
    return F.grid_sample(frames, grid, align_corners=False, padding_mode="reflection")


def _affine(draw: _RandomStream, aspect: float, flip: float) -> Tensor:
    """Affine matrix (2, 3) of a random, slightly rotated crop. aspect: width scale. flip: -1 mirrors the picture."""
    scale = draw.uniform(0.6, 1.2)
    turn = 0.08 * draw.normal().item()
    sine, cosine = math.sin(turn), math.cos(turn)
    room = abs(1 - scale)
    shift = (draw.uniform(-room, room), draw.uniform(-room, room))
    return torch.tensor(
        [
            [scale * aspect * flip * cosine, -scale * sine, shift[0]],
            [scale * sine * flip, scale / aspect * cosine, shift[1]],
        ]
    )
