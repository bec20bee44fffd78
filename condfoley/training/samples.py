"""Audible samples of a training stage."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from condfoley.audio.postfilter import postfilter
from condfoley.data.store import CachedClip
from condfoley.geometry import Geometry
from condfoley.media import write_clip
from condfoley.weights import load_part


@torch.no_grad()
def write_sample_clip(
    path: Path, clip: CachedClip, start: int, spec: Tensor, weights: Path, geometry: Geometry
) -> None:
    """Writes a window of a clip's picture with a generated sound, using the vocoder of a weights folder.

    start: first picture frame of the window. spec: (n_mels, T) in [-1, 1].
    """
    vocoder = load_part(weights, "vocoder")
    spec01 = ((spec.float().cpu()[None] + 1) / 2).clamp(0, 1)  # (1, n_mels, T)
    wav = postfilter(vocoder(spec01).numpy(), spec01.numpy(), geometry, vocoder.config)[0].clip(-1, 1)
    frames = clip.frames(start, geometry.window_frames)
    write_clip(path, frames, geometry.fps, wav, geometry.sample_rate)
