"""The training-free aligner of Seeing and Hearing (Xing et al. 2024), for AudioLDM: pure functions.

Latents are moved, while they are denoised, so that their sound is near the picture, and the caption, in a joint embedding. The
gradient goes through the estimate of the clean latents, eq. 11 of the paper, not through the UNet, as in the released code.
Letters in shapes: N candidates, C channels, L rows and W columns of a latent, S seconds, D values of an embedding.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

STRENGTH = 0.1
"""By how much latents are moved in a step (paper, section 4; video2audio.py)."""
FROM = 0.2
"""Share of the steps after which they are moved: where i > int(0.2 * steps) (pipeline_audioldm.py:979, 1010)."""
EPSILON = 1e-8  # of Adam

Listen = Callable[[Tensor], Tensor]
"""Clean latents (N, C, L, W) -> embeddings of the sound of each of their seconds, (N, S, D)."""


def clean_estimate(latents: Tensor, noise: Tensor, kept: float) -> Tensor:
    """The clean latents by an estimate of the noise in them, eq. 11. kept: product of the alphas up to their time."""
    out: Tensor = (latents - (1 - kept) ** 0.5 * noise) / kept**0.5
    return out


def distance(sounds: Tensor, wanted: list[Tensor], as_published: bool = False) -> Tensor:
    """1 - cosine of each sound to what is wanted, the sum of its terms: (N, S, D) -> (N,).

    wanted: (S, D) a term, of the picture's seconds, or (1, D) of a caption. as_published: only the means over all seconds
    are compared, so that nothing knows when a sound is heard (imagebind_model.py:444-475); else each second with its own.
    """
    total = sounds.new_zeros(len(sounds))
    for term in wanted:
        if as_published:
            total = total + 1 - cosine_similarity(sounds.mean(1), term.mean(0)[None], -1)
        else:
            total = total + (1 - cosine_similarity(sounds, term[None], -1)).mean(1)
    return total


def gradient(
    latents: Tensor, noise: Tensor, kept: float, listen: Listen, wanted: list[Tensor], as_published: bool = False
) -> tuple[Tensor, Tensor]:
    """The distance (N,) of noisy latents' sound to what is wanted, and its gradient by the latents, (N, C, L, W)."""
    with torch.enable_grad():
        moved = latents.detach().requires_grad_()
        found = distance(listen(clean_estimate(moved, noise, kept)), wanted, as_published)
        (slope,) = torch.autograd.grad(found.sum(), moved)
    return found.detach(), slope


def power_step(latents: Tensor, slope: Tensor, strength: float = STRENGTH) -> Tensor:
    """Latents against their gradient, by `strength` in the root mean square of each candidate."""
    power = slope.square().mean((1, 2, 3), keepdim=True).sqrt()
    return latents - strength * slope / power.clamp(min=1e-12)


def sign_step(latents: Tensor, slope: Tensor, strength: float = STRENGTH) -> Tensor:
    """As published: the first step of a new Adam, which moves each value by `strength` or hardly (pipeline_audioldm.py:1008)."""
    return latents - strength * slope / (slope.abs() + EPSILON)
