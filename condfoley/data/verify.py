"""Whether a prepared data set is what its index says: every byte and every clip is read again."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import soundfile

from condfoley.data.index import Clip, Index
from condfoley.data.shards import damaged, read_shard
from condfoley.weights import sha256


def verify(index: Index) -> None:
    """Compares the hash of each local shard, and its clips with their splits, seconds and events, with the index.

    Raises InputError naming the first shard that differs.
    """
    for shard in index.shards:
        place = index.location(shard)
        if not Path(place).is_file() or sha256(Path(place)) != shard.sha256:
            raise damaged(place)
        if [_counted(sample) for sample in read_shard(index, shard)] != list(shard.clips):
            raise damaged(place)


def _counted(sample: dict[str, Any]) -> Clip:
    """A sample's entry in the index, found out from its own bytes."""
    facts = json.loads(sample["json"])
    sound = soundfile.info(io.BytesIO(sample["flac"]))
    agrees = sound.frames == round(facts["duration"] * sound.samplerate)
    seconds = facts["duration"] if agrees else sound.duration
    return Clip(sample["__key__"], facts["video"], facts["split"], seconds, len(facts["events"]))
