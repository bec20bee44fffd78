"""Stage `vocoder`: MelGAN with multi-scale discriminators and feature matching (Kumar et al. 2019)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from condfoley.mel import log_mel
from condfoley.training.config import TrainConfig
from condfoley.training.stage import Stage, random_sounds
from condfoley.vocoder import Vocoder


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


def stft_distance(made: Tensor, true: Tensor, sizes: tuple[int, ...] = (256, 512, 1024, 2048)) -> Tensor:
    """Multi-resolution STFT distance: spectral convergence plus L1 of log magnitudes (Yamamoto et al. 2020).

    made, true: (B, N). Returns a scalar, 0 for equal sounds.
    """
    total = made.new_zeros(())
    for n in sizes:
        window = torch.hann_window(n, device=made.device)
        a, b = (torch.stft(x, n, n // 4, window=window, return_complex=True).abs() for x in (made, true))
        convergence = (a - b).square().sum((1, 2)).sqrt() / (b.square().sum((1, 2)).sqrt() + 1e-3)
        total = total + convergence.clamp(max=4).mean() + F.l1_loss((a + 1e-4).log(), (b + 1e-4).log())
    return total / len(sizes)


class VocoderStage(Stage):
    """Spectrograms of true sounds (a share of them through the tokenizer first) -> waveforms."""

    part = "vocoder"
    sound_only = True

    def __init__(self, config: TrainConfig):
        super().__init__(config)
        self.vocoder: Vocoder = self.add("vocoder", Vocoder(config.vocoder), config.lr)
        if config.loss.adversarial or config.loss.feature_matching:
            self.add("discriminator", MultiScaleDiscriminator(config.loss.disc_channels), config.lr_disc)
        self.tokenizer = None
        if config.loss.reconstructed:
            from condfoley.weights import load_part

            self.tokenizer = load_part(Path(config.weights), "tokenizer", config.device)
        frames = (config.window or self.geometry.window_samples) // self.geometry.hop
        self.samples = min(frames, self.geometry.window_mel_frames) * self.geometry.hop
        rng = np.random.default_rng(12345)
        self.held_out = random_sounds(self.store.validation, 32, self.geometry.window_samples, rng).to(self.device)

    def _spec(self, wav: Tensor, frames: int) -> Tensor:
        return log_mel(wav, self.geometry)[:, :, :frames]

    def _example(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """A batch of (waveform (B, samples), spectrogram of the same span (B, n_mels, frames))."""
        g, b = self.geometry, self.config.batch_size
        window = random_sounds(self.store.train, b, g.window_samples, rng).to(self.device)
        spec = self._spec(window, g.window_mel_frames)
        if self.tokenizer is not None:
            n = round(b * self.config.loss.reconstructed)
            codes = self.tokenizer.encode(2 * spec[:n, None] - 1)
            made = (self.tokenizer.decode(codes, g.code_rows)[:, 0] + 1) / 2
            spec = torch.cat([made.clamp(0, 1), spec[n:]])
        frames = self.samples // g.hop
        wavs, specs = [], []
        for i in range(b):  # the loudest of three random places, so that attacks are seen often
            starts = rng.integers(0, g.window_mel_frames - frames + 1, 3)
            pieces = [window[i, s * g.hop : s * g.hop + self.samples] for s in starts]
            k = int(np.argmax([p.square().mean().item() for p in pieces]))
            wavs.append(pieces[k])
            specs.append(spec[i, :, starts[k] : starts[k] + frames])
        return torch.stack(wavs), torch.stack(specs)

    def step(self, step: int, rng: np.random.Generator) -> dict[str, float]:
        """One update of the vocoder and, from their first step on, of the discriminators."""
        weights = self.config.loss
        wav, spec = self._example(rng)
        with self.autocast():
            made = self.vocoder(spec)
        made = made.float()
        metrics: dict[str, float] = {}
        loss = made.new_zeros(())
        if weights.stft:
            stft = stft_distance(made, wav)
            loss, metrics["stft"] = loss + weights.stft * stft, stft.item()
        if weights.mel:
            error = F.l1_loss(self._spec(made, spec.shape[2]), self._spec(wav, spec.shape[2]))
            loss, metrics["mel"] = loss + weights.mel * error, error.item()
        adversarial = "discriminator" in self.networks and step >= weights.adversarial_from
        if adversarial:
            loss = loss + self._fool(made, wav, metrics)
        self.update("vocoder", loss)
        if adversarial:
            self._teach_discriminator(made.detach(), wav, metrics)
        return metrics

    def _fool(self, made: Tensor, wav: Tensor, metrics: dict[str, float]) -> Tensor:
        d = self.networks["discriminator"]
        with self.autocast():
            fake = d(made)
            with torch.no_grad():
                real = d(wav)
        verdict = torch.stack([-f[-1].float().mean() for f in fake]).sum()
        pairs = [(a.float(), b.float()) for f, r in zip(fake, real) for a, b in zip(f[:-1], r[:-1])]
        match = torch.stack([F.l1_loss(a, b) for a, b in pairs]).mean()
        metrics |= {"adversarial": verdict.item(), "feature_matching": match.item()}
        return self.config.loss.adversarial * verdict + self.config.loss.feature_matching * match

    def _teach_discriminator(self, made: Tensor, wav: Tensor, metrics: dict[str, float]) -> None:
        d = self.networks["discriminator"]
        with self.autocast():
            real, fake = d(wav), d(made)
        terms = [F.relu(1 - r[-1].float()).mean() + F.relu(1 + f[-1].float()).mean() for r, f in zip(real, fake)]
        loss = torch.stack(terms).sum()
        self.update("discriminator", loss)
        metrics["discriminator"] = loss.item()

    def validate(self, step: int) -> dict[str, float]:
        """STFT distance and mel L1 of resynthesised held-out sounds."""
        spec = self._spec(self.held_out, self.geometry.window_mel_frames)
        made = self.vocoder(spec)
        again = self._spec(made, spec.shape[2])
        return {"stft": stft_distance(made, self.held_out).item(), "mel_l1": F.l1_loss(again, spec).item()}

    def sample(self, folder: Path, step: int) -> None:
        """Spectrograms of true and resynthesised sounds, and a WAV with both in turn."""
        import soundfile

        from condfoley.training.pictures import stacked

        true = self.held_out[:6]
        spec = self._spec(true, self.geometry.window_mel_frames)
        made = self.vocoder(spec)
        again = self._spec(made, spec.shape[2])
        stacked(folder / f"{step:06d}.png", {"true": 2 * spec - 1, "made": 2 * again - 1})
        turns = torch.stack([true, made], 1).flatten().cpu().numpy()
        soundfile.write(folder / f"{step:06d}.wav", turns, self.geometry.sample_rate)
