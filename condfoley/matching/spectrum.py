"""Spectrum matching: a soundtrack is given the reference's mean spectrum, as sound engineers match two recordings.

The codes say when and how things happen in the reference's manner; which bands its material makes loud is known exactly
from its sound, and need not be generated. Nor need what lies below and above all bands, of which codes say nothing.
"""

from __future__ import annotations

import numpy as np

from condfoley.audio.mel import at_least, band_gains_to_bins, filterbank, magnitude, stft
from condfoley.geometry import Geometry

MAX_GAIN_DB = 30.0  # of a band, either way; 15 and 20 were worse (docs/experiments, E10.1)
EPS = 1e-10  # power that counts as nothing
BLOCK = 4096  # frames whose powers are in memory at a time
LOUD_RANGE_DB = 30.0  # below the loudest moment, within which a moment counts for what lies outside the bands
MAX_OUTER_CUT_DB = 60.0  # outside the bands


def match_spectrum(specs: np.ndarray, reference_spec: np.ndarray, amount: float) -> np.ndarray:
    """Spectrograms with one gain for each band, which brings their mean power towards the reference's.

    specs: (B, n_mels, T), reference_spec: (n_mels, M), both in [0, 1] as `log_mel` gives them, 100 dB wide. amount: of
    the difference in dB; with 0 the same array is given back, 1 goes all the way (to MAX_GAIN_DB). The power of each
    soundtrack stays as it is. Returns (B, n_mels, T) float32 in [0, 1].
    """
    if not amount:
        return specs
    own, target = mean_power(specs), mean_power(reference_spec)
    difference = 10 * np.log10((target + EPS) / (own + EPS))  # (B, n_mels) dB
    difference -= 10 * np.log10((target.sum() + EPS) / (own.sum(1, keepdims=True) + EPS))  # without that of the levels
    gain = amount * difference.clip(-MAX_GAIN_DB, MAX_GAIN_DB)
    louder = (own * 10 ** (gain / 10)).sum(1, keepdims=True) / own.sum(1, keepdims=True).clip(EPS)
    gain -= 10 * np.log10(louder.clip(EPS))
    out = specs + (gain[:, :, None] / 100).astype(np.float32)
    np.clip(out, 0, 1, out=out)
    out[specs <= 0] = 0  # silence stays silent
    return out


def mean_power(spec01: np.ndarray) -> np.ndarray:
    """Power of each band, mean over time: (..., n_mels, T) in [0, 1] -> (..., n_mels). What is shown as 0 is silent."""
    total = np.zeros(spec01.shape[:-1])
    for first in range(0, spec01.shape[-1], BLOCK):  # soundtracks may be long
        part = spec01[..., first : first + BLOCK]
        power = np.exp((10 * part - 8) * np.float32(np.log(10)))
        power[part <= 0] = 0
        total += power.sum(-1)
    mean: np.ndarray = total / spec01.shape[-1]
    return mean


def outer_gain(samples: np.ndarray, geometry: Geometry, amount: float) -> np.ndarray:
    """Gain of each bin that no band covers against the nearest band, as in a sound: (n_fft // 2 + 1,) float32, (0, 1].

    Mean of the difference in dB over the sound's loud moments, from -MAX_OUTER_CUT_DB to 0; 1 for all bins that a band
    covers. samples: (..., N), filled up with silence to n_fft; channels count as more moments. amount: of the
    difference in dB, 0 to 1.
    """
    bank = filterbank(geometry)  # (n_mels, bins)
    spectrum = magnitude(stft(at_least(samples, geometry.n_fft), geometry))  # (..., bins, T)
    spectrum = np.moveaxis(spectrum, -2, 0).reshape(spectrum.shape[-2], -1)  # (bins, moments)
    power = np.square(spectrum).sum(0)
    loud = spectrum[:, power >= power.max() * 10 ** (-LOUD_RANGE_DB / 10)] + np.float32(EPS)
    nearest = band_gains_to_bins(geometry) @ (bank / bank.sum(1, keepdims=True) @ loud)  # (bins, loud moments)
    cut = (20 * np.log10(loud / nearest)).mean(1).clip(-MAX_OUTER_CUT_DB, 0)  # dB
    return (10 ** (amount * np.where(bank.any(0), 0, cut) / 20)).astype(np.float32)
