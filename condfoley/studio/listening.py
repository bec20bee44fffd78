"""What the page plays and draws of a project: its soundtrack, layers, candidates, single cues, and the target's own sound."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from condfoley.errors import InputError
from condfoley.project.edits import choose_alternative
from condfoley.project.find_inputs import find_input
from condfoley.project.model import Project
from condfoley.project.render import heard, place_layer
from condfoley.project.store import DECODED, read_sound
from condfoley.studio.mixing import summed
from condfoley.studio.peaks import Peaks, Samples, span_in_samples
from condfoley.studio.playing import Opened, Version

MOST_SECONDS = 900.0
"""Of sound in one answer."""

Read = Callable[[], np.ndarray]


class NoSound(InputError):
    """The target has no sound of its own."""


class Stored:
    """Samples (C, N) that are read when they are asked for, so that not all of them stay in memory."""

    def __init__(self, read: Read) -> None:
        self._read, self.shape = read, read().shape

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        """Some of them."""
        return self._read()[key]


class Source(NamedTuple):
    """A sound, (C, N), with its peaks; its first sample is heard at the target's sample `start`."""

    samples: Samples
    peaks: Peaks
    start: int
    rate: int


def source_of(
    opened: Opened, version: Version, layers: Sequence[str] = (), candidate: str | None = None, own: bool = False
) -> Source:
    """The soundtrack; or some layers of it, a candidate, or the target's own sound.

    Raises InputError where there is no such thing, or it cannot be read.
    """
    project = version.project
    if candidate is not None and candidate not in project.sounds:
        raise InputError("there is no such take; load the page again")
    if own or candidate is not None:
        start = 0 if candidate is None else project.sounds[candidate].start
        samples = Stored(_target_sound(opened, project) if candidate is None else _sound(opened, project, candidate))
        key = (candidate, samples.shape)
        if key not in opened.drawn:
            opened.drawn[key] = Peaks(samples, project.rate)
        return Source(samples, opened.drawn[key], start, project.rate)
    for name in layers:
        project.layer(name)
    names = tuple(sorted(set(layers)))
    return Source(version.sound(names), version.peaks_of(names), 0, project.rate)


def samples_between(source: Source, begin: float | None, end: float | None, length: int) -> np.ndarray:
    """A span of the target, s, of a sound: (C, n) float32, silent where it has nothing.

    length: samples of the target. Raises InputError for a span that is none, or too long for one answer.
    """
    first, last = span_in_samples(begin, end, source.rate, length)
    if last - first > MOST_SECONDS * source.rate:
        raise InputError(
            f"a span of {(last - first) / source.rate:.0f} s is too long; ask for {MOST_SECONDS:g} s at most"
        )
    low, high = first - source.start, last - source.start
    inside = source.samples[:, max(0, low) : max(0, high)]
    before = min(max(0, -low), high - low)
    return np.pad(inside, ((0, 0), (before, high - low - before - inside.shape[1])))


def cue_alone(opened: Opened, version: Version, key: int, alternative: int | None = None) -> tuple[np.ndarray, float]:
    """A cue's sound, also where it is muted, (C, n) float32, and how long after its beginning the cue is, s.

    alternative: number of the one that is heard, from 1. Raises InputError where there is none, or no sound.
    """
    project = version.project
    cue = dataclasses.replace(project.cue(key), locked=False)
    if alternative is not None:
        project = project.with_cues([cue if other.id == key else other for other in project.cues])
        project = choose_alternative(project, key, alternative)
    known = {part.placed for part in version.mix.parts}
    parts = [part for part in version.mix.parts if part.placed.cue == key]
    places = [placed for placed in place_layer(project, project.layer(cue.layer)) if placed.cue == key]
    if not parts or any(placed not in known for placed in places):
        found = [
            heard(project, placed, lambda sound: read_sound(opened.folder, sound, project.rate)) for placed in places
        ]
        parts = sorted((part for of_place in found for part in of_place), key=lambda part: part.begin)
    if not parts:
        raise InputError(f"there is no sound yet for cue {key}; draw it first")
    begin, end = min(part.begin for part in parts), max(part.begin + part.samples.shape[1] for part in parts)
    begin, end = max(0, begin), min(end, project.samples)
    samples = summed(parts, project.channels, begin, end, version.mix.ceiling.gain)
    return samples, project.cue(key).time - begin / project.rate


def wav_bytes(samples: np.ndarray, rate: int) -> bytes:
    """A WAV file in 32-bit float. samples: (C, N)."""
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, samples.T, rate, subtype="FLOAT", format="WAV")
    return out.getvalue()


def _sound(opened: Opened, project: Project, key: str) -> Read:
    return lambda: read_sound(opened.folder, project.sounds[key], project.rate)


def _target_sound(opened: Opened, project: Project) -> Read:
    """Reads it, (C, N) float32 at the project's rate. Raises NoSound, and InputError when the target is gone."""
    from condfoley import media

    path = find_input(opened.folder, project, "target")
    if not media.probe(path).has_audio:
        raise NoSound("the target has no sound of its own")
    found = path.stat()
    key = (path, project.rate, found.st_mtime_ns, found.st_size)
    return lambda: DECODED.get(key, lambda: media.read_sound(path, project.rate)[0])
