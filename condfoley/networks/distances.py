"""Distances of two sounds that a network can be trained with."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def stft_distance(estimate: Tensor, true: Tensor, sizes: tuple[int, ...] = (256, 512, 1024, 2048)) -> Tensor:
    """Multi-resolution STFT distance: spectral convergence plus L1 of log magnitudes (Yamamoto et al. 2020).

    estimate, true: (B, N), N > half the largest size. Returns a scalar, 0 for equal sounds.
    """
    total = estimate.new_zeros(())
    for n in sizes:
        window = torch.hann_window(n, device=estimate.device)
        a, b = (torch.stft(x, n, n // 4, window=window, return_complex=True).abs() for x in (estimate, true))
        convergence = (a - b).square().sum((1, 2)).sqrt() / (b.square().sum((1, 2)).sqrt() + 1e-3)
        total = total + convergence.clamp(max=4).mean() + F.l1_loss((a + 1e-4).log(), (b + 1e-4).log())
    return total / len(sizes)
