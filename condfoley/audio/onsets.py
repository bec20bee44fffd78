"""Sound events: where they begin, and how well two lists of beginnings agree. Pure functions in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from condfoley.geometry import Geometry

# Analysis. Levels are dB below the clip's loudest mel cell, so nothing here depends on the gain.
RATE = Geometry().sample_rate  # Hz; the constants below were chosen at it
HOP, WINDOW = 128 / RATE, 512 / RATE  # s; the hop is half the model's own: 5.8 ms
BANDS, LOWEST, HIGHEST = 48, 80.0, 10000.0  # mel bands and their range, Hz
RISING_BANDS = 12  # of them, those that rise most, make an event
RANGE = 60.0  # dB; what lies deeper below the loudest cell is inaudible beside it
BLOCK = 4096  # frames whose spectra are in memory at a time
LEAD_IN = 0.1  # s of silence put in front, so that an attack at the very start still rises from something
LAG = 2  # hops over which a rise is measured; one hop splits a hit into stick and body
# Decision.
# A band's stationary noise, as a percentile of its levels, and the reach of its fluctuations, dB.
FLOOR_PERCENTILE, FLOOR_MARGIN = 15.0, 7.0
FLUX = 1.7  # dB, mean over bands in LAG hops: weaker peaks of the flux are not looked at
PROMINENCE = 0.9  # dB a flux peak must stand above the mean of its neighbourhood ...
BEFORE, AFTER = 0.12, 0.06  # ... which spans these seconds
PEAK_RADIUS = 0.03  # s around a peak in which it must be the highest
SEARCH, CREST = 0.06, 0.03  # s before a peak where its valley is looked for, and after it where its crest is
# Valley to crest: at least this many dB, and this share of a strong event's rise.
RISE, RELATIVE_RISE = 16.0, 0.3
STRONG = 90.0  # percentile of the rises that counts as a strong event
MIN_GAP = 0.08  # s between two events; the stronger one stays
EDGE = 0.01  # s; what rises earlier than this began before the clip did
SILENCE = 1e-5  # peak amplitude of a clip that holds nothing


@dataclass(frozen=True)
class Score:
    """Agreement of two lists of event times: `precision`, `recall` and `f1` in [0, 1], and the length of each list."""

    precision: float
    recall: float
    f1: float
    n_ref: int
    n_est: int


def _levels(wav: np.ndarray, sample_rate: int, hop: int, gain: float, lead: int) -> np.ndarray:
    """Mel levels (BANDS, T) in dB below the loudest cell, raised to each band's stationary noise.

    wav: (N,), heard `gain` times as loud and after `lead` samples of silence. Windows that reach past the end are left
    out: a tone cut off there would splash over all bands. In place and by blocks, since soundtracks may be long.
    """
    import librosa

    n_fft = 2 ** round(np.log2(WINDOW * sample_rate))
    silence = lead + n_fft // 2
    frames = max(1, (lead + len(wav) - n_fft // 2) // hop + 1)
    levels = np.empty((BANDS, frames), np.float32)
    for first in range(0, frames, BLOCK):
        last = min(first + BLOCK, frames)
        begin, end = first * hop - silence, (last - 1) * hop + n_fft - silence
        piece = gain * wav[max(0, begin) : max(0, end)]
        before = min(max(0, -begin), end - begin)
        after = end - begin - before - len(piece)
        spectrum = librosa.stft(np.pad(piece, (before, after)), n_fft=n_fft, hop_length=hop, center=False)
        power = _bank(sample_rate, n_fft) @ (spectrum.real**2 + spectrum.imag**2)
        levels[:, first:last] = librosa.power_to_db(power, amin=1e-20, top_db=None)
    levels -= levels.max()
    noise = np.percentile(levels, FLOOR_PERCENTILE, axis=1, keepdims=True).clip(min=-RANGE)  # (BANDS, 1)
    return np.maximum(levels, (noise + FLOOR_MARGIN).astype(np.float32), out=levels)


@lru_cache(maxsize=8)
def _bank(sample_rate: int, n_fft: int) -> np.ndarray:
    """Mel filters: (BANDS, n_fft // 2 + 1) float32."""
    import librosa

    highest = min(HIGHEST, sample_rate / 2)
    bank: np.ndarray = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=BANDS, fmin=LOWEST, fmax=highest)
    return bank


def _flux(levels: np.ndarray, sample_rate: int, hop: int) -> np.ndarray:
    """How fast the bands that rise most do so: (BANDS, T) -> (T,) dB in LAG hops."""
    import librosa

    def flux(first: int) -> np.ndarray:
        piece = levels[:, max(0, first - LAG) : first + BLOCK]
        out = librosa.onset.onset_strength(
            S=piece, sr=sample_rate, hop_length=hop, lag=LAG, center=False, aggregate=_most_risen
        )
        return out[min(first, LAG) :]

    return np.concatenate([flux(first) for first in range(0, levels.shape[1], BLOCK)])


def _most_risen(rises: np.ndarray, axis: int) -> np.ndarray:
    """Mean over the bands that rise most: a dull thud in a hiss rises in few of them."""
    return np.sort(rises, axis=axis)[-RISING_BANDS:].mean(axis)


