"""What a set of clips holds before anything is decoded: names, splits, places in the cache, and what is missing there.

A set is a data set made by `condfoley prepare` or a plain folder of clips.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from condfoley.data.decode import ShardJob
from condfoley.data.index import INDEX, Index, is_url
from condfoley.data.shards import STEM
from condfoley.data.sources.folder import find, with_notes
from condfoley.data.sources.listing import split_of
from condfoley.errors import InputError


class Entry(NamedTuple):
    """A clip that the cache holds or will hold.

    source: what its files are now: the hash of its shard, or the size and time of a video and of the notes beside it.
    """

    name: str
    prefix: str
    split: str
    video: str
    source: str


def prepared_index(folder: str) -> Index | None:
    """The index of a prepared data set; None for a folder of clips. Raises InputError for half a preparation."""
    if is_url(folder) or folder.endswith(INDEX):
        return Index.load(folder)
    shards = folder and any(Path(folder).glob(f"{STEM}*.tar"))
    if shards and not (Path(folder) / INDEX).is_file():
        raise InputError(f"{folder} is not yet prepared; run the same `condfoley prepare` again to go on")
    return Index.load(folder) if shards else None


def cache_folder(base: str, cache: str | None) -> Path:
    """Where decoded clips go: `cache`, or inside the set. Raises InputError for a URL without a cache."""
    if cache:
        return Path(cache)
    if is_url(base):
        raise InputError("a data set on a server needs a folder for its decoded clips; set data.cache")
    return Path(base) / ".cache"


def files_of(folder: str, wanted: frozenset[str]) -> list[Path]:
    """The clips of a folder. Raises InputError when there is no folder or nothing in it."""
    if not folder or not Path(folder).is_dir():
        raise InputError(f"no folder of clips at {folder!r}; give a folder of videos (data.folder)")
    files = find(Path(folder), wanted)
    if not files:
        raise InputError(f"{folder} holds no clips ({', '.join(sorted(wanted))}); set data.folder")
    return files


def folder_entries(root: Path, files: list[Path], home: Path, validation: float) -> list[Entry]:
    """Entries of a folder's files. Raises InputError when two would have the same place in the cache."""
    entries: dict[str, Entry] = {}
    for file in files:
        name = str(file.relative_to(root))
        prefix = str(home / name.replace(os.sep, "__"))
        if prefix in entries:
            raise InputError(f"{entries[prefix].name} and {name} have the same clip name; rename one")
        split = "validation" if split_of(name) < validation else "train"
        entries[prefix] = Entry(name, prefix, split, name, _state(file))
    return list(entries.values())


def _state(file: Path) -> str:
    found = (path.stat() for path in with_notes(file))
    return ", ".join(f"{state.st_size} bytes of {state.st_mtime_ns}" for state in found)


def index_entries(index: Index, home: Path) -> list[Entry]:
    """Entries of all clips but those for testing."""
    return [
        Entry(clip.key, str(home / clip.key), clip.split, clip.video, shard.sha256)
        for shard in index.shards
        for clip in shard.clips
        if clip.split != "test"
    ]


def shard_jobs(index: Index, entries: list[Entry]) -> list[ShardJob]:
    """What is to be decoded of each shard; shards whose clips are all in the cache are left alone."""
    missing: dict[str, dict[str, str]] = {}
    for entry in entries:
        if not is_cached(entry):
            missing.setdefault(entry.source, {})[entry.name] = entry.prefix
    alone = replace(index, shards=())  # a job goes to another process, the whole table of contents need not
    return [ShardJob(alone, shard, missing[shard.sha256]) for shard in index.shards if shard.sha256 in missing]


def is_cached(entry: Entry) -> bool:
    """Whether the cache has a clip, made from what its files are now."""
    path = Path(entry.prefix + ".json")
    if not path.exists():
        return False
    meta = json.loads(path.read_text())
    return bool(meta["source"] == entry.source)
