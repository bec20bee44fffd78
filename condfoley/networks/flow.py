"""Flow-matching transformer: noisy tokens of a target's sound -> clean ones, with reference and pictures as context.

A token is a column of the tokenizer's latents or a patch of spectrogram frames. The network predicts the clean tokens
(x-prediction; Li and He 2025, Back to Basics); their velocity follows from time and noisy tokens (Lipman et al. 2023,
Flow Matching for Generative Modeling). The reference's tokens do not see the target: they are encoded without time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condfoley.sizes import FlowConfig

if TYPE_CHECKING:
    from condfoley.networks.tokenizer import Tokenizer

REACH = 3  # picture frames before and after a token's time that are added to it
FREQUENCIES = 32  # of the time's embedding
MODULATIONS = 6  # of a block: shift, scale and gate of the attention, and of the MLP


class Block(nn.Module):
    """Self-attention and an MLP with shifts, scales and gates, one set for all blocks with an offset for each.

    Chen et al. 2024, PixArt-alpha (adaLN-single).
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width, elementwise_affine=False)
        self.mlp_norm = nn.LayerNorm(width, elementwise_affine=False)
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        mlp_out = nn.Linear(4 * width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), mlp_out)
        self.offsets = nn.Parameter(torch.zeros(MODULATIONS, width))
        for layer in (self.project, mlp_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, modulation: Tensor, context: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """One block.

        x: (B, L, width). modulation: (B or 1, 6, width). context: (2, B, heads, L', width // heads), keys and values that x
        attends to beside its own. Returns the next x and its own keys and values, (B, heads, L, width // heads) each.
        """
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = (modulation + self.offsets)[:, :, None].unbind(1)
        normed = self.attention_norm(x) * (1 + scale) + shift
        query, *own = (self._split(part) for part in self.qkv(normed).chunk(3, 2))
        key, value = own if context is None else (torch.cat(pair, 2) for pair in zip(context, own, strict=True))
        attended = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        x = x + (1 + gate) * self.project(attended)
        normed = self.mlp_norm(x) * (1 + mlp_scale) + mlp_shift
        return x + (1 + mlp_gate) * self.mlp(normed), own

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B, heads, L, width // heads)


class Flow(nn.Module):
    """The network. `null_*` are learned replacements for conditions that are dropped."""

    feature_mean: Tensor
    feature_std: Tensor
    mean: Tensor
    std: Tensor
    frame_before: Tensor
    frame_share: Tensor

    def __init__(self, config: FlowConfig | None = None):
        super().__init__()
        self.config = c = config or FlowConfig()
        self.noisy_in = nn.Linear(c.dim, c.width)
        self.reference_in = nn.Linear(c.dim, c.width)
        self.picture_in = nn.Conv1d(c.feature_dim, c.width, 2 * REACH + 1, padding=REACH)
        nn.init.normal_(self.picture_in.weight, std=0.3 / (c.feature_dim * (2 * REACH + 1)) ** 0.5)
        self.positions = nn.Parameter(0.02 * torch.randn(2, c.tokens, c.width))  # of the reference, of the target
        self.known_emb = nn.Parameter(0.02 * torch.randn(c.width))
        self.null_reference = nn.Parameter(torch.zeros(c.tokens, c.width))
        self.null_picture = nn.Parameter(torch.zeros(2, c.width))  # the reference's, the target's
        time_out = nn.Linear(c.width, MODULATIONS * c.width)
        self.time_in = nn.Sequential(nn.Linear(2 * FREQUENCIES, c.width), nn.SiLU(), time_out)
        nn.init.zeros_(time_out.weight)
        self.reference_modulation = nn.Parameter(torch.zeros(MODULATIONS, c.width))
        self.blocks = nn.ModuleList(Block(c.width, c.heads) for _ in range(c.depth))
        self.norm = nn.LayerNorm(c.width)
        self.out = nn.Linear(c.width, c.dim)
        nn.init.zeros_(self.out.weight)
        for name, size in (("feature", c.feature_dim), ("", c.dim)):  # statistics of picture tokens and of sound
            self.register_buffer(f"{name}_mean".lstrip("_"), torch.zeros(size))
            self.register_buffer(f"{name}_std".lstrip("_"), torch.ones(size))
        self._init_times(c)

    def _init_times(self, c: FlowConfig) -> None:
        """For the centre of each token: the picture frame whose centre is last before it, and the next one's share."""
        centre = ((torch.arange(c.tokens) + 0.5) * c.frames / c.tokens - 0.5).clamp(0, c.frames - 1)
        before = centre.long().clamp(max=max(0, c.frames - 2))
        self.register_buffer("frame_before", before, persistent=False)
        self.register_buffer("frame_share", (centre - before)[:, None], persistent=False)

    def standardise(self, values: Tensor) -> Tensor:
        """Raw tokens (B, L, dim) -> tokens of mean 0 and deviation 1 over the training data."""
        return (values - self.mean) / self.std

    def restore(self, tokens: Tensor) -> Tensor:
        """The inverse of `standardise`."""
        return tokens * self.std + self.mean

    def forward(
        self,
        noisy: Tensor,
        known: Tensor,
        time: Tensor,
        reference: Tensor,
        reference_tokens: Tensor,
        target_tokens: Tensor,
        no_picture: Tensor,
        no_reference: Tensor,
        no_reference_picture: Tensor,
    ) -> Tensor:
        """Estimate of the clean target, standardised: (B, L, dim).

        noisy: (B, L, dim), (1 - time) * noise + time * clean, but clean where `known`. known: (B, L) float, 0 or 1.
        time: (B,) from 0 (noise) to 1. reference: (B, L', dim) standardised. L and L' are at most `config.tokens`; what
        is missing is at the right. reference_tokens, target_tokens: (B, frames, feature_dim) of the pictures.
        no_picture, no_reference, no_reference_picture: (B,) bool, True where the target's picture, the reference with
        its picture, or the reference's picture is dropped.
        """
        context = self.encode_reference(reference, reference_tokens, no_reference, no_reference_picture)
        return self.denoise(noisy, known, time, target_tokens, no_picture, context)

    def encode_reference(
        self, reference: Tensor, reference_tokens: Tensor, no_reference: Tensor, no_reference_picture: Tensor
    ) -> Tensor:
        """The context that a reference is for a target: the same for all candidates and times. See `forward`.

        Keys and values of each block: (depth, 2, B, heads, L', width // heads).
        """
        length = reference.shape[1]
        x = self.reference_in(reference) + self._picture(reference_tokens, no_reference_picture, 0, length)
        x = torch.where(no_reference[:, None, None], self.null_reference[:length], x) + self.positions[0, :length]
        out = []
        for block in self.blocks:
            x, kept = block(x, self.reference_modulation[None])
            out.append(torch.stack(kept))
        return torch.stack(out)

    def denoise(
        self,
        noisy: Tensor,
        known: Tensor,
        time: Tensor,
        target_tokens: Tensor,
        no_picture: Tensor,
        context: Tensor,
    ) -> Tensor:
        """`forward` with the context of `encode_reference`, of B references or of one for all."""
        rows, length = noisy.shape[:2]
        x = self.noisy_in(noisy) + self._picture(target_tokens, no_picture, 1, length) + self.positions[1, :length]
        x = x + known[:, :, None] * self.known_emb
        modulation = self._modulation(time)
        for block, kept in zip(self.blocks, context.expand(-1, -1, rows, -1, -1, -1), strict=True):
            x, _ = block(x, modulation, kept)
        return self.out(self.norm(x))

    def _modulation(self, time: Tensor) -> Tensor:
        """Shifts, scales and gates of all blocks at a time: (B,) -> (B, 6, width)."""
        rates = torch.exp(-math.log(1000) / FREQUENCIES * torch.arange(FREQUENCIES, device=time.device))
        angles = 100 * time[:, None] * rates  # (B, FREQUENCIES)
        return self.time_in(torch.cat([angles.sin(), angles.cos()], 1)).unflatten(1, (MODULATIONS, -1))

    def _picture(self, frames: Tensor, dropped: Tensor, clip: int, length: int) -> Tensor:
        """Picture around the time of each token, (B, frames, feature_dim) -> (B, length, width); clip: 1 is the target."""
        embedded = self.picture_in(((frames - self.feature_mean) / self.feature_std).transpose(1, 2)).transpose(1, 2)
        before, share = self.frame_before[:length], self.frame_share[:length]
        aligned = embedded[:, before] * (1 - share) + embedded[:, before + 1] * share
        return torch.where(dropped[:, None, None], self.null_picture[clip], aligned)


def velocity(clean: Tensor, noisy: Tensor, time: Tensor, least: float) -> Tensor:
    """Velocity from noise to sound, (B, L, dim), of an estimate of the clean tokens; time: (B,).

    least: smallest 1 - time that is divided by, since the estimate's error is divided too.
    """
    return (clean - noisy) / (1 - time).clamp(min=least)[:, None, None]


def to_patches(specs: Tensor, patch: int) -> Tensor:
    """Spectrograms (B, n_mels, M) -> patches of `patch` frames, mel fastest: (B, M // patch, patch * n_mels)."""
    return specs.transpose(1, 2).unflatten(1, (-1, patch)).flatten(2)


def from_patches(patches: Tensor, patch: int) -> Tensor:
    """The inverse of `to_patches`."""
    return patches.unflatten(2, (patch, -1)).flatten(1, 2).transpose(1, 2)


def to_columns(latents: Tensor) -> Tensor:
    """The tokenizer's latents (B, embed_dim, rows, columns) -> a token for each column: (B, columns, rows * embed_dim)."""
    return latents.permute(0, 3, 2, 1).flatten(2)


def from_columns(columns: Tensor, rows: int) -> Tensor:
    """The inverse of `to_columns`."""
    return columns.unflatten(2, (rows, -1)).permute(0, 3, 2, 1)


def to_specs(tokens: Tensor, config: FlowConfig, tokenizer: Tokenizer | None) -> Tensor:
    """Spectrograms (B, n_mels, M), nominally in [-1, 1], of raw tokens (B, L, dim). tokenizer: for latents."""
    if tokenizer is None:
        return from_patches(tokens, config.patch)
    latents = from_columns(tokens, config.dim // tokenizer.config.embed_dim)
    specs: Tensor = tokenizer.decoder(tokenizer.post_quant_conv(latents))[:, 0]
    return specs
