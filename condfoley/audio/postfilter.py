"""Post-filter: gives a vocoded waveform exactly the spectrogram that it was made from.

A small vocoder gets attacks right long before levels and partials. The spectrogram is known, so the remaining error is
measured per band and frame and filtered away; what the vocoder adds (time structure, phase) stays. Where its partials
are worse than none, white noise in its envelope carries the sound instead.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from condfoley.audio.mel import FLOOR, band_gains_to_bins, filterbank, istft, magnitude, stft
from condfoley.geometry import Geometry
from condfoley.sizes import VocoderConfig

MAX_CORRECTION = 6.0  # of a band in one pass, natural logarithm (52 dB)
ENVELOPE_SECONDS = 0.004  # over which an envelope is taken
EPS = 1e-5  # added to an envelope, so that there is something to amplify everywhere
NOISE_SAMPLES = 2**20  # after which the noise repeats, 48 s


def postfilter(
    wav: np.ndarray,
    spec01: np.ndarray,
    geometry: Geometry,
    config: VocoderConfig,
    first: int = 0,
    outer: np.ndarray | None = None,
) -> np.ndarray:
    """A vocoder's waveforms (B, N) float32 with the carrier and the passes of its config: (B, N) float32.

    first: the piece's first sample in the whole sound, so that pieces of one sound fit together. spec01, outer: as for
    `match_mel`.
    """
    if config.carrier == "noise":
        wav = noise_carrier(wav, round(ENVELOPE_SECONDS * geometry.sample_rate), first)
    return match_mel(wav, spec01, geometry, config.match_passes, outer)


def noise_carrier(wav: np.ndarray, length: int, first: int = 0) -> np.ndarray:
    """White noise, always the same, in the envelope of a waveform: (B, N) -> (B, N) float32.

    length: samples over which the envelope's RMS is taken. first: see `postfilter`.
    """
    from scipy.ndimage import uniform_filter1d

    index = np.arange(wav.shape[-1])
    inside = np.minimum(index + length - length // 2, wav.shape[-1]) - (index - length // 2).clip(0)  # of a mean
    power = uniform_filter1d(np.square(wav, dtype=np.float64), length, mode="constant") * (length / inside)
    envelope = np.sqrt(power.clip(0)).astype(np.float32) + np.float32(EPS)
    return envelope * white_noise()[(first + index) % NOISE_SAMPLES]


@lru_cache(maxsize=1)
def white_noise() -> np.ndarray:
    """The white noise that carries all sounds: (NOISE_SAMPLES,) float32 of deviation 1, read-only."""
    noise = np.random.default_rng(0).standard_normal(NOISE_SAMPLES, np.float32)
    noise.flags.writeable = False
    return noise


def match_mel(
    wav: np.ndarray, spec01: np.ndarray, geometry: Geometry, passes: int, outer: np.ndarray | None = None
) -> np.ndarray:
    """Waveforms filtered, frame by frame and band by band, towards their spectrograms.

    wav: (B, N) float32. spec01: (B, n_mels, T) in [0, 1] as `log_mel` gives it, T * hop >= N. passes: how often the
    correction is measured and applied; with 0 the same array is given back. outer: (n_fft // 2 + 1,) gain of the bins
    outside all bands against the nearest band (see `spectrum.outer_gain`); None: 1. Returns (B, N) float32.
    """
    g, to_bins = geometry, band_gains_to_bins(geometry)
    # 0 on the scale may be anything below it: it is taken as silence
    target = np.where(spec01 > 0, (5 * spec01 - 4) * np.float32(np.log(10)), np.float32(np.log(FLOOR)))
    for i in range(passes):
        spectrum = stft(wav, g)  # (B, bins, T')
        frames = min(spectrum.shape[-1], target.shape[-1])
        mel = (filterbank(g) @ magnitude(spectrum))[..., :frames]
        error = (target[..., :frames] - np.log(mel.clip(FLOOR))).clip(-MAX_CORRECTION, MAX_CORRECTION)
        error = np.pad(error, ((0, 0), (0, 0), (0, spectrum.shape[-1] - frames)), "edge")  # (B, n_mels, T')
        gain = error.swapaxes(1, 2) @ to_bins.T  # (B, T', bins)
        np.exp(gain, out=gain)
        if outer is not None and i == 0:
            gain *= outer
        spectrum *= gain.swapaxes(1, 2)
        wav = istft(spectrum, g, wav.shape[-1])
    return wav
