"""Post-filter: gives a vocoded waveform exactly the spectrogram that it was made from.

A small vocoder gets attacks right long before levels and partials. The spectrogram is known, so the remaining error is
measured per band and frame and filtered away; what the vocoder adds (time structure, phase) stays. Where its partials
are worse than none, white noise in its envelope carries the sound instead.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from condfoley.geometry import Geometry
from condfoley.networks.mel import FLOOR, filterbank, magnitude, stft
from condfoley.sizes import VocoderConfig

LIMIT = 6.0  # largest correction of a band in one pass, natural logarithm (52 dB)
MOMENT = 0.004  # s over which an envelope is taken
HISS = 1e-5  # added to an envelope, so that there is something to amplify everywhere
NOISE = 2**20  # samples after which the noise repeats, 48 s


def repaired(
    wav: Tensor,
    spec01: Tensor,
    geometry: Geometry,
    config: VocoderConfig,
    first: int = 0,
    outer: Tensor | None = None,
) -> Tensor:
    """A vocoder's waveform (B, N) with the carrier and the passes of its config: (B, N).

    first: the piece's first sample in the whole sound, so that pieces of one sound fit together. spec01, outer: as for
    `match_mel`.
    """
    if config.carrier == "noise":
        wav = noise_carried(wav, round(MOMENT * geometry.sample_rate), first)
    return match_mel(wav, spec01, geometry, config.match_passes, outer)


def noise_carried(wav: Tensor, moment: int, first: int = 0) -> Tensor:
    """White noise, always the same, in the envelope of a waveform: (B, N) -> (B, N).

    moment: samples over which the envelope is taken. first: see `repaired`.
    """
    power = F.avg_pool1d(wav.square()[:, None], moment, 1, moment // 2, count_include_pad=False)
    envelope = power[:, 0, : wav.shape[1]].sqrt() + HISS
    places = torch.arange(first, first + wav.shape[1], device=wav.device) % NOISE
    return envelope * _noise().to(wav.device)[places]


@lru_cache(maxsize=1)
@torch.inference_mode(False)
def _noise() -> Tensor:
    """The white noise that carries all sounds: (NOISE,) float32 of deviation 1."""
    return torch.randn(NOISE, generator=torch.Generator().manual_seed(0))


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def bands_of_bins(geometry: Geometry) -> Tensor:
    """Share of each band in each bin's gain: (n_fft // 2 + 1, n_mels), rows sum to 1.

    Bins outside all bands follow the nearest band.
    """
    weights = filterbank(geometry).T.clone()  # (bins, n_mels)
    covered = torch.nonzero(weights.sum(1) > 0).flatten()
    weights[: covered[0]] = weights[covered[0]]
    weights[covered[-1] :] = weights[covered[-1]]
    for i in range(int(covered[0]), int(covered[-1])):  # narrow low bands may leave bins between them
        if weights[i].sum() == 0:
            weights[i] = weights[i - 1]
    return weights / weights.sum(1, keepdim=True)


def match_mel(wav: Tensor, spec01: Tensor, geometry: Geometry, passes: int, outer: Tensor | None = None) -> Tensor:
    """The waveform filtered, frame by frame and band by band, towards its spectrogram.

    wav: (B, N). spec01: (B, n_mels, T) in [0, 1] as `log_mel` gives it, T * hop >= N. passes: how often the
    correction is measured and applied; 0 changes nothing. outer: (n_fft // 2 + 1,) gain of the bins outside all bands
    against the nearest band (see `equaliser.outer_gain`); None: 1. Returns (B, N).
    """
    g = geometry
    window = torch.hann_window(g.n_fft, device=wav.device)
    bank, share = filterbank(g).to(wav.device), bands_of_bins(g).to(wav.device)
    wanted = 10 ** ((spec01 * 100 - 80) / 20)  # mel magnitude (B, n_mels, T)
    # what the scale shows as 0 may be anything below: it is taken as silence
    wanted = torch.where(spec01 <= 0, torch.full_like(wanted, FLOOR), wanted)
    for i in range(passes):
        spectrum = stft(wav, g)  # (B, bins, T')
        frames = min(spectrum.shape[2], wanted.shape[2])
        have = (bank @ magnitude(spectrum))[:, :, :frames].clamp(min=FLOOR)
        error = (wanted[:, :, :frames] / have).log().clamp(-LIMIT, LIMIT)  # (B, n_mels, frames)
        gain = (share @ error).exp()  # (B, bins, frames)
        if outer is not None and i == 0:
            gain = gain * outer[:, None]
        gain = torch.cat([gain, gain[:, :, -1:].expand(-1, -1, spectrum.shape[2] - frames)], 2)
        wav = torch.istft(spectrum * gain, g.n_fft, g.hop, window=window, length=wav.shape[1])
    return wav
