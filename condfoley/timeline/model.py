"""What a timeline has. Places of sounds are whole samples, those of the picture whole frames; nothing is rounded twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from condfoley.media import Timecode


@dataclass(frozen=True)
class Picture:
    """The target. frames: of the timeline, which it fills. width, height: pixels, upright. start: of its first frame."""

    path: Path
    frames: int
    width: int
    height: int
    start: Timecode


@dataclass(frozen=True)
class Media:
    """A WAV file. samples: of each channel. bits: of a sample."""

    path: Path
    channels: int
    samples: int
    bits: int = 24


@dataclass(frozen=True)
class Clip:
    """Part of a sound on the timeline. begin, length: samples there. offset: the sample of the file that it begins with."""

    name: str
    media: Media
    begin: int
    length: int
    offset: int

    @property
    def end(self) -> int:
        """Sample of the timeline behind it."""
        return self.begin + self.length

    def within(self, length: int) -> Clip | None:
        """Without what its file does not have, and what lies outside a timeline of `length` samples; None: nothing left."""
        head = max(0, -self.offset, -self.begin)
        stop = min(self.length, self.media.samples - self.offset, length - self.begin)
        if stop <= head:
            return None
        return Clip(self.name, self.media, self.begin + head, stop - head, self.offset + head)


@dataclass(frozen=True)
class Lane:
    """A track of sound. items: the same clips, cut at cues, for editors that keep sounds exact to the sample."""

    name: str
    kind: Literal["layer", "soundtrack", "candidate"]
    clips: tuple[Clip, ...]
    enabled: bool = True
    items: tuple[Clip, ...] = ()

    @property
    def channels(self) -> int:
        """The most that one of its files has; 1 without clips."""
        return max((clip.media.channels for clip in self.clips), default=1)


@dataclass(frozen=True)
class Mark:
    """A cue. begin, length: samples; length 0 of an impact. note: what is known of it."""

    name: str
    note: str
    begin: int
    length: int = 0


@dataclass(frozen=True)
class Timeline:
    """All of it. rate: Hz, of all sounds. samples: of the soundtrack. lanes: from top to bottom."""

    name: str
    picture: Picture
    rate: int
    samples: int
    lanes: tuple[Lane, ...]
    marks: tuple[Mark, ...] = field(default=())

    @property
    def fps(self) -> Fraction:
        """Frames a second."""
        return self.picture.start.rate

    @property
    def start(self) -> int:
        """Samples from midnight to the first one, as the sounds' files have it."""
        return self.picture.start.samples(self.rate)

    def frame(self, sample: int) -> int:
        """The frame nearest to a sample."""
        return round(Fraction(sample, self.rate) * self.fps)

    def seconds(self, sample: int) -> Fraction:
        """Exact s of a sample."""
        return Fraction(sample, self.rate)
