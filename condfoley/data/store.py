"""The clips of a data set, decoded once into a cache: frames, sound and events, which training reads by window.

Opens a data set made by `condfoley prepare` (a folder, or the URL of its index.json) or, without preparation, any
folder of videos: simulated ones (known events; the sound can be rendered again with other instruments), others (events
detected as onsets of their sound) and, for sound-only stages, sound files.
The cache is filled clip by clip, so that a killed run resumes where it stopped.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.data.contents import (
    CacheEntry,
    cache_folder,
    folder_entries,
    index_entries,
    is_cached,
    list_clips,
    prepared_index,
    read_cached,
    shard_jobs,
)
from condfoley.data.decode import FORMAT, FULL_SCALE, CacheSettings, decode_file, decode_shard
from condfoley.data.events import Event
from condfoley.data.index import require_no_leaks
from condfoley.data.sources.listing import hash_fraction
from condfoley.errors import InputError, tell, why
from condfoley.files import make_folder, write_json
from condfoley.geometry import Geometry
from condfoley.media.formats import SOUND_SUFFIXES, VIDEO_SUFFIXES
from condfoley.parallel import Engine, run


@dataclass(frozen=True)
class CachedClip:
    """One decoded clip of the cache. tracks: number of its soundtracks. A sound file has no frames."""

    name: str
    prefix: str  # path of its files without suffix
    frame_count: int
    sample_count: int
    tracks: int
    events: tuple[Event, ...]
    digest: str  # first 12 hex digits of the hash of its source files
    video: str = ""  # name of its video; a prepared video may have several clips
    materials: tuple[str, ...] = ()  # of the instruments that its soundtracks were rendered with, one for each track

    def frames(self, start: int, count: int) -> np.ndarray:
        """Frames [start, start + count): (count, S, S, 3) uint8."""
        return _mapped(self.prefix + ".frames.npy")[start : start + count]

    def sound(self, track: int, start: int, count: int) -> np.ndarray:
        """Samples [start, start + count) of one soundtrack: (count,) float32, zeros beyond the clip's ends."""
        whole = _mapped(self.prefix + ".sound.npy")[track]
        left, right = max(0, start), min(len(whole), start + count)
        out = np.zeros(count, np.float32)
        if right > left:
            out[left - start : right - start] = whole[left:right] / np.float32(FULL_SCALE)
        return out


def _mapped(path: str) -> np.ndarray:
    """An array of the cache, mapped into memory. Raises InputError when it is damaged."""
    try:
        array: np.ndarray = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError, SyntaxError) as error:  # of the header, which numpy parses as Python
        raise InputError(f"{path} cannot be read ({why(error)}); remove its folder, and it is made again") from None
    return array


class ClipStore:
    """All usable clips, split into training and validation by the data set's index or by the hash of their names.

    rejected: (clip, reason) of the others. cache: folder of the decoded clips.
    """

    def __init__(
        self, train: list[CachedClip], validation: list[CachedClip], rejected: list[tuple[str, str]], cache: Path
    ):
        self.train, self.validation, self.rejected, self.cache = train, validation, rejected, cache

    def counts(self) -> str:
        """Size of the data in words: `12 videos (40 clips) to train, 2 to validate`; clips only if more than videos."""
        train, held = videos_of(self.train), videos_of(self.validation)
        parts = (f"{train} video{'s' * (train != 1)}", self.train, train), (f"{held}", self.validation, held)
        described = [name + (f" ({len(clips)} clips)" if len(clips) > count else "") for name, clips, count in parts]
        return f"{described[0]} to train, {described[1]} to validate"

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
        cache_format: int = FORMAT,
    ) -> ClipStore:
        """Decodes the clips that are not in the cache and opens all.

        folder: of clips, or of a prepared data set, or the path or URL of its index.json; a URL needs a `cache`.
        frame_size: pixels. renderings: number of new soundtracks for each simulated clip; 0: its own sound. validation:
        share of the videos if there is no index; at least one video is held out. sound_only: use sound files too, and
        decode no frames. workers, engine: see `parallel.run`. cache_format: see `decode.FORMAT`.
        Test clips of an index are never opened. Raises InputError when fewer than two clips are usable, when clips
        have the same name, when an index has a video in two splits, when a shard cannot be read.
        """
        settings = CacheSettings(geometry.fps, geometry.sample_rate, frame_size, renderings, cache_format)
        index = prepared_index(folder)
        kind = "sound" if sound_only else "clips"
        home = cache_folder(index.base if index else folder, cache) / f"{kind}-{settings.key}"
        if index:
            require_no_leaks(index)
            entries = index_entries(index, home)
            jobs: list[Any] = shard_jobs(index, entries)
            work: Callable[[Any], None] = partial(decode_shard, settings=settings, sound_only=sound_only)
        else:
            files = list_clips(folder, VIDEO_SUFFIXES | SOUND_SUFFIXES if sound_only else VIDEO_SUFFIXES)
            entries = folder_entries(Path(folder), files, home, validation)
            jobs = [
                (str(file), entry.prefix, entry.source) for file, entry in zip(files, entries) if not is_cached(entry)
            ]
            work = partial(decode_file, settings=settings, sound_only=sound_only)
        make_folder(home)
        write_json(home / "settings.json", vars(settings))
        _fill(work, jobs, engine, workers)
        clips, rejected = _open_entries(entries)
        for name, reason in rejected:
            tell(f"left out {name}: {reason}")
        train, held = _split(clips)
        if not train or not held:
            example = f" (left out, for one: {rejected[0][1]})" if rejected else ""
            raise InputError(f"{folder} has {len(clips)} usable clip(s){example}; training needs at least 2 videos")
        return cls(train, held, rejected, home)


def videos_of(clips: list[CachedClip]) -> int:
    """Number of videos that some clips are from."""
    return len({clip.video for clip in clips})


def seed_of(name: str) -> int:
    """A random seed, below 2**63, that only depends on a clip's name."""
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


def _open_entries(entries: list[CacheEntry]) -> tuple[list[tuple[CacheEntry, CachedClip]], list[tuple[str, str]]]:
    clips, rejected = [], []
    for entry in entries:
        found = read_cached(entry)
        if found is None:
            raise InputError(f"{entry.prefix}.json cannot be read; remove its folder, and it is made again")
        if "rejected" in found:
            rejected.append((entry.name, found["rejected"]))
            continue
        clips.append((entry, CachedClip(entry.name, entry.prefix, video=entry.video, **found)))
    return clips, rejected


def _split(clips: list[tuple[CacheEntry, CachedClip]]) -> tuple[list[CachedClip], list[CachedClip]]:
    """Training and validation clips; if none is for validation, one training video is used for it."""
    chosen = {entry.video for entry, _ in clips if entry.split == "train"}
    spare: set[str] = set()
    if len(chosen) > 1 and all(entry.split == "train" for entry, _ in clips):
        spare = {min(chosen, key=hash_fraction)}
    held = [clip for entry, clip in clips if entry.split == "validation" or entry.video in spare]
    train = [clip for entry, clip in clips if entry.split == "train" and entry.video not in spare]
    return train, held
