"""Sliding and friction: short overlapping grains of the reference, chosen frame by frame."""

from __future__ import annotations

import numpy as np

from condfoley.resynthesis.bands import SILENCE, hop
from condfoley.resynthesis.choose import RANGE_DB, WORST_DB
from condfoley.resynthesis.library import Library

GRAIN_FRAMES = 6  # hops of a grain, half of which overlap
EVENED_DB = 12.0  # by which a frame of a grain is made louder or softer at most
JUMP_DB = 2.0  # distance that a jump in the recording costs
LEVEL_COST = 0.05  # for a dB by which a grain has to be made louder or softer than most


def grain_places(library: Library, spans: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Frames of the recording at which a grain may begin, inside `spans`, samples: (G,)."""
    step = hop(library.rate)
    found = [np.arange(-(-a // step), max(-(-a // step), b // step - GRAIN_FRAMES + 1)) for a, b in spans]
    return np.concatenate(found) if found else np.zeros(0, int)


def granulated(
    library: Library,
    places: np.ndarray,
    wanted: np.ndarray,
    length: int,
    first: int = 0,
    levels: np.ndarray | None = None,
) -> np.ndarray:
    """Grains that follow band powers `wanted`, (B, M): (C, length) float32 at the recording's rate.

    places: see `grain_places`, G >= 1. first: band of the recording that the first of `wanted` is. levels: (M',) power of each
    frame of the recording; a grain's are made equal, so that it does not decay by itself; None: grains stay as they are.
    """
    step, half = hop(library.rate), GRAIN_FRAMES // 2
    powers = library.powers[first : first + wanted.shape[0]]
    source = np.stack([powers[:, places + k] for k in range(GRAIN_FRAMES)]).mean(0)  # (B, G)
    count = -(-length // (half * step)) + 1
    target = np.stack(
        [wanted[:, min(i * half, wanted.shape[1] - 1) :][:, :GRAIN_FRAMES].mean(1) for i in range(count)], axis=1
    )  # (B, count)
    chosen = follow(target, source, places, half)
    out = np.zeros((library.sound.shape[0], (count + 2) * half * step + GRAIN_FRAMES * step), np.float32)
    goes_on = np.diff(places[chosen]) == half  # the next grain is what follows in the recording
    for i, g in enumerate(chosen):
        begin = int(places[g]) * step
        grain = library.clean[:, begin : begin + GRAIN_FRAMES * step]
        window = grain_window(half * step, i > 0 and bool(goes_on[i - 1]), i < len(goes_on) and bool(goes_on[i]))
        if levels is not None:
            window = window * evened(levels[int(places[g]) :][: GRAIN_FRAMES + 1], step)
        ratio = 10 * np.log10(target[:, i].sum() / source[:, g].sum())
        place = i * half * step
        out[:, place : place + grain.shape[1]] += grain * window[: grain.shape[1]] * np.float32(10 ** (ratio / 20))
    return out[:, half * step :][:, :length]


def grain_window(half: int, follows: bool, goes_on: bool) -> np.ndarray:
    """Gain of a grain, (2 * half,) float32, that rises over its first half and falls over its second.

    follows, goes_on: whether it follows the grain before it in the recording, and the next one follows it. What is the same
    sound in both adds up in amplitude, what is not in power: with one window for both, each join would be 3 dB softer (E26.6).
    """
    rise = np.sin(np.pi / 2 * (np.arange(half) + 0.5) / half)
    return np.concatenate([rise ** (2 if follows else 1), rise[::-1] ** (2 if goes_on else 1)]).astype(np.float32)


def evened(levels: np.ndarray, step: int) -> np.ndarray:
    """Gain, (GRAIN_FRAMES * step,) float32, by which a grain is as loud in each of its frames, as far as EVENED_DB allow.

    levels: powers of its frames, one every `step` samples, up to the one behind it.
    """
    most = 10 ** (EVENED_DB / 20)
    gains = np.clip(np.sqrt(levels.mean() / np.maximum(levels, SILENCE)), 1 / most, most)
    return np.interp(np.arange(GRAIN_FRAMES * step), np.arange(len(gains)) * step, gains).astype(np.float32)


def follow(target: np.ndarray, source: np.ndarray, places: np.ndarray, advance: int) -> list[int]:
    """The grain of each step: the cheapest path over band distance and jumps in the recording.

    target: (B, S) and source: (B, G) powers. advance: frames between two grains, where the recording goes on.
    """
    ours, theirs = 10 * np.log10(target), 10 * np.log10(source)
    weight = np.maximum(ours - ours.max(0) + RANGE_DB, 0) / RANGE_DB
    total_weight = np.maximum(weight.sum(0), 1e-9)
    costs = []
    for i in range(ours.shape[1]):
        level = ((weight[:, i] * ours[:, i]).sum() - weight[:, i] @ theirs) / total_weight[i]  # (G,)
        apart = np.minimum(np.abs(ours[:, i, None] - theirs - level), WORST_DB)
        costs.append(weight[:, i] @ apart / total_weight[i] + LEVEL_COST * np.abs(level - np.median(level)))
    index = {int(place): g for g, place in enumerate(places)}
    goes_on = np.array([index.get(int(place) - advance, -1) for place in places])  # the grain before each
    total, back = costs[0], []
    for cost in costs[1:]:
        best = int(total.argmin())
        jump = total[best] + JUMP_DB
        stay = np.where(goes_on >= 0, total[goes_on], np.inf)
        back.append(np.where(stay <= jump, goes_on, best))
        total = np.minimum(stay, jump) + cost
    path = [int(total.argmin())]
    for step in back[::-1]:
        path.append(int(step[path[-1]]))
    return path[::-1]
