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
from condfoley.training.batches import Batch, draw_sounds, validation_streams
from condfoley.training.codebook import MovingCodebook, code_usage
from condfoley.training.config import TrainConfig
from condfoley.training.prerequisites import load_init
from condfoley.training.stage import DISCRIMINATOR, Loss, Stage, weighted_sum
from condfoley.weights import load_part

LOSS_TERMS = ("perceptual", "codebook", "adversarial", "feature_matching")  # whose weights are in LossConfig


class TokenizerStage(Stage):
    """Loss: L1 or MSE + perceptual + codebook + patch discriminator (published_facts.md, section 4).

    The target is the input spectrogram or, with a teacher, the reconstruction by the teacher's decoder.
    """

    part = "tokenizer"
    sound_only = True

    def __init__(self, config: TrainConfig, accelerator: Accelerator):
        super().__init__(config, accelerator)
        loss = config.loss
        self.weights = {"reconstruction": 1.0}
        self.weights |= {name: getattr(loss, name) for name in LOSS_TERMS}
        self.tokenizer: Tokenizer = load_init(self.built(Tokenizer, config.tokenizer), self.part, config)
        self.teacher: Tokenizer | None = None
        if config.teacher:
            self.teacher = load_part(Path(config.teacher), self.part, str(self.draw_device))
            init_from_teacher(self.tokenizer, self.teacher)
        self.codebook: MovingCodebook | None = None
        if loss.decoder_only:
            for fixed in (self.tokenizer.encoder, self.tokenizer.quant_conv, self.tokenizer.quantize):
                fixed.requires_grad_(False)
        elif loss.codebook_update == "ema":
            self.codebook = MovingCodebook(self.tokenizer.quantize.embedding, initialised=bool(config.init)).to(
                self.device
            )
            accelerator.register_for_checkpointing(self.codebook)
        self.add("tokenizer", self.tokenizer, config.lr, self._loss)
        self.perceptual = self._perceptual() if loss.perceptual else None
        if loss.adversarial or loss.feature_matching:
            from taming.modules.discriminator.model import NLayerDiscriminator, weights_init

            disc = NLayerDiscriminator(input_nc=1, ndf=loss.disc_channels, n_layers=3).apply(weights_init)
            self.add(DISCRIMINATOR, disc, config.lr_disc, self._discriminator_loss)
        held_out = self._sounds(self.store.validation, validation_streams(48)).to(self.device)
        (self.held_out, self.target), self.held_out_names = held_out.tensors, held_out.names

    def _perceptual(self) -> nn.Module:
        from condfoley.training.perceptual import Perceptual

        if not self.config.loss.perceptual_weights:
            raise InputError(
                "loss.perceptual needs the weights of a VGG-like network: set loss.perceptual_weights, "
                "or loss.perceptual=0 (loss.feature_matching compares the discriminator's features instead)"
            )
        return Perceptual.load(self.config.loss.perceptual_weights).to(self.device)

    def draw(self, rngs: Sequence[np.random.Generator]) -> Batch:
        """Spectrograms (B, 1, n_mels, T) in [-1, 1] of random windows, and their targets of the same shape."""
        return self._sounds(self.store.train, rngs)

    def _sounds(self, clips: list[CachedClip], rngs: Sequence[np.random.Generator]) -> Batch:
        names, wav = draw_sounds(clips, self.geometry.clip_samples, rngs)
        target = spec = window_spec(wav.to(self.draw_device), self.geometry)
        if self.teacher:
            target = self.teacher.decode(self.teacher.encode(spec), self.geometry.code_rows)
        return Batch(names, (spec, target))

    def learn(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """One update of the tokenizer and, from `adversarial_from` on, of the discriminator."""
        spec, target = batch.tensors
        return self.update_adversarial(step, target, spec, target, step)

    def _loss(self, spec: Tensor, target: Tensor, step: int, adversarial: bool) -> Loss:
        out, codebook, indices = self._forward(spec, step)
        with self.full_precision():
            terms = self._distances(out.float(), target)
        terms["codebook"] = codebook
        if adversarial:
            terms |= self.adversarial_loss(out, target)
        metrics = {name: term.detach() for name, term in terms.items()}
        if indices is not None:
            metrics |= code_usage(indices, self.tokenizer.config.n_embed)
        return weighted_sum(terms, self.weights), metrics | {"generated": out.detach().float()}

    def _forward(self, spec: Tensor, step: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Reconstructed spectrograms, codebook loss, and codes (None before `quantise_from`)."""
        t = self.tokenizer
        none = torch.zeros((), device=spec.device)
        if step < self.config.loss.quantise_from:
            return t.decoder(t.post_quant_conv(t.latent(spec))), none, None
        latent = t.latent(spec).float()
        with self.full_precision():
            quantised, loss, (_, _, indices) = t.quantize(latent)
        indices = indices.flatten()
        if t.training:  # the codebook is updated with the vectors of all processes
            indices = self.accelerator.gather(indices)
        if self.config.loss.decoder_only:
            loss = none
        elif self.codebook is not None and t.training:
            vectors = self.accelerator.gather(latent.detach().permute(0, 2, 3, 1).flatten(0, 2).contiguous())
            generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)  # the same in all processes
            with self.full_precision():
                self.codebook.update(t.quantize.embedding.weight.data, vectors, indices, generator)
        return t.decoder(t.post_quant_conv(quantised)), loss, indices

    def _distances(self, out: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Terms of the loss that compare spectrograms (B, 1, n_mels, T): reconstruction, perceptual."""
        kind = self.config.loss.reconstruction
        distances = {"l1": F.l1_loss(out, target), "mse": F.mse_loss(out, target)}
        used = distances.values() if kind == "both" else [distances[kind]]
        terms = {"reconstruction": torch.stack(list(used)).sum()}
        if self.perceptual is not None:
            terms["perceptual"] = self.perceptual(out, target)
        return terms

    def adversarial_loss(self, out: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Terms of the loss that use the discriminator (published_facts.md, section 4)."""
        activations = _activations(self.discriminator(), out)
        terms = {"adversarial": -activations[-1].float().mean()}
        if self.config.loss.feature_matching:
            with torch.no_grad():
                true = _activations(self.discriminator(), target)
            pairs = zip(activations[:-1], true[:-1])
            terms["feature_matching"] = torch.stack([F.l1_loss(a.float(), b.float()) for a, b in pairs]).mean()
        return terms

    def _discriminator_loss(self, true: Tensor, generated: Tensor) -> Loss:
        d = self.discriminator()
        loss = 0.5 * (F.relu(1 - d(true).float()).mean() + F.relu(1 + d(generated).float()).mean())
        return loss, {"discriminator": loss.detach()}

    def validate(self, step: int) -> dict[str, float]:
        """L1 of the spectrogram on its [0, 1] scale, and usage of the codebook, on held-out videos."""
        with self.accelerator.autocast():
            out, _, indices = self._forward(self.held_out, step)
        metrics = {"l1": F.l1_loss(out.float(), self.target) / 2}
        if indices is not None:
            metrics |= code_usage(indices, self.tokenizer.config.n_embed)
        return {k: v.item() for k, v in metrics.items()}

    def sample(self, folder: Path, step: int) -> None:
        """Target spectrograms (upper row) and reconstructed ones (lower row)."""
        from condfoley.training.plots import draw_spectrograms

        out, _, _ = self._forward(self.held_out[:6], step)
        rows = {"as the teacher" if self.teacher else "true": self.target[:6, 0], "reconstructed": out[:, 0]}
        draw_spectrograms(
            folder / f"{step:06d}.png", rows, self.geometry.hop / self.geometry.sample_rate, self.held_out_names
        )


def init_from_teacher(student: Tokenizer, teacher: Tokenizer) -> None:
    """Initialises a tokenizer with all tensors of its teacher that exist in it with the same shape.

    Raises InputError when a tensor outside the decoder differs, so that its codes would not be the teacher's.
    """
    teacher_state, student_state = teacher.state_dict(), student.state_dict()
    common = {
        name: teacher_state[name]
        for name, x in student_state.items()
        if name in teacher_state and teacher_state[name].shape == x.shape
    }
    if different := [name for name in student_state if name not in common and not name.startswith("decoder.")]:
        raise InputError(
            "only decoder_res_blocks and decoder_ch_mult may differ from the teacher's tokenizer, "
            f"but so does {different[0]}"
        )
    student.load_state_dict(student_state | common)


def _activations(discriminator: Any, x: Tensor) -> list[Tensor]:
    out = []
    for layer in discriminator.main:
        x = layer(x)
        if not isinstance(layer, nn.BatchNorm2d):
            out.append(x)
    return out
