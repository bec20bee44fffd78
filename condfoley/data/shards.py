"""WebDataset shards: tar files of KEY.mp4 (picture), KEY.flac (mono sound) and KEY.json (facts and events)."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import soundfile

from condfoley import media
from condfoley.data.index import Clip, Index, Shard, is_url, open_stream
from condfoley.data.segments import Cut, Segment, cut
from condfoley.data.sources.listing import Video
from condfoley.errors import InputError
from condfoley.files import scratch_folder
from condfoley.parallel import reason
from condfoley.weights import sha256

STEM = "clips-"
PARTS = ".parts"  # where shards are written before they are complete
QUALITY = 20  # x264's crf; small pictures are not where the bytes are


@dataclass(frozen=True)
class Job:
    """The videos of one shard, and its number."""

    number: int
    videos: tuple[Video, ...]


@dataclass(frozen=True)
class Made:
    """What became of a job: its shard, None when nothing was usable, and all (clip, reason) left out."""

    shard: Shard | None
    rejected: tuple[tuple[str, str], ...]


def make_shard(job: Job, out: Path, how: Cut, settings: dict[str, Any]) -> Made:
    """Writes the shard of a job: `clips-NUMBER.tar` and, last, the same name with .json, which makes it count.

    A video that cannot be read to its end is left out from there on. Raises InputError when the disk is full.
    """
    with scratch_folder(out / PARTS) as work:
        made, files = _written(job, work / f"{STEM}{job.number:06d}.tar", how, settings)
        for complete in files:
            os.replace(complete, out / complete.name)
    return made


def _written(job: Job, part: Path, how: Cut, settings: dict[str, Any]) -> tuple[Made, tuple[Path, ...]]:
    """What became of a job, and its files in the order in which they may be moved; none where nothing was usable."""
    import webdataset

    rejected: list[tuple[str, str]] = []
    clips, names = [], []
    with open(part, "wb") as file, webdataset.TarWriter(file, encoder=False, mtime=0) as writer:
        for video in job.videos:
            for segment in _usable(video, how, rejected):
                facts = segment.facts
                writer.write(_encoded(segment, how, part.with_suffix(".mp4")))
                clips.append(Clip(facts.key, facts.video, facts.split, facts.duration, len(facts.events)))
                if video.name not in names:
                    names.append(video.name)
    if not clips:
        return Made(None, tuple(rejected)), ()
    # What is said of videos without any clip is found out anew by the next run.
    kept = tuple((clip, why) for clip, why in rejected if clip in names or clip.rpartition("_")[0] in names)
    shard = Shard(part.name, sha256(part), part.stat().st_size, tuple(names), tuple(clips), kept)
    notes = part.with_suffix(".json")
    notes.write_text(json.dumps({"settings": settings, "shard": shard.to_dict()}) + "\n", encoding="utf-8")
    return Made(shard, tuple(rejected)), (part, notes)


def read_shard(index: Index, shard: Shard) -> Iterator[dict[str, Any]]:
    """The clips of a shard as WebDataset's samples: `__key__`, `mp4`, `flac` and `json`, the last three as bytes.

    Raises InputError when the shard cannot be read to its end.
    """
    from webdataset.tariterators import group_by_keys, tar_file_expander

    place = index.location(shard)
    seen = 0
    with open_stream(place) as stream:
        try:
            # Not webdataset's own way to open URLs, which needs a program `curl`.
            for sample in group_by_keys(tar_file_expander([{"url": place, "stream": stream}])):
                if sample.keys() >= {"mp4", "flac", "json"}:
                    seen += 1
                    yield sample
        except (tarfile.TarError, HTTPException, OSError, EOFError, ValueError) as error:
            raise damaged(place) from error
    if seen != len(shard.clips):
        raise damaged(place)


def shard_number(file: str) -> int:
    """The number in a shard's file name."""
    return int(file.removeprefix(STEM).removesuffix(".tar"))


def damaged(place: str) -> InputError:
    """What to say of a shard that is not what the index says."""
    remedy = "copy it there again" if is_url(place) else "delete it and run the same `condfoley prepare` again"
    return InputError(f"{place} is damaged; {remedy}")


def finished(out: Path, settings: dict[str, Any]) -> list[Shard]:
    """The complete shards of a folder, in order. Raises InputError when they were made with other settings."""
    shards = []
    for notes in sorted(out.glob(f"{STEM}*.json")):
        if not notes.with_suffix(".tar").exists():
            continue
        try:
            content = json.loads(notes.read_text(encoding="utf-8"))
            found, shard = content["settings"], Shard.from_dict(content["shard"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{notes} cannot be read; delete it and run the same command again") from error
        other = [name for name in settings if found.get(name) != settings[name]]
        if other:
            raise InputError(
                f"{out} was prepared with another {' and '.join(other)}; choose an empty OUT, or the same settings"
            )
        shards.append(shard)
    return shards


def _usable(video: Video, how: Cut, rejected: list[tuple[str, str]]) -> Iterator[Segment]:
    """The clips of a video up to where it breaks; why and what else is left out goes to `rejected`."""
    empty = True
    left_out: list[tuple[str, str]] = []
    try:
        for made in cut(video, how):
            if isinstance(made, Segment):
                empty = False
                yield made
            else:
                left_out.append(made)
    except Exception as error:  # noqa: BLE001 - whatever a damaged file does to a decoder, the others go on
        rejected.append((video.name, reason(error)))
    rejected += [(video.name, left_out[0][1])] if empty and len(left_out) == 1 else left_out


def _encoded(segment: Segment, how: Cut, scratch: Path) -> dict[str, Any]:
    """A sample of plain bytes. scratch: a file name for the encoder."""
    geometry = how.geometry
    media.write_clip(scratch, segment.frames, geometry.fps, None, geometry.sample_rate, crf=QUALITY)
    picture = scratch.read_bytes()
    sound = io.BytesIO()
    soundfile.write(sound, segment.wav, geometry.sample_rate, format="FLAC", subtype="PCM_16")
    facts = json.dumps(segment.facts.to_dict()).encode()
    return {"__key__": segment.facts.key, "mp4": picture, "flac": sound.getvalue(), "json": facts}
