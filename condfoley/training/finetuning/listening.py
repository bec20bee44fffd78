"""Soundtracks of held-out clips before and after fine-tuning, and how well their onsets fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from condfoley.audio.onsets import match
from condfoley.data.store import CachedClip
from condfoley.foley import Foley
from condfoley.geometry import Geometry
from condfoley.inputs import Footage

CANDIDATES = 4


@dataclass(frozen=True)
class Sound:
    """A generated soundtrack. wav: (N,) float32. f1: of its onsets against the clip's own events.

    agreement: mean over the candidates of the F1 of their onsets against the impacts that the picture shows; None where
    it shows none.
    """

    wav: np.ndarray
    f1: float
    agreement: float | None


@dataclass(frozen=True)
class Heard:
    """A held-out clip with its own sound, (N,) float32, and what both models make of it with another clip as reference."""

    clip: str
    reference: str
    own: np.ndarray
    events: np.ndarray
    before: Sound
    after: Sound


def choose_targets(folds: Sequence[Sequence[str]], count: int) -> list[tuple[int, str]]:
    """Up to `count` held-out clips, as (number of the fold, clip): one of each fold in turn."""
    longest = max((len(held) for held in folds), default=0)
    turns = [(fold, held[i]) for i in range(longest) for fold, held in enumerate(folds) if i < len(held)]
    return turns[:count]


def reference_for(clip: str, recordings: Mapping[str, str]) -> str:
    """The next clip, by name and cyclically, that is of another recording. recordings: of at least two kinds."""
    names = sorted(recordings)
    place = names.index(clip)
    return next(n for n in names[place:] + names[:place] if recordings[n] != recordings[clip])


def footage(clip: CachedClip, geometry: Geometry) -> Footage:
    """A decoded clip as an input of `Foley.render`."""
    times = np.arange(clip.frame_count) / geometry.fps
    frames, wav = clip.frames(0, clip.frame_count), clip.sound(0, 0, clip.sample_count)
    length = clip.frame_count / geometry.fps
    return Footage(np.array(frames), times, wav, geometry.sample_rate, length=length, name=clip.name)


def listen(clip: CachedClip, reference: CachedClip, before: Foley, after: Foley, seed: int) -> Heard:
    """What both models make of a clip. Raises InputError when a clip cannot be used."""
    geometry = before.geometry
    events = np.array(sorted(event.time for event in clip.events))
    own = clip.sound(0, 0, clip.sample_count)
    sounds = []
    for model in (before, after):
        target, heard = footage(clip, geometry), footage(reference, geometry)
        made = model.render(heard, target, candidates=CANDIDATES, seed=seed, render="vocoder")
        agreements = [c.agreement for c in made.candidates if c.agreement is not None]
        agreement = float(np.mean(agreements)) if agreements else None
        sounds.append(Sound(np.asarray(made.wav), match(events, made.track.onsets).f1, agreement))
    return Heard(clip.name, reference.name, own, events, *sounds)
