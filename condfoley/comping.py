"""Comping: the soundtrack is put together from the candidates, at each moment from the one whose hits meet the picture's.

What studios do with the takes of a singer. All candidates have the reference's material and the target's time line, so
they can follow one another; a change is cheap where the sound is quiet. Times in seconds. Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

REACH = 0.1  # s by which a hit may be off the picture's
OFF = 0.5  # what a hit at the end of that reach costs, in hits that are missed
CELL = 0.05  # s; changes are at multiples of it
CHANGE, LOUD = 0.2, 1.0  # what a change costs in silence, and how much more at the take's peak, in hits that are missed
RANGE = 60.0  # dB below the take's peak that count as silence
FADE = 0.02  # s of crossfade around a change


class Take(NamedTuple):
    """From `start`, s, on (until the next take) the soundtrack is candidate number `candidate`, from 0."""

    start: float
    candidate: int


def lateness(shown: np.ndarray, heard: np.ndarray) -> float:
    """How late a sound's hits are against the picture's: median over those within REACH of each other, s; 0 without any.

    shown: (K,), heard: (E,), ascending, s. Systematic: a picture that is followed strictly is anticipated.
    """
    from mir_eval.util import match_events

    pairs = match_events(shown, heard, REACH)
    return float(np.median([heard[j] - shown[i] for i, j in pairs])) if pairs else 0.0


def faults(shown: np.ndarray, heard: np.ndarray, cells: int) -> np.ndarray:
    """What is wrong with a sound in each cell, (cells,): 1 a hit missed or too many, OFF and less for one that is late.

    shown: (K,) the picture's hits, heard: (E,) the sound's, s.
    """
    from mir_eval.util import match_events

    pairs = match_events(shown, heard, REACH)
    met, meant = {i for i, _ in pairs}, {j for _, j in pairs}
    wrong = [(t, 1.0) for i, t in enumerate(shown) if i not in met]
    wrong += [(t, 1.0) for j, t in enumerate(heard) if j not in meant]
    wrong += [(heard[j], OFF * abs(heard[j] - shown[i]) / REACH) for i, j in pairs]
    out = np.zeros(cells)
    for time, weight in wrong:
        out[min(max(0, int(time / CELL)), cells - 1)] += weight
    return out


def levels(wav: np.ndarray, sample_rate: int) -> np.ndarray:
    """How loud a sound (N,) is around the beginning of each cell: (cells,), 0 for silence, 1 for its peak.

    RMS in dB over the length of a crossfade; RANGE below the peak counts as silence.
    """
    reach = round(FADE * sample_rate / 2)
    peak = max(float(wav.max(initial=0.0)), -float(wav.min(initial=0.0)), 1e-9)
    begins = (np.arange(cell_count(len(wav), sample_rate)) * CELL * sample_rate).round().astype(int)
    rms = np.array([np.sqrt(np.square(wav[max(0, b - reach) : b + reach]).mean()) for b in begins])
    return np.clip(1 + 20 * np.log10(np.maximum(rms / peak, 1e-9)) / RANGE, 0.0, 1.0)


def cell_count(samples: int, sample_rate: int) -> int:
    """Cells that a soundtrack has, the last one perhaps a short one."""
    return max(1, int(np.ceil(samples / sample_rate / CELL - 1e-6)))


def best_takes(costs: np.ndarray, loud: np.ndarray, favourite: int = 0) -> list[Take]:
    """The cheapest way through the candidates, by dynamic programming: faults of all cells, and changes between them.

    costs, loud: (N, cells) of each candidate. favourite: index of the one that is taken where it is as good.
    """
    count, cells = costs.shape
    costs = costs + 1e-6 * (np.arange(count) != favourite)[:, None]
    total, came, others = costs[:, 0], np.zeros((cells, count), int), 1 - np.eye(count)
    for cell in range(1, cells):
        louder = np.maximum(loud[:, None, cell], loud[None, :, cell])
        ways = total[:, None] + (CHANGE + LOUD * louder) * others  # from which, to which
        came[cell] = ways.argmin(0)
        total = ways.min(0) + costs[:, cell]
    path = [int(total.argmin())]
    for cell in range(cells - 1, 0, -1):
        path.append(int(came[cell][path[-1]]))
    path.reverse()
    return [Take(round(cell * CELL, 6), i) for cell, i in enumerate(path) if not cell or i != path[cell - 1]]


def spans(takes: Sequence[Take], duration: float) -> list[tuple[int, float, float]]:
    """Which candidate is heard from when to when, s, in a soundtrack of `duration` s."""
    ends = [*(take.start for take in takes[1:]), duration]
    return [(take.candidate, take.start, end) for take, end in zip(takes, ends, strict=True)]


def most_heard(takes: Sequence[Take], duration: float) -> int:
    """Number of the candidate that gives most of a soundtrack of `duration` s."""
    shares: dict[int, float] = {}
    for candidate, start, end in spans(takes, duration):
        shares[candidate] = shares.get(candidate, 0.0) + end - start
    return max(shares, key=lambda candidate: shares[candidate])


def spliced(wavs: Sequence[np.ndarray], takes: Sequence[Take], sample_rate: int) -> np.ndarray:
    """The soundtrack that `takes` describe, with crossfades: (N,) float32. wavs: (N,) each."""
    out = np.zeros(len(wavs[0]), np.float32)
    reach = round(FADE * sample_rate / 2)
    rise = (np.arange(2 * reach, dtype=np.float32) + 0.5) / (2 * reach)
    places = [round(take.start * sample_rate) for take in takes]
    for take, place, following in zip(takes, places, [*places[1:], len(out)], strict=True):
        begin = max(0, place - reach)
        piece = np.array(wavs[take.candidate][begin : following + reach])
        ramp = rise[: len(piece)] if place else rise[:0]
        piece[: len(ramp)] *= ramp
        piece[: len(ramp)] += (1 - ramp) * out[begin : begin + len(ramp)]
        out[begin : begin + len(piece)] = piece
    return out


def comped(heard: Sequence[np.ndarray], shown: np.ndarray, loud: np.ndarray, favourite: int) -> list[Take]:
    """Which candidate is taken when.

    heard: the hits (E,) of each candidate, shown: the picture's (K,), s. loud, favourite: as in `best_takes`.
    """
    return best_takes(np.array([faults(shown, times, loud.shape[1]) for times in heard]), loud, favourite)
