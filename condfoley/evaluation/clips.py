"""What a test set is made of: clips with what is known of them, and pairs of a target and a reference."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from condfoley.audio.onsets import detect_onsets
from condfoley.data.events import Event
from condfoley.geometry import Geometry

JUDGE = Geometry()  # the judges listen in one geometry, whatever a model's own


@lru_cache(maxsize=512)
def sound_of(path: Path) -> np.ndarray:
    """A video's own sound, (N,) float32 at the judges' rate."""
    from condfoley import media

    return media.read_audio(path, JUDGE.sample_rate)


@dataclass(frozen=True)
class Clip:
    """A video with sound, and its events where somebody knows them (None: they are looked for in its sound)."""

    path: Path
    events: tuple[Event, ...] | None = None

    @property
    def wav(self) -> np.ndarray:
        """Its sound, (N,) float32 at the judges' rate, as long as its picture. Raises InputError."""
        return sound_of(self.path)

    @cached_property
    def onsets(self) -> np.ndarray:
        """True times of its events, (K,) seconds, ascending; those of its own sound where nobody knows."""
        if self.events is None:
            return detect_onsets(self.wav, JUDGE.sample_rate)[0]
        return np.array(sorted(event.time for event in self.events))

    @property
    def actions(self) -> frozenset[str]:
        """Kinds of its labelled events."""
        return frozenset(event.kind for event in self.events or () if event.labelled)

    @property
    def action(self) -> str:
        """The one kind of action in it; empty when there are several, or nobody knows."""
        return _only(self.actions)

    @property
    def material(self) -> str:
        """The one material struck in it; empty when there are several, or nobody knows."""
        return _only({event.material for event in self.events or ()} - {""})


def _only(names: frozenset[str] | set[str]) -> str:
    return next(iter(names)) if len(names) == 1 else ""


@dataclass(frozen=True)
class Pair:
    """A question to a system: the target's picture in the reference's sound.

    name: names its sounds on disk; nothing else depends on it. stranger: another reference of the set, to tell the
    pair's own from; None when there is no other.
    """

    name: str
    target: Clip
    reference: Clip
    stranger: Clip | None = None

    @property
    def same_action(self) -> bool | None:
        """Whether target and reference hold the same kinds of action (published_facts.md, section 13).

        None: unknown.
        """
        if not self.target.actions or not self.reference.actions:
            return None
        return self.target.actions == self.reference.actions
