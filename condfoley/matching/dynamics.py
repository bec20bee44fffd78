"""Dynamics: a hit is as loud as the picture shows it to be hard, which sound editors do with clip gain.

How loud each hit of a soundtrack is, codes draw nearly at random: a candidate's levels say as little of the true ones
as of each other. How hard something is struck can be seen, and the event head says it of each frame.
"""

from __future__ import annotations

import numpy as np

from condfoley.hits import Hits
from condfoley.matching.envelope import RAMP, parts_begin

SLOPE = 1.5  # dB of level for a dB of shown strength: simulated clips' true sounds have 1.1, real ones 2.3
SOFTEST = 0.05  # least strength that counts
FURTHEST = 12.0  # dB by which a hit is changed at most
LENGTH = 0.1  # s from a hit on in which its level is looked for
WINDOW = 0.02  # s over which a level is a mean
QUIETEST = 1e-9  # power of a level in digital silence


def levels(wav: np.ndarray, hits: np.ndarray, sample_rate: int) -> np.ndarray:
    """How loud a sound (N,) strikes at (H,) s, ascending: (H,) dB, the highest level until the next hit."""
    begins = parts_begin(hits, len(wav), sample_rate)
    out = []
    for begin, following in zip(begins, [*begins[1:], len(wav)]):
        end = max(begin + 1, min(begin + round(LENGTH * sample_rate), following))
        out.append(loudest(wav[begin:end], sample_rate))
    return np.array(out)


def loudest(wav: np.ndarray, sample_rate: int) -> float:
    """The highest level of a sound (N,), dB."""
    from scipy.ndimage import uniform_filter1d

    power = uniform_filter1d(np.square(wav, dtype=np.float64), round(WINDOW * sample_rate))
    return float(10 * np.log10(max(power.max(initial=0.0), QUIETEST)))


def loudness(wav: np.ndarray, hits: np.ndarray, sample_rate: int) -> float:
    """How loud a sound (N,) strikes at (H,) s, ascending: dB, the median of its hits; its loudest moment without any."""
    return float(np.median(levels(wav, hits, sample_rate))) if len(hits) else loudest(wav, sample_rate)


def at_level(wav: np.ndarray, hits: np.ndarray, level: float, sample_rate: int) -> np.ndarray:
    """A sound (N,) that strikes at (H,) s as loud as `level`, dB (`loudness`): (N,) float32; silence stays silent."""
    change = level - loudness(wav, hits, sample_rate) if wav.any() else 0.0
    return wav * np.float32(10 ** (change / 20))


def hardness(strength: np.ndarray, hits: np.ndarray, fps: float) -> np.ndarray:
    """How hard the picture shows hits at (H,) s to be: (H,) in [0, 1], mean of three frames around each.

    strength: (T,) in [0, 1] at `fps`.
    """
    three = np.convolve(np.pad(np.asarray(strength, float), 1, "edge"), np.full(3, 1 / 3), "valid")  # (T,)
    return three[np.round(hits * fps).astype(int).clip(0, len(three) - 1)]


def told_hardness(strength: np.ndarray, told: Hits, fps: float) -> np.ndarray:
    """How hard told hits are, (K,) in [0, 1]: as they were told, or else as the picture shows them (`hardness`).

    A hit of which neither says anything is as hard as the others in the mean.
    """
    seen = np.isnan(told.strengths)
    hard = np.where(seen, hardness(strength, told.times, fps), told.strengths)
    dim = seen & (hard < SOFTEST)
    hard[dim] = hard[~dim].mean() if (~dim).any() else 0.0
    return hard


def balanced(wav: np.ndarray, hits: np.ndarray, hard: np.ndarray, sample_rate: int, share: float) -> np.ndarray:
    """A soundtrack whose hits are as loud against each other as they are shown to be hard.

    wav: (N,) float32. hits: (H,) s, ascending. hard: (H,), how hard in [0, 1]. share: of the difference in dB, 0 to 1.
    The mean level of the hits, dB, stays. Returns (N,) float32; with a single hit, or where nothing is shown, the same.
    """
    if not share or len(hits) < 2 or not hard.any():
        return wav
    written, wanted = levels(wav, hits, sample_rate), SLOPE * 20 * np.log10(hard.clip(SOFTEST))
    change = ((wanted - wanted.mean()) - (written - written.mean())).clip(-FURTHEST, FURTHEST)
    gains = (10 ** (share * change / 20)).astype(np.float32)
    out, begins, ramp = wav.copy(), parts_begin(hits, len(wav), sample_rate), round(RAMP * sample_rate)
    before = np.float32(1)
    for gain, begin, following in zip(gains, begins, [*begins[1:], len(wav)]):
        out[begin:following] *= gain
        rising = out[max(0, begin - ramp) : begin]  # it has the gain before
        rising *= np.linspace(1, gain / before, len(rising), dtype=np.float32)
        before = gain
    return out
