"""The clips of a data set before decoding: names, splits, paths in the cache, and which of them are not cached yet.

A data set is the output of `condfoley prepare` or a plain folder of clips.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from condfoley.data.decode import ShardDecodeJob
from condfoley.data.events import Event
from condfoley.data.index import INDEX, Index, is_url
from condfoley.data.shards import STEM
from condfoley.data.sources.folder import find, with_notes
from condfoley.data.sources.listing import hash_fraction
from condfoley.errors import InputError
from condfoley.typed import typed

CACHED = {
    "frame_count": int,
    "sample_count": int,
    "tracks": int,
    "events": list,
    "digest": str,
    "materials": tuple[str, ...],
}
"""What a clip's JSON file in the cache says, besides `source`, and of which type."""


class CacheEntry(NamedTuple):
    """A clip that is or will be in the cache.

    name: of the clip. prefix: path of its cached files without suffix. split: train or validation. video: name of the
    video it is from. source: identifies the state of its source files: the hash of its shard, or size and modification
    time of a video and of the JSON file beside it.
    """

    name: str
    prefix: str
    split: str
    video: str
    source: str


def prepared_index(folder: str) -> Index | None:
    """The index of a prepared data set; None for a folder of clips. Raises InputError for an unfinished preparation."""
    if is_url(folder) or folder.endswith(INDEX):
        return Index.load(folder)
    shards = folder and any(Path(folder).glob(f"{STEM}*.tar"))
    if shards and not (Path(folder) / INDEX).is_file():
        raise InputError(f"{folder} is not yet prepared; run the same `condfoley prepare` again to resume")
    return Index.load(folder) if shards else None


def cache_folder(base: str, cache: str | None) -> Path:
    """Folder of decoded clips: `cache`, or `.cache` in the data set. Raises InputError for a URL without a cache."""
    if cache:
        return Path(cache)
    if is_url(base):
        raise InputError("a data set on a server needs a folder for its decoded clips; set data.cache")
    return Path(base) / ".cache"


def list_clips(folder: str, wanted: frozenset[str]) -> list[Path]:
    """The clips of a folder. Raises InputError when the folder is missing or has none.

    wanted: their suffixes.
    """
    if not folder or not Path(folder).is_dir():
        raise InputError(f"no folder of clips at {folder!r}; give a folder of videos (data.folder)")
    files = find(Path(folder), wanted)
    if not files:
        raise InputError(f"{folder} holds no clips ({', '.join(sorted(wanted))}); set data.folder")
    return files


def folder_entries(root: Path, files: list[Path], home: Path, validation: float) -> list[CacheEntry]:
    """Entries of a folder's files. Raises InputError when two would have the same path in the cache.

    root: the folder. home: that of the cache. validation: share of the files for validation.
    """
    entries: dict[str, CacheEntry] = {}
    for file in files:
        name = str(file.relative_to(root))
        prefix = str(home / name.replace(os.sep, "__"))
        if prefix in entries:
            raise InputError(f"{entries[prefix].name} and {name} have the same clip name; rename one")
        split = "validation" if hash_fraction(name) < validation else "train"
        entries[prefix] = CacheEntry(name, prefix, split, name, _state(file))
    return list(entries.values())


def _state(file: Path) -> str:
    found = (path.stat() for path in with_notes(file))
    return ", ".join(f"{state.st_size} bytes of {state.st_mtime_ns}" for state in found)


def index_entries(index: Index, home: Path) -> list[CacheEntry]:
    """Entries of all clips except those of the test split. home: folder of the cache."""
    return [
        CacheEntry(clip.key, str(home / clip.key), clip.split, clip.video, shard.sha256)
        for shard in index.shards
        for clip in shard.clips
        if clip.split != "test"
    ]


def shard_jobs(index: Index, entries: list[CacheEntry]) -> list[ShardDecodeJob]:
    """The clips of each shard that are to be decoded; without shards whose clips are all in the cache."""
    missing: dict[str, dict[str, str]] = {}
    for entry in entries:
        if not is_cached(entry):
            missing.setdefault(entry.source, {})[entry.name] = entry.prefix
    alone = replace(index, shards=())  # jobs are sent to other processes, which do not need all shards
    return [ShardDecodeJob(alone, shard, missing[shard.sha256]) for shard in index.shards if shard.sha256 in missing]


def is_cached(entry: CacheEntry) -> bool:
    """Whether the cache has a clip, decoded from the present state of its source files."""
    return read_cached(entry) is not None


def read_cached(entry: CacheEntry) -> dict[str, Any] | None:
    """What the cache has of a clip, decoded from the present state of its source files: `rejected`, the reason, or the
    fields of `CachedClip`; None where there is nothing, or something damaged."""
    try:
        meta = json.loads(Path(entry.prefix + ".json").read_text(encoding="utf-8"))
        if meta["source"] != entry.source:
            return None
        if "rejected" in meta:
            return {"rejected": str(meta["rejected"])}
        found = {key: typed(kind, meta[key], key) for key, kind in CACHED.items()}
        found["events"] = tuple(Event.from_dict(event) for event in found["events"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return found
