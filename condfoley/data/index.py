"""The table of contents of a prepared data set, `index.json`: shards with their hashes, clips with their splits."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from condfoley.data.sources.listing import SPLITS
from condfoley.errors import InputError
from condfoley.files import write_json

INDEX = "index.json"
FORMAT = 1
TIMEOUT = 60  # s without an answer from a server


@dataclass(frozen=True)
class Clip:
    """One clip of a shard. `duration`: s.   `events`: how many."""

    key: str
    video: str
    split: str
    duration: float
    events: int


@dataclass(frozen=True)
class Shard:
    """One tar file. `size`: bytes.   `rejected`: (clip, reason) of stretches of its videos that were left out."""

    file: str
    sha256: str
    size: int
    names: tuple[str, ...]
    """The prepared videos' names, by which a later run knows that they are done."""
    clips: tuple[Clip, ...]
    rejected: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Shard:
        """The inverse of `to_dict`."""
        lists = {
            "names": tuple(values["names"]),
            "clips": tuple(Clip(**clip) for clip in values["clips"]),
            "rejected": tuple((clip, why) for clip, why in values["rejected"]),
        }
        return cls(**(values | lists))


@dataclass(frozen=True)
class Index:
    """A prepared data set. `base`: folder or URL that the shards' file names are relative to."""

    base: str
    settings: dict[str, Any]
    """How it was prepared: data set, split, geometry, sizes."""
    shards: tuple[Shard, ...]

    def location(self, shard: Shard) -> str:
        """Path or URL of a shard."""
        if is_url(self.base):
            return urllib.parse.urljoin(self.base, shard.file)
        return str(Path(self.base) / shard.file)

    def clips(self) -> list[Clip]:
        """All clips of all shards."""
        return [clip for shard in self.shards for clip in shard.clips]

    def save(self) -> Path:
        """Writes index.json into the local folder `base`, atomically."""
        path = Path(self.base) / INDEX
        write_json(path, {"settings": self.settings, "shards": [shard.to_dict() for shard in self.shards]})
        return path

    @classmethod
    def load(cls, place: str) -> Index:
        """The index in a folder, or at the path or URL of an index.json.

        Raises InputError when it is missing, not ours, or no server answers.
        """
        if not is_url(place) and Path(place).is_dir():
            place = str(Path(place) / INDEX)
        try:
            with open_stream(place) as stream:
                content = json.load(stream)
            shards = tuple(Shard.from_dict(shard) for shard in content["shards"])
            if content["settings"]["format"] != FORMAT:
                raise InputError(f"{place} is of another format than {FORMAT}; prepare the data set again")
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{place} is no index of a prepared data set; run `condfoley prepare`") from error
        return cls(place if is_url(place) else str(Path(place).parent), content["settings"], shards)


class Totals(NamedTuple):
    """What one split holds."""

    videos: int
    clips: int
    seconds: float
    events: int


def totals(clips: Iterable[Clip]) -> dict[str, Totals]:
    """Counts by split, for the splits that have clips."""
    clips = list(clips)
    counted: dict[str, Totals] = {}
    for split in SPLITS:
        own = [clip for clip in clips if clip.split == split]
        if own:
            seconds = round(sum(clip.duration for clip in own), 3)
            counted[split] = Totals(len({c.video for c in own}), len(own), seconds, sum(c.events for c in own))
    return counted


def leaks(clips: Iterable[Clip]) -> dict[str, list[str]]:
    """Videos that have clips in more than one split, with those splits. Empty is what is wanted."""
    splits: dict[str, set[str]] = {}
    for clip in clips:
        splits.setdefault(clip.video, set()).add(clip.split)
    return {video: sorted(found) for video, found in splits.items() if len(found) > 1}


def refuse_leaks(index: Index) -> None:
    """Raises InputError naming a video that is in two splits, unless the split is the published one, which leaks."""
    if index.settings.get("split") == "published":
        return
    for video, splits in leaks(index.clips()).items():
        raise InputError(f"video {video} is in {' and '.join(splits)}; prepare the data set into an empty folder")


def is_url(place: str) -> bool:
    """Whether a place is on a web server rather than in the file system."""
    return place.startswith(("http://", "https://"))


def open_stream(place: str) -> AbstractContextManager[IO[bytes]]:
    """A path or URL, opened for reading. Raises InputError when it cannot be."""
    try:
        if is_url(place):
            stream: IO[bytes] = urllib.request.urlopen(place, timeout=TIMEOUT)
            return stream
        return open(place, "rb")
    except urllib.error.HTTPError as error:
        raise InputError(f"{place}: the server answers {error.code} {error.reason}; check the address") from error
    except urllib.error.URLError as error:
        raise InputError(f"{place}: no answer ({error.reason}); check the address and the network") from error
    except OSError as error:
        raise InputError(f"{place}: cannot be read ({error.strerror}); check the path") from error
