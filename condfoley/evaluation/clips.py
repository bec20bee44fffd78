"""Clips of a test set with their annotations, and pairs of a target and a reference."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from condfoley.audio.onsets import detect_onsets
from condfoley.data.events import Event
from condfoley.geometry import Geometry

METRIC_GEOMETRY = Geometry()
"""Sample rate, frame rate and spectrogram of all metrics, whatever geometry a system has ("the metrics' rate")."""


@lru_cache(maxsize=512)
def cached_audio(path: Path) -> np.ndarray:
    """A video's own sound, (N,) float32 at the metrics' rate."""
    from condfoley import media

    return media.read_audio(path, METRIC_GEOMETRY.sample_rate)


@dataclass(frozen=True)
class AnnotatedClip:
    """A video with sound, and its events where it is annotated (None: onsets are detected in its sound)."""

    path: Path
    events: tuple[Event, ...] | None = None

    @property
    def wav(self) -> np.ndarray:
        """Its sound, (N,) float32 at the metrics' rate, as long as its picture. Raises InputError."""
        return cached_audio(self.path)

    @cached_property
    def onsets(self) -> np.ndarray:
        """Annotated times of its events, (K,) s, ascending; without annotation the onsets of its sound."""
        if self.events is None:
            return detect_onsets(self.wav, METRIC_GEOMETRY.sample_rate)[0]
        return np.array(sorted(event.time for event in self.events))

    @property
    def actions(self) -> frozenset[str]:
        """Kinds of its labelled events."""
        return frozenset(event.kind for event in self.events or () if event.labelled)

    @property
    def action(self) -> str:
        """The action of all its labelled events; empty when there are several actions or none."""
        return _single(self.actions)

    @property
    def material(self) -> str:
        """The material of all its events; empty when there are several materials or none."""
        return _single({event.material for event in self.events or ()} - {""})


def _single(names: frozenset[str] | set[str]) -> str:
    return next(iter(names)) if len(names) == 1 else ""


@dataclass(frozen=True)
class Pair:
    """One task for a system: the target's picture is to sound like the reference.

    name: file name of its sounds; nothing else depends on it. distractor: another reference of the test set, against
    which the timbre metric compares the pair's own reference; None when the set has no other.
    """

    name: str
    target: AnnotatedClip
    reference: AnnotatedClip
    distractor: AnnotatedClip | None = None

    @property
    def same_action(self) -> bool | None:
        """Whether target and reference hold the same kinds of action (published_facts.md, section 13).

        None: unknown.
        """
        if not self.target.actions or not self.reference.actions:
            return None
        return self.target.actions == self.reference.actions
