"""Spectra, envelopes, attack times and loudness of sounds, and distances between them (0 for equal sounds)."""

from __future__ import annotations

import numpy as np

from condfoley.audio.loudness import integrated_loudness
from condfoley.audio.mel import spectrogram
from condfoley.audio.onsets import detect_onsets
from condfoley.geometry import Geometry

CEPSTRA = 13
FINE_SECONDS, FINE_BAND_HZ, FINE_RANGE_HZ = 0.25, 320.0, (160.0, 7500.0)
ATTACK_BLOCK, ATTACK_LEAD, ATTACK_SPAN = 0.005, 0.01, 0.15  # s: RMS window, and the span around an onset
ATTACK_FRACTION = 0.8  # of the highest RMS
EVENT_SECONDS, PEAK = 0.2, 0.9  # of an event that is compared; the sound is scaled to this peak first
MIN_LUFS = -70.0  # absolute gate of ITU-R BS.1770-4: quieter blocks are not counted


def mel_cepstral_distortion(estimated: np.ndarray, true: np.ndarray, geometry: Geometry) -> float:
    """Mean over frames of the mel-cepstral distortion, dB (Kubichek 1993), without time alignment.

    10 / ln 10 * sqrt(2 * sum of (c_d - c'_d)^2) over the cepstra 1 to CEPSTRA of the natural-log mel spectrum; the
    0th, the level, is left out. Mel magnitudes below 1e-4 count as 1e-4.
    estimated, true: (N,) at `geometry.sample_rate` Hz. Raises ValueError for different lengths.
    """
    _require_equal(estimated, true)
    cepstra = _cepstra(np.stack([estimated, true]), geometry)
    return cepstral_distance(cepstra[0], cepstra[1])


def event_cepstra(wav: np.ndarray, geometry: Geometry) -> np.ndarray | None:
    """Cepstra of a sound's mean event, EVENT_SECONDS from its onset: (CEPSTRA, frames), independent of the gain.

    wav: (N,) at `geometry.sample_rate` Hz. None when no onset is detected.
    """
    g = geometry
    times, _ = detect_onsets(wav, g.sample_rate)
    if not len(times):
        return None
    loud = np.pad(PEAK / np.abs(wav).max() * wav, (0, round(EVENT_SECONDS * g.sample_rate) + g.n_fft))
    first = np.round(times * g.sample_rate / g.hop).astype(int)
    span = np.arange(round(EVENT_SECONDS * g.sample_rate / g.hop))
    return _cepstra(loud[None], g)[0][:, first[:, None] + span].mean(1)


def fine_structure(wav: np.ndarray, sample_rate: int) -> np.ndarray | None:
    """Spectral detail of a sound's mean event, such as partials: (bins,) natural log, mean near 0.

    The log magnitude of FINE_SECONDS from each onset, mean over events, minus its moving mean over FINE_BAND_HZ, within
    FINE_RANGE_HZ. It does not depend on the gain; compare two with `fine_structure_correlation`.
    wav: (N,). None when it has no event of FINE_SECONDS.
    """
    from scipy.ndimage import uniform_filter1d

    length = round(FINE_SECONDS * sample_rate)
    begins = (round(float(time) * sample_rate) for time in detect_onsets(wav, sample_rate)[0])
    events = [wav[begin : begin + length] for begin in begins if begin + length <= len(wav)]
    if not events:
        return None
    size = 2 ** int(np.ceil(np.log2(length)))
    power = np.square(np.abs(np.fft.rfft(np.array(events, float) * np.hanning(length), size)))
    level = np.log(np.maximum(power, 1e-10 * power.max(1, keepdims=True))).mean(0) / 2
    step = sample_rate / size
    fine = level - uniform_filter1d(level, round(FINE_BAND_HZ / step))
    return np.asarray(fine[round(FINE_RANGE_HZ[0] / step) : round(FINE_RANGE_HZ[1] / step)])


