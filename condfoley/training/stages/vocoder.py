"""Stage `vocoder`: MelGAN with multi-scale discriminators and feature matching (Kumar et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from condfoley.networks.distances import stft_distance
from condfoley.networks.mel import log_mel
from condfoley.networks.vocoder import Vocoder
from condfoley.training.batches import Batch, draw_sounds, validation_streams
from condfoley.training.config import TrainConfig
from condfoley.training.prerequisites import load_init
from condfoley.training.stage import DISCRIMINATOR, Loss, Stage, weighted_sum
from condfoley.weights import load_part

LOSS_TERMS = ("stft", "mel", "adversarial", "feature_matching")  # whose weights are in LossConfig


class ScaleDiscriminator(nn.Module):
    """Discriminates windows of a waveform at one sample rate."""

    def __init__(self, channels: int):
        super().__init__()
        layers = [nn.Sequential(nn.ReflectionPad1d(7), weight_norm(nn.Conv1d(1, channels, 15)), nn.LeakyReLU(0.2))]
        width = channels
        for _ in range(4):
            wider = min(4 * width, 1024)
            conv = weight_norm(nn.Conv1d(width, wider, 41, stride=4, padding=20, groups=width // 4))
            layers.append(nn.Sequential(conv, nn.LeakyReLU(0.2)))
            width = wider
        layers.append(nn.Sequential(weight_norm(nn.Conv1d(width, width, 5, padding=2)), nn.LeakyReLU(0.2)))
        layers.append(nn.Sequential(weight_norm(nn.Conv1d(width, 1, 3, padding=1))))
        self.layers = nn.ModuleList(layers)

    def forward(self, wav: Tensor) -> list[Tensor]:
        """wav: (B, 1, N) -> activations of each layer; the last ones are its scores."""
        out = []
        for layer in self.layers:
            wav = layer(wav)
            out.append(wav)
        return out


class MultiScaleDiscriminator(nn.Module):
    """Discriminators of the same architecture at the full, half and quarter sample rate."""

    def __init__(self, channels: int = 16, scales: int = 3):
        super().__init__()
        # the name is that of the tensors in checkpoints
        self.judges = nn.ModuleList([ScaleDiscriminator(channels) for _ in range(scales)])

    def forward(self, wav: Tensor) -> list[list[Tensor]]:
        """wav: (B, N) -> activations of each discriminator."""
        x = wav[:, None]
        out = []
        for discriminator in self.judges:
            out.append(discriminator(x))
            x = F.avg_pool1d(x, 4, stride=2, padding=1, count_include_pad=False)
        return out


class VocoderStage(Stage):
    """Trained to resynthesise sounds from their spectrograms, a share of which are reconstructed by the tokenizer."""

    part = "vocoder"
    sound_only = True

    def __init__(self, config: TrainConfig, accelerator: Accelerator):
        super().__init__(config, accelerator)
        self.weights = {name: getattr(config.loss, name) for name in LOSS_TERMS}
        vocoder = load_init(self.built(Vocoder, config.vocoder), self.part, config)
        self.vocoder: Vocoder = self.add("vocoder", vocoder, config.lr, self._loss)
        if config.loss.adversarial or config.loss.feature_matching:
            disc = MultiScaleDiscriminator(config.loss.disc_channels)
            self.add(DISCRIMINATOR, disc, config.lr_disc, self._discriminator_loss)
        self.tokenizer = None
        if config.loss.reconstructed:
            self.tokenizer = load_part(Path(config.weights), "tokenizer", str(self.draw_device))
        frames = (config.window or self.geometry.window_samples) // self.geometry.hop
        self.samples = min(frames, self.geometry.window_mel_frames) * self.geometry.hop
        self.held_out_names, held_out = draw_sounds(
            self.store.validation, self.geometry.window_samples, validation_streams(32)
        )
        self.held_out = held_out.to(self.device)

    @classmethod
    def needs(cls, config: TrainConfig) -> tuple[str, ...]:
        """The tokenizer, with `loss.reconstructed`."""
        return ("tokenizer",) if config.loss.reconstructed else ()

    def _spec(self, wav: Tensor, frames: int) -> Tensor:
        return log_mel(wav, self.geometry)[:, :, :frames]

    @torch.no_grad()
    def draw(self, rngs: Sequence[np.random.Generator]) -> Batch:
        """Waveforms (B, samples) and spectrograms of the same span (B, n_mels, frames)."""
        g = self.geometry
        names, window = draw_sounds(self.store.train, g.window_samples, rngs)
        window = window.to(self.draw_device)
        spec = self._spec(window, g.window_mel_frames)
        if self.tokenizer is not None:
            chosen = [i for i, rng in enumerate(rngs) if rng.random() < self.config.loss.reconstructed]
            if chosen:
                codes = self.tokenizer.encode(2 * spec[chosen, None] - 1)
                reconstructed = (self.tokenizer.decode(codes, g.code_rows)[:, 0] + 1) / 2
                spec[chosen] = reconstructed.clamp(0, 1)
        frames = self.samples // g.hop
        wavs, specs = [], []
        for i, rng in enumerate(rngs):  # the loudest of three random spans, so that attacks are frequent
            starts = rng.integers(0, g.window_mel_frames - frames + 1, 3)
            pieces = [window[i, s * g.hop : s * g.hop + self.samples] for s in starts]
            k = int(np.argmax([p.square().mean().item() for p in pieces]))
            wavs.append(pieces[k])
            specs.append(spec[i, :, starts[k] : starts[k] + frames])
        return Batch(names, (torch.stack(wavs), torch.stack(specs)))

    def learn(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """One update of the vocoder and, from `adversarial_from` on, of the discriminators."""
        wav, spec = batch.tensors
        return self.update_adversarial(step, wav, wav, spec)

    def _loss(self, wav: Tensor, spec: Tensor, adversarial: bool) -> Loss:
        generated = self.vocoder(spec).float()
        terms = {}
        with self.full_precision():
            if self.weights["stft"]:
                terms["stft"] = stft_distance(generated, wav)
            if self.weights["mel"]:
                frames = spec.shape[2]
                terms["mel"] = F.l1_loss(self._spec(generated, frames), self._spec(wav, frames))
        if adversarial:
            terms |= self.adversarial_loss(generated, wav)
        loss = weighted_sum(terms, self.weights) if terms else 0.0 * generated.sum()
        return loss, {name: term.detach() for name, term in terms.items()} | {"generated": generated.detach()}

    def adversarial_loss(self, generated: Tensor, wav: Tensor) -> dict[str, Tensor]:
        """Terms of the loss that use the discriminators, for waveforms (B, N)."""
        fake = self.discriminator()(generated)
        with torch.no_grad():
            real = self.discriminator()(wav)
        pairs = [(a.float(), b.float()) for f, r in zip(fake, real) for a, b in zip(f[:-1], r[:-1])]
        return {
            "adversarial": torch.stack([-f[-1].float().mean() for f in fake]).sum(),
            "feature_matching": torch.stack([F.l1_loss(a, b) for a, b in pairs]).mean(),
        }

    def _discriminator_loss(self, true: Tensor, generated: Tensor) -> Loss:
        d = self.discriminator()
        real, fake = d(true), d(generated)
        terms = [F.relu(1 - r[-1].float()).mean() + F.relu(1 + f[-1].float()).mean() for r, f in zip(real, fake)]
        loss = torch.stack(terms).sum()
        return loss, {"discriminator": loss.detach()}

    def validate(self, step: int) -> dict[str, float]:
        """STFT distance and mel L1 of resynthesised held-out sounds."""
        spec = self._spec(self.held_out, self.geometry.window_mel_frames)
        wav = self.vocoder(spec)
        mel_l1 = F.l1_loss(self._spec(wav, spec.shape[2]), spec)
        return {"stft": stft_distance(wav, self.held_out).item(), "mel_l1": mel_l1.item()}

    def sample(self, folder: Path, step: int) -> None:
        """Spectrograms of true and resynthesised sounds, and a WAV file in which they alternate."""
        import soundfile

        from condfoley.training.plots import draw_spectrograms

        true = self.held_out[:6]
        spec = self._spec(true, self.geometry.window_mel_frames)
        wav = self.vocoder(spec)
        rows, g = {"true": 2 * spec - 1, "resynthesised": 2 * self._spec(wav, spec.shape[2]) - 1}, self.geometry
        draw_spectrograms(folder / f"{step:06d}.png", rows, g.hop / g.sample_rate, self.held_out_names)
        turns = torch.stack([true, wav], 1).flatten().cpu().numpy()
        soundfile.write(folder / f"{step:06d}.wav", turns, self.geometry.sample_rate)
