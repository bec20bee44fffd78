"""Shaping: the hits of a finished soundtrack are made as loud as they look, and ring and sound as the reference's do.

What each step needs is known from the picture or from the reference's sound and need not be guessed. Where the hits are
is decided before, by the picture and comping, so no step may go so far that one of them is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from condfoley.audio.onsets import detect_onsets
from condfoley.comping import takes as comping
from condfoley.geometry import Geometry
from condfoley.hits import Hits
from condfoley.matching import dynamics, texture
from condfoley.matching import envelope as decay
from condfoley.soundtrack import Candidate, finished

GENTLER = (1.0, 0.5, 0.25)  # parts of a step that are tried, in this order
Step = Callable[[np.ndarray, np.ndarray, float], np.ndarray]  # sound (N,), its hits (H,) s, share -> sound (N,)


@dataclass(frozen=True)
class Shares:
    """How far a soundtrack goes towards the reference and the picture, each from 0 (as it was written) to 1."""

    eq_match: float
    """Mean spectrum, see `equaliser.equalised`."""
    decay_match: float
    """Attack and fall of its hits, see `decay.faded`."""
    texture_match: float
    """What its hits are made of inside a band, see `texture.textured`."""
    dynamics: float
    """How loud its hits are against each other, see `dynamics.balanced`."""


def shaped(
    wav: np.ndarray,
    made: Sequence[Candidate],
    reference: np.ndarray,
    hits: Hits,
    sliding: np.ndarray,
    geometry: Geometry,
    shares: Shares,
) -> np.ndarray:
    """The soundtrack, (N,) float32, with hits shaped by all steps of `shares`; its candidates are shaped in place.

    wav: (N,) float32. made: its candidates. reference: (M,) float32. hits: what the soundtrack follows; other sounds
    are left alone. sliding: (T,), how likely the picture slides in each frame: there sounds may go on.
    """
    shown = hits.times
    if not len(shown) or not (shares.decay_match or shares.texture_match or shares.dynamics):
        return wav
    struck = comping.matched(shown, detect_onsets(wav, geometry.sample_rate)[0])
    own = [comping.matched(shown, candidate.hits) for candidate in made]
    for step, share in _steps(reference, hits, sliding, geometry, shares):
        wav, taken = _gently(step, share, wav, struck, shown, geometry.sample_rate)
        for candidate, at in zip(made, own, strict=True):
            sound = candidate.wav
            if taken and len(at) and (done := step(sound, at, taken)) is not sound:
                candidate.replace(finished(done))
    return wav


def _steps(
    reference: np.ndarray, hits: Hits, sliding: np.ndarray, geometry: Geometry, shares: Shares
) -> Iterator[tuple[Step, float]]:
    """Yields the steps that are asked for, in their order, each with its share of the way, 0 to 1."""
    rate = geometry.sample_rate
    struck = detect_onsets(reference, rate)[0] if shares.decay_match or shares.texture_match else np.zeros(0)
    if shares.decay_match and (ringing := decay.ring(reference, struck, geometry)):
        yield lambda wav, at, share: decay.faded(wav, at, ringing, geometry, share, sliding), shares.decay_match
    if shares.texture_match:
        recorded = texture.grains(reference, struck, rate)
        yield lambda wav, at, share: texture.textured(wav, at, recorded, geometry, share), shares.texture_match
    if shares.dynamics:

        def as_loud(wav: np.ndarray, at: np.ndarray, share: float) -> np.ndarray:
            nearest = np.abs(hits.times - at[:, None]).argmin(1)
            return dynamics.balanced(wav, at, hits.strengths[nearest], rate, share)

        yield as_loud, shares.dynamics


def _gently(
    step: Step, share: float, wav: np.ndarray, struck: np.ndarray, shown: np.ndarray, sample_rate: int
) -> tuple[np.ndarray, float]:
    """The sound (N,) behind a step, and the share of the way that it went.

    The first of GENTLER times `share` with which no hit is lost; 0, and the sound as it was, when each loses one.
    wav: (N,). struck: (H,) s, those of the picture's hits `shown` (K,) s that are heard before the step.
    """
    for taken in (part * share for part in GENTLER):
        done = step(wav, struck, taken)
        if done is wav:  # there is nothing to go by
            break
        whole = finished(done)
        if len(comping.matched(shown, detect_onsets(whole, sample_rate)[0])) >= len(struck):
            return whole, taken
    return wav, 0.0
