"""Equaliser matching: a soundtrack is given the reference's mean spectrum, as sound engineers match two takes.

The codes say when and how things happen in the reference's manner; which bands its material makes loud is known exactly
from its sound, and need not be guessed. Nor need what lies below and above all bands, of which codes say nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from condfoley.audio.postfilter import bands_of_bins
from condfoley.geometry import Geometry
from condfoley.networks.mel import filterbank, stft

LIMIT = 30.0  # dB, largest gain of a band either way; 15 and 20 were behind it (docs/experiments.md, fifth session)
FAINT = 1e-10  # power that counts as nothing
LOUD = 30.0  # dB below the loudest moment that count for what lies outside the bands
FALL = 60.0  # dB, largest fall outside them


def equalised(specs: Tensor, reference: Tensor, share: float) -> Tensor:
    """Spectrograms with one gain for each band, which brings their mean power towards the reference's.

    specs: (B, n_mels, T), reference: (n_mels, M), both in [0, 1] as `log_mel` gives them, 100 dB wide. share: of the
    difference in dB; 0 changes nothing, 1 goes all the way (to LIMIT). The power of each soundtrack stays as it is.
    Returns (B, n_mels, T) in [0, 1].
    """
    if not share:
        return specs
    own, wanted = mean_power(specs), mean_power(reference)
    difference = 10 * torch.log10((wanted + FAINT) / (own + FAINT))  # (B, n_mels) dB
    difference -= 10 * torch.log10((wanted.sum() + FAINT) / (own.sum(1, keepdim=True) + FAINT))  # not the level's
    gain = share * difference.clamp(-LIMIT, LIMIT)
    louder = (own * 10 ** (gain / 10)).sum(1, keepdim=True) / own.sum(1, keepdim=True).clamp(min=FAINT)
    gain -= 10 * torch.log10(louder.clamp(min=FAINT))
    made = (specs + gain[:, :, None] / 100).clamp_(0, 1)
    return made.masked_fill_(specs <= 0, 0.0)  # silence stays silent


def mean_power(spec01: Tensor) -> Tensor:
    """Power of each band, mean over time: (..., n_mels, T) in [0, 1] -> (..., n_mels). What is shown as 0 is silent."""
    return torch.where(spec01 > 0, 10 ** (10 * spec01 - 8), 0.0).mean(-1)


def outer_gain(wav: Tensor, geometry: Geometry, share: float) -> Tensor:
    """Gain of each bin that no band covers against the nearest band, as in a sound: (n_fft // 2 + 1,) in (0, 1].

    Mean of the difference in dB over the sound's loud moments, from -FALL to 0; 1 for all bins that a band covers.
    wav: (N,), filled up with silence to n_fft. share: of the difference in dB, 0 to 1.
    """
    wav = F.pad(wav, (0, max(0, geometry.n_fft - len(wav))))
    spectrum = stft(wav, geometry).abs()  # (bins, T)
    power = spectrum.square().sum(0)
    spectrum = spectrum[:, power >= power.max() * 10 ** (-LOUD / 10)] + FAINT
    bank = filterbank(geometry).to(wav.device)  # (n_mels, bins)
    near = bands_of_bins(geometry).to(wav.device) @ (bank / bank.sum(1, keepdim=True) @ spectrum)  # (bins, loud T)
    fall = (20 * (spectrum / near).log10()).mean(1).clamp(-FALL, 0)  # dB
    return 10 ** (share * fall.masked_fill(bank.sum(0) > 0, 0.0) / 20)
