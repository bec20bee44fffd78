"""Clips as arrays in a cache: from a video, a sound file or a shard to PREFIX.frames.npy, .sound.npy and, last, .json."""

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
from condfoley.data.events import Event
from condfoley.data.heard import onsets
from condfoley.data.index import Index, Shard
from condfoley.data.segments import QUIET
from condfoley.data.shards import read_shard
from condfoley.data.sources.folder import read_notes, with_notes
from condfoley.errors import InputError
from condfoley.files import open_atomic, write_json

FULL_SCALE = 32767
FORMAT = 1  # raise it when the same clip is kept in another way: it is then decoded anew


@dataclass(frozen=True)
class Settings:
    """What a cache holds; other settings have a folder of their own."""

    fps: float
    sample_rate: int
    frame_size: int
    renderings: int
    format: int = FORMAT

    @property
    def key(self) -> str:
        """First digits of the settings' hash."""
        return hashlib.sha256(json.dumps(vars(self)).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Source:
    """A clip as it comes. frames: (T, S, S, 3) uint8, empty for sound only.   wav: (N,) float32."""

    name: str
    frames: np.ndarray
    wav: np.ndarray
    events: Sequence[Event] | None
    simulated: bool


@dataclass(frozen=True)
class ShardJob:
    """The clips of a shard that the cache lacks, with their prefixes there."""

    index: Index
    shard: Shard
    prefixes: dict[str, str]


def decode_file(job: tuple[str, str, str], settings: Settings, sound_only: bool) -> None:
    """Puts one file into the cache; a file that cannot be used leaves {"rejected": reason}.

    job: (file, prefix, `Entry.source`).
    """
    file, prefix, source = Path(job[0]), job[1], job[2]
    try:
        meta = _keep(_from_file(file, settings, sound_only), prefix, settings, sound_only)
        meta["digest"] = _digest(path.read_bytes() for path in with_notes(file))
    except InputError as error:
        meta = {"rejected": str(error)}
    write_json(Path(prefix + ".json"), meta | {"source": source})


def decode_shard(job: ShardJob, settings: Settings, sound_only: bool) -> None:
    """Puts a shard's missing clips into the cache. Raises InputError when the shard cannot be read."""
    for sample in read_shard(job.index, job.shard):
        prefix = job.prefixes.get(sample["__key__"])
        if prefix is None:
            continue
        try:
            meta = _keep(_from_sample(sample, prefix, settings, sound_only), prefix, settings, sound_only)
            meta["digest"] = _digest(sample[part] for part in ("mp4", "flac", "json"))
        except InputError as error:
            meta = {"rejected": str(error)}
        write_json(Path(prefix + ".json"), meta | {"source": job.shard.sha256})


def _digest(contents: Iterable[bytes]) -> str:
    """First digits of the hash of a clip's files; what is made of the clip is kept under it."""
    whole = hashlib.sha256()
    for content in contents:
        whole.update(content)
    return whole.hexdigest()[:12]


def _from_file(file: Path, settings: Settings, sound_only: bool) -> Source:
    frames = np.zeros((0,), np.uint8)
    if not sound_only:
        media.require_audio(media.probe(file))
        frames = media.read_frames(file, settings.fps, settings.frame_size)
    events, simulated = read_notes(file)
    return Source(file.name, frames, media.read_audio(file, settings.sample_rate), events, simulated)


def _from_sample(sample: dict[str, Any], prefix: str, settings: Settings, sound_only: bool) -> Source:
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
    return Source(sample["__key__"], frames, wav, events, facts["simulated"])


def _keep(source: Source, prefix: str, settings: Settings, sound_only: bool) -> dict[str, Any]:
    """Writes a clip's arrays and returns what its JSON says. Raises InputError for silence."""
    events, frames, tracks = source.events, source.frames, [source.wav]
    materials: list[str] = []
    if not sound_only:  # one clock: the picture's
        seconds = len(frames) / settings.fps
        length = round(seconds * settings.sample_rate)
        if source.simulated and events is not None and settings.renderings:
            tracks, materials = _rendered(source.name, events, seconds, settings)
        else:
            tracks = [np.pad(t[:length], (0, max(0, length - len(t)))) for t in tracks]
    if max(float(np.abs(t).max(initial=0)) for t in tracks) < QUIET:
        raise InputError("its sound is silent")
    if events is None:
        events = () if sound_only else onsets(tracks[0], settings.sample_rate)
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
    """Writes a .npy file with `open_atomic`."""
    content = io.BytesIO()  # numpy does not say why a file cannot be written
    np.save(content, values)
    with open_atomic(path) as file:
        file.write(content.getbuffer())


@lru_cache(maxsize=1)
def _bank() -> Any:
    from condfoley.data.simulation.bank import SoundBank

    return SoundBank.load("train")


def _rendered(
    name: str, events: Sequence[Event], seconds: float, settings: Settings
) -> tuple[list[np.ndarray], list[str]]:
    """The clip's events played on `settings.renderings` fresh instruments, drawn from its name; their materials."""
    from condfoley.data.simulation.sound import Instrument

    tracks, materials = [], []
    for i in range(settings.renderings):
        seed = int.from_bytes(hashlib.sha256(f"{name}/{i}".encode()).digest()[:8], "big")
        rng = np.random.default_rng(seed)
        instrument = Instrument.draw(rng, _bank())
        tracks.append(instrument.render(list(events), seconds, rng, settings.sample_rate))
        materials.append(instrument.material)
    return tracks, materials
