"""Distances of two sounds of the same length: cepstra, STFT magnitudes, envelopes, loudness. 0 for equal sounds."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from condfoley.evaluation.onset import detect_onsets
from condfoley.geometry import Geometry

CEPSTRA = 13
EVENT, PEAK = 0.2, 0.9  # s of an event that are compared, and the level at which
QUIETEST = -70.0  # LUFS; what lies below it is not heard (ITU-R BS.1770-4, absolute gate)
BLOCK = 0.4  # s, the gating block of the same standard


def stft_distance(made: Tensor, true: Tensor, sizes: tuple[int, ...] = (256, 512, 1024, 2048)) -> Tensor:
    """Multi-resolution STFT distance: spectral convergence plus L1 of log magnitudes (Yamamoto et al. 2020).

    made, true: (B, N), N > half the largest size. Returns a scalar, 0 for equal sounds.
    """
    total = made.new_zeros(())
    for n in sizes:
        window = torch.hann_window(n, device=made.device)
        a, b = (torch.stft(x, n, n // 4, window=window, return_complex=True).abs() for x in (made, true))
        convergence = (a - b).square().sum((1, 2)).sqrt() / (b.square().sum((1, 2)).sqrt() + 1e-3)
        total = total + convergence.clamp(max=4).mean() + F.l1_loss((a + 1e-4).log(), (b + 1e-4).log())
    return total / len(sizes)


def mel_cepstral_distortion(made: np.ndarray, true: np.ndarray, geometry: Geometry) -> float:
    """Mean over frames of the mel-cepstral distortion, dB (Kubichek 1993), without alignment in time.

    10 / ln 10 * sqrt(2 * sum of (c_d - c'_d)^2) over the cepstra 1 to CEPSTRA of the natural-log mel spectrum; the
    0th, the level, is left out. Mel magnitudes below 1e-4 count as 1e-4.
    made, true: (N,) at `geometry.sample_rate` Hz. Raises ValueError for different lengths.
    """
    _require_equal(made, true)
    cepstra = _cepstra(np.stack([made, true]), geometry)
    return cepstral_distance(cepstra[0], cepstra[1])


def event_cepstra(wav: np.ndarray, geometry: Geometry) -> np.ndarray | None:
    """Cepstra of a sound's mean event, from its onset on for EVENT s: (CEPSTRA, frames), whatever the gain.

    wav: (N,) at `geometry.sample_rate` Hz. None when it holds no event.
    """
    g = geometry
    times, _ = detect_onsets(wav, g.sample_rate)
    if not len(times):
        return None
    loud = np.pad(PEAK / np.abs(wav).max() * wav, (0, round(EVENT * g.sample_rate) + g.n_fft))
    first = np.round(times * g.sample_rate / g.hop).astype(int)
    span = np.arange(round(EVENT * g.sample_rate / g.hop))
    return _cepstra(loud[None], g)[0][:, first[:, None] + span].mean(1)


def cepstral_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean over frames of the distortion of two sequences of cepstra (CEPSTRA, T), dB."""
    return float(10 / np.log(10) * np.sqrt(2 * np.square(a - b).sum(0)).mean())


def _cepstra(wavs: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Of (B, N): the cepstra 1 to CEPSTRA, (B, CEPSTRA, T)."""
    from scipy.fft import dct

    from condfoley.mel import log_mel

    filled = torch.from_numpy(_at_least(wavs.astype(np.float32), geometry.n_fft))
    natural = log_mel(filled, geometry).double().numpy() * 100 / 20 * np.log(10)  # (B, n_mels, T), up to a constant
    return dct(natural, axis=1, norm="ortho")[:, 1 : CEPSTRA + 1] / np.sqrt(2 * geometry.n_mels)


def envelope(wav: np.ndarray, geometry: Geometry) -> np.ndarray:
    """RMS of (N,) in windows of n_fft samples, hop samples apart: (N // hop + 1,)."""
    import librosa

    return librosa.feature.rms(y=np.asarray(wav, np.float32), frame_length=geometry.n_fft, hop_length=geometry.hop)[0]


def envelope_distance(made: np.ndarray, true: np.ndarray) -> float:
    """L1 distance of two RMS envelopes (T,), each divided by its sum, halved: in [0, 1], whatever the gains.

    Dividing keeps silence, which is never far from a sound with few events, from being a good answer.
    Two silent envelopes: 0. One of them silent: 1. Raises ValueError for different lengths.
    """
    _require_equal(made, true)
    sums = float(made.sum()), float(true.sum())
    if min(sums) <= 0:
        return float(sums[0] != sums[1])
    return float(0.5 * np.abs(made / sums[0] - true / sums[1]).sum())


def envelope_correlation(made: np.ndarray, true: np.ndarray) -> float:
    """Pearson's correlation of two RMS envelopes (T,): in [-1, 1].

    Both without any change: 1. One of them: 0. Raises ValueError for different lengths.
    """
    _require_equal(made, true)
    a, b = (np.asarray(x, float) - np.mean(x, dtype=float) for x in (made, true))
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    if scale <= 1e-12:
        return float(max(np.linalg.norm(a), np.linalg.norm(b)) <= 1e-6)
    return float(a @ b / scale)


def loudness(wav: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness of (N,), LUFS (ITU-R BS.1770-4, pyloudnorm); never below QUIETEST, which is silence's.

    A sound shorter than a gating block is filled up with silence.
    """
    import warnings

    from pyloudnorm import Meter

    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.simplefilter("ignore")  # of a gate that nothing passes
        measured = Meter(sample_rate, block_size=BLOCK).integrated_loudness(
            _at_least(np.asarray(wav, float)[None], round(BLOCK * sample_rate) + 1)[0]
        )
    return max(QUIETEST, float(measured))


def _at_least(wavs: np.ndarray, samples: int) -> np.ndarray:
    return np.pad(wavs, ((0, 0), (0, max(0, samples - wavs.shape[1]))))


def _require_equal(made: np.ndarray, true: np.ndarray) -> None:
    if made.shape != true.shape or made.ndim != 1 or not len(made):
        raise ValueError(f"two sounds of one length are needed, not {made.shape} and {true.shape}")
