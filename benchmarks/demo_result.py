"""The demo's job, run for pictures and pages: the one place where they read what `Foley.generate` returns.

A helper of `python -m benchmarks.figures` and `python -m benchmarks.examples`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from condfoley.comping.takes import spans
from condfoley.examples import REFERENCE, TARGET
from condfoley.foley import Foley
from condfoley.hits import Hits
from condfoley.soundtrack import Soundtrack


@dataclass(frozen=True)
class Span:
    """A part of a soundtrack, from `start` to `end` s, taken from the candidate of that index, moved later by `moved` s."""

    start: float
    end: float
    candidate: int
    moved: float


@dataclass(frozen=True)
class DemoResult:
    """What the figures need of a result.

    wav: (N,) float32 at `rate` Hz; candidates: the same, in order of generation; spans: of `wav`. cues: the times, (K,)
    s, and strengths, (K,) in [0, 1], that it follows. frames: (T, S, S, 3) uint8 and impact_probability: (T,) in
    [0, 1], both of the target's picture at `fps` frames a second. reference: (M,) float32, the window that was encoded.
    """

    wav: np.ndarray
    rate: int
    duration: float
    candidates: list[np.ndarray]
    spans: list[Span]
    cues: np.ndarray
    strengths: np.ndarray
    frames: np.ndarray
    impact_probability: np.ndarray
    fps: float
    reference: np.ndarray


def generate_demo(foley: Foley, hits: Hits | None = None, **settings: Any) -> DemoResult:
    """The demo's pair, by the vocoder. hits: cues given by the user. settings: some of `Settings`, by name."""
    return read_result(foley.generate(REFERENCE, TARGET, hits=hits, render="vocoder", **settings))


def read_result(soundtrack: Soundtrack) -> DemoResult:
    """A soundtrack's parts under the figures' own names."""
    return DemoResult(
        wav=soundtrack.track.mono,
        rate=soundtrack.sample_rate,
        duration=soundtrack.duration,
        candidates=[candidate.track.mono for candidate in soundtrack.candidates],
        spans=[
            Span(take.start, end, take.candidate, take.moved)
            for take, end in spans(soundtrack.takes, soundtrack.duration)
        ],
        cues=soundtrack.cues.times,
        strengths=soundtrack.cues.strengths,
        frames=soundtrack.target_frames,
        impact_probability=soundtrack.impact_probability,
        fps=soundtrack.picture_fps,
        reference=soundtrack.reference.mono,
    )
