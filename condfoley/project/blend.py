"""Levels of a new sound where the former one takes over: the new one becomes as loud as the former one on the way there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from condfoley.project.create import LEAST_LEAD
from condfoley.project.model import Excerpt, Project
from condfoley.project.render import FADE_OUT
from condfoley.project.spans import Span

REACH = 0.3  # s before such a place, at most, over which the level gets there
MAX_CHANGE_DB = 18.0  # either way
MAX_STEP_DB = 8.0  # by which a new sound may be louder than the former one where it begins
SILENCE = 1e-6  # amplitude below which a sound has no level


def blended(samples: np.ndarray, span: Span, drawn: Project, heard: np.ndarray) -> np.ndarray:
    """A span's new sound (C, N) with the level of the former one where that takes over from it: (C, N) float32.

    drawn: the project in which the span's cues have their new excerpts. heard: (M,) float32, what was heard of the layer,
    without its gain, from the target's beginning to the span's end.
    """
    out, rate = np.array(samples, np.float32), drawn.rate
    for cue in (drawn.cue(cue.id) for cue in span.cues):
        if not cue.tails or not cue.excerpt:
            continue
        time, tail = round(cue.time * rate), cue.tails[0]
        place = min(cue.excerpt.onset + tail.begin, out.shape[1])  # in the new sound, which may end before
        change = _difference(heard, time + tail.begin, out, place, tail.fade) - cue.gain
        length = min(round(REACH * rate), tail.begin // 2, place)
        if length > 0:
            out[:, place - length : place] *= _gains(0.0, _limited(change), length)
            out[:, place:] *= _gains(_limited(change), _limited(change), out.shape[1] - place)  # if it is heard longer
    return out


def tightened(
    excerpts: Sequence[Excerpt], samples: np.ndarray, span: Span, project: Project, heard: np.ndarray
) -> list[Excerpt]:
    """A span's new excerpts, those that begin much louder than what they follow cut shortly before their onset.

    There the attack hides that. An excerpt that follows another one of them goes on from it and stays. samples: (C, N) of
    the new sound. heard: see `blended`.
    """
    lead, length = round(LEAST_LEAD * project.rate), round(FADE_OUT * project.rate)
    own, out = {cue.id for cue in span.cues}, []
    before = dict(zip(layer := [cue.id for cue in project.cues_of(span.layer)], [None, *layer]))
    for cue, excerpt in zip(span.cues, excerpts, strict=True):
        place = round(cue.time * project.rate) - excerpt.lead
        louder = cue.gain - _difference(heard, place, samples, excerpt.begin, length)
        if before[cue.id] not in own and louder > MAX_STEP_DB and excerpt.lead > lead:
            excerpt = dataclasses.replace(excerpt, begin=excerpt.onset - lead)
        out.append(excerpt)
    return out


def blended_background(
    samples: np.ndarray, start: int, span: Span, fade: int, gain: float, heard: np.ndarray
) -> np.ndarray:
    """The new sound (C, N) of a span without cues, as loud as the former one at both ends of the span: (C, N) float32.

    start: the target's sample with which it begins. fade: samples of the crossfades. gain: dB, of the cue that it will be
    part of. heard: see `blended`.
    """
    out = np.array(samples, np.float32)
    begin, end = span.begin - start, min(span.end, len(heard)) - start
    first = _limited(_difference(heard, span.begin + fade, out, begin + fade, fade) - gain)
    last = _limited(_difference(heard, end + start, out, end, fade) - gain)
    out[:, :begin] *= _gains(first, first, begin)
    out[:, begin:end] *= _gains(first, last, end - begin)
    out[:, end:] *= _gains(last, last, out.shape[1] - end)
    return out


def _difference(former: np.ndarray, place: int, new: np.ndarray, there: int, length: int) -> float:
    """dB by which the former sound is louder than the new one, over `length` samples up to a place in each.

    0 where one of the two is silent.
    """
    parts = former[max(0, place - length) : place], new[:, max(0, there - length) : there]
    if not all(part.size for part in parts):
        return 0.0
    old, own = (float(np.sqrt(np.square(part, dtype=np.float64).mean())) for part in parts)
    return 20 * np.log10(old / own) if min(old, own) > SILENCE else 0.0


def _limited(change: float) -> float:
    return float(np.clip(change, -MAX_CHANGE_DB, MAX_CHANGE_DB))


def _gains(first: float, last: float, length: int) -> np.ndarray:
    """Factors that go from one gain to another, dB."""
    return (10 ** (np.linspace(first, last, max(0, length)) / 20)).astype(np.float32)
