"""Spectrogram VQGAN: a window of sound <-> a grid of codes.

taming-transformers' Encoder, Decoder and VectorQuantizer with the published parameter names. Only this module and the
tokenizer's training stage use taming-transformers.
"""

from __future__ import annotations

import contextlib
import io
from functools import partial

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from condfoley.sizes import TokenizerConfig


class Tokenizer(nn.Module):
    """Spectrogram <-> codes, in order of time (columns) and, within a column, of frequency (rows), as published."""

    def __init__(self, config: TokenizerConfig | None = None):
        super().__init__()
        from taming.modules.diffusionmodules import model
        from taming.modules.vqvae.quantize import VectorQuantizer

        model.nonlinearity = partial(F.silu, inplace=True)  # the same function, faster in place

        self.config = c = config or TokenizerConfig()
        sizes = dict(
            ch=c.ch,
            out_ch=1,
            attn_resolutions=list(c.attn_resolutions),
            in_channels=1,
            resolution=c.resolution,
            z_channels=c.z_channels,
            double_z=False,
        )
        with contextlib.redirect_stdout(io.StringIO()):  # the decoder prints its sizes
            self.encoder = model.Encoder(**sizes, ch_mult=tuple(c.ch_mult), num_res_blocks=c.num_res_blocks)
            blocks = c.num_res_blocks if c.decoder_res_blocks is None else c.decoder_res_blocks - 1  # it adds one
            channels = tuple(c.decoder_ch_mult or c.ch_mult)
            self.decoder = model.Decoder(**sizes, ch_mult=channels, num_res_blocks=blocks)
        self.quantize = VectorQuantizer(c.n_embed, c.embed_dim, beta=c.beta)
        fold = (c.row_fold, 1)
        self.quant_conv = nn.Conv2d(c.z_channels, c.embed_dim, fold, stride=fold)
        self.post_quant_conv: nn.Module
        if c.row_fold == 1:
            self.post_quant_conv = nn.Conv2d(c.embed_dim, c.z_channels, 1)
        else:
            self.post_quant_conv = nn.ConvTranspose2d(c.embed_dim, c.z_channels, fold, stride=fold)

    def latent(self, spec: Tensor) -> Tensor:
        """Vectors before quantisation: spec (B, 1, n_mels, T) in [-1, 1] -> (B, embed_dim, rows, columns)."""
        return self.quant_conv(self.encoder(spec))

    def forward(self, spec: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Training pass with straight-through quantisation.

        spec: (B, 1, n_mels, T) in [-1, 1]. Returns the reconstruction (same shape), the codebook loss (scalar)
        and the codes (B, rows * columns), column-major.
        """
        latent = self.latent(spec)
        quantised, loss, (_, _, indices) = self.quantize(latent)
        rows, columns = latent.shape[2:]
        codes = rearrange(indices.view(-1, rows, columns), "b h w -> b (w h)")
        return self.decoder(self.post_quant_conv(quantised)), loss, codes

    def nearest(self, latent: Tensor) -> Tensor:
        """Index of the nearest codebook row for each vector: (B, embed_dim, rows, columns) -> (B, rows, columns) int64."""
        rows, columns = latent.shape[2:]
        flat = rearrange(latent, "b d h w -> (b h w) d")
        book = self.quantize.embedding.weight  # (n_embed, embed_dim)
        distance = (flat**2).sum(1, keepdim=True) + (book**2).sum(1) - 2 * flat @ book.T
        return distance.argmin(1).view(-1, rows, columns)

    @torch.no_grad()
    def encode(self, spec: Tensor) -> Tensor:
        """spec: (B, 1, n_mels, T) in [-1, 1] -> codes (B, rows * columns) int64, column-major.

        Always in fp32, inside autocast too: rounded to bf16, a quarter of the codes would be different.
        """
        with torch.autocast(spec.device.type, enabled=False):
            return rearrange(self.nearest(self.latent(spec.float())), "b h w -> b (w h)")

    @torch.no_grad()
    def decode(self, codes: Tensor, rows: int) -> Tensor:
        """codes: (B, rows * columns), column-major -> spectrogram (B, 1, n_mels, T), nominally in [-1, 1]."""
        vectors = self.quantize.embedding(rearrange(codes, "b (w h) -> b h w", h=rows))  # (B, h, w, d)
        return self.decoder(self.post_quant_conv(rearrange(vectors, "b h w d -> b d h w")))
