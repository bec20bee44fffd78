"""Which one-shot of the reference each impact becomes: the most similar, and never the same one twice in a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condfoley.resynthesis.bands import band_powers
from condfoley.resynthesis.library import OneShot

COMPARED = 0.3  # s from the onset on
RANGE_DB = 40.0  # below an impact's loudest band and frame, what is softer does not count
WORST_DB = 25.0  # difference of a cell that counts at most
AGAIN, AGAIN_SOON = 8.0, 3.0  # dB of distance that a one-shot costs that was heard one or two impacts before
MOST = 32  # one-shots that are looked at in sequence
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
    """Index of the one-shot of each impact: the cheapest sequence, by dynamic programming over the last two.

    apart: (E, S, 2), see `distances`.
    """
    if not len(apart) or apart.shape[1] == 1:
        return [0] * len(apart)
    levels = apart[:, :, 1] - np.median(apart[:, :, 1])
    cost = apart[:, :, 0] + LEVEL_COST * np.abs(levels)
    if cost.shape[1] > MOST:  # those that are near to some impact
        kept = np.sort(np.argsort(cost.min(0), kind="stable")[:MOST])
        return [int(kept[i]) for i in cheapest(cost[:, kept])]
    return cheapest(cost)


def cheapest(cost: np.ndarray) -> list[int]:
    """The cheapest sequence of one-shots: one index an impact. cost: (E, S) dB."""
    count = cost.shape[1]
    total, back = np.full((count, count), 0.0) + cost[0][None], []  # (one before, last)
    same = np.eye(count)
    for i in range(1, len(cost)):
        # paths over (a, b, c): a two before, b before, c now
        paths = total[:, :, None] + AGAIN * same[None] + AGAIN_SOON * same[:, None, :] * (count > 2)
        back.append(paths.argmin(0))  # (b, c): best a
        total = paths.min(0) + cost[i][None]
    before, last = np.unravel_index(int(total.argmin()), total.shape)
    out = [int(last), int(before)]
    for step in back[::-1]:
        out.append(int(step[out[-1], out[-2]]))
    return out[: len(cost)][::-1]
