"""Short-time Fourier transform and mel bands of sound, in numpy. `networks/mel.py` is the same in torch, with gradients.

Log-mel spectrograms are numerically equal to the published ones: magnitude (not power) spectrogram, Slaney area
normalisation, `(20 log10(mel) + 80) / 100` clipped to [0, 1] (published_facts.md, section 2). Variant A spaces its
bands by the HTK formula, variant B by Slaney's.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from condfoley.geometry import Geometry

FLOOR = 1e-5  # smallest mel magnitude: the logarithm is cut at -100 dB, under the visible range
LONG = 8192  # frames of a spectrogram whose spectra are in memory at a time
BLOCK = 64  # frames that are transformed at a time: what is computed of them stays in a processor's cache
# Slaney's mel scale (Auditory Toolbox): linear up to BREAK_HZ, logarithmic above it.
LINEAR_HZ, BREAK_HZ, LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27


def hz_to_mel(hz: np.ndarray | float, scale: str) -> np.ndarray:
    """Frequencies in Hz, any shape, on the mel scale `htk` or `slaney`."""
    hz = np.asarray(hz, float)
    if scale == "htk":
        return 2595 * np.log10(1 + hz / 700)
    above = BREAK_HZ / LINEAR_HZ + np.log(np.maximum(hz, BREAK_HZ) / BREAK_HZ) / LOG_STEP
    return np.where(hz < BREAK_HZ, hz / LINEAR_HZ, above)


def mel_to_hz(mel: np.ndarray | float, scale: str) -> np.ndarray:
    """The inverse of `hz_to_mel`."""
    mel = np.asarray(mel, float)
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    above = np.maximum(mel - BREAK_HZ / LINEAR_HZ, 0)
    return np.where(above > 0, BREAK_HZ * np.exp(LOG_STEP * above), mel * LINEAR_HZ)


@lru_cache(maxsize=16)
def mel_filters(sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float, scale: str) -> np.ndarray:
    """Triangular filters of unit area (Slaney's normalisation): (n_mels, n_fft // 2 + 1) float32, read-only.

    fmin, fmax: Hz, lower edge of the first filter and upper edge of the last. scale: `htk` or `slaney`.
    """
    edges = mel_to_hz(np.linspace(hz_to_mel(fmin, scale), hz_to_mel(fmax, scale), n_mels + 2), scale)  # Hz
    bins = np.linspace(0, sample_rate / 2, n_fft // 2 + 1)  # Hz
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)).clip(0)
    filters = (triangles * 2 / (high - low)).astype(np.float32)
    filters.flags.writeable = False
    return filters


def filterbank(geometry: Geometry) -> np.ndarray:
    """Mel filters of the geometry's variant: (n_mels, n_fft // 2 + 1) float32, read-only."""
    g = geometry
    return mel_filters(g.sample_rate, g.n_fft, g.n_mels, g.fmin, g.fmax, g.mel_scale)


@lru_cache(maxsize=8)
def band_gains_to_bins(geometry: Geometry) -> np.ndarray:
    """Matrix that turns gains of bands into gains of bins: (n_fft // 2 + 1, n_mels) float32, rows sum to 1, read-only.

    Bins outside all bands follow the nearest band.
    """
    weights = filterbank(geometry).T.copy()  # (bins, n_mels)
    covered = np.flatnonzero(weights.sum(1))
    weights[: covered[0]] = weights[covered[0]]
    weights[covered[-1] :] = weights[covered[-1]]
    for i in range(covered[0], covered[-1]):  # narrow low bands may leave bins between them
        if not weights[i].any():
            weights[i] = weights[i - 1]
    weights /= weights.sum(1, keepdims=True)
    weights.flags.writeable = False
    return weights


@lru_cache(maxsize=8)
def hann(n_fft: int) -> np.ndarray:
    """Periodic Hann window: (n_fft,) float32, read-only."""
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)).astype(np.float32)
    window.flags.writeable = False
    return window


