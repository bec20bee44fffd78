"""A sound as the plan of a video: when something is struck in it, how hard, and where something slides."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from condfoley.audio.levels import impact_levels
from condfoley.audio.splice import until_next
from condfoley.audio.track import Track
from condfoley.data.events import Event, Kind
from condfoley.data.simulation.sound import MIN_GAIN
from condfoley.errors import InputError
from condfoley.media import probe, read_sound, require_audio
from condfoley.resynthesis.bands import FRAME, band_powers
from condfoley.resynthesis.kinds import NEAR_DB, SHORTEST, kinds_of
from condfoley.weights import sha256_of_input

LIFT = 0.05  # s between the end of a slide and the next event, in which the tool is lifted
SHORTEST_SOUND, LONGEST_SOUND = 0.5, 600.0  # s


@dataclass(frozen=True)
class HeardSound:
    """A sound and what happens in it. samples: (C, N) float32, C = 1 or 2, at `rate` Hz. sha256: of the file."""

    samples: NDArray[np.float32]
    rate: int
    events: tuple[Event, ...]
    sha256: str

    @property
    def duration(self) -> float:
        """s."""
        return self.samples.shape[1] / self.rate


@lru_cache(maxsize=1)
def hear(path: Path) -> HeardSound:
    """A sound or the sound of a video, and its events. Raises InputError for one that cannot be used, or has none."""
    info = probe(path)
    require_audio(info)
    if not SHORTEST_SOUND <= info.duration <= LONGEST_SOUND:
        raise InputError(
            f"{path} lasts {info.duration:.2f} s; give --like a sound of {SHORTEST_SOUND:g} to {LONGEST_SOUND:g} s"
        )
    samples, rate = read_sound(path)
    events = heard_events(Track(samples, rate))
    if not events:
        raise InputError(f"no impact is heard in {path}; give --like a sound in which something is struck")
    return HeardSound(samples, rate, events, sha256_of_input(path))


def heard_events(track: Track) -> tuple[Event, ...]:
    """The events of a sound, in order of time: a hit or a scratch at each onset.

    A strength is that with which a simulated instrument would be as loud beside the loudest event. Scratches are told from
    hits by what is heard, as references are (`resynthesis.kinds`), and last until they fall NEAR_DB below their loudest moment.
    """
    onsets = track.onsets
    if not len(onsets):
        return ()
    levels = impact_levels(track.samples, onsets, track.rate)
    strengths = ((10 ** ((levels - levels.max()) / 20) - MIN_GAIN) / (1 - MIN_GAIN)).clip(0, 1)
    slides = kinds_of(track.samples, track.rate, onsets, None, 0.0)
    events = []
    for (begin, end), strength, slide in zip(until_next(onsets, track.duration), strengths, slides, strict=True):
        seconds = min(_loud_seconds(track, float(begin), float(end)), float(end - begin) - LIFT) if slide else 0.0
        kind: Kind = "scratch" if seconds >= SHORTEST else "hit"
        events.append(Event(float(begin), kind, seconds if kind == "scratch" else 0.0, float(strength), labelled=False))
    return tuple(events)


def _loud_seconds(track: Track, begin: float, end: float) -> float:
    """How long an event is loud: s from its beginning to the last moment within NEAR_DB of its loudest one."""
    part = track.samples[:, round(begin * track.rate) : round(end * track.rate)]
    level = 10 * np.log10(band_powers(part, track.rate, model_only=True).sum(0))
    return float(np.flatnonzero(level > level.max() - NEAR_DB)[-1] + 1) * FRAME / 2
