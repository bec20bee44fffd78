"""Equaliser matching: a soundtrack is given the reference's mean spectrum, as sound engineers do between two takes.

The codes say when and how things happen in the reference's manner; which bands its material makes loud is known exactly
from its sound, and need not be guessed.
"""

from __future__ import annotations

import torch
from torch import Tensor

LIMIT = 30.0  # dB, largest gain of a band either way
FAINT = 1e-10  # power that counts as nothing


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
