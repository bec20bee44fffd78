"""Decodes clips into the cache: video, sound file or shard -> PREFIX.frames.npy, .sound.npy and, written last, .json."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from condfoley import media
from condfoley.data.detected_events import sound_events
from condfoley.data.events import Event
from condfoley.data.index import Index, Shard
from condfoley.data.segments import SILENCE_PEAK
from condfoley.data.shards import damaged_shard, read_shard
from condfoley.data.sources.folder import read_notes, with_notes
from condfoley.errors import InputError
from condfoley.files import open_atomic, write_json

FULL_SCALE = 32767  # 16-bit value of amplitude 1
FORMAT = 1  # increase it when the content of the files changes: all clips are then decoded again


@dataclass(frozen=True)
class CacheSettings:
    """Settings that decide the cached arrays; each combination has its own folder in the cache."""

    fps: float
    sample_rate: int
    frame_size: int
    renderings: int
    format: int = FORMAT

    @property
    def key(self) -> str:
        """First 8 hex digits of the settings' hash."""
        return hashlib.sha256(json.dumps(vars(self)).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class DecodedClip:
    """A decoded clip. frames: (T, S, S, 3) uint8, empty for sound only. wav: (N,) float32. events: None: unknown."""

    name: str
    frames: np.ndarray
    wav: np.ndarray
    events: Sequence[Event] | None
    simulated: bool


@dataclass(frozen=True)
class ShardDecodeJob:
    """The clips of a shard that are not in the cache: name -> prefix of its cached files."""

    index: Index
    shard: Shard
    prefixes: dict[str, str]


def decode_file(job: tuple[str, str, str], settings: CacheSettings, sound_only: bool) -> None:
    """Decodes one file into the cache; for a file that cannot be used writes {"rejected": reason}.

    job: (file, prefix, `CacheEntry.source`).
    """
    file, prefix, source = Path(job[0]), job[1], job[2]
    try:
        meta = _write_arrays(_from_file(file, settings, sound_only), prefix, settings, sound_only)
        meta["digest"] = _digest(path.read_bytes() for path in with_notes(file))
    except InputError as error:
        meta = {"rejected": str(error)}
    write_json(Path(prefix + ".json"), meta | {"source": source})


def decode_shard(job: ShardDecodeJob, settings: CacheSettings, sound_only: bool) -> None:
    """Decodes a shard's missing clips into the cache. Raises InputError when the shard cannot be read, or is damaged."""
    import soundfile

    for sample in read_shard(job.index, job.shard):
        prefix = job.prefixes.get(sample["__key__"])
        if prefix is None:
            continue
        try:
            meta = _write_arrays(_from_sample(sample, prefix, settings, sound_only), prefix, settings, sound_only)
            meta["digest"] = _digest(sample[part] for part in ("mp4", "flac", "json"))
        except InputError as error:
            meta = {"rejected": str(error)}
        except (soundfile.LibsndfileError, ValueError, TypeError, KeyError) as error:
            raise damaged_shard(job.index.location(job.shard)) from error
        write_json(Path(prefix + ".json"), meta | {"source": job.shard.sha256})


def _digest(contents: Iterable[bytes]) -> str:
    """First 12 hex digits of the hash of a clip's files; part of the file names of its cached features."""
    whole = hashlib.sha256()
    for content in contents:
        whole.update(content)
    return whole.hexdigest()[:12]


def _from_file(file: Path, settings: CacheSettings, sound_only: bool) -> DecodedClip:
    frames = np.zeros((0,), np.uint8)
    if not sound_only:
        media.require_audio(media.probe(file))
        frames = media.read_frames(file, settings.fps, settings.frame_size)
    events, simulated = read_notes(file)
    return DecodedClip(file.name, frames, media.read_audio(file, settings.sample_rate), events, simulated)


def _from_sample(sample: dict[str, Any], prefix: str, settings: CacheSettings, sound_only: bool) -> DecodedClip:
    import soundfile
    import soxr

    frames = np.zeros((0,), np.uint8)
    if not sound_only:
        scratch = Path(prefix + ".part.mp4")
        try:
            scratch.write_bytes(sample["mp4"])
            frames = media.read_frames(scratch, settings.fps, settings.frame_size)
        finally:
            scratch.unlink(missing_ok=True)
    wav, rate = soundfile.read(io.BytesIO(sample["flac"]), dtype="float32")
    facts = json.loads(sample["json"])
    events = [Event.from_dict(event) for event in facts["events"]]
    wav = soxr.resample(wav, rate, settings.sample_rate) if rate != settings.sample_rate else wav
    return DecodedClip(sample["__key__"], frames, wav, events, facts["simulated"])


def _write_arrays(source: DecodedClip, prefix: str, settings: CacheSettings, sound_only: bool) -> dict[str, Any]:
    """Writes a clip's arrays and returns the content of its JSON file. Raises InputError for silence."""
    events, frames, tracks = source.events, source.frames, [source.wav]
    materials: list[str] = []
    if not sound_only:  # the sound gets the length of the picture
        seconds = len(frames) / settings.fps
        length = round(seconds * settings.sample_rate)
        if source.simulated and events is not None and settings.renderings:
            tracks, materials = _render(source.name, events, seconds, settings)
        else:
            tracks = [np.pad(t[:length], (0, max(0, length - len(t)))) for t in tracks]
    if max(float(np.abs(t).max(initial=0)) for t in tracks) < SILENCE_PEAK:
        raise InputError("its sound is silent")
    if events is None:
        events = () if sound_only else sound_events(tracks[0], settings.sample_rate)
    whole = np.stack(tracks)
    if not sound_only:
        save_array(Path(prefix + ".frames.npy"), frames)
    save_array(Path(prefix + ".sound.npy"), np.clip(whole * FULL_SCALE, -FULL_SCALE, FULL_SCALE).astype(np.int16))
    return {
        "frame_count": len(frames),
        "sample_count": whole.shape[1],
        "tracks": len(tracks),
        "events": [event.to_dict() for event in events],
        "materials": materials,
    }


def save_array(path: Path, values: np.ndarray) -> None:
    """Writes a .npy file with `open_atomic`. Raises UnwritableError."""
    content = io.BytesIO()  # numpy's own error does not name the reason
    np.save(content, values)
    with open_atomic(path) as file:
        file.write(content.getbuffer())


@lru_cache(maxsize=1)
def _bank() -> Any:
    from condfoley.data.simulation.bank import SoundBank

    return SoundBank.load("train")


def _render(
    name: str, events: Sequence[Event], seconds: float, settings: CacheSettings
) -> tuple[list[np.ndarray], list[str]]:
    """Renders the clip's events with `settings.renderings` random instruments, seeded by its name.

    Returns the soundtracks, (N,) float32 each, and the materials of the instruments.
    """
    from condfoley.data.simulation.sound import Instrument

    tracks, materials = [], []
    for i in range(settings.renderings):
        seed = int.from_bytes(hashlib.sha256(f"{name}/{i}".encode()).digest()[:8], "big")
        rng = np.random.default_rng(seed)
        instrument = Instrument.draw(rng, _bank())
        tracks.append(instrument.render(list(events), seconds, rng, settings.sample_rate))
        materials.append(instrument.material)
    return tracks, materials
