"""The index of a prepared data set, `index.json`: shards with their hashes, clips with their splits."""

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
from condfoley.typed import typed

INDEX = "index.json"
FORMAT = 1
TIMEOUT = 60  # s to wait for a server


@dataclass(frozen=True)
class ClipRecord:
    """One clip of a shard. key: its name in the shard. duration: s. events: their number."""

    key: str
    video: str
    split: str
    duration: float
    events: int


@dataclass(frozen=True)
class Shard:
    """One tar file. size: bytes. rejected: (clip, reason) for parts of its videos that were left out."""

    file: str
    sha256: str
    size: int
    names: tuple[str, ...]
    """Names of the prepared videos, which a later run skips."""
    clips: tuple[ClipRecord, ...]
    rejected: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> Shard:
        """The inverse of `to_dict`. Raises ValueError and TypeError for values of other types."""
        shard: Shard = typed(cls, values, "shard")
        return shard


@dataclass(frozen=True)
class Index:
    """A prepared data set. base: folder or URL that the shards' file names are relative to."""

    base: str
    settings: dict[str, Any]
    """Settings of the preparation: data set, split, geometry, sizes."""
    shards: tuple[Shard, ...]

    def location(self, shard: Shard) -> str:
        """Path or URL of a shard."""
        if is_url(self.base):
            return urllib.parse.urljoin(self.base, shard.file)
        return str(Path(self.base) / shard.file)

    def clips(self) -> list[ClipRecord]:
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

        Raises InputError when it is missing, not an index of condfoley, or the server does not answer.
        """
        if not is_url(place) and Path(place).is_dir():
            place = str(Path(place) / INDEX)
        try:
            with open_stream(place) as stream:
                content = json.load(stream)
            shards = tuple(Shard.from_dict(shard) for shard in content["shards"])
            settings = typed(dict[str, Any], content["settings"], "settings")
            if settings["format"] != FORMAT:
                raise InputError(f"{place} is of another format than {FORMAT}; prepare the data set again")
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{place} is no index of a prepared data set; run `condfoley prepare`") from error
        return cls(place if is_url(place) else str(Path(place).parent), settings, shards)


class Totals(NamedTuple):
    """Number of videos, clips and events of one split, and their total duration in s."""

    videos: int
    clips: int
    seconds: float
    events: int


def totals(clips: Iterable[ClipRecord]) -> dict[str, Totals]:
    """Totals of each split that has clips, by its name."""
    clips = list(clips)
    counted: dict[str, Totals] = {}
    for split in SPLITS:
        own = [clip for clip in clips if clip.split == split]
        if own:
            seconds = round(sum(clip.duration for clip in own), 3)
            counted[split] = Totals(len({c.video for c in own}), len(own), seconds, sum(c.events for c in own))
    return counted


def find_leaks(clips: Iterable[ClipRecord]) -> dict[str, list[str]]:
    """Videos that have clips in more than one split: name -> splits."""
    splits: dict[str, set[str]] = {}
    for clip in clips:
        splits.setdefault(clip.video, set()).add(clip.split)
    return {video: sorted(found) for video, found in splits.items() if len(found) > 1}


def require_no_leaks(index: Index) -> None:
    """Raises InputError naming a video that is in two splits, unless the split is the published one, which leaks."""
    if index.settings.get("split") == "published":
        return
    for video, splits in find_leaks(index.clips()).items():
        raise InputError(f"video {video} is in {' and '.join(splits)}; prepare the data set into an empty folder")


def is_url(place: str) -> bool:
    """Whether a string is an HTTP(S) URL rather than a path."""
    return place.startswith(("http://", "https://"))


def open_stream(place: str) -> AbstractContextManager[IO[bytes]]:
    """Opens a path or URL for reading bytes. Raises InputError when it cannot be read."""
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