def _attack(levels: np.ndarray, peak: int, frames_per_second: float) -> tuple[float, float]:
    """Where, in frames, an event's own bands pass half of their rise before a flux peak; the rise in dB."""
    after = peak + max(1, round(CREST * frames_per_second))
    first = max(0, peak - round(SEARCH * frames_per_second))
    gains = levels[:, peak:after].max(1) - levels[:, first : peak + 1].min(1)  # (BANDS,)
    near = max(0, first - 1)  # `level` begins here, and so do the places in it
    level = levels[np.argsort(gains)[-RISING_BANDS:], near:after].mean(0)
    peak, first, after = peak - near, first - near, after - near
    crest = peak + int(np.argmax(level[peak:after]))
    valley = first + int(np.argmin(level[first : peak + 1]))
    half = (level[crest] + level[valley]) / 2
    frame = crest
    while frame > valley and level[frame - 1] > half:
        frame -= 1
    rise = float(level[crest] - level[valley])
    if frame == 0 or level[frame] <= level[frame - 1]:
        return float(near + frame), rise
    inside = (level[frame] - half) / (level[frame] - level[frame - 1])
    return near + frame - float(np.clip(inside, 0.0, 1.0)), rise


def _separate(times: np.ndarray, strengths: np.ndarray, gap: float) -> list[int]:
    """Indices, in time order, of the events left when of two nearer than `gap` seconds the stronger stays."""
    kept: list[int] = []
    for i in np.argsort(-strengths, kind="stable"):
        if all(abs(times[i] - times[j]) >= gap for j in kept):
            kept.append(int(i))
    return sorted(kept)


def detect_onsets(wav: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Times and strengths of the sound events of a soundtrack.

    Peaks of the mel spectral flux, each walked back to the middle of its attack (half of the rise in dB).
    Independent of gain; silence and stationary noise hold no events. An event that is already sounding when
    the clip begins is not one of the clip's.

    wav: (N,) float, mono, any level.   sample_rate: Hz.
    Returns times (K,) float64, seconds, ascending, and strengths (K,) float64, dB risen (mean over the
    RISING_BANDS mel bands that rise most).
    Raises ValueError when `wav` is not one-dimensional or not finite.
    """
    import librosa

    wav = np.asarray(wav, dtype=np.float32)
    loudest = float(max(wav.max(initial=0.0), -wav.min(initial=0.0)))  # not a number where one sample is not
    if wav.ndim != 1 or not np.isfinite(loudest):
        raise ValueError("wav: one channel of finite samples is needed, (N,)")
    none = np.zeros(0), np.zeros(0)
    if loudest < SILENCE:
        return none
    hop = max(1, round(HOP * sample_rate))
    rate = sample_rate / hop  # frames a second
    lead = round(LEAD_IN * sample_rate)
    levels = _levels(wav, sample_rate, hop, 1 / loudest, lead)
    flux = _flux(levels, sample_rate, hop)
    radius = round(PEAK_RADIUS * rate)
    peaks = librosa.util.peak_pick(
        flux,
        pre_max=radius,
        post_max=radius,
        pre_avg=round(BEFORE * rate),
        post_avg=round(AFTER * rate),
        delta=PROMINENCE,
        wait=0,
    )
    attacks = [_attack(levels, int(k), rate) for k in peaks if flux[k] >= FLUX]
    if not attacks:
        return none
    times = np.array([frame for frame, _ in attacks]) / rate - lead / sample_rate
    rises = np.array([rise for _, rise in attacks])
    strong = float(np.percentile(rises, STRONG))
    real = (rises >= max(RISE, RELATIVE_RISE * strong)) & (times >= EDGE)
    times, rises = times[real], rises[real]
    kept = _separate(times, rises, MIN_GAP)
    return times[kept], rises[kept]


def match(reference_times: np.ndarray, estimated_times: np.ndarray, window: float = 0.1) -> Score:
    """Score estimated event times against true ones by the largest one-to-one matching within a window.

    reference_times (R,), estimated_times (E,): seconds, in any order.   window: seconds, >= 0.
    When both lists are empty everything is right: precision, recall and f1 are 1. When only one is empty
    they are 0.
    Raises ValueError for a negative window or times that are not finite or not one-dimensional.
    """
    from mir_eval.util import match_events

    reference = np.sort(np.asarray(reference_times, dtype=float))
    estimated = np.sort(np.asarray(estimated_times, dtype=float))
    if window < 0 or not all(t.ndim == 1 and np.isfinite(t).all() for t in (reference, estimated)):
        raise ValueError("event times: finite seconds in one dimension and a window >= 0 are needed")
    n_ref, n_est = len(reference), len(estimated)
    if n_ref == 0 or n_est == 0:
        right = float(n_ref == n_est)
        return Score(right, right, right, n_ref, n_est)
    hits = len(match_events(reference, estimated, window))
    return Score(hits / n_est, hits / n_ref, 2 * hits / (n_ref + n_est), n_ref, n_est)


def random_events(count: int, duration: float, rng: np.random.Generator) -> np.ndarray:
    """Control: (count,) ascending times drawn evenly from [0, duration) seconds."""
    return np.sort(rng.uniform(0.0, duration, count))
