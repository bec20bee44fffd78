"""Sounds at the reference's own rate: by the vocoder, of its samples, pasted.

The model runs once for each pair; what it wrote is kept as PAIR.npz, and made into sounds again by each run that needs it.
A helper of `python -m benchmarks.recorded`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from condfoley.audio.track import Track
from condfoley.evaluation.baselines import event_transfer, loop_reference, onset_transfer
from condfoley.evaluation.clips import METRIC_GEOMETRY, Pair
from condfoley.evaluation.systems import SystemContext
from condfoley.foley import Foley
from condfoley.hits import Hits
from condfoley.inputs import ClipFile
from condfoley.media import read_sound
from condfoley.resynthesis.soundtrack import resynthesised
from condfoley.settings import Settings
from condfoley.soundtrack import Soundtrack

RATE = METRIC_GEOMETRY.sample_rate
Sound = tuple[np.ndarray, int]
"""(C, N) float32 and its rate, Hz."""


@dataclass(frozen=True)
class Case:
    """A pair with all that its systems need. soundtrack: the model's, by its vocoder. reference: as it was recorded."""

    pair: Pair
    foley: Foley
    context: SystemContext
    soundtrack: Soundtrack
    reference: Sound

    @property
    def duration(self) -> float:
        """s, of the target."""
        return self.soundtrack.duration


def case_of(pair: Pair, foley: Foley, context: SystemContext, home: Path) -> Case:
    """A pair's case; what the model wrote is read from `home`, or written there. Raises InputError."""
    return Case(pair, foley, context, written(pair, foley, context, home), read_sound(pair.reference.path))


def written(pair: Pair, foley: Foley, context: SystemContext, home: Path) -> Soundtrack:
    """The model's soundtrack of a pair by its vocoder, without candidates and pictures; kept as home/PAIR.npz."""
    path = home / f"{pair.name}.npz"
    if not path.is_file():
        made = foley.generate(
            pair.reference.path, pair.target.path, candidates=context.candidates, seed=context.seed, render="vocoder"
        )
        kept = path.with_suffix(".part.npz")
        np.savez(
            kept, samples=made.track.samples, onsets=made.track.onsets, rises=made.track.rises, rate=made.track.rate,
            cues=made.cues.times, strengths=made.cues.strengths, duration=made.duration, start=made.reference_start,
            impact=made.impact_probability, sliding=made.sliding, fps=made.picture_fps, cuts=np.array(made.scene_cuts),
        )  # fmt: skip
        kept.replace(path)
    with np.load(path) as found:
        track = Track(found["samples"], int(found["rate"]), (found["onsets"], found["rises"]))
        none = np.zeros((0, 1, 1, 3), np.uint8)
        return Soundtrack(
            track=track, geometry=foley.geometry, candidates=[], takes=[],
            cues=Hits(found["cues"], found["strengths"]), cues_given=False, duration=float(found["duration"]),
            reference=track, reference_start=float(found["start"]), reference_frames=none, target_frames=none,
            impact_probability=found["impact"], sliding=found["sliding"], picture_fps=float(found["fps"]),
            settings={}, weights=foley.loaded.identity, scene_cuts=tuple(found["cuts"].tolist()),
        )  # fmt: skip


def vocoder(case: Case) -> Sound:
    """The model's own sound."""
    return case.soundtrack.track.samples, case.soundtrack.track.rate


def recorded(case: Case) -> Sound:
    """Made of the reference's own samples."""
    library = case.foley.library(ClipFile(case.pair.reference.path), Settings(render="recorded"))
    track = resynthesised(case.soundtrack, library).track
    return track.samples, track.rate


def careful_transfer(case: Case) -> Sound:
    """Whole events of the reference, without overlap, at its rate."""
    sound, rate = case.reference
    samples = round(case.duration * rate)
    arguments = case.soundtrack.impact_probability, case.soundtrack.picture_fps, sound.mean(0), samples, rate
    return event_transfer(*arguments, case.context.random_stream(case.pair))[None], rate


def published_transfer(case: Case) -> Sound:
    """Onset transfer as published, at the metrics' rate."""
    samples = len(case.pair.target.wav)
    arguments = case.soundtrack.impact_probability, case.soundtrack.picture_fps, case.pair.reference.wav, samples, RATE
    return onset_transfer(*arguments)[None], RATE


def copied(case: Case) -> Sound:
    """The reference's sound from its start on."""
    sound, rate = case.reference
    return loop_reference(sound, round(case.duration * rate), rate), rate


def true_sound(case: Case) -> Sound:
    """The target's own sound."""
    return case.pair.target.wav[None], RATE


SYSTEMS: dict[str, Callable[[Case], Sound]] = {
    "vocoder": vocoder,
    "recorded": recorded,
    "onset-transfer": published_transfer,
    "onset-transfer-strong": careful_transfer,
    "copy": copied,
    "truth": true_sound,
}