def attack_time(wav: np.ndarray, sample_rate: int) -> float | None:
    """Mean attack time of a sound's events, ms; None when no onset is detected.

    From each onset until the RMS over ATTACK_BLOCK s first reaches ATTACK_FRACTION of its highest value in ATTACK_SPAN s,
    which start ATTACK_LEAD s before the onset; negative when that is before the onset. wav: (N,).
    """
    from scipy.ndimage import uniform_filter1d

    power = uniform_filter1d(np.square(np.asarray(wav, float)), round(ATTACK_BLOCK * sample_rate)).clip(min=0)
    times = []
    for onset in detect_onsets(wav, sample_rate)[0]:
        first = max(0, round((float(onset) - ATTACK_LEAD) * sample_rate))
        event = power[first : first + round(ATTACK_SPAN * sample_rate)]
        loud = np.argmax(event >= ATTACK_FRACTION**2 * event.max())
        times.append(1000 * ((first + loud) / sample_rate - float(onset)))
    return float(np.mean(times)) if times else None


def fine_structure_correlation(a: np.ndarray | None, b: np.ndarray | None) -> float | None:
    """Pearson correlation of two fine structures (bins,): in [-1, 1]; None if one is None, 0 if one is flat."""
    if a is None or b is None:
        return None
    return _pearson(a - a.mean(), b - b.mean()) or 0.0


def cepstral_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean over frames of the mel-cepstral distortion between two sequences of cepstra (CEPSTRA, T), dB."""
    return float(10 / np.log(10) * np.sqrt(2 * np.square(a - b).sum(0)).mean())


def _cepstra(wavs: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Mel cepstra 1 to CEPSTRA of each frame: (B, N) -> (B, CEPSTRA, T)."""
    from scipy.fft import dct

    natural = spectrogram(wavs, geometry).astype(np.float64) * 100 / 20 * np.log(10)  # (B, n_mels, T), up to a constant
    return dct(natural, axis=1, norm="ortho")[:, 1 : CEPSTRA + 1] / np.sqrt(2 * geometry.n_mels)


def envelope(wav: np.ndarray, geometry: Geometry) -> np.ndarray:
    """RMS of (N,) in windows of n_fft samples, hop samples apart: (N // hop + 1,)."""
    import librosa

    return librosa.feature.rms(y=np.asarray(wav, np.float32), frame_length=geometry.n_fft, hop_length=geometry.hop)[0]


def envelope_distance(estimated: np.ndarray, true: np.ndarray) -> float:
    """Half the L1 distance of two RMS envelopes (T,), each divided by its sum: in [0, 1], independent of the gains.

    Without the division silence would be near every sound with few events.
    Two silent envelopes: 0. One silent: 1. Raises ValueError for different lengths.
    """
    _require_equal(estimated, true)
    sums = float(estimated.sum()), float(true.sum())
    if min(sums) <= 0:
        return float(sums[0] != sums[1])
    return float(0.5 * np.abs(estimated / sums[0] - true / sums[1]).sum())


def envelope_correlation(estimated: np.ndarray, true: np.ndarray) -> float:
    """Pearson correlation of two RMS envelopes (T,): in [-1, 1].

    Both constant: 1. One constant: 0. Raises ValueError for different lengths.
    """
    _require_equal(estimated, true)
    a, b = (np.asarray(x, float) - np.mean(x, dtype=float) for x in (estimated, true))
    found = _pearson(a, b)
    return float(max(np.linalg.norm(a), np.linalg.norm(b)) <= 1e-6) if found is None else found


def _pearson(a: np.ndarray, b: np.ndarray) -> float | None:
    """Correlation of two series (T,) with mean 0: in [-1, 1]; None if one is flat."""
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b / scale) if scale > 1e-12 else None


def loudness_lufs(wav: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness of (N,), LUFS (ITU-R BS.1770-4); never below MIN_LUFS, which silence gets."""
    return max(MIN_LUFS, integrated_loudness(wav, sample_rate))


def _require_equal(estimated: np.ndarray, true: np.ndarray) -> None:
    if estimated.shape != true.shape or estimated.ndim != 1 or not len(estimated):
        raise ValueError(f"two sounds of equal length are needed, not {estimated.shape} and {true.shape}")
