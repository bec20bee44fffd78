"""A performance: somebody watched the target and clapped, tapped or spoke its impacts; their times and levels are cues."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from condfoley.audio.levels import impact_levels
from condfoley.audio.onsets import match_pairs
from condfoley.audio.track import Track
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.hits import Hits
from condfoley.inputs import ClipFile, highpass
from condfoley.matching.dynamics import LEVEL_PER_STRENGTH, MIN_STRENGTH

MAX_OFFSET, OFFSET_STEP = 0.5, 0.005  # s; a performance is moved by at most so much, in such steps
SNAP = 0.1  # s from an impact in the picture, within which a performed one is moved to it
SHORTER = 0.5  # s by which a performance may end before the target without a word


class Performance(NamedTuple):
    """hits: in the target, strengths in [0, 1]. notes: what the user should know, one line each."""

    hits: Hits
    notes: tuple[str, ...] = ()


def read_performance(path: str | Path, duration: float, rate: int | None = None) -> Performance:
    """The cues that a recording performs for a target of `duration` s.

    rate: Hz at which it is listened to (default: the geometry's). Raises InputError for a file that cannot be read, one
    without sound, and one in which nothing is performed.
    """
    rate = rate or Geometry().sample_rate
    wav = ClipFile(path).sound(rate)
    if wav is None:
        raise InputError(f"{path} has no sound; give a recording of claps, taps or a voice")
    return perform(wav, rate, duration, str(path))


def perform(wav: np.ndarray, rate: int, duration: float, name: str = "the performance") -> Performance:
    """The cues that a sound performs, see `read_performance`. wav: (N,) float32 at `rate` Hz, from the target's beginning on.

    The loudest impact has the strength 1; the others are softer as `match_dynamics` has it: LEVEL_PER_STRENGTH dB of level
    for a dB of strength.
    """
    track = Track(highpass(wav, rate), rate)
    times = track.onsets
    if not len(times):
        raise InputError(
            f"nothing that begins suddenly was heard in {name}; clap, tap or speak each impact, nearer to it"
        )
    inside = times < duration
    if not inside.any():
        raise InputError(f"all that is performed in {name} is past the end of the target ({duration:.2f} s)")
    levels = impact_levels(track.samples, times, rate)[inside]
    strengths = 10 ** ((levels - levels.max()) / 20 / LEVEL_PER_STRENGTH)
    notes = []
    if track.duration > duration + SHORTER:
        late = int((~inside).sum())
        left = f"; {late} of its impacts, past the target's end, were left out" if late else ""
        notes.append(f"{name} is {track.duration - duration:.1f} s longer than the target{left}")
    elif track.duration < duration - SHORTER:
        notes.append(f"{name} ends {duration - track.duration:.1f} s before the target; what follows has no cues")
    return Performance(Hits(times[inside], strengths.clip(MIN_STRENGTH, 1.0).round(4)), tuple(notes))


def align_to_picture(played: Performance, seen: np.ndarray, duration: float) -> Performance:
    """A performance moved to the impacts that the picture shows, as a whole and then one by one.

    seen: (K,) s, ascending. The whole is moved by the offset within MAX_OFFSET with which most fit best; then each moves
    to an impact of the picture within SNAP s, if that has no nearer one. duration: of the target, s; what would be outside
    it is at its edge.
    """
    times = played.hits.times
    if not len(seen):
        return played._replace(notes=(*played.notes, "the picture shows no impacts; the performance was not aligned"))
    offset = best_offset(times, seen)
    moved = times + offset
    pairs = match_pairs(moved, seen, SNAP)
    for i, j in pairs:
        moved[i] = seen[j]
    order = np.argsort(moved, kind="stable")
    moved = moved[order].clip(0.0, np.nextafter(duration, 0.0))
    note = f"performed {abs(1000 * offset):.0f} ms {'early' if offset > 0 else 'late'}"
    note += f"; {len(pairs)} of {len(times)} impacts are where the picture shows one"
    return Performance(Hits(moved, played.hits.strengths[order]), (*played.notes, note))


def best_offset(times: np.ndarray, seen: np.ndarray) -> float:
    """The offset, s, within MAX_OFFSET, by which times (N,) s fit the picture's impacts (K,) s best; the least of equals."""
    count = round(MAX_OFFSET / OFFSET_STEP)
    offsets = sorted((step * OFFSET_STEP for step in range(-count, count + 1)), key=abs)
    best = max(offsets, key=lambda offset: _fit(times + offset, seen))  # the first of equals
    late = [seen[j] - times[i] - best for i, j in match_pairs(times + best, seen, SNAP)]
    return float(np.clip(best + (np.median(late) if late else 0.0), -MAX_OFFSET, MAX_OFFSET))


def _fit(times: np.ndarray, seen: np.ndarray) -> float:
    """How well two lists of times agree: 1 for each pair, less the further apart it is."""
    return sum(1 - abs(float(times[i] - seen[j])) / SNAP for i, j in match_pairs(times, seen, SNAP))
