"""The chain of matching steps: a soundtrack's impacts get the reference's envelopes and texture, and their dynamics.

What each step needs is known from the picture or from the reference's sound and need not be generated. Where the
impacts are is decided before, by the picture and comping, so no step may go so far that one of them is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from condfoley.audio.onsets import matched_onsets
from condfoley.audio.track import Track
from condfoley.geometry import Geometry
from condfoley.hits import Hits
from condfoley.matching.dynamics import match_dynamics
from condfoley.matching.envelope import match_envelope, measure_envelope
from condfoley.matching.texture import cross_synthesise, one_shots

BACKOFF = (1.0, 0.5, 0.25)  # parts of a step's amount that are tried, in this order
Step = Callable[[Track, np.ndarray, float], Track]
"""Sound, onsets (E,) s of its impacts, amount in [0, 1] -> sound; the same track where there is nothing to do."""


@dataclass(frozen=True)
class MatchAmounts:
    """How far a soundtrack goes towards the reference and the picture, each from 0 (as it was generated) to 1."""

    eq_match: float
    """Mean spectrum, see `spectrum.match_spectrum`."""
    decay_match: float
    """Attack and decay of its impacts, see `envelope.match_envelope`."""
    texture_match: float
    """Fine structure of its impacts inside a band, see `texture.cross_synthesise`."""
    dynamics: float
    """How loud its impacts are against each other, see `dynamics.match_dynamics`."""


def match_track(
    track: Track, exemplar: Track, cues: Hits, sliding: np.ndarray, geometry: Geometry, amounts: MatchAmounts
) -> tuple[Track, list[tuple[Step, float]]]:
    """The soundtrack after all steps of `amounts`, and the steps that were taken, each with its amount.

    exemplar: the reference's sound. cues: the times that the soundtrack follows, with strengths; only impacts that
    belong to one of them are changed. sliding: (T,) in [0, 1] at the geometry's frame rate, how likely the picture
    slides in each frame: there sounds may go on. geometry: of the bands, at the rate of both tracks. The same track
    where there is nothing to do.
    """
    taken: list[tuple[Step, float]] = []
    if not len(cues.times) or not (amounts.decay_match or amounts.texture_match or amounts.dynamics):
        return track, taken
    onsets = matched_onsets(cues.times, track.onsets)
    for step, amount in _steps(exemplar, cues, sliding, geometry, amounts):
        track, used = with_backoff(step, amount, track, onsets, cues.times)
        if used:
            taken.append((step, used))
    return track, taken


def match_candidate(candidate: Track, taken: list[tuple[Step, float]], cue_times: np.ndarray) -> Track:
    """A candidate after the steps that its soundtrack took; it keeps its onsets. cue_times: (K,) s."""
    if not taken or not len(onsets := matched_onsets(cue_times, candidate.onsets)):
        return candidate
    out = candidate
    for step, amount in taken:
        out = step(out, onsets, amount)
    return out if out is candidate else out.with_onsets_of(candidate)


def with_backoff(
    step: Step, amount: float, track: Track, onsets: np.ndarray, cue_times: np.ndarray
) -> tuple[Track, float]:
    """The sound after a step, and the amount that was used.

    The first of BACKOFF times `amount` with which no impact is lost; 0, and the same track, when each loses one or
    there is nothing to do. onsets: (E,) s, those of the track's impacts that belong to the cues, cue_times (K,) s.
    """
    for used in (part * amount for part in BACKOFF):
        out = step(track, onsets, used)
        if out is track:
            break
        if len(matched_onsets(cue_times, out.onsets)) >= len(onsets):
            return out, used
    return track, 0.0


def _steps(
    exemplar: Track, cues: Hits, sliding: np.ndarray, geometry: Geometry, amounts: MatchAmounts
) -> Iterator[tuple[Step, float]]:
    """Yields the steps whose amount is not 0, in their order, each with its amount."""
    if amounts.decay_match and (profile := measure_envelope(exemplar, exemplar.onsets, geometry)):
        yield (
            lambda track, onsets, amount: match_envelope(track, onsets, profile, geometry, amount, sliding),
            amounts.decay_match,
        )
    if amounts.texture_match:
        shots = one_shots(exemplar, exemplar.onsets)
        yield (
            lambda track, onsets, amount: cross_synthesise(track, onsets, shots, geometry, amount),
            amounts.texture_match,
        )
    if amounts.dynamics:

        def dynamics(track: Track, onsets: np.ndarray, amount: float) -> Track:
            nearest = np.abs(cues.times - onsets[:, None]).argmin(1)
            return match_dynamics(track, onsets, cues.strengths[nearest], amount)

        yield dynamics, amounts.dynamics
