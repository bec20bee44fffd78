"""Onsets of sound events: detection, one-to-one matching and agreement of two lists. Pure functions, times in seconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from condfoley.audio.mel import frames_to_spectra, mel_filters
from condfoley.geometry import Geometry
from condfoley.memory import blocks, release_all, sound_array

# Analysis. Levels are dB below the clip's loudest mel cell, so nothing here depends on the gain.
RATE = Geometry().sample_rate  # Hz; the constants below were chosen at it
HOP, WINDOW = 128 / RATE, 512 / RATE  # s; the hop is half the model's own: 5.8 ms
N_MELS, FMIN, FMAX = 48, 80.0, 10000.0  # mel bands and their range, Hz
RISING_BANDS = 12  # of them, those that rise most make an onset
RANGE_DB = 60.0  # what lies deeper below the loudest cell is inaudible beside it
BLOCK = 4096  # frames whose spectra are in memory at a time
PERCENTILE_BANDS = 8  # bands that are sorted at a time
PADDING = 0.1  # s of silence put in front, so that an attack at the very start still rises from something
LAG = 2  # hops over which a rise is measured; one hop splits an impact into stick and body
# A band's stationary noise, as a percentile of its levels, and the reach of its fluctuations.
NOISE_PERCENTILE, NOISE_MARGIN_DB = 15.0, 7.0
# Peak picking.
MIN_FLUX_DB = 1.7  # mean over bands in LAG hops: weaker peaks of the flux are not looked at
PROMINENCE_DB = 0.9  # what a flux peak must stand above the mean of its neighbourhood ...
MEAN_BEFORE, MEAN_AFTER = 0.12, 0.06  # ... which spans these seconds
PEAK_RADIUS = 0.03  # s around a peak in which it must be the highest
VALLEY_REACH, CREST_REACH = 0.06, 0.03  # s before a peak that hold its valley, and after it that hold its crest
# Decision.
MIN_RISE_DB = 16.0  # from valley to crest
MIN_GAP = 0.08  # s between two onsets; the stronger one stays
MIN_TIME = 0.01  # s; what rises earlier than this began before the clip did
SILENCE_PEAK = 1e-5  # peak amplitude of a clip that holds nothing
MATCH_WINDOW = 0.1  # s by which two onsets that are taken for one event may differ


def detect_onsets(wav: np.ndarray, sample_rate: int, block: int = BLOCK) -> tuple[np.ndarray, np.ndarray]:
    """Times and strengths of the onsets of a sound.

    Peaks of the mel spectral flux, each walked back to the middle of its attack (half of the rise in dB).
    Independent of gain; silence and stationary noise have no onsets. A sound that already sounds when the clip begins
    is not an onset.

    wav: (N,) float, mono, any level.   sample_rate: Hz.   block: frames whose spectra are in memory at a time.
    Returns times (K,) float64, seconds, ascending, and strengths (K,) float64, dB risen (mean over the
    RISING_BANDS mel bands that rise most).
    Raises ValueError when `wav` is not one-dimensional or not finite.
    """
    wav = np.asarray(wav, dtype=np.float32)
    peak = _peak(wav)
    if wav.ndim != 1 or not np.isfinite(peak):
        raise ValueError("wav: one channel of finite samples is needed, (N,)")
    none = np.zeros(0), np.zeros(0)
    if peak < SILENCE_PEAK:
        return none
    hop = max(1, round(HOP * sample_rate))
    rate = sample_rate / hop  # frames a second
    padding = round(PADDING * sample_rate)
    levels = mel_levels(wav, sample_rate, hop, 1 / peak, padding, block)
    flux = spectral_flux(levels, LAG, block)
    radius, before, after = (round(seconds * rate) for seconds in (PEAK_RADIUS, MEAN_BEFORE, MEAN_AFTER))
    peaks = pick_peaks(flux, radius, before, after, PROMINENCE_DB)
    attacks = [_attack(levels, int(k), rate) for k in peaks if flux[k] >= MIN_FLUX_DB]
    if not attacks:
        return none
    times = np.array([frame for frame, _ in attacks]) / rate - padding / sample_rate
    rises = np.array([rise for _, rise in attacks])
    valid = (rises >= MIN_RISE_DB) & (times >= MIN_TIME)
    times, rises = times[valid], rises[valid]
    kept = _non_maximum_suppression(times, rises, MIN_GAP)
    return times[kept], rises[kept]


def _peak(wav: np.ndarray) -> float:
    """The highest magnitude of a sound (N,); nan where a sample is none."""
    found = [np.abs(wav[part]).max() for part in blocks(len(wav))]
    return float(np.max(found, initial=0.0))


def mel_levels(wav: np.ndarray, sample_rate: int, hop: int, gain: float, padding: int, block: int) -> np.ndarray:
    """Mel levels (N_MELS, T) in dB below the loudest cell, raised to each band's stationary noise.

    wav: (N,), analysed with `gain` and after `padding` samples of silence. Windows that reach past the end are left
    out: a tone cut off there would splash over all bands. In place and by blocks, since soundtracks may be long.
    """
    n_fft = 2 ** round(np.log2(WINDOW * sample_rate))
    filters = mel_filters(sample_rate, n_fft, N_MELS, FMIN, min(FMAX, sample_rate / 2), "slaney")
    silence = padding + n_fft // 2
    frames = max(1, (padding + len(wav) - n_fft // 2) // hop + 1)
    levels = sound_array((N_MELS, frames))
    for part in blocks(frames, block):
        first, last = part.start, part.stop
        begin, end = first * hop - silence, (last - 1) * hop + n_fft - silence
        piece = np.float32(gain) * wav[max(0, begin) : max(0, end)]
        before = min(max(0, -begin), end - begin)
        spectrum = frames_to_spectra(np.pad(piece, (before, end - begin - before - len(piece))), n_fft, hop)
        power = filters @ (np.square(spectrum.real) + np.square(spectrum.imag)).T
        levels[:, first:last] = 10 * np.log10(np.maximum(power, 1e-20))
    levels -= levels.max()
    bands = [levels[i : i + PERCENTILE_BANDS] for i in range(0, N_MELS, PERCENTILE_BANDS)]  # each is copied
    noise = np.concatenate([np.percentile(x, NOISE_PERCENTILE, axis=1, keepdims=True) for x in bands])  # (N_MELS, 1)
    noise = noise.clip(min=-RANGE_DB)
    np.maximum(levels, (noise + NOISE_MARGIN_DB).astype(np.float32), out=levels)
    if frames > block:
        release_all()
    return levels


def spectral_flux(levels: np.ndarray, lag: int, block: int = BLOCK) -> np.ndarray:
    """How far the RISING_BANDS bands that rise most do so in `lag` frames: (bands, T) dB -> (T,) dB, at first 0.

    A dull thud in a hiss rises in few bands. block: frames that are compared at a time.
    """
    frames = levels.shape[1]
    flux = np.zeros(frames, np.float32)
    for first in range(lag, frames, block):
        last = min(first + block, frames)
        rises = np.maximum(levels[:, first:last] - levels[:, first - lag : last - lag], 0)
        flux[first:last] = np.sort(rises, 0)[-RISING_BANDS:].mean(0)
    return flux


def pick_peaks(values: np.ndarray, radius: int, before: int, after: int, prominence: float) -> np.ndarray:
    """Indices (K,) of the local maxima of (T,) that stand out.

    A peak is the greatest of [i - radius, i + radius) and at least `prominence` above the mean of
    [i - before, i + after). All lengths in samples of `values`, radius and after >= 1.
    """
    from scipy.ndimage import maximum_filter1d

    index, total = np.arange(len(values)), np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    first, last = (index - before).clip(0), (index + after).clip(max=len(values))
    mean = (total[last] - total[first]) / (last - first)
    highest = maximum_filter1d(values, 2 * radius, mode="nearest")
    return np.flatnonzero((values == highest) & (values >= mean + prominence))


def _attack(levels: np.ndarray, peak: int, rate: float) -> tuple[float, float]:
    """Where, in frames, an onset's own bands pass half of their rise around a flux peak; the rise in dB.

    levels: (N_MELS, T) dB. peak: frame. rate: frames a second.
    """
    first, last = max(0, peak - round(VALLEY_REACH * rate)), peak + max(1, round(CREST_REACH * rate))
    rises = levels[:, peak:last].max(1) - levels[:, first : peak + 1].min(1)  # (N_MELS,)
    level = levels[np.argsort(rises)[-RISING_BANDS:], first:last].mean(0)
    valley = int(np.argmin(level[: peak - first + 1]))
    crest = peak - first + int(np.argmax(level[peak - first :]))
    rise = float(level[crest] - level[valley])
    if rise <= 0:
        return float(first + crest), 0.0
    half = (level[crest] + level[valley]) / 2
    below = valley + int(np.flatnonzero(level[valley:crest] <= half)[-1])  # the last frame that is not yet above half
    return first + below + float((half - level[below]) / (level[below + 1] - level[below])), rise


def _non_maximum_suppression(times: np.ndarray, strengths: np.ndarray, gap: float) -> list[int]:
    """Indices, in time order, of the events left when of two nearer than `gap` seconds the stronger stays."""
    kept: list[int] = []
    for i in np.argsort(-strengths, kind="stable"):
        if all(abs(times[i] - times[j]) >= gap for j in kept):
            kept.append(int(i))
    return sorted(kept)


def match_pairs(
    reference_times: np.ndarray, estimated_times: np.ndarray, window: float = MATCH_WINDOW
) -> list[tuple[int, int]]:
    """Indices (i, j) of events that belong together: the largest one-to-one matching within `window`, ascending.

    reference_times (R,), estimated_times (E,): seconds, ascending. window: seconds; events that are just as far apart
    match. The pairs are those of `mir_eval.util.match_events`: as all windows are equally wide, it is the largest
    matching that pairs the earliest event of each list that can still be paired.
    """
    reference, estimated = np.asarray(reference_times).tolist(), np.asarray(estimated_times).tolist()
    pairs, i, j = [], 0, 0
    while i < len(reference) and j < len(estimated):
        if reference[i] < estimated[j] - window:
            i += 1
        elif reference[i] > estimated[j] + window:
            j += 1
        else:
            pairs.append((i, j))
            i, j = i + 1, j + 1
    return pairs


def matched_onsets(cues: np.ndarray, onsets: np.ndarray, window: float = MATCH_WINDOW) -> np.ndarray:
    """Those of a sound's onsets (E,) s that belong to one of the cues (K,) s, one to one within `window` s: (H,) s."""
    return onsets[[j for _, j in match_pairs(cues, onsets, window)]]


