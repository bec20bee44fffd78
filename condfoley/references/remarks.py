"""What a user should know of a reference: that it is clipped, or that somebody speaks or plays under its impacts."""

from __future__ import annotations

import numpy as np

from condfoley.audio.onsets import RATE
from condfoley.media.sound import resample

LOOKED_AT = 60.0  # s of a recording, from its beginning
CLIPPED_RUN, CLIPPED_RUNS = 4, 3  # samples in a row at the highest level, and how often: clipping
CLIPPED_LEVEL = 0.25  # amplitude below which nobody clips
FRAME, HOP = 0.04, 0.02  # s
LOWEST, HIGHEST = 80.0, 500.0  # Hz of a voice or a melody
PERIODIC = 0.8  # autocorrelation, of its value without a lag
AUDIBLE_DB = 30.0  # below the loudest moment, down to which a moment counts
HELD, HELD_DB = 4, 4.0  # frames over which a pitch is held, and dB by which it falls at most: a struck thing falls more
MOVES = 1.0  # semitones, deviation of the pitch; hum has none
SHARE = 0.12  # of the moments that count, within WINDOW (E26.8)
WINDOW = 3.0  # s: speech before the impacts is spread over no more
LEAST = 2.0  # s of a recording of which it can be told
BREADTH_HZ = 2500.0  # below which pitch is looked for


def remarks(sound: np.ndarray, rate: int) -> list[str]:
    """What there is to say of a recording, (C, N) at `rate` Hz; one line each."""
    sound = sound[:, : round(LOOKED_AT * rate)]
    out = []
    if is_clipped(sound):
        out.append("the reference is clipped: its loudest impacts are distorted; record it with a lower level")
    if has_music_or_speech(sound, rate):
        out.append("music or speech seems to be under the reference's impacts, and would be heard with them")
    return out


def has_music_or_speech(sound: np.ndarray, rate: int) -> bool:
    """Whether somebody seems to speak or play in a sound, (C, N) at `rate` Hz, of which LOOKED_AT is looked at.

    False for less than LEAST, of which it cannot be told.
    """
    return sound.shape[1] >= LEAST * rate and pitched_share(sound[:, : round(LOOKED_AT * rate)], rate) > SHARE


def is_clipped(sound: np.ndarray) -> bool:
    """Whether a recording's highest level is held for several samples, several times. sound: (C, N)."""
    level = np.abs(sound).max(initial=0.0)
    if level < CLIPPED_LEVEL:
        return False
    at = np.abs(sound) >= 0.9995 * level
    edges = np.diff(at.astype(np.int8), axis=1, prepend=0, append=0)
    runs = np.concatenate([np.flatnonzero(e < 0) - np.flatnonzero(e > 0) for e in edges])
    return int((runs >= CLIPPED_RUN).sum()) >= CLIPPED_RUNS


def pitched_share(sound: np.ndarray, rate: int) -> float:
    """Share of the audible moments in which a pitch is held that moves in the course of the recording: in [0, 1], where
    it is largest within WINDOW.

    What is struck falls off at once, and hum does not move.
    """
    from scipy.fft import irfft, rfft

    wav = resample(np.ascontiguousarray(sound.mean(0, dtype=np.float32)), rate, RATE)
    size, hop = round(FRAME * RATE), round(HOP * RATE)
    if len(wav) < size + HELD * hop:
        return 0.0
    frames = np.lib.stride_tricks.sliding_window_view(wav, size)[::hop] * np.hanning(size).astype(np.float32)
    level = 10 * np.log10(np.square(frames, dtype=np.float64).mean(1) + 1e-12)
    spectrum = rfft(frames, 2 * size)
    spectrum[:, round(BREADTH_HZ * 2 * size / RATE) :] = 0
    both = irfft(np.square(np.abs(spectrum)))[:, :size] / np.maximum(_window_lags(size), 1e-3)
    first, last = round(RATE / HIGHEST), round(RATE / LOWEST)
    lag = both[:, first:last].argmax(1) + first
    strength = both[np.arange(len(lag)), lag] / np.maximum(both[:, 0], 1e-12)
    pitch = 12 * np.log2(RATE / lag)
    audible = level > level.max() - AUDIBLE_DB
    later = np.append(level[HELD:], np.full(HELD, -np.inf))
    steady = np.append(np.abs(pitch[1:] - pitch[:-1]) < 1.0, False)
    held = audible & (strength > PERIODIC) & steady & (later > level - HELD_DB)
    if held.sum() < 10 or np.std(pitch[held]) < MOVES:
        return 0.0
    return _largest_share(held, audible, round(WINDOW / HOP))


def _largest_share(held: np.ndarray, audible: np.ndarray, length: int) -> float:
    """The largest share of held moments, among `length` in a row, of those that are audible; at least a quarter count as such."""
    length = min(length, len(held))
    sums = [np.convolve(found, np.ones(length), "valid") for found in (held, audible)]
    return float((sums[0] / np.maximum(sums[1], length / 4)).max())


def _window_lags(size: int) -> np.ndarray:
    """Autocorrelation of the window, by which that of a frame falls off: (size,)."""
    window = np.hanning(size)
    whole = np.correlate(window, window, "full")[size - 1 :]
    return np.asarray(whole / whole[0])