def frames_to_spectra(wav: np.ndarray, n_fft: int, hop: int) -> np.ndarray:
    """Spectra of all whole frames of a sound, Hann window: (..., N) -> (..., T, n_fft // 2 + 1) complex64.

    The first frame begins with the sound; T = (N - n_fft) // hop + 1.
    """
    from scipy.fft import rfft

    frames = sliding_window_view(np.asarray(wav, np.float32), n_fft, -1)[..., ::hop, :]  # (..., T, n_fft)
    out = np.empty((*frames.shape[:-1], n_fft // 2 + 1), np.complex64)
    for block in _blocks(frames.shape[-2]):
        out[..., block, :] = rfft(frames[..., block, :] * hann(n_fft), overwrite_x=True)
    return out


def _blocks(frames: int) -> Iterator[slice]:
    for first in range(0, frames, BLOCK):
        yield slice(first, min(first + BLOCK, frames))


def stft(wav: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Complex spectrum as the published front end takes it: (..., N) -> (..., n_fft // 2 + 1, N // hop + 1) complex64.

    Frames are centred on multiples of the hop; the sound is continued by reflection at both ends.
    Raises ValueError unless N > n_fft // 2, which reflection needs.
    """
    return frames_to_spectra(_reflected(wav, geometry), geometry.n_fft, geometry.hop).swapaxes(-1, -2)


def _reflected(wav: np.ndarray, geometry: Geometry) -> np.ndarray:
    """A sound continued by reflection, so that frames are centred on multiples of the hop; see `stft`."""
    half = geometry.n_fft // 2
    if wav.shape[-1] <= half:
        raise ValueError(f"a spectrum needs more than {half} samples, not {wav.shape[-1]}")
    return np.pad(wav, [(0, 0)] * (wav.ndim - 1) + [(half, half)], "reflect")


def istft(spectrum: np.ndarray, geometry: Geometry, length: int) -> np.ndarray:
    """Sound of a spectrum by overlap-add (least squares): (..., n_fft // 2 + 1, T) -> (..., length) float32.

    The inverse of `stft`, with length: N. What lies past the last frame is silent.
    """
    from scipy.fft import irfft

    g, window = geometry, hann(geometry.n_fft)
    spectra = spectrum.swapaxes(-1, -2)  # (..., T, bins)
    frames, parts = spectra.shape[-2], -(-g.n_fft // g.hop)
    out = np.zeros((*spectra.shape[:-2], frames + parts, g.hop), np.float32)  # in rows of a hop
    power = np.zeros((frames + parts, g.hop), np.float32)
    square = np.pad(np.square(window), (0, parts * g.hop - g.n_fft)).reshape(parts, g.hop)
    for block in _blocks(frames):
        piece = irfft(spectra[..., block, :], g.n_fft)
        piece *= window
        if g.n_fft % g.hop:
            piece = np.pad(piece, [(0, 0)] * (piece.ndim - 1) + [(0, parts * g.hop - g.n_fft)])
        piece = piece.reshape(*piece.shape[:-1], parts, g.hop)  # (..., T, parts, hop)
        for k in range(parts):
            out[..., block.start + k : block.stop + k, :] += piece[..., k, :]
            power[block.start + k : block.stop + k] += square[k]
    wav, half = out.reshape(*out.shape[:-2], -1), g.n_fft // 2
    wav = wav[..., half : half + length] / np.maximum(power.ravel()[half : half + length], 1e-11)
    return np.pad(wav, [(0, 0)] * (wav.ndim - 1) + [(0, length - wav.shape[-1])]) if wav.shape[-1] < length else wav


def magnitude(spectrum: np.ndarray) -> np.ndarray:
    """Magnitude of complex64 values: float32 of the same shape, in a third of the time of `abs`."""
    power = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    return np.sqrt(power, out=power)


def log_mel(wav: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Log-mel spectrogram: (..., N) float in [-1, 1] at `geometry.sample_rate` Hz -> (..., n_mels, N // hop + 1) float32.

    In [0, 1]: 0 at a mel magnitude of 1e-4, 1 at 10. Raises ValueError unless N > n_fft // 2.
    """
    g, padded = geometry, _reflected(wav, geometry)
    parts = []
    for first in range(0, wav.shape[-1] // g.hop + 1, LONG):
        piece = padded[..., first * g.hop :][..., : (LONG - 1) * g.hop + g.n_fft]
        parts.append(filterbank(g) @ magnitude(frames_to_spectra(piece, g.n_fft, g.hop).swapaxes(-1, -2)))
    mel = np.concatenate(parts, -1)  # (..., n_mels, T)
    return ((20 * np.log10(mel.clip(FLOOR)) + 80) / 100).clip(0, 1)


def spectrogram(wav: np.ndarray, geometry: Geometry) -> np.ndarray:
    """`log_mel` of a sound (..., N) of any length: (..., n_mels, max(N, n_fft) // hop + 1) in [0, 1].

    One that is shorter than an analysis window is filled up with silence.
    """
    return log_mel(at_least(wav, geometry.n_fft), geometry)


def window_spec(wav: np.ndarray, geometry: Geometry) -> np.ndarray:
    """The tokenizer's input for windows of sound.

    wav: (B, N); longer is cut and shorter is padded with zeros to `geometry.clip_samples`.
    Returns (B, 1, n_mels, window_mel_frames) float32 in [-1, 1].
    """
    wav = at_least(wav[:, : geometry.clip_samples], geometry.clip_samples)
    spec = 2 * log_mel(wav, geometry)[:, :, geometry.sound_lag :] - 1
    spec = spec[:, None, :, : geometry.window_mel_frames]
    missing = geometry.window_mel_frames - spec.shape[-1]
    return np.pad(spec, ((0, 0), (0, 0), (0, 0), (0, missing)))  # fills up with mid level


def at_least(wav: np.ndarray, samples: int) -> np.ndarray:
    """A sound (..., N), float32, with silence behind it where it has fewer than `samples` samples."""
    wav = np.asarray(wav, np.float32)
    missing = samples - wav.shape[-1]
    return np.pad(wav, [(0, 0)] * (wav.ndim - 1) + [(0, missing)]) if missing > 0 else wav
