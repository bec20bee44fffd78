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
from condfoley.training.config import TrainConfig
from condfoley.training.prerequisites import started
from condfoley.training.stage import DISCRIMINATOR, Batch, Loss, Stage, fixed_streams, random_sounds
from condfoley.weights import load_part


class ScaleDiscriminator(nn.Module):
    """Judges windows of a waveform at one rate; returns all its activations, the verdict last."""

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
        """(B, 1, N) -> activations of each layer."""
        out = []
        for layer in self.layers:
            wav = layer(wav)
            out.append(wav)
        return out


class MultiScaleDiscriminator(nn.Module):
    """The same judge at the full, the half and the quarter rate."""

    def __init__(self, channels: int = 16, scales: int = 3):
        super().__init__()
        self.judges = nn.ModuleList([ScaleDiscriminator(channels) for _ in range(scales)])

    def forward(self, wav: Tensor) -> list[list[Tensor]]:
        """wav: (B, N) -> activations of each judge."""
        x = wav[:, None]
        out = []
        for judge in self.judges:
            out.append(judge(x))
            x = F.avg_pool1d(x, 4, stride=2, padding=1, count_include_pad=False)
        return out


class VocoderStage(Stage):
    """Spectrograms of true sounds (a share of them through the tokenizer first) -> waveforms."""

    part = "vocoder"
    sound_only = True

    def __init__(self, config: TrainConfig, accelerator: Accelerator):
        super().__init__(config, accelerator)
        vocoder = started(Vocoder(config.vocoder), self.part, config)
        self.vocoder: Vocoder = self.add("vocoder", vocoder, config.lr, self._loss)
        if config.loss.adversarial or config.loss.feature_matching:
            disc = MultiScaleDiscriminator(config.loss.disc_channels)
            self.add(DISCRIMINATOR, disc, config.lr_disc, self._discriminator_loss)
        self.tokenizer = None
        if config.loss.reconstructed:
            self.tokenizer = load_part(Path(config.weights), "tokenizer", str(self.drawn_on))
        frames = (config.window or self.geometry.window_samples) // self.geometry.hop
        self.samples = min(frames, self.geometry.window_mel_frames) * self.geometry.hop
        self.held_out_names, held_out = random_sounds(
            self.store.validation, self.geometry.window_samples, fixed_streams(32)
        )
        self.held_out = held_out.to(self.device)

    @classmethod
    def needs(cls, config: TrainConfig) -> tuple[str, ...]:
        """The tokenizer, when it is to hear some spectrograms through it."""
        return ("tokenizer",) if config.loss.reconstructed else ()

    def _spec(self, wav: Tensor, frames: int) -> Tensor:
        return log_mel(wav, self.geometry)[:, :, :frames]

    @torch.no_grad()
    def draw(self, rngs: Sequence[np.random.Generator]) -> Batch:
        """(waveform (B, samples), spectrogram of the same span (B, n_mels, frames))."""
        g = self.geometry
        names, window = random_sounds(self.store.train, g.window_samples, rngs)
        window = window.to(self.drawn_on)
        spec = self._spec(window, g.window_mel_frames)
        if self.tokenizer is not None:
            chosen = [i for i, rng in enumerate(rngs) if rng.random() < self.config.loss.reconstructed]
            if chosen:
                codes = self.tokenizer.encode(2 * spec[chosen, None] - 1)
                made = (self.tokenizer.decode(codes, g.code_rows)[:, 0] + 1) / 2
                spec[chosen] = made.clamp(0, 1)
        frames = self.samples // g.hop
        wavs, specs = [], []
        for i, rng in enumerate(rngs):  # the loudest of three random places, so that attacks are seen often
            starts = rng.integers(0, g.window_mel_frames - frames + 1, 3)
            pieces = [window[i, s * g.hop : s * g.hop + self.samples] for s in starts]
            k = int(np.argmax([p.square().mean().item() for p in pieces]))
            wavs.append(pieces[k])
            specs.append(spec[i, :, starts[k] : starts[k] + frames])
        return Batch(names, (torch.stack(wavs), torch.stack(specs)))

    def learn(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """One update of the vocoder and, from their first step on, of the discriminators."""
        wav, spec = batch.tensors
        return self.update_judged(step, wav, wav, spec)

    def _loss(self, wav: Tensor, spec: Tensor, judged: bool) -> Loss:
        made = self.vocoder(spec).float()
        weights, metrics = self.config.loss, {}
        loss = 0.0 * made.sum()
        with self.exact():
            if weights.stft:
                metrics["stft"] = stft_distance(made, wav)
                loss = loss + weights.stft * metrics["stft"]
            if weights.mel:
                frames = spec.shape[2]
                metrics["mel"] = F.l1_loss(self._spec(made, frames), self._spec(wav, frames))
                loss = loss + weights.mel * metrics["mel"]
        if judged:
            metrics |= self._fool(made, wav)
            loss = loss + weights.adversarial * metrics["adversarial"]
            loss = loss + weights.feature_matching * metrics["feature_matching"]
        return loss, {k: v.detach() for k, v in metrics.items()} | {"made": made.detach()}

    def _fool(self, made: Tensor, wav: Tensor) -> dict[str, Tensor]:
        d = self.networks[DISCRIMINATOR]
        fake = d(made)
        with torch.no_grad():
            real = d(wav)
        verdict = torch.stack([-f[-1].float().mean() for f in fake]).sum()
        pairs = [(a.float(), b.float()) for f, r in zip(fake, real) for a, b in zip(f[:-1], r[:-1])]
        matched = torch.stack([F.l1_loss(a, b) for a, b in pairs]).mean()
        return {"adversarial": verdict, "feature_matching": matched}

    def _discriminator_loss(self, true: Tensor, made: Tensor) -> Loss:
        d = self.networks[DISCRIMINATOR]
        real, fake = d(true), d(made)
        terms = [F.relu(1 - r[-1].float()).mean() + F.relu(1 + f[-1].float()).mean() for r, f in zip(real, fake)]
        loss = torch.stack(terms).sum()
        return loss, {"discriminator": loss.detach()}

    def validate(self, step: int) -> dict[str, float]:
        """STFT distance and mel L1 of resynthesised held-out sounds."""
        spec = self._spec(self.held_out, self.geometry.window_mel_frames)
        made = self.vocoder(spec)
        again = self._spec(made, spec.shape[2])
        return {"stft": stft_distance(made, self.held_out).item(), "mel_l1": F.l1_loss(again, spec).item()}

    def sample(self, folder: Path, step: int) -> None:
        """Spectrograms of true and resynthesised sounds, and a WAV with both in turn."""
        import soundfile

        from condfoley.training.plots import stacked

        true = self.held_out[:6]
        spec = self._spec(true, self.geometry.window_mel_frames)
        made = self.vocoder(spec)
        again = self._spec(made, spec.shape[2])
        rows, g = {"true": 2 * spec - 1, "made": 2 * again - 1}, self.geometry
        stacked(folder / f"{step:06d}.png", rows, g.hop / g.sample_rate, self.held_out_names)
        turns = torch.stack([true, made], 1).flatten().cpu().numpy()
        soundfile.write(folder / f"{step:06d}.wav", turns, self.geometry.sample_rate)
