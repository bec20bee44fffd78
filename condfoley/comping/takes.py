"""Takes: at each moment the soundtrack is one of the candidates, the one whose onsets meet the cues there.

What studios do with the takes of a singer. All candidates have the reference's material and the target's time line, so
they can follow one another; a change is cheap where the sound is quiet. The choice is a shortest path (Viterbi) over
candidates, their shifts and cells of time. Times in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from condfoley.audio.splice import concatenate, until_next
from condfoley.audio.track import Track
from condfoley.comping.ranking import TIE, Candidate, in_time
from condfoley.comping.repair import MAX_ROUNDS, Edit, improve, onset_cost, total_cost
from condfoley.memory import release

# What was compared (docs/experiments): OFFSET_COST and SWITCH_COST_LOUD in E08.1 (the latter hardly matters), MAX_SHIFT_CELLS
# in E07.2 (of 0, 0.1, 0.2 and 0.3 s), CELL in E07.2 and E08.3, SWITCH_COST in E08.4 (of .2, .5, 1 and 2). The others are
# estimates that were not tuned.
CELL = 0.05  # s; takes change at multiples of it
MAX_SHIFT_CELLS = 4  # cells by which a take may be moved to meet the cues, either way
SWITCH_COST = 0.5  # of a change of takes in silence, in missed onsets
SWITCH_COST_LOUD = 1.0  # what is added to it at the take's peak
RANGE_DB = 60.0  # below the take's peak, where it counts as silence
CROSSFADE = 0.02  # s, around a change of takes


class Take(NamedTuple):
    """From `start`, s, until the next take the soundtrack is candidate number `candidate`, from 0, `moved` s later."""

    start: float
    candidate: int
    moved: float = 0.0


def comp(
    candidates: Sequence[Candidate],
    cues: np.ndarray,
    best: int,
    tolerance: float,
    edits: Sequence[Edit] = (),
    max_shift: int = MAX_SHIFT_CELLS,
    rounds: int = MAX_ROUNDS,
) -> tuple[Track, list[Take]]:
    """The soundtrack put together from the candidates that are in time, and from which takes.

    A soundtrack may have other onsets than its takes had by themselves: where a change of takes hides one, or a swell
    becomes one. So its onsets are detected, the takes are chosen anew with them, `rounds` times at most, and the
    soundtrack of the lowest cost stays. It is then improved by `edits`, once.
    cues: (K,) s; without any, the best candidate is taken whole. best: index of the candidate that is taken where
    others are no better. tolerance: s, see `in_time`. max_shift: cells by which takes may be moved; 0: not at all.
    """
    if not len(cues):
        return candidates[best].track, [Take(0.0, best)]
    timely = np.flatnonzero(in_time([c.offset for c in candidates], tolerance)).tolist()
    usable = sorted({best, *timely})
    tracks = [candidates[i].track for i in usable]
    onsets, levels = [t.onsets for t in tracks], np.array([cell_levels(t) for t in tracks])
    release(*(track.samples for track in tracks))
    track: Track | None = None
    chosen: list[Take] = []
    takes: list[Take] = []
    for _ in range(rounds):
        before, takes = takes, choose_takes(onsets, cues, levels, usable.index(best), max_shift)
        if takes == before:
            break
        made = splice(tracks, takes)
        release(*(track.samples for track in tracks))
        if track is None or total_cost(made, cues) < total_cost(track, cues) - TIE:
            track, chosen = made, [take._replace(candidate=usable[take.candidate]) for take in takes]
        onsets = update_onsets(onsets, takes, made)
    assert track is not None
    return improve(track, cues, edits, rounds=1), chosen


def cell_count(duration: float) -> int:
    """Cells of a soundtrack of `duration` s, the last one perhaps a short one."""
    return max(1, int(np.ceil(duration / CELL - 1e-6)))


def cell_levels(track: Track) -> np.ndarray:
    """How loud a sound is around the beginning of each cell: (cells,), 0 for silence, 1 for its peak.

    RMS in dB over the length of a crossfade; RANGE_DB below the peak counts as silence.
    """
    wav, reach = track.mono, round(CROSSFADE * track.rate / 2)
    peak = max(float(wav.max(initial=0.0)), -float(wav.min(initial=0.0)), 1e-9)
    begins = (np.arange(cell_count(track.duration)) * CELL * track.rate).round().astype(int)
    rms = np.array([np.sqrt(np.square(wav[max(0, b - reach) : b + reach]).mean()) for b in begins])
    return np.clip(1 + 20 * np.log10(np.maximum(rms / peak, 1e-9)) / RANGE_DB, 0.0, 1.0)


def choose_takes(
    onsets: Sequence[np.ndarray], cues: np.ndarray, levels: np.ndarray, favourite: int, max_shift: int = MAX_SHIFT_CELLS
) -> list[Take]:
    """Which candidate is taken when, and by how much it is moved.

    onsets: (E,) s of each of N candidates. cues: (K,) s. levels: (N, cells), see `cell_levels`. favourite: index of the
    candidate that is taken where others are no better. max_shift: cells, either way; a moved candidate is taken only
    where it has sound.
    """
    count, cells = levels.shape
    shifts, cell = np.arange(-max_shift, max_shift + 1), np.arange(cells)
    costs = np.full((count, len(shifts), cells), np.inf)
    loudness = np.empty_like(costs)
    for i, times in enumerate(onsets):
        for j, shift in enumerate(shifts):
            source = cell - shift  # where in the candidate the sound of each cell comes from
            has_sound = (source >= 0) & (source < cells - (shift < 0))  # its last cell may be a short one
            moved = times + shift * CELL
            moved = moved[(moved >= 0) & (moved < cells * CELL)]
            costs[i, j, has_sound] = onset_cost(cues, moved, CELL, cells)[has_sound]
            loudness[i, j] = levels[i][source.clip(0, cells - 1)]
    unmoved = favourite * len(shifts) + max_shift
    path = viterbi(costs.reshape(-1, cells), loudness.reshape(-1, cells), unmoved)  # (cells,)
    changes = [c for c in range(cells) if not c or path[c] != path[c - 1]]
    states = [divmod(path[c], len(shifts)) for c in changes]  # candidate, index of the shift
    return [Take(round(c * CELL, 6), i, round(float(shifts[j]) * CELL, 6)) for c, (i, j) in zip(changes, states)]


def viterbi(costs: np.ndarray, levels: np.ndarray, favourite: int = 0) -> list[int]:
    """The cheapest path of states through all cells, by dynamic programming: (cells,) indices of states.

    costs: (P, cells) of each state; infinite where it has no sound. levels: (P, cells) in [0, 1]; a change costs
    SWITCH_COST, and more where the louder one of the two is loud. favourite: the state that is taken where it is as
    good.
    """
    count, cells = costs.shape
    costs = costs + 1e-6 * (np.arange(count) != favourite)[:, None]
    total, others = costs[:, 0], 1 - np.eye(count)
    previous = np.zeros((cells, count), int)  # the state before each state, on the cheapest path to it
    for cell in range(1, cells):
        louder = np.maximum(levels[:, None, cell], levels[None, :, cell])
        paths = total[:, None] + (SWITCH_COST + SWITCH_COST_LOUD * louder) * others  # (from, to)
        previous[cell] = paths.argmin(0)
        total = paths.min(0) + costs[:, cell]
    path = [int(total.argmin())]
    for cell in range(cells - 1, 0, -1):
        path.append(int(previous[cell][path[-1]]))
    return path[::-1]


def spans(takes: Sequence[Take], duration: float) -> list[tuple[Take, float]]:
    """Each take and when it ends, s, in a soundtrack of `duration` s."""
    ends = [end for _, end in until_next([take.start for take in takes], duration)]
    return list(zip(takes, ends, strict=True))


def dominant_candidate(takes: Sequence[Take], duration: float) -> int:
    """Index of the candidate that gives most of a soundtrack of `duration` s."""
    seconds: dict[int, float] = {}
    for take, end in spans(takes, duration):
        seconds[take.candidate] = seconds.get(take.candidate, 0.0) + end - take.start
    return max(seconds, key=lambda candidate: seconds[candidate])


def splice(tracks: Sequence[Track], takes: Sequence[Take]) -> Track:
    """The soundtrack that `takes` describe, with crossfades. A candidate that is taken whole and unmoved is itself."""
    if len(takes) == 1 and not takes[0].moved:
        return tracks[takes[0].candidate]
    rate, samples = tracks[0].rate, len(tracks[0])
    sources = [(tracks[take.candidate].samples, round(take.moved * rate)) for take in takes]
    cuts = [round(take.start * rate) for take in takes[1:]]
    return Track(concatenate(sources, cuts, samples, round(CROSSFADE * rate)), rate)


def update_onsets(onsets: Sequence[np.ndarray], takes: Sequence[Take], made: Track) -> list[np.ndarray]:
    """The candidates' onsets, (E,) s each, where they were taken replaced by those that the soundtrack has there.

    made: the soundtrack of `takes`.
    """
    out = list(onsets)
    for take, end in spans(takes, made.duration):
        own, now = out[take.candidate], made.onsets[(made.onsets >= take.start) & (made.onsets < end)]
        elsewhere = own[(own + take.moved < take.start) | (own + take.moved >= end)]
        out[take.candidate] = np.sort(np.concatenate([elsewhere, now - take.moved]))
    return out
