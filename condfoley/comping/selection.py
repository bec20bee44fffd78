"""Selection: the candidates are judged beside the picture, and one soundtrack is made of them.

What the paper does with its sync model, and what comes before it here: candidates that strike when the picture does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from condfoley.audio.onsets import detect_onsets, match
from condfoley.comping import takes as comping
from condfoley.networks.scorer import Referee
from condfoley.networks.sync import in_time, rerank
from condfoley.soundtrack import Candidate, finished

Mend = Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]  # sound, its hits, the picture's, rate -> sound
FADED = 60.0  # dB by which a hit made of a sound without hits falls
CLOSE = 0.03  # s from a told hit at which it counts as there
LISTENS = 3  # how often a soundtrack is put together and listened to, at most


def judged(
    referee: Referee,
    wavs: Sequence[np.ndarray],
    seeds: Sequence[int],
    specs: Tensor,
    tokens: Tensor,
    shown: np.ndarray,
    sample_rate: int,
    align: bool = False,
) -> list[Candidate]:
    """The candidates with what the referee says of them beside the picture, and when they are heard to strike.

    wavs: (N,) each; specs: (candidates, n_mels, M) in [0, 1], theirs. tokens: (T, D), the picture's as the referee sees
    it. shown: (K,) s, the picture's hits; with `align`, the sounds are moved towards them in place.
    """
    offsets, confidences = referee.judge(tokens, specs)
    out = []
    for wav, seed, offset, confidence in zip(wavs, seeds, offsets.tolist(), confidences.tolist(), strict=True):
        made = Candidate(wav, seed, offset, confidence)
        if len(shown):
            heard = detect_onsets(wav, sample_rate)[0]
            late = comping.lateness(shown, heard) if align else 0.0
            delay(wav, -round(late * sample_rate))
            made.hits = heard - late
            made.offset, made.agreement = offset - late, match(shown, made.hits, comping.REACH).f1
        out.append(made)
    return out


def delay(wav: np.ndarray, samples: int) -> None:
    """Moves a soundtrack (N,) later, or earlier where `samples` is negative, in place; what is left free is silent."""
    if samples > 0:
        wav[samples:], wav[:samples] = wav[:-samples].copy(), 0.0
    elif samples < 0:
        wav[:samples], wav[samples:] = wav[-samples:].copy(), 0.0


def choose(made: Sequence[Candidate], tolerance: float) -> int:
    """Index of the candidate that the paper's rule takes from those that agree best with the picture's hits.

    tolerance: s, see `sync.rerank`. Raises ValueError when there is no candidate.
    """
    best = max(c.agreement or 0.0 for c in made)
    near = [i for i, c in enumerate(made) if (c.agreement or 0.0) >= best - 1e-9]
    offsets, confidences = (torch.tensor([getattr(made[i], n) for i in near]) for n in ("offset", "confidence"))
    return near[rerank(offsets, confidences, tolerance)]


def put_together(
    made: Sequence[Candidate],
    shown: np.ndarray,
    best: int,
    tolerance: float,
    sample_rate: int,
    align: bool = True,
) -> tuple[np.ndarray, list[comping.Take]]:
    """The soundtrack (N,) put together from the candidates that are in time, and from which takes.

    What a candidate strikes by itself is not all that is heard of it beside others: the soundtrack is listened to, put
    together again with what was heard, and the one with the fewest faults stays. A hit that no take has is filled in.
    shown: (K,) s, the picture's hits; without any, the best candidate is taken. best: index of the candidate that is
    taken where others are no better. tolerance: s, see `sync.in_time`. align: takes may be moved, and in the end each
    hit to where the picture shows it.
    """
    if not len(shown):
        return made[best].wav, [comping.Take(0.0, best)]
    near = in_time(torch.tensor([c.offset for c in made]), tolerance)
    few = sorted({best, *near.nonzero()[:, 0].tolist()})
    wavs, hits = [made[i].wav for i in few], [made[i].hits for i in few]
    loud = np.array([comping.levels(wav, sample_rate) for wav in wavs])
    duration, whole = len(wavs[0]) / sample_rate, None
    takes: list[comping.Take] = []
    for _ in range(LISTENS):
        before, takes = takes, comping.comped(hits, shown, loud, few.index(best), comping.MOVES if align else 0)
        if takes == before:
            break
        made_of = _Heard.of(comping.spliced(wavs, takes, sample_rate), shown, sample_rate)
        if whole is None or made_of.faults < whole.faults - 1e-9:
            whole, chosen = made_of, [take._replace(candidate=few[take.candidate]) for take in takes]
        hits = comping.heard_again(hits, takes, made_of.hits, duration)
    assert whole is not None
    return _mended_once(whole, shown, sample_rate, align).wav, chosen


def mended(wav: np.ndarray, shown: np.ndarray, sample_rate: int, align: bool = True) -> np.ndarray:
    """A soundtrack (N,) that was shaped, with its hits where the picture shows them, `shown` (K,) s, once more.

    How a hit begins and rings decides when it is heard. What is lacking is filled in; without `align` nothing is moved.
    """
    if not len(shown):
        return wav
    whole = _mended(_Heard.of(wav, shown, sample_rate), shown, sample_rate, align)
    return wav if whole.wav is wav else finished(whole.wav)


def obeying(wav: np.ndarray, told: np.ndarray, strike: np.ndarray, sample_rate: int, align: bool = True) -> np.ndarray:
    """The same where the hits were told, (K,) s, and not guessed from a picture: these are heard and no others.

    strike: (L,), see `strike`; heard where nothing else strikes. Only what was told may take others out: a picture may
    show as one hit what is heard as many, a slide.
    """
    whole = _Heard.of(wav, told, sample_rate)
    if not len(comping.matched(told, whole.hits)):
        whole = _Heard.of(comping.inserted(wav, strike, told, sample_rate), told, sample_rate)
    for _ in range(LISTENS):
        before, whole = whole, _only_told(_mended(whole, told, sample_rate, align), told, sample_rate)
        if whole is before:
            break
    return wav if whole.wav is wav else finished(whole.wav)


def _only_told(whole: _Heard, told: np.ndarray, sample_rate: int) -> _Heard:
    """Without other hits than those that were told, (K,) s, where that leaves fewer faults.

    Where the loudest of them is gone, a softer one is heard in its place, and goes as well. So do hits that could not
    be moved nearer than CLOSE to a told one, which is then lent.
    """
    for reach in (comping.REACH, CLOSE):
        out = whole
        for _ in range(LISTENS):
            for change in (comping.muted, comping.filled):
                out = out.changed(partial(change, reach=reach), told, sample_rate)
        whole = min(whole, out, key=_faults)
    return whole


def strike(reference: np.ndarray, sample_rate: int) -> np.ndarray:
    """A reference's clearest hit, of LENT s at most, that begins JOIN before it: (L,) float32.

    One without hits, (N,), is cut to its loudest moment, which begins at once and fades by FADED dB.
    """
    times, rises = detect_onsets(reference, sample_rate)
    samples = round(comping.LENT * sample_rate)
    if len(times):
        first = int(np.argmax(rises))
        begin = max(0, round((times[first] - comping.JOIN) * sample_rate))
        end = round(times[first + 1] * sample_rate) if first + 1 < len(times) else len(reference)
        return reference[begin : min(end, begin + samples)].astype(np.float32)
    energy = np.concatenate([[0.0], np.cumsum(np.square(reference, dtype=np.float64))])
    samples = min(samples, len(reference))
    begin = int(np.argmax(energy[samples:] - energy[:-samples]))
    falling = 10 ** (-FADED / 20 * np.linspace(0, 1, samples, dtype=np.float32))
    before = np.zeros(round(comping.JOIN * sample_rate), np.float32)
    return np.concatenate([before, reference[begin : begin + samples] * falling]).astype(np.float32)


def _mended(whole: _Heard, shown: np.ndarray, sample_rate: int, align: bool) -> _Heard:
    """Aligned and filled in, as long as that mends something, LISTENS times at most."""
    for _ in range(LISTENS):
        before, whole = whole, _mended_once(whole, shown, sample_rate, align)
        if whole is before:
            break
    return whole


def _mended_once(whole: _Heard, shown: np.ndarray, sample_rate: int, align: bool) -> _Heard:
    mends: list[Mend] = [comping.filled, partial(comping.filled, pause=comping.PAUSE)]
    for mend in [comping.aligned, *mends] if align else mends:
        whole = min(whole, whole.changed(mend, shown, sample_rate), key=_faults)  # of two equals the first
    return whole


@dataclass
class _Heard:
    """A soundtrack (N,) that was listened to: its hits (E,) s, and what is wrong with them beside the picture's."""

    wav: np.ndarray
    hits: np.ndarray
    faults: float

    @classmethod
    def of(cls, wav: np.ndarray, shown: np.ndarray, sample_rate: int) -> _Heard:
        heard = detect_onsets(wav, sample_rate)[0]
        cells = comping.cell_count(len(wav), sample_rate)
        return cls(wav, heard, float(comping.faults(shown, heard, cells).sum()))

    def changed(self, mend: Mend, shown: np.ndarray, sample_rate: int) -> _Heard:
        """What `mend` makes of it, listened to; itself where that is the same sound."""
        wav = mend(self.wav, self.hits, shown, sample_rate)
        return self if wav is self.wav else _Heard.of(wav, shown, sample_rate)


def _faults(whole: _Heard) -> float:
    return whole.faults
