"""Comping: at each moment the soundtrack is taken from the candidate whose hits meet the picture's.

What studios do with the takes of a singer: of each passage the best take is used, and moved a little where it is early
or late. All candidates have the reference's material and the target's time line, so they can follow one another; a
change is cheap where the sound is quiet. Times in seconds. Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

REACH = 0.1  # s by which a hit may be off the picture's
# What was compared is in docs/experiments.md: OFF and LOUD in the sixth session (LOUD is nearly indifferent), MOVES in
# the eighth (of 0, 0.1, 0.2 and 0.3 s), CELL in the tenth, CHANGE in the eleventh (of .2, .5, 1 and 2). The others are
# estimates that were not tuned.
OFF = 0.5  # what a hit at the end of that reach costs, in hits that are missed
CELL = 0.05  # s; changes are at multiples of it
MOVES = 4  # cells by which a take may be moved to where the picture's hits are, either way
CHANGE = 0.5  # what a change costs in silence, in hits that are missed
LOUD = 1.0  # how much more it costs at the take's peak
RANGE = 60.0  # dB below the take's peak that count as silence
FADE = 0.02  # s of crossfade around a change
AFTER = 0.3  # share of the way to the next hit that stays with a hit when it is moved
JOIN = 0.01  # s of fade where it is cut off
LENT = 0.5  # s of a hit that are lent at most
PAUSE = 0.06  # s before a lent hit that fade out where what is there hides it


class Take(NamedTuple):
    """From `start`, s, until the next take the soundtrack is candidate number `candidate`, from 0, `moved` s later."""

    start: float
    candidate: int
    moved: float = 0.0


def lateness(shown: np.ndarray, heard: np.ndarray) -> float:
    """How late a sound's hits are against the picture's, s: median over those within REACH of each other, or 0.

    shown: (K,), heard: (E,), ascending, s. Systematic: a picture that is followed strictly is anticipated.
    """
    from mir_eval.util import match_events

    pairs = match_events(shown, heard, REACH)
    return float(np.median([heard[j] - shown[i] for i, j in pairs])) if pairs else 0.0


def matched(shown: np.ndarray, heard: np.ndarray, reach: float = REACH) -> np.ndarray:
    """Those of a sound's hits (E,) s that belong to one of the picture's (K,) s, one to one within `reach`."""
    from mir_eval.util import match_events

    return heard[sorted(j for _, j in match_events(shown, heard, reach))]


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


def heard_again(
    hits: Sequence[np.ndarray], takes: Sequence[Take], whole: np.ndarray, duration: float
) -> list[np.ndarray]:
    """The candidates' hits, (E,) s each, after a soundtrack made of them was listened to.

    A hit may be drowned in the whole, or a swell become one. hits: as they were. takes: of which the soundtrack of
    `duration` s consists. whole: (H,) s, heard in it; where a candidate was taken these replace its own.
    """
    out = list(hits)
    for take, end in spans(takes, duration):
        own, heard = out[take.candidate], whole[(whole >= take.start) & (whole < end)]
        elsewhere = own[(own + take.moved < take.start) | (own + take.moved >= end)]
        out[take.candidate] = np.sort(np.concatenate([elsewhere, heard - take.moved]))
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

    costs, loud: (N, cells) of each candidate; infinite costs where it has no sound. favourite: index of the one that is
    taken where it is as good.
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


def spans(takes: Sequence[Take], duration: float) -> list[tuple[Take, float]]:
    """Each take and when it ends, s, in a soundtrack of `duration` s."""
    return list(zip(takes, [*(take.start for take in takes[1:]), duration], strict=True))


def most_heard(takes: Sequence[Take], duration: float) -> int:
    """Number of the candidate that gives most of a soundtrack of `duration` s."""
    shares: dict[int, float] = {}
    for take, end in spans(takes, duration):
        shares[take.candidate] = shares.get(take.candidate, 0.0) + end - take.start
    return max(shares, key=lambda candidate: shares[candidate])


def spliced(wavs: Sequence[np.ndarray], takes: Sequence[Take], sample_rate: int) -> np.ndarray:
    """The soundtrack that `takes` describe, with crossfades: (N,) float32. wavs: (N,) each."""
    sources = [(wavs[take.candidate], round(take.moved * sample_rate)) for take in takes]
    places = [round(take.start * sample_rate) for take in takes[1:]]
    return _joined(sources, places, len(wavs[0]), round(FADE * sample_rate / 2))


def _joined(sources: Sequence[tuple[np.ndarray, int]], places: Sequence[int], samples: int, reach: int) -> np.ndarray:
    """Sounds that follow one another, with crossfades: (samples,) float32.

    sources: of each piece the sound (N,) and by how many samples it is moved later. places: where each but the first
    begins, ascending. reach: half of a crossfade, samples.
    """
    out, rise = np.zeros(samples, np.float32), _ramp(2 * reach)
    for (wav, later), place, following in zip(sources, [0, *places], [*places, samples], strict=True):
        begin, end = max(0, place - reach), min(following + reach, samples)
        piece = _cut(wav, begin, end, later).astype(np.float32)
        ramp = rise[: len(piece)] if place > 0 else rise[:0]
        piece[: len(ramp)] *= ramp
        piece[: len(ramp)] += (1 - ramp) * out[begin : begin + len(ramp)]
        out[begin:end] = piece
    return out


def aligned(wav: np.ndarray, heard: np.ndarray, shown: np.ndarray, sample_rate: int) -> np.ndarray:
    """A soundtrack (N,) whose hits are moved to the picture's, by at most REACH each: (N,) float32.

    heard: (E,) s, ascending, its hits; shown: (K,) s, the picture's. It is cut where it is quietest between two hits,
    with crossfades of JOIN; a hit that the picture does not show goes with its neighbours. Where hits move apart, what
    rings between them goes on for longer.
    """
    from mir_eval.util import match_events

    pairs = match_events(shown, heard, REACH)
    if not pairs:
        return wav
    meant, late = zip(*sorted((j, heard[j] - shown[i]) for i, j in pairs))
    moves = -np.interp(np.arange(len(heard)), meant, late)  # s
    cuts = _quietest_between(wav, heard, sample_rate)
    later = np.round(moves * sample_rate).astype(int)
    places = []  # where one piece follows another: as soon as the later one has something that is not the hit before
    for cut, struck, before, after in zip(cuts, heard, later, later[1:]):
        earliest = round((struck + 2 * JOIN) * sample_rate) + after
        places.append(max(min(cut + before, cut + after), min(earliest, cut + after)))
    ordered = np.maximum.accumulate(places).clip(0, len(wav)).tolist() if places else []
    return _joined([(wav, int(move)) for move in later], ordered, len(wav), round(JOIN * sample_rate / 2))


def filled(
    wav: np.ndarray,
    heard: np.ndarray,
    shown: np.ndarray,
    sample_rate: int,
    reach: float = REACH,
    pause: float = 0.0,
) -> np.ndarray:
    """A soundtrack (N,) with those of the picture's hits that no take has, lent by the nearest one: (N,) float32.

    heard: (E,) s, ascending, its hits; shown: (K,) s, the picture's; reach: s by which they may miss each other. From
    such a hit to the next one, the sound from the lender to its next one takes the place of what was there, with fades
    of JOIN. pause: s before it that fade out, since a swell there would hide it.
    """
    from mir_eval.util import match_events

    pairs = match_events(shown, heard, reach)
    lenders, missing = heard[sorted(j for _, j in pairs)], np.delete(shown, [i for i, _ in pairs])
    if not len(lenders) or not len(missing):
        return wav
    events, out = np.sort(np.concatenate([heard, missing])), wav.astype(np.float32)
    join, end = round(JOIN * sample_rate), len(wav) / sample_rate
    for time in missing:
        lender = lenders[np.abs(lenders - time).argmin()]
        last = max(0.0, min(LENT, *(events[events > t].min(initial=end) - t for t in (lender, time))))  # s
        source, place = (round(float(t - JOIN) * sample_rate) for t in (lender, time))
        before = out[max(0, place - round(pause * sample_rate)) : max(0, place)]
        before *= _ramp(len(before))[::-1]
        _put(_cut(wav, source, source + round(last * sample_rate), 0), out, place, join)
    return out


def inserted(wav: np.ndarray, strike: np.ndarray, times: np.ndarray, sample_rate: int) -> np.ndarray:
    """A soundtrack (N,) with the same hit at each of times (K,) s, ascending, until the next one: (N,) float32.

    strike: (L,) float32, a sound that strikes JOIN after its beginning.
    """
    out, places = wav.astype(np.float32), [round(float(time - JOIN) * sample_rate) for time in times]
    for place, following in zip(places, [*places[1:], len(wav)], strict=True):
        _put(strike[: max(0, following - place)], out, place, round(JOIN * sample_rate))
    return out


def _put(piece: np.ndarray, out: np.ndarray, place: int, join: int) -> None:
    """Puts a piece (L,) in the place of what a sound (N,) has from sample `place` on, with fades of `join` samples."""
    fade = min(join, len(piece) // 2)
    share = np.ones(len(piece), np.float32)
    share[:fade], share[len(piece) - fade :] = _ramp(fade), _ramp(fade)[::-1]
    there = out[max(0, place) : max(0, place + len(piece))]
    piece, share = (x[max(0, -place) :][: len(there)] for x in (piece, share))
    there += share * (piece - there)


def muted(wav: np.ndarray, heard: np.ndarray, wanted: np.ndarray, sample_rate: int, reach: float = REACH) -> np.ndarray:
    """A soundtrack (N,) that is silent from each hit that is not wanted until the next one: (N,) float32.

    heard: (E,) s, ascending, its hits; wanted: (K,) s; reach: s by which they may miss each other. With fades of JOIN.
    """
    meant = set(matched(wanted, heard, reach))
    if len(meant) == len(heard):
        return wav
    out, join = wav.astype(np.float32), round(JOIN * sample_rate)
    for time, after in zip(heard, [*heard[1:], len(wav) / sample_rate + 2 * JOIN], strict=True):
        if time not in meant:
            begin, end = (max(0, round((t - 2 * JOIN) * sample_rate)) for t in (time, after))
            falling = out[begin : begin + join]
            falling *= _ramp(join)[::-1][: len(falling)]
            out[begin + join : max(begin + join, end)] = 0
    return out


def _quietest_between(wav: np.ndarray, hits: np.ndarray, sample_rate: int) -> list[int]:
    """The sample between each two hits (E,) s of a sound (N,) at which it is quietest, not too soon after the first."""
    from scipy.ndimage import uniform_filter1d

    cuts: list[int] = []
    for before, after in zip(hits[:-1], hits[1:]):
        first, last = round((before + AFTER * (after - before)) * sample_rate), round((after - JOIN) * sample_rate)
        between = np.abs(wav[first:last])
        quiet = int(uniform_filter1d(between, round(JOIN * sample_rate)).argmin()) if len(between) else 0
        cuts.append(max(cuts[-1] if cuts else 0, first + quiet))
    return cuts


def _ramp(samples: int) -> np.ndarray:
    """A fade from 0 to 1, (samples,) float32."""
    return (np.arange(samples, dtype=np.float32) + 0.5) / max(1, samples)


def _cut(wav: np.ndarray, begin: int, end: int, later: int) -> np.ndarray:
    """A copy of samples [begin, end) of a sound (N,) that is moved by `later` samples; 0 where it has none."""
    first, last = begin - later, end - later
    inside = wav[max(0, first) : max(0, last)]
    before = min(max(0, -first), end - begin)
    return np.pad(inside, (before, end - begin - before - len(inside)))


def comped(
    heard: Sequence[np.ndarray], shown: np.ndarray, loud: np.ndarray, favourite: int, moves: int = MOVES
) -> list[Take]:
    """Which candidate is taken when, and by how much it is moved.

    heard: the hits (E,) of each candidate, shown: the picture's (K,), s. loud, favourite: as in `best_takes`.
    moves: cells by which a take may be moved either way; a moved one is taken only where it has sound.
    """
    steps, cell = range(-moves, moves + 1), np.arange(loud.shape[1])
    costs, louds = [], []
    for times, level in zip(heard, loud, strict=True):
        for step in steps:
            source = cell - step  # where in the candidate the sound of each cell comes from
            has_sound = (source >= 0) & (source < len(cell) - (step < 0))  # its last cell may be a short one
            there = times + step * CELL
            there = there[(there >= 0) & (there < len(cell) * CELL)]
            costs.append(np.where(has_sound, faults(shown, there, len(cell)), np.inf))
            louds.append(level[source.clip(0, len(cell) - 1)])
    found = best_takes(np.array(costs), np.array(louds), favourite * len(steps) + moves)
    return [Take(start, way // len(steps), round(steps[way % len(steps)] * CELL, 6)) for start, way, _ in found]
