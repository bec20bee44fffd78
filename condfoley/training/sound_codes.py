"""Stage `tokenizer`: the spectrogram VQGAN's losses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condfoley.errors import InputError
from condfoley.mel import window_spec
from condfoley.tokenizer import Tokenizer
from condfoley.training.config import TrainConfig
from condfoley.training.stage import Stage, random_sounds


class MovingCodebook(nn.Module):
    """Codebook rows as moving averages of the vectors they stand for; rows that nobody uses start anew.

    Steadier than the gradient in short trainings (van den Oord et al. 2017, appendix A.1; restart: Dhariwal et al.
    2020).
    """

    count: Tensor
    total: Tensor
    started: Tensor

    def __init__(self, book: nn.Embedding, keep: float = 0.97, dead: float = 0.02):
        super().__init__()
        self.keep, self.dead = keep, dead
        book.weight.requires_grad_(False)
        self.register_buffer("count", torch.zeros(book.num_embeddings))
        self.register_buffer("total", torch.zeros_like(book.weight))
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))

    @torch.no_grad()
    def update(self, book: Tensor, vectors: Tensor, indices: Tensor) -> None:
        """book: (K, D), changed in place. vectors: (M, D). indices: (M,) rows that stand for them."""
        if not self.started:
            book.copy_(vectors[torch.randint(len(vectors), (len(book),))] + 0.01 * torch.randn_like(book))
            self.total.copy_(book)
            self.count.fill_(1.0)
            self.started.fill_(True)
            return
        used = F.one_hot(indices, len(book)).to(vectors.dtype)  # (M, K)
        self.count.mul_(self.keep).add_(used.sum(0), alpha=1 - self.keep)
        self.total.mul_(self.keep).add_(used.T @ vectors, alpha=1 - self.keep)
        book.copy_(self.total / (self.count[:, None] + 1e-3))
        lost = torch.lt(self.count, self.dead)
        if lost.any():
            fresh = vectors[torch.randint(len(vectors), (int(lost.sum()),))]
            book[lost], self.total[lost], self.count[lost] = fresh, fresh, 1.0


class TokenizerStage(Stage):
    """L1 or MSE + perceptual + codebook + patch discriminator (facts.md, section 4)."""

    part = "tokenizer"
    sound_only = True

    def __init__(self, config: TrainConfig):
        super().__init__(config)
        loss = config.loss
        self.tokenizer: Tokenizer = Tokenizer(config.tokenizer)
        if loss.decoder_only:
            for fixed in (self.tokenizer.encoder, self.tokenizer.quant_conv, self.tokenizer.quantize):
                fixed.requires_grad_(False)
        elif loss.codebook_update == "ema":
            self.codebook = MovingCodebook(self.tokenizer.quantize.embedding).to(self.device)
            self.networks["codebook"] = self.codebook
        self.add("tokenizer", self.tokenizer, config.lr)
        self.perceptual: nn.Module | None = None
        if loss.perceptual:
            if not loss.perceptual_weights:
                raise InputError(
                    "loss.perceptual needs the weights of a VGG-like network: set loss.perceptual_weights, "
                    "or loss.perceptual=0 (loss.feature_matching compares the discriminator's features instead)"
                )
            from condfoley.training.perceptual import Perceptual

            self.perceptual = Perceptual.load(loss.perceptual_weights).to(self.device)
        if loss.adversarial or loss.feature_matching:
            from taming.modules.discriminator.model import NLayerDiscriminator, weights_init

            disc = NLayerDiscriminator(input_nc=1, ndf=loss.disc_channels, n_layers=3).apply(weights_init)
            self.add("discriminator", disc, config.lr_disc)
        rng = np.random.default_rng(12345)
        wav = random_sounds(self.store.validation, 48, self.geometry.window_samples, rng)
        self.held_out = window_spec(wav.to(self.device), self.geometry)

    def step(self, step: int, rng: np.random.Generator) -> dict[str, float]:
        """One update of the tokenizer and, from its first step on, of the discriminator."""
        c = self.config
        wav = random_sounds(self.store.train, c.batch_size, self.geometry.window_samples, rng)
        spec = window_spec(wav.to(self.device), self.geometry)
        with self.autocast():
            out, codebook, used = self._forward(spec, step)
            out = out.float()
            distance = self._distance(out, spec)
            loss = distance + c.loss.codebook * codebook
            metrics = {"distance": distance.item(), "codebook": codebook.item(), "codes": used}
            adversarial = "discriminator" in self.networks and step >= c.loss.adversarial_from
            if adversarial:
                loss = loss + self._fool(out, spec, metrics)
        self.update("tokenizer", loss)
        if adversarial:
            self._teach_discriminator(out.detach(), spec, metrics)
        return metrics

    def _forward(self, spec: Tensor, step: int) -> tuple[Tensor, Tensor, int]:
        t = self.tokenizer
        if step < self.config.loss.quantise_from:
            return t.decoder(t.post_quant_conv(t.latent(spec))), torch.zeros((), device=spec.device), 0
        latent = t.latent(spec).float()
        quantised, loss, (_, _, indices) = t.quantize(latent)
        if self.config.loss.decoder_only:
            loss = torch.zeros((), device=spec.device)
        elif "codebook" in self.networks and t.training:
            vectors = latent.detach().permute(0, 2, 3, 1).flatten(0, 2)
            self.codebook.update(t.quantize.embedding.weight.data, vectors, indices.flatten())
        return t.decoder(t.post_quant_conv(quantised)), loss, int(indices.unique().numel())

    def _distance(self, out: Tensor, spec: Tensor) -> Tensor:
        kind = self.config.loss.reconstruction
        loss = out.new_zeros(())
        if kind in ("l1", "both"):
            loss = loss + F.l1_loss(out, spec)
        if kind in ("mse", "both"):
            loss = loss + F.mse_loss(out, spec)
        if self.perceptual is not None:
            loss = loss + self.config.loss.perceptual * self.perceptual(out, spec)
        return loss

    def _fool(self, out: Tensor, spec: Tensor, metrics: dict[str, float]) -> Tensor:
        """The tokenizer's side of the game; the published adaptive weight is the constant 0.8 (facts.md)."""
        made = _activations(self.networks["discriminator"], out)
        loss = -self.config.loss.adversarial * made[-1].mean()
        if self.config.loss.feature_matching:
            with torch.no_grad():
                true = _activations(self.networks["discriminator"], spec)
            match = torch.stack([F.l1_loss(a, b) for a, b in zip(made[:-1], true[:-1])]).mean()
            metrics["feature_matching"] = match.item()
            loss = loss + self.config.loss.feature_matching * match
        return loss

    def _teach_discriminator(self, out: Tensor, spec: Tensor, metrics: dict[str, float]) -> None:
        with self.autocast():
            d = self.networks["discriminator"]
            loss = 0.5 * (F.relu(1 - d(spec)).mean() + F.relu(1 + d(out)).mean())
        self.update("discriminator", loss.float())
        metrics["discriminator"] = loss.item()

    def validate(self, step: int) -> dict[str, float]:
        """L1 of the spectrogram on its [0, 1] scale, and the codes in use, on held-out videos."""
        out, _, used = self._forward(self.held_out, step)
        return {"l1": F.l1_loss(out, self.held_out).item() / 2, "codes": used}

    def sample(self, folder: Path, step: int) -> None:
        """True spectrograms above, reconstructed below."""
        from condfoley.training.pictures import stacked

        out, _, _ = self._forward(self.held_out[:6], step)
        stacked(folder / f"{step:06d}.png", {"true": self.held_out[:6, 0], "reconstructed": out[:, 0]})


def _activations(discriminator: Any, x: Tensor) -> list[Tensor]:
    out = []
    for layer in discriminator.main:
        x = layer(x)
        if not isinstance(layer, nn.BatchNorm2d):
            out.append(x)
    return out
