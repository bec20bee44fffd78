"""WebDataset shards: tar files of KEY.mp4 (picture), KEY.flac (mono sound) and KEY.json (metadata and events)."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import soundfile

from condfoley import media
from condfoley.data.index import ClipRecord, Index, Shard, is_url, open_stream
from condfoley.data.segments import Segment, SegmentOptions, cut_video
from condfoley.data.sources.listing import Video
from condfoley.errors import InputError
from condfoley.files import scratch_folder
from condfoley.geometry import Geometry, present_names
from condfoley.parallel import reason
from condfoley.weights import sha256

STEM = "clips-"
PARTS = ".parts"  # folder in which shards are written before they are complete
CRF = 20  # x264's constant quality; small pictures need few bytes anyway


@dataclass(frozen=True)
class ShardJob:
    """The videos of one shard, and its number."""

    number: int
    videos: tuple[Video, ...]


@dataclass(frozen=True)
class ShardResult:
    """Result of a job: its shard (None if no clip was usable), and (clip, reason) for all that was left out."""

    shard: Shard | None
    rejected: tuple[tuple[str, str], ...]


def make_shard(job: ShardJob, out: Path, options: SegmentOptions, settings: dict[str, Any]) -> ShardResult:
    """Writes the shard of a job: `clips-NUMBER.tar` and then the same name with .json, which marks it as complete.

    A damaged video is used up to the damage. Raises InputError when the disk is full.
    """
    with scratch_folder(out / PARTS) as work:
        made, files = _write_shard(job, work / f"{STEM}{job.number:06d}.tar", options, settings)
        for complete in files:
            os.replace(complete, out / complete.name)
    return made


def _write_shard(
    job: ShardJob, part: Path, options: SegmentOptions, settings: dict[str, Any]
) -> tuple[ShardResult, tuple[Path, ...]]:
    """Result of a job, and its files in the order in which they are to be moved; no files if no clip was usable."""
    import webdataset

    rejected: list[tuple[str, str]] = []
    clips, names = [], []
    with open(part, "wb") as file, webdataset.TarWriter(file, encoder=False, mtime=0) as writer:
        for video in job.videos:
            for segment in _usable_segments(video, options, rejected):
                facts = segment.facts
                writer.write(_encode_sample(segment, options, part.with_suffix(".mp4")))
                clips.append(ClipRecord(facts.key, facts.video, facts.split, facts.duration, len(facts.events)))
                if video.name not in names:
                    names.append(video.name)
    if not clips:
        return ShardResult(None, tuple(rejected)), ()
    # Videos without any usable clip are not recorded here: the next run tries them again.
    kept = tuple((clip, why) for clip, why in rejected if clip in names or clip.rpartition("_")[0] in names)
    shard = Shard(part.name, sha256(part), part.stat().st_size, tuple(names), tuple(clips), kept)
    notes = part.with_suffix(".json")
    notes.write_text(json.dumps({"settings": settings, "shard": shard.to_dict()}) + "\n", encoding="utf-8")
    return ShardResult(shard, tuple(rejected)), (part, notes)


def read_shard(index: Index, shard: Shard) -> Iterator[dict[str, Any]]:
    """Yields the clips of a shard as WebDataset samples: `__key__`, and `mp4`, `flac` and `json` as bytes.

    Raises InputError when the shard cannot be read to its end.
    """
    from webdataset.tariterators import group_by_keys, tar_file_expander

    place = index.location(shard)
    seen = 0
    with open_stream(place) as stream:
        try:
            # webdataset itself opens URLs with the program `curl`, which may be missing.
            for sample in group_by_keys(tar_file_expander([{"url": place, "stream": stream}])):
                if sample.keys() >= {"mp4", "flac", "json"}:
                    seen += 1
                    yield sample
        except (tarfile.TarError, HTTPException, OSError, EOFError, ValueError) as error:
            raise damaged_shard(place) from error
    if seen != len(shard.clips):
        raise damaged_shard(place)


def shard_number(file: str) -> int:
    """The number in a shard's file name."""
    return int(file.removeprefix(STEM).removesuffix(".tar"))


def damaged_shard(place: str) -> InputError:
    """The error for a shard that differs from its index entry. place: path or URL."""
    remedy = "copy it there again" if is_url(place) else "delete it and run the same `condfoley prepare` again"
    return InputError(f"{place} is damaged; {remedy}")


def complete_shards(out: Path, settings: dict[str, Any]) -> list[Shard]:
    """The complete shards of a folder, in order. Raises InputError when they were made with other settings."""
    shards = []
    for notes in sorted(out.glob(f"{STEM}*.json")):
        if not notes.with_suffix(".tar").exists():
            continue
        try:
            content = json.loads(notes.read_text(encoding="utf-8"))
            found, shard = content["settings"], Shard.from_dict(content["shard"])
            found |= {
                "geometry": asdict(Geometry(**present_names(found["geometry"])))
            }  # with the present names of its fields
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{notes} cannot be read; delete it and run the same command again") from error
        other = [name for name in settings if found.get(name) != settings[name]]
        if other:
            raise InputError(
                f"{out} was prepared with another {' and '.join(other)}; choose an empty OUT, or the same settings"
            )
        shards.append(shard)
    return shards


def _usable_segments(video: Video, options: SegmentOptions, rejected: list[tuple[str, str]]) -> Iterator[Segment]:
    """Yields the clips of a video up to where it is damaged; appends (clip, reason) of what is left out to `rejected`."""
    empty = True
    left_out: list[tuple[str, str]] = []
    try:
        for made in cut_video(video, options):
            if isinstance(made, Segment):
                empty = False
                yield made
            else:
                left_out.append(made)
    except Exception as error:  # noqa: BLE001 - a damaged file may raise anything; the other videos are still processed
        rejected.append((video.name, reason(error)))
    rejected += [(video.name, left_out[0][1])] if empty and len(left_out) == 1 else left_out


def _encode_sample(segment: Segment, options: SegmentOptions, scratch: Path) -> dict[str, Any]:
    """A clip as a WebDataset sample of bytes. scratch: path of a temporary file for the encoder."""
    geometry = options.geometry
    media.write_clip(scratch, segment.frames, geometry.fps, None, geometry.sample_rate, crf=CRF)
    picture = scratch.read_bytes()
    sound = io.BytesIO()
    soundfile.write(sound, segment.wav, geometry.sample_rate, format="FLAC", subtype="PCM_16")
    facts = json.dumps(segment.facts.to_dict()).encode()
    return {"__key__": segment.facts.key, "mp4": picture, "flac": sound.getvalue(), "json": facts}
