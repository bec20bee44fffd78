"""Which recording, and which part of it, the model listens to: the clearest window of all references."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from condfoley import media
from condfoley.audio import windows
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.inputs import Clip, ClipFile, read_picture
from condfoley.references import cache
from condfoley.references.index import Index, index_file
from condfoley.weights import sha256_of_input

if TYPE_CHECKING:
    from condfoley.settings import Settings
    from condfoley.soundtrack import Soundtrack

WHOLE = 120.0  # s of all references, up to which they are read whole; of longer ones, what fits the target
LISTENED = 60.0  # s of a long reference from its window on, that tell its spectrum and how loud it is
BEFORE = 1.0  # s before it


class ReferenceFile(ClipFile):
    """A file of any length, and the index of its events."""

    @cached_property
    def index(self) -> Index:
        """Its events, from the cache where they are known. Raises InputError when it cannot be read."""
        media.require_audio(self.info)
        try:
            key = sha256_of_input(self.path)
        except OSError as error:
            raise InputError(f"{self.path} cannot be read ({error.strerror}); check the path") from None
        found = cache.load(key)
        if found is None:
            found = index_file(self.path, self.duration)
            cache.save(key, found)
        return found


@dataclass
class Part:
    """A part of a file as a clip itself (`inputs.Clip`), of which no more is read. start, duration: s."""

    clip: ClipFile
    start: float
    duration: float
    name: str = ""

    def __post_init__(self) -> None:
        """It is named as the file is."""
        self.name = self.name or self.clip.name

    def frames(self, geometry: Geometry, span: tuple[float, float] | None = None) -> np.ndarray | None:
        """See `Clip.frames`."""
        if not self.clip.info.has_video:
            return None
        begin, end = span or (0.0, self.duration)
        return read_picture(self.clip.path, geometry, (self.start + begin, self.start + end))

    def late(self, geometry: Geometry, span: tuple[float, float] | None = None) -> np.ndarray | None:
        """See `Clip.late`."""
        begin, end = span or (0.0, self.duration)
        return self.clip.late(geometry, (self.start + begin, self.start + end))

    def sound(self, rate: int) -> np.ndarray | None:
        """See `Clip.sound`."""
        return media.read_audio(self.clip.path, rate, self.start, self.duration) if self.clip.info.has_audio else None

    def recording(self) -> tuple[np.ndarray, int] | None:
        """See `Clip.recording`."""
        if not self.clip.info.has_audio:
            return None
        return media.read_sound(self.clip.path, start=self.start, duration=self.duration)


@dataclass(frozen=True)
class Listened:
    """What the model listens to. number: of the clip among the references. clip: it, or a part of it that begins at
    `offset`, s. start: s in `clip`, of the window; None: where its events are clearest."""

    number: int
    clip: Clip
    offset: float
    start: float | None


def as_references(given: Clip | Sequence[Clip]) -> tuple[Clip, ...]:
    """One reference or several, of which files can be long. Raises InputError for none."""
    clips = tuple(given) if isinstance(given, Sequence) else (given,)
    if not clips:
        raise InputError("there is no reference; give a clip with sound")
    return tuple(ReferenceFile(clip.path) if type(clip) is ClipFile else clip for clip in clips)


def told(made: Soundtrack, heard: Listened, references: Sequence[Clip], settings: Settings) -> Soundtrack:
    """A soundtrack that tells which of the references the model listened to, and where."""
    start = made.reference_start + heard.offset
    notes = list(made.remarks)
    if len(references) > 1:
        name = Path(heard.clip.name).name
        notes.append(f"of {len(references)} references the model listens to {name} from {start:.2f} s on")
    return dataclasses.replace(
        made,
        reference_start=start,
        reference_number=heard.number,
        settings=made.settings | {"reference_start": settings.reference_start},
        remarks=tuple(notes),
    )


def is_long(references: Sequence[Clip]) -> bool:
    """Whether not all of the references is read. Only files can be long."""
    return sum(clip.duration for clip in references) > WHOLE and any(
        isinstance(clip, ReferenceFile) for clip in references
    )


def listened(references: Sequence[Clip], start: float | None, geometry: Geometry) -> Listened:
    """What the model listens to: of one reference the window at `start`, s, or the clearest one; of several the clearest
    of all, from their indexes. Raises InputError when one cannot be read, and for the start of one among several."""
    number = 0
    if len(references) > 1:
        if start is not None:
            raise InputError("--reference-start is of one reference; give one, or leave it out")
        found = [_clearest(clip, geometry) for clip in references]
        number = max(range(len(found)), key=lambda i: found[i][1])
        start = found[number][0]
    clip = references[number]
    if not isinstance(clip, ReferenceFile) or clip.duration <= WHOLE:
        return Listened(number, clip, 0.0, start)
    start = _clearest(clip, geometry)[0] if start is None else start
    offset = max(0.0, min(start, clip.duration) - BEFORE)
    return Listened(number, Part(clip, offset, min(LISTENED, clip.duration - offset)), offset, start - offset)


def _clearest(clip: Clip, geometry: Geometry) -> tuple[float, float]:
    """Start, s, of a reference's clearest window, and how clear it is."""
    if not isinstance(clip, ReferenceFile):
        raise InputError(f"{clip.name} is no file; several references have to be files")
    index = clip.index
    seconds = geometry.clip_samples / geometry.sample_rate
    start = windows.clearest(index.times, index.rises, index.rms, index.duration, seconds)
    inside = (index.times >= start) & (index.times < start + seconds)
    return start, float(index.rises[inside].sum())
