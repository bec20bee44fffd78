"""Long latents in windows that are denoised together: cut out, and crossfaded where they overlap."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from condfoley.runtime.flow_sampling import Windows


def cut(latents: Tensor, plan: Windows) -> list[Tensor]:
    """The windows of latents (N, C, L, W): (N, C, plan.length, W) each."""
    return [latents[:, :, start : start + plan.length] for start in plan.starts]


def join(parts: Sequence[Tensor], starts: Sequence[int], overlap: int) -> Tensor:
    """Windows (..., length, W) at `starts` as one (..., total, W), crossfaded where they overlap; see `Windows.join`."""
    length = parts[0].shape[-2]
    total = starts[-1] + length
    out = parts[0].new_zeros((*parts[0].shape[:-2], total, parts[0].shape[-1]))
    weights = out.new_zeros((total, 1))
    place = torch.arange(1, length + 1, device=out.device)
    gain = torch.minimum(place, place.flip(0)).clamp(max=max(1, overlap)).float()[:, None]
    for start, part in zip(starts, parts, strict=True):
        out[..., start : start + length, :] += gain * part
        weights[start : start + length] += gain
    return out / weights
