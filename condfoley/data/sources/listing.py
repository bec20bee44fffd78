"""What every reader of a data set lists: videos, where their files are, and what is known of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from condfoley.data.events import Event
from condfoley.errors import InputError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Video:
    """One video, or the stretch of it that the data set uses."""

    name: str
    """Unique; the clips cut from it are named after it."""
    picture: Path
    sound: Path
    """The same file as the picture's, or another one that begins with it."""
    split: Split
    start: float = 0.0
    """s into the files."""
    end: float | None = None
    """s into the files; None: the picture's end."""
    origin: str = ""
    """The recording it is a part of, when others are too: they must share a split. Empty: its own name."""
    label: str = ""
    """What the data set says of the whole video: a class."""
    events: tuple[Event, ...] | None = None
    """Times from the files' beginning; None: nobody knows, they are looked for in sound and picture."""
    simulated: bool = False
    """Made by `condfoley simulate`: its events can be sounded anew."""
    held_out: float = 0.0
    """Share of its clips that are for validation although it is a training video (published split only)."""


@dataclass(frozen=True)
class Shares:
    """How videos are split where the data set does not say."""

    published: bool = False
    """Take the data set's own validation split even if it leaks."""
    validation: float = 0.05
    test: float = 0.0

    def of(self, name: str) -> Split:
        """The split of a video, from its name only: it stays there when the set grows."""
        place = split_of(name)
        if place < self.validation:
            return "validation"
        return "test" if place < self.validation + self.test else "train"


class Absent(InputError):
    """A video of the data set whose file is not there."""


@dataclass
class Listing:
    """The videos of a data set, and those that cannot be used: (name, reason)."""

    videos: list[Video] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    absent: list[tuple[str, str]] = field(default_factory=list)
    """Those that the data set names and the folder lacks: most of them where somebody took a part of the set."""


def split_of(name: str) -> float:
    """A number in [0, 1) that depends on the name only."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48


def clashes(videos: list[Video]) -> list[tuple[Video, Video]]:
    """Pairs of videos whose clips would have the same names."""
    counts = Counter(v.name for v in videos)
    first: dict[str, Video] = {}
    return [(first[v.name], v) for v in videos if counts[v.name] > 1 and first.setdefault(v.name, v) is not v]
