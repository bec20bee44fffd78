"""Compares a prepared data set with its index: reads every byte and every clip again."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import soundfile

from condfoley.data.index import ClipRecord, Index
from condfoley.data.shards import damaged_shard, read_shard
from condfoley.weights import sha256


def verify(index: Index) -> None:
    """Compares the hash of each local shard, and the split, duration and number of events of its clips, with the index.

    Raises InputError naming the first shard that differs.
    """
    for shard in index.shards:
        place = index.location(shard)
        if not Path(place).is_file() or sha256(Path(place)) != shard.sha256:
            raise damaged_shard(place)
        if [_record(sample) for sample in read_shard(index, shard)] != list(shard.clips):
            raise damaged_shard(place)


def _record(sample: dict[str, Any]) -> ClipRecord:
    """The index entry of a sample, computed from its content."""
    facts = json.loads(sample["json"])
    sound = soundfile.info(io.BytesIO(sample["flac"]))
    agrees = sound.frames == round(facts["duration"] * sound.samplerate)
    seconds = facts["duration"] if agrees else sound.duration
    return ClipRecord(sample["__key__"], facts["video"], facts["split"], seconds, len(facts["events"]))
