"""Which one-shot of the reference each impact becomes: a similar one, each about as often, never one twice in a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condfoley.resynthesis.bands import band_powers
from condfoley.resynthesis.library import OneShot

COMPARED = 0.3  # s from the onset on
RANGE_DB = 40.0  # below an impact's loudest band and frame, what is softer does not count
WORST_DB = 25.0  # difference of a cell that counts at most
AGAIN, AGAIN_SOON = 100.0, 3.0  # dB of distance that a one-shot costs that was heard one or two impacts before
USED = 8.0  # the same for each time that it was heard more often than the one heard least (E26.3)
LEVEL_COST = 0.15  # for a dB by which it has to be made louder or softer


def event_powers(samples: np.ndarray, rate: int, begin: int, end: int) -> np.ndarray:
    """Band powers of an impact of the soundtrack, (1, N), in the bands that the model knows: (B, M)."""
    stop = min(end, begin + round(COMPARED * rate))
    return band_powers(samples[:, begin : max(stop, begin + 1)], rate, model_only=True)


def distance(wanted: np.ndarray, shot: np.ndarray) -> tuple[float, float]:
    """How far a one-shot is from an impact, dB, whatever their levels, and by how much it has to be louder, dB.

    wanted: (B, M) and shot: (B', M') powers, B' >= B, at the same frame rate.
    """
    bands, frames = wanted.shape[0], min(wanted.shape[1], shot.shape[1])
    ours, theirs = (10 * np.log10(x[:bands, :frames]) for x in (wanted, shot))
    weight = np.maximum(ours - ours.max() + RANGE_DB, 0) / RANGE_DB  # (B, M)
    gain = float((weight * (ours - theirs)).sum() / max(weight.sum(), 1e-9))
    apart = np.minimum(np.abs(ours - theirs - gain), WORST_DB)
    missing = 1 - frames / wanted.shape[1]
    return float((weight * apart).sum() / max(weight.sum(), 1e-9)) + WORST_DB * missing / 2, gain


def distances(wanted: Sequence[np.ndarray], shots: Sequence[OneShot]) -> np.ndarray:
    """`distance` of each impact from each one-shot: (E, S, 2). wanted: (B, M) powers of each impact."""
    return np.array([[distance(powers, shot.raw_powers) for shot in shots] for powers in wanted]).reshape(
        len(wanted), len(shots), 2
    )


def choose_shots(apart: np.ndarray) -> list[int]:
    """Index of the one-shot of each impact: the nearest one, as long as all are heard about equally often.

    Never the one before where there is another, each as often as the others if they are as near: round robin by likeness.
    apart: (E, S, 2), see `distances`.
    """
    if not len(apart) or apart.shape[1] == 1:
        return [0] * len(apart)
    levels = apart[:, :, 1] - np.median(apart[:, :, 1])
    cost = apart[:, :, 0] + LEVEL_COST * np.abs(levels)
    heard, out = np.zeros(cost.shape[1]), list[int]()
    for own in cost:
        total = own + USED * (heard - heard.min())
        if len(heard) > 2 and len(out) > 1:
            total[out[-2]] += AGAIN_SOON
        if out:
            total[out[-1]] += AGAIN
        out.append(int(total.argmin()))
        heard[out[-1]] += 1
    return out
