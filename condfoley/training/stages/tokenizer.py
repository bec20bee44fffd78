"""Stage `tokenizer`: the spectrogram VQGAN's losses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn

from condfoley.data.store import CachedClip
from condfoley.errors import InputError
from condfoley.networks.mel import window_spec
from condfoley.networks.tokenizer import Tokenizer
from condfoley.training.codebook import MovingCodebook, code_usage
from condfoley.training.config import TrainConfig
from condfoley.training.prerequisites import started
from condfoley.training.stage import DISCRIMINATOR, Batch, Loss, Stage, fixed_streams, random_sounds
from condfoley.weights import load_part


class TokenizerStage(Stage):
    """L1 or MSE + perceptual + codebook + patch discriminator (published_facts.md, section 4).

    Spectrograms are to be given back as they are or, with a teacher, as its decoder gives them back.
    """

    part = "tokenizer"
    sound_only = True

    def __init__(self, config: TrainConfig, accelerator: Accelerator):
        super().__init__(config, accelerator)
        loss = config.loss
        self.tokenizer: Tokenizer = started(Tokenizer(config.tokenizer), self.part, config)
        self.teacher: Tokenizer | None = None
        if config.teacher:
            self.teacher = load_part(Path(config.teacher), self.part, str(self.drawn_on))
            take_over(self.tokenizer, self.teacher)
        self.codebook: MovingCodebook | None = None
        if loss.decoder_only:
            for fixed in (self.tokenizer.encoder, self.tokenizer.quant_conv, self.tokenizer.quantize):
                fixed.requires_grad_(False)
        elif loss.codebook_update == "ema":
            self.codebook = MovingCodebook(self.tokenizer.quantize.embedding, begun=bool(config.init)).to(self.device)
            accelerator.register_for_checkpointing(self.codebook)
        self.add("tokenizer", self.tokenizer, config.lr, self._loss)
        self.perceptual = self._perceptual() if loss.perceptual else None
        if loss.adversarial or loss.feature_matching:
            from taming.modules.discriminator.model import NLayerDiscriminator, weights_init

            disc = NLayerDiscriminator(input_nc=1, ndf=loss.disc_channels, n_layers=3).apply(weights_init)
            self.add(DISCRIMINATOR, disc, config.lr_disc, self._discriminator_loss)
        held_out = self._sounds(self.store.validation, fixed_streams(48)).to(self.device)
        (self.held_out, self.wanted), self.held_out_names = held_out.tensors, held_out.names

    def _perceptual(self) -> nn.Module:
        from condfoley.training.perceptual import Perceptual

        if not self.config.loss.perceptual_weights:
            raise InputError(
                "loss.perceptual needs the weights of a VGG-like network: set loss.perceptual_weights, "
                "or loss.perceptual=0 (loss.feature_matching compares the discriminator's features instead)"
            )
        return Perceptual.load(self.config.loss.perceptual_weights).to(self.device)

    def draw(self, rngs: Sequence[np.random.Generator]) -> Batch:
        """Spectrograms (B, 1, n_mels, T) in [-1, 1] of random windows, and as they are to be given back."""
        return self._sounds(self.store.train, rngs)

    def _sounds(self, clips: list[CachedClip], rngs: Sequence[np.random.Generator]) -> Batch:
        names, wav = random_sounds(clips, self.geometry.clip_samples, rngs)
        wanted = spec = window_spec(wav.to(self.drawn_on), self.geometry)
        if self.teacher:
            wanted = self.teacher.decode(self.teacher.encode(spec), self.geometry.code_rows)
        return Batch(names, (spec, wanted))

    def learn(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """One update of the tokenizer and, from its first step on, of the discriminator."""
        spec, wanted = batch.tensors
        return self.update_judged(step, wanted, spec, wanted, step)

    def _loss(self, spec: Tensor, wanted: Tensor, step: int, judged: bool) -> Loss:
        out, codebook, indices = self._forward(spec, step)
        with self.exact():
            metrics = self._distances(out.float(), wanted)
        weights = self.config.loss
        loss = metrics["reconstruction"] + weights.codebook * codebook
        if "perceptual" in metrics:
            loss = loss + weights.perceptual * metrics["perceptual"]
        metrics["codebook"] = codebook
        if indices is not None:
            metrics |= code_usage(indices, self.tokenizer.config.n_embed)
        if judged:
            loss = loss + self._fool(out, wanted, metrics)
        return loss, {k: v.detach() for k, v in metrics.items()} | {"made": out.detach().float()}

    def _forward(self, spec: Tensor, step: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Spectrograms given back, the codebook's loss, and the codes (None before there is quantisation)."""
        t = self.tokenizer
        none = torch.zeros((), device=spec.device)
        if step < self.config.loss.quantise_from:
            return t.decoder(t.post_quant_conv(t.latent(spec))), none, None
        latent = t.latent(spec).float()
        with self.exact():
            quantised, loss, (_, _, indices) = t.quantize(latent)
        indices = indices.flatten()
        if t.training:  # one codebook: what all processes drew counts
            indices = self.accelerator.gather(indices)
        if self.config.loss.decoder_only:
            loss = none
        elif self.codebook is not None and t.training:
            vectors = self.accelerator.gather(latent.detach().permute(0, 2, 3, 1).flatten(0, 2).contiguous())
            generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)  # alike in all processes
            with self.exact():
                self.codebook.update(t.quantize.embedding.weight.data, vectors, indices, generator)
        return t.decoder(t.post_quant_conv(quantised)), loss, indices

    def _distances(self, out: Tensor, spec: Tensor) -> dict[str, Tensor]:
        kind = self.config.loss.reconstruction
        distances = {"l1": F.l1_loss(out, spec), "mse": F.mse_loss(out, spec)}
        used = distances.values() if kind == "both" else [distances[kind]]
        metrics = {"reconstruction": torch.stack(list(used)).sum()}
        if self.perceptual is not None:
            metrics["perceptual"] = self.perceptual(out, spec)
        return metrics

    def _fool(self, out: Tensor, spec: Tensor, metrics: dict[str, Tensor]) -> Tensor:
        """The tokenizer's side of the game; the published weight is 0.8 (published_facts.md, section 4)."""
        made = _activations(self.networks[DISCRIMINATOR], out)
        metrics["adversarial"] = -made[-1].float().mean()
        loss = self.config.loss.adversarial * metrics["adversarial"]
        if self.config.loss.feature_matching:
            with torch.no_grad():
                true = _activations(self.networks[DISCRIMINATOR], spec)
            matched = torch.stack([F.l1_loss(a.float(), b.float()) for a, b in zip(made[:-1], true[:-1])]).mean()
            metrics["feature_matching"] = matched
            loss = loss + self.config.loss.feature_matching * matched
        return loss

    def _discriminator_loss(self, true: Tensor, made: Tensor) -> Loss:
        d = self.networks[DISCRIMINATOR]
        loss = 0.5 * (F.relu(1 - d(true).float()).mean() + F.relu(1 + d(made).float()).mean())
        return loss, {"discriminator": loss.detach()}

    def validate(self, step: int) -> dict[str, float]:
        """L1 of the spectrogram on its [0, 1] scale, and the codes in use, on held-out videos."""
        with self.accelerator.autocast():
            out, _, indices = self._forward(self.held_out, step)
        metrics = {"l1": F.l1_loss(out.float(), self.wanted) / 2}
        if indices is not None:
            metrics |= code_usage(indices, self.tokenizer.config.n_embed)
        return {k: v.item() for k, v in metrics.items()}

    def sample(self, folder: Path, step: int) -> None:
        """Spectrograms as they are to be given back above, reconstructed below."""
        from condfoley.training.plots import stacked

        out, _, _ = self._forward(self.held_out[:6], step)
        rows = {"as the teacher" if self.teacher else "true": self.wanted[:6, 0], "reconstructed": out[:, 0]}
        stacked(folder / f"{step:06d}.png", rows, self.geometry.hop / self.geometry.sample_rate, self.held_out_names)


def take_over(pupil: Tokenizer, teacher: Tokenizer) -> None:
    """Starts a tokenizer with what it has in common with its teacher: all but what its decoder lacks or has narrower.

    Raises InputError where its codes would not be the teacher's.
    """
    known, begun = teacher.state_dict(), pupil.state_dict()
    common = {name: known[name] for name, x in begun.items() if name in known and known[name].shape == x.shape}
    if strange := [name for name in begun if name not in common and not name.startswith("decoder.")]:
        raise InputError(
            "only decoder_res_blocks and decoder_ch_mult may differ from the teacher's tokenizer, "
            f"but so does {strange[0]}"
        )
    pupil.load_state_dict(begun | common)


def _activations(discriminator: Any, x: Tensor) -> list[Tensor]:
    out = []
    for layer in discriminator.main:
        x = layer(x)
        if not isinstance(layer, nn.BatchNorm2d):
            out.append(x)
    return out
