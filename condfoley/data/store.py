"""A set of clips, decoded once: frames, sounds and events as arrays that training reads by window.

Opens a data set made by `condfoley prepare` (a folder, or the URL of its index.json) or, without preparation, any
folder of videos: simulated ones (events known; the sound can be rendered anew with other instruments), others (events
found by the onsets of their sound) and, for sound-only stages, sound files.
The cache fills clip by clip, so that a killed run goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.data.contents import (
    Entry,
    cache_folder,
    files_of,
    folder_entries,
    index_entries,
    is_cached,
    prepared_index,
    shard_jobs,
)
from condfoley.data.decode import FULL_SCALE, Settings, decode_file, decode_shard
from condfoley.data.events import Event
from condfoley.data.index import refuse_leaks
from condfoley.data.sources.listing import split_of
from condfoley.errors import InputError
from condfoley.files import write_json
from condfoley.geometry import Geometry
from condfoley.media.formats import SOUND_SUFFIXES, VIDEO_SUFFIXES
from condfoley.parallel import Engine, run


@dataclass(frozen=True)
class Clip:
    """One decoded clip of the cache. `frames` is empty for a sound file."""

    name: str
    prefix: str
    frame_count: int
    sample_count: int
    tracks: int
    events: tuple[Event, ...]
    digest: str  # first digits of the hash of the files that it was decoded from
    video: str = ""  # that it is from, by name; a prepared one may give several clips
    materials: tuple[str, ...] = ()  # of the instruments that its events were sounded anew with, one a track

    def frames(self, start: int, count: int) -> np.ndarray:
        """Frames [start, start + count): (count, S, S, 3) uint8."""
        return np.load(self.prefix + ".frames.npy", mmap_mode="r")[start : start + count]

    def sound(self, track: int, start: int, count: int) -> np.ndarray:
        """Samples [start, start + count) of one rendering: (count,) float32, zeros beyond the clip's ends."""
        whole = np.load(self.prefix + ".sound.npy", mmap_mode="r")[track]
        left, right = max(0, start), min(len(whole), start + count)
        out = np.zeros(count, np.float32)
        if right > left:
            out[left - start : right - start] = whole[left:right] / np.float32(FULL_SCALE)
        return out


class Store:
    """All usable clips, split into training and validation by their index, or else by the hash of their names."""

    def __init__(self, train: list[Clip], validation: list[Clip], rejected: list[tuple[str, str]], cache: Path):
        self.train, self.validation, self.rejected, self.cache = train, validation, rejected, cache

    def counts(self) -> str:
        """How much there is, in words: `12 videos (40 clips) to train, 2 to validate`; clips where videos gave several."""
        train, held = videos_of(self.train), videos_of(self.validation)
        parts = (f"{train} video{'s' * (train != 1)}", self.train, train), (f"{held}", self.validation, held)
        told = [name + (f" ({len(clips)} clips)" if len(clips) > count else "") for name, clips, count in parts]
        return f"{told[0]} to train, {told[1]} to validate"

    @classmethod
    def open(
        cls,
        folder: str,
        geometry: Geometry,
        *,
        cache: str | None = None,
        frame_size: int = 80,
        renderings: int = 0,
        validation: float = 0.04,
        workers: int = 2,
        sound_only: bool = False,
        engine: Engine = "local",
    ) -> Store:
        """Decodes what is not yet in the cache and opens the rest.

        folder: of clips, or of a prepared data set, or the path or URL of its index.json; a URL needs a `cache`.
        renderings: new soundtracks for each simulated clip; 0 keeps its own. validation: share of the videos, where
        no index says; one video is held out at the least. sound_only: sound files are welcome too, and no frames are decoded.
        Test clips of an index are never opened. Raises InputError when fewer than two clips are usable, when clips
        have the same name, when an index has a video in two splits, when a shard cannot be read.
        """
        settings = Settings(geometry.fps, geometry.sample_rate, frame_size, renderings)
        index = prepared_index(folder)
        kind = "sound" if sound_only else "clips"
        home = cache_folder(index.base if index else folder, cache) / f"{kind}-{settings.key}"
        if index:
            refuse_leaks(index)
            entries = index_entries(index, home)
            jobs: list[Any] = shard_jobs(index, entries)
            work: Callable[[Any], None] = partial(decode_shard, settings=settings, sound_only=sound_only)
        else:
            files = files_of(folder, VIDEO_SUFFIXES | SOUND_SUFFIXES if sound_only else VIDEO_SUFFIXES)
            entries = folder_entries(Path(folder), files, home, validation)
            jobs = [
                (str(file), entry.prefix, entry.source) for file, entry in zip(files, entries) if not is_cached(entry)
            ]
            work = partial(decode_file, settings=settings, sound_only=sound_only)
        home.mkdir(parents=True, exist_ok=True)
        write_json(home / "settings.json", vars(settings))
        _fill(work, jobs, engine, workers)
        clips, rejected = _opened(entries)
        for name, reason in rejected:
            print(f"condfoley: left out {name}: {reason}", file=sys.stderr)
        train, held = _split(clips)
        if not train or not held:
            such = f" (left out, for one: {rejected[0][1]})" if rejected else ""
            raise InputError(f"{folder} has {len(clips)} usable clip(s){such}; training needs at least 2 videos")
        return cls(train, held, rejected, home)


def videos_of(clips: list[Clip]) -> int:
    """How many videos some clips are from."""
    return len({clip.video for clip in clips})


def seed_of(name: str) -> int:
    """A random seed that depends on the video's name only."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[6:14], "big") >> 1


def _fill(work: Callable[[Any], None], jobs: list[Any], engine: Engine, workers: int) -> None:
    from tqdm import tqdm

    done = tqdm(
        run(work, jobs, engine, workers),
        total=len(jobs),
        desc="decoding",
        file=sys.stderr,
        mininterval=5,
        disable=not jobs,
    )
    for item in done:
        if item.error:
            raise InputError(item.error)


def _opened(entries: list[Entry]) -> tuple[list[tuple[Entry, Clip]], list[tuple[str, str]]]:
    clips, rejected = [], []
    for entry in entries:
        meta = json.loads(Path(entry.prefix + ".json").read_text())
        if "rejected" in meta:
            rejected.append((entry.name, meta["rejected"]))
            continue
        del meta["source"]
        events = tuple(Event.from_dict(event) for event in meta.pop("events"))
        materials = tuple(meta.pop("materials"))
        clips.append(
            (entry, Clip(entry.name, entry.prefix, events=events, video=entry.video, materials=materials, **meta))
        )
    return clips, rejected


def _split(clips: list[tuple[Entry, Clip]]) -> tuple[list[Clip], list[Clip]]:
    """Training and validation; a set too small to have any gives up a training video for validation."""
    chosen = {entry.video for entry, _ in clips if entry.split == "train"}
    spare: set[str] = set()
    if len(chosen) > 1 and all(entry.split == "train" for entry, _ in clips):
        spare = {min(chosen, key=split_of)}
    held = [clip for entry, clip in clips if entry.split == "validation" or entry.video in spare]
    train = [clip for entry, clip in clips if entry.split == "train" and entry.video not in spare]
    return train, held