@dataclass(frozen=True)
class Score:
    """Agreement of two lists of event times: `precision`, `recall` and `f1` in [0, 1], and the length of each list."""

    precision: float
    recall: float
    f1: float
    n_ref: int
    n_est: int


def match(reference_times: np.ndarray, estimated_times: np.ndarray, window: float = MATCH_WINDOW) -> Score:
    """Score estimated event times against true ones by the largest one-to-one matching within a window.

    reference_times (R,), estimated_times (E,): seconds, in any order.   window: seconds, >= 0.
    When both lists are empty everything is right: precision, recall and f1 are 1. When only one is empty
    they are 0.
    Raises ValueError for a negative window or times that are not finite or not one-dimensional.
    """
    reference = np.sort(np.asarray(reference_times, dtype=float))
    estimated = np.sort(np.asarray(estimated_times, dtype=float))
    if window < 0 or not all(t.ndim == 1 and np.isfinite(t).all() for t in (reference, estimated)):
        raise ValueError("event times: finite seconds in one dimension and a window >= 0 are needed")
    n_ref, n_est = len(reference), len(estimated)
    if n_ref == 0 or n_est == 0:
        right = float(n_ref == n_est)
        return Score(right, right, right, n_ref, n_est)
    hits = len(match_pairs(reference, estimated, window))
    return Score(hits / n_est, hits / n_ref, 2 * hits / (n_ref + n_est), n_ref, n_est)


def random_events(count: int, duration: float, rng: np.random.Generator) -> np.ndarray:
    """Control: (count,) ascending times drawn evenly from [0, duration) seconds."""
    return np.sort(rng.uniform(0.0, duration, count))
