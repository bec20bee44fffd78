"""Output of the readers of data sets: videos with their files, split and annotation."""

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
    """One video, or the part of it that the data set uses."""

    name: str
    """Unique; prefix of the names of its clips."""
    picture: Path
    sound: Path
    """The same file as the picture's, or another one that starts at the same time."""
    split: Split
    start: float = 0.0
    """s, position in the files."""
    end: float | None = None
    """s, position in the files; None: the picture's end."""
    origin: str = ""
    """Name of the recording if several videos are parts of it: these must be in one split. Empty: the video's own."""
    label: str = ""
    """Class of the whole video in the data set."""
    events: tuple[Event, ...] | None = None
    """Times relative to the start of the files; None: unknown, to be detected in sound and picture."""
    simulated: bool = False
    """Made by `condfoley simulate`: its events can be rendered with other instruments."""
    held_out: float = 0.0
    """Share of its clips that are for validation although it is a training video (published split only)."""


@dataclass(frozen=True)
class SplitShares:
    """How videos are split if the data set has no split of its own. validation, test: shares of the videos."""

    published: bool = False
    """Use the published validation split although it leaks."""
    validation: float = 0.05
    test: float = 0.0

    def of(self, name: str) -> Split:
        """The split of a video, from its name only, so that it does not change when the data set grows."""
        place = hash_fraction(name)
        if place < self.validation:
            return "validation"
        return "test" if place < self.validation + self.test else "train"


class MissingFile(InputError):
    """The file of a video of the data set is missing."""


@dataclass
class Listing:
    """The videos of a data set, and (name, reason) of those that cannot be used."""

    videos: list[Video] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    absent: list[tuple[str, str]] = field(default_factory=list)
    """Videos of the data set that are not in the folder; many, when only a part of the data set was downloaded."""


def hash_fraction(name: str) -> float:
    """A uniformly distributed number in [0, 1) that only depends on the name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48


def clashes(videos: list[Video]) -> list[tuple[Video, Video]]:
    """Pairs of videos that have the same name."""
    counts = Counter(v.name for v in videos)
    first: dict[str, Video] = {}
    return [(first[v.name], v) for v in videos if counts[v.name] > 1 and first.setdefault(v.name, v) is not v]
