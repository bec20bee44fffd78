"""A folder of clips, decoded once: frames, sounds and events as arrays that training reads by window.

Works on any folder of videos (events found by the onsets of their sound), on the output of data_prep/simulate.py
(events known; the sound can be rendered anew with other instruments) and, for sound-only stages, on sound files.
The cache fills clip by clip, so that a killed run goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.data.simulation.events import Event
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.weights import write_json

VIDEOS = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"}
SOUNDS = {".wav", ".flac", ".ogg"}
FULL_SCALE = 32767


@dataclass(frozen=True)
class Clip:
    """One decoded clip of the cache. `frames` is empty for a sound file."""

    name: str
    prefix: str
    frame_count: int
    sample_count: int
    tracks: int
    events: tuple[Event, ...]

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


@dataclass(frozen=True)
class Settings:
    """What a cache holds; another setting needs another cache."""

    fps: float
    sample_rate: int
    frame_size: int
    renderings: int


class Store:
    """All usable clips of a folder, split into training and validation by the hash of their names."""

    def __init__(self, train: list[Clip], validation: list[Clip], rejected: list[tuple[str, str]], cache: Path):
        self.train, self.validation, self.rejected, self.cache = train, validation, rejected, cache

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
    ) -> Store:
        """Decodes what is not yet in the cache and opens the rest.

        renderings: new soundtracks for each simulated clip; 0 keeps its own. sound_only: sound files are welcome too,
        and no frames are decoded. Raises InputError when the folder holds no usable clip, or fewer than two.
        """
        root = Path(folder)
        if not folder or not root.is_dir():
            raise InputError(f"no folder of clips at {folder!r}; set data.folder")
        wanted = VIDEOS | SOUNDS if sound_only else VIDEOS
        files = sorted(p for p in root.rglob("*") if p.suffix.lower() in wanted and not p.name.startswith("."))
        if not files:
            raise InputError(f"{folder} holds no clips ({', '.join(sorted(wanted))}); set data.folder")
        home = Path(cache) if cache else root / ".cache"
        home = home / ("sound" if sound_only else "clips")
        settings = Settings(geometry.fps, geometry.sample_rate, frame_size, renderings)
        _claim(home, settings)
        clips, rejected = _decode_all(root, files, home, settings, sound_only, workers)
        for name, reason in rejected:
            print(f"condfoley: left out {name}: {reason}", file=sys.stderr)
        held = [c for c in clips if split_of(c.name) < validation]
        train = [c for c in clips if split_of(c.name) >= validation]
        if not held and len(train) > 1:
            held = [train.pop(min(range(len(train)), key=lambda i: split_of(train[i].name)))]
        if not train or not held:
            raise InputError(f"{folder} has {len(clips)} usable clip(s); training needs at least 2")
        return cls(train, held, rejected, home)


def seed_of(name: str) -> int:
    """A random seed that depends on the video's name only."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[6:14], "big") >> 1


def split_of(name: str) -> float:
    """A number in [0, 1) that depends on the video's name only."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48


def _claim(home: Path, settings: Settings) -> None:
    home.mkdir(parents=True, exist_ok=True)
    path, mine = home / "settings.json", dict(vars(settings))
    if path.exists() and json.loads(path.read_text()) != mine:
        raise InputError(
            f"the cache {home} was made with other settings; delete it or set data.cache to another folder"
        )
    write_json(path, mine)


def _decode_all(
    root: Path, files: list[Path], home: Path, settings: Settings, sound_only: bool, workers: int
) -> tuple[list[Clip], list[tuple[str, str]]]:
    from tqdm import tqdm

    names = [str(p.relative_to(root)) for p in files]
    prefixes = [str(home / n.replace(os.sep, "__")) for n in names]
    todo = [i for i, p in enumerate(prefixes) if not os.path.exists(p + ".json")]
    if todo:
        job = partial(_decode, settings=settings, sound_only=sound_only)
        with ProcessPoolExecutor(max(1, workers)) as pool:
            work = pool.map(job, [str(files[i]) for i in todo], [prefixes[i] for i in todo], chunksize=1)
            for _ in tqdm(work, total=len(todo), desc="decoding clips", file=sys.stderr, mininterval=5):
                pass
    clips, rejected = [], []
    for name, prefix in zip(names, prefixes):
        meta = json.loads(Path(prefix + ".json").read_text())
        if "rejected" in meta:
            rejected.append((name, meta["rejected"]))
            continue
        events = tuple(Event.from_dict(e) for e in meta.pop("events"))
        clips.append(Clip(name=name, prefix=prefix, events=events, **meta))
    return clips, rejected


def _decode(file: str, prefix: str, settings: Settings, sound_only: bool) -> None:
    try:
        meta = _decode_clip(Path(file), prefix, settings, sound_only)
    except InputError as error:
        meta = {"rejected": str(error)}
    write_json(Path(prefix + ".json"), meta)


def _decode_clip(file: Path, prefix: str, settings: Settings, sound_only: bool) -> dict[str, Any]:
    from condfoley import media

    frames = np.zeros((0,), np.uint8)
    if not sound_only:
        media.require_audio(media.probe(file))
        frames = media.read_frames(file, settings.fps, settings.frame_size)
    notes = file.with_suffix(".json")
    events: list[Event] | None = None
    if notes.exists():
        events = [Event.from_dict(e) for e in json.loads(notes.read_text()).get("events", [])]
    if events is not None and settings.renderings and not sound_only:
        tracks = _rendered(file.name, events, len(frames) / settings.fps, settings)
    else:
        tracks = [media.read_audio(file, settings.sample_rate)]
        if not sound_only:  # one clock: the picture's
            length = round(len(frames) / settings.fps * settings.sample_rate)
            tracks = [np.pad(t[:length], (0, max(0, length - len(t)))) for t in tracks]
    if max(float(np.abs(t).max(initial=0)) for t in tracks) < 1e-4:
        raise InputError("its sound is silent")
    if events is None:
        events = [] if sound_only else _heard(tracks[0], settings.sample_rate)
    whole = np.stack(tracks)
    if not sound_only:
        np.save(prefix + ".frames.npy", frames)
    np.save(prefix + ".sound.npy", np.clip(whole * FULL_SCALE, -FULL_SCALE, FULL_SCALE).astype(np.int16))
    return {
        "frame_count": len(frames),
        "sample_count": whole.shape[1],
        "tracks": len(tracks),
        "events": [e.to_dict() for e in events],
    }


@lru_cache(maxsize=1)
def _bank() -> Any:
    from condfoley.data.simulation.bank import SoundBank

    return SoundBank.load("train")


def _rendered(name: str, events: list[Event], seconds: float, settings: Settings) -> list[np.ndarray]:
    """The clip's events played on `settings.renderings` fresh instruments, drawn from its name."""
    from condfoley.data.simulation.sound import Instrument

    tracks = []
    for i in range(settings.renderings):
        seed = int.from_bytes(hashlib.sha256(f"{name}/{i}".encode()).digest()[:8], "big")
        rng = np.random.default_rng(seed)
        instrument = Instrument.draw(rng, _bank())
        tracks.append(instrument.render(events, seconds, rng, settings.sample_rate))
    return tracks


def _heard(wav: np.ndarray, sample_rate: int) -> list[Event]:
    """Hits where the sound has onsets: labels for clips that come without any."""
    from condfoley.evaluation.onset import detect_onsets

    times, strengths = detect_onsets(wav, sample_rate)
    top = max(float(np.max(strengths, initial=0)), 1e-9)
    return [Event(float(t), "hit", 0.0, float(min(1.0, s / top))) for t, s in zip(times, strengths)]
