"""Post-filter: gives a vocoded waveform exactly the spectrogram that it was made from.

A small vocoder gets phases and attacks right long before levels. The spectrogram is known, so the remaining error is
measured per band and frame and filtered away; what the vocoder adds (phase, fine structure) stays.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from condfoley.geometry import Geometry
from condfoley.mel import FLOOR, filterbank

LIMIT = 6.0  # largest correction of a band in one pass, natural logarithm (52 dB)


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def _bands_of_bins(geometry: Geometry) -> Tensor:
    """(n_fft // 2 + 1, n_mels): how much each band decides about each bin; rows sum to 1.

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


def match_mel(wav: Tensor, spec01: Tensor, geometry: Geometry, passes: int) -> Tensor:
    """The waveform filtered, frame by frame and band by band, towards its spectrogram.

    wav: (B, N). spec01: (B, n_mels, T) in [0, 1] as `log_mel` gives it, T * hop >= N. passes: how often the
    correction is measured and applied; 0 changes nothing. Returns (B, N).
    """
    g = geometry
    window = torch.hann_window(g.n_fft, device=wav.device)
    bank, share = filterbank(g).to(wav.device), _bands_of_bins(g).to(wav.device)
    wanted = 10 ** ((spec01 * 100 - 80) / 20)  # mel magnitude (B, n_mels, T)
    # what the scale shows as 0 may be anything below: it is taken as silence
    wanted = torch.where(spec01 <= 0, torch.full_like(wanted, FLOOR), wanted)
    for _ in range(passes):
        spectrum = torch.stft(wav, g.n_fft, g.hop, window=window, return_complex=True)  # (B, bins, T')
        frames = min(spectrum.shape[2], wanted.shape[2])
        have = (bank @ spectrum.abs())[:, :, :frames].clamp(min=FLOOR)
        error = (wanted[:, :, :frames] / have).log().clamp(-LIMIT, LIMIT)  # (B, n_mels, frames)
        gain = (share @ error).exp()  # (B, bins, frames)
        gain = torch.cat([gain, gain[:, :, -1:].expand(-1, -1, spectrum.shape[2] - frames)], 2)
        wav = torch.istft(spectrum * gain, g.n_fft, g.hop, window=window, length=wav.shape[1])
    return wav
