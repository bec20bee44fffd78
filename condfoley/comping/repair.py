"""Repair: edits that bring a soundtrack's onsets to its cues, as long as they help.

An edit takes a track and the cues, (K,) s, and gives another track, or the same object where there is nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from condfoley.audio.onsets import MATCH_WINDOW, match_pairs
from condfoley.audio.track import Track
from condfoley.comping.edits import align, fill_missing, insert_one_shot, mute_extra

Edit = Callable[[Track, np.ndarray], Track]
OFFSET_COST = 0.5  # of an onset that is MATCH_WINDOW off its cue, in missed onsets; less when it is nearer
STRICT_WINDOW = 0.03  # s from a given cue, within which an onset counts as there
DUCK = 0.06  # s before a copied impact that fade out, where what is there hides it (E09.3)
MAX_ROUNDS = 3  # how often edits are tried, one after the other, at most (E07.4, E08.3)


def onset_cost(cues: np.ndarray, onsets: np.ndarray, cell: float, cells: int) -> np.ndarray:
    """What is wrong with onsets (E,) s in each of some cells of `cell` s: (cells,).

    1 for each cue (K,) s without an onset and for each onset without a cue, OFFSET_COST and less for one that is off.
    """
    pairs = match_pairs(cues, onsets, MATCH_WINDOW)
    cued, met = {i for i, _ in pairs}, {j for _, j in pairs}
    wrong = [(time, 1.0) for i, time in enumerate(cues) if i not in cued]
    wrong += [(time, 1.0) for j, time in enumerate(onsets) if j not in met]
    wrong += [(onsets[j], OFFSET_COST * abs(onsets[j] - cues[i]) / MATCH_WINDOW) for i, j in pairs]
    out = np.zeros(cells)
    for time, weight in wrong:
        out[min(max(0, int(time / cell)), cells - 1)] += weight
    return out


def total_cost(track: Track, cues: np.ndarray) -> float:
    """`onset_cost` of a whole track."""
    return float(onset_cost(cues, track.onsets, cell=1.0, cells=1)[0])


def improve(track: Track, cues: np.ndarray, edits: Sequence[Edit], rounds: int = MAX_ROUNDS) -> Track:
    """The track after those of some edits, tried one after the other, that lower its cost.

    All are tried again as long as one helped, `rounds` times at most.
    """
    for _ in range(rounds):
        before = track
        for edit in edits:
            track = min(track, edit(track, cues), key=lambda t: total_cost(t, cues))  # of two equals the first
        if track is before:
            break
    return track


def repairs(move: bool) -> list[Edit]:
    """The edits that need only the soundtrack itself; `move`: impacts may be moved to their cues."""
    return [*([align] if move else []), fill_missing, partial(fill_missing, duck=DUCK)]


def repair(track: Track, cues: np.ndarray, move: bool = True) -> Track:
    """The track with its impacts nearer to the cues, (K,) s, and with missing ones copied. move: they may be moved."""
    return improve(track, cues, repairs(move)) if len(cues) else track


def enforce(track: Track, cues: np.ndarray, one_shot: np.ndarray, move: bool = True) -> Track:
    """The same where the user gave the cues, (K,) s: impacts are at the cues and nowhere else.

    one_shot: (C, L), see `extract_one_shot`; used where no impact is near any cue. Only here are other impacts taken
    out: what a picture shows as one impact, such as a slide, may sound as many.
    """
    if not match_pairs(cues, track.onsets, MATCH_WINDOW):
        track = insert_one_shot(track, cues, one_shot)
    extra = [partial(remove_extra, window=window) for window in (MATCH_WINDOW, STRICT_WINDOW)]
    return improve(track, cues, [*repairs(move), *extra])


def remove_extra(track: Track, cues: np.ndarray, window: float, rounds: int = MAX_ROUNDS) -> Track:
    """The track without impacts that are further than `window` s from all cues, (K,) s.

    Where the loudest of them is gone, a softer one may come up in its place, and goes as well. Cues that lose their
    impact get a copy of another.
    """
    for _ in range(rounds):
        track = fill_missing(mute_extra(track, cues, window), cues, window)
    return track
