"""Waveform -> log-mel spectrogram in [0, 1], in torch: on any device and with gradients, as training needs it.

`audio/mel.py` is the same in numpy, and says what is computed.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from condfoley.audio import mel
from condfoley.audio.mel import FLOOR
from condfoley.geometry import Geometry


@lru_cache(maxsize=8)
def filterbank(geometry: Geometry) -> Tensor:
    """Mel filters of the geometry's variant (`audio.mel.filterbank`): (n_mels, n_fft // 2 + 1) float32."""
    with torch.inference_mode(False):  # kept for good: training may need it after a generation
        return torch.from_numpy(mel.filterbank(geometry).copy())


def stft(wav: Tensor, geometry: Geometry) -> Tensor:
    """Complex spectrum as the published front end takes it: (..., N) -> (..., n_fft // 2 + 1, N // hop + 1).

    N > n_fft // 2.
    """
    window = torch.hann_window(geometry.n_fft, device=wav.device)
    return torch.stft(
        wav, geometry.n_fft, geometry.hop, window=window, center=True, pad_mode="reflect", return_complex=True
    )


def log_mel(wav: Tensor, geometry: Geometry) -> Tensor:
    """Log-mel spectrogram.

    wav: (B, N) float32 in [-1, 1] at `geometry.sample_rate` Hz, N > n_fft // 2 (reflection padding needs it).
    Returns (B, n_mels, N // hop + 1) in [0, 1]: 0 at a mel magnitude of 1e-4, 1 at 10.
    """
    bands = filterbank(geometry).to(wav.device) @ stft(wav, geometry).abs()  # (B, n_mels, T)
    return ((20 * torch.log10(bands.clamp(min=FLOOR)) + 80) / 100).clamp(0, 1)


def window_spec(wav: Tensor, geometry: Geometry) -> Tensor:
    """The tokenizer's input for windows of sound.

    wav: (B, N); longer is cut and shorter is padded with zeros to `geometry.clip_samples`.
    Returns (B, 1, n_mels, window_mel_frames) in [-1, 1].
    """
    missing = geometry.clip_samples - wav.shape[1]
    wav = F.pad(wav, (0, missing))
    spec = 2 * log_mel(wav, geometry)[:, :, geometry.sound_lag :] - 1
    return F.pad(spec, (0, geometry.window_mel_frames - spec.shape[2]))[:, None]  # cuts, or fills with mid level
