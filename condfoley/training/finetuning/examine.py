"""What one's own clips are like before they are trained on: impacts, motion, sync, music or speech, duplicates; and which are
left out.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np

from condfoley.audio.mel import spectrogram
from condfoley.data.detected_events import seen_events
from condfoley.data.store import CachedClip, ClipStore
from condfoley.geometry import Geometry
from condfoley.references.remarks import has_music_or_speech
from condfoley.results.page import csv_bytes
from condfoley.results.tables import Table
from condfoley.training.config import TrainConfig
from condfoley.training.finetuning.fingerprint import Landmarks, landmarks, overlaps
from condfoley.training.finetuning.recordings import joined, recordings_of
from condfoley.weights import load_part, read_card

DUPLICATE = 0.6  # share of common landmarks from which two clips are one sound
MAX_OFFSET, SURE = 0.2, 0.15  # s, and the confidence from which the sync model is believed (E28.1)
MOST_COMPARED = 1000  # clips whose sounds are compared
UNREADABLE = "cannot be read"


@dataclass(frozen=True)
class ExaminedClip:
    """One clip. impacts: onsets in its sound, of which `seen` have motion near them in the picture.

    offset: s by which the sound is late, and confidence, by the sync model; None without one. voices: whether somebody
    seems to speak or play in its sound. reason: what is wrong
    with it; empty: nothing.
    """

    clip: str
    recording: str = ""
    seconds: float = 0.0
    impacts: int = 0
    seen: int = 0
    offset: float | None = None
    confidence: float | None = None
    voices: bool = False
    used: bool = False
    reason: str = ""


def examine(
    store: ClipStore, tokens: Sequence[np.ndarray], config: TrainConfig, keep_faulty: bool
) -> list[ExaminedClip]:
    """All clips of a folder, sorted by name. keep_faulty: use those that have a fault too, but no duplicates.

    tokens: (views, T, D) of the picture of each clip to train and to validate. Raises InputError for a bad groups.csv.
    """
    geometry, clips = config.geometry, store.train + store.validation
    common = overlaps(_fingerprints(clips, geometry))
    recordings = recordings_of(Path(config.data.folder), [clip.name for clip in clips])
    recordings |= {clip.name: clip.video for clip in clips if clip.video != clip.name}  # a prepared data set says it
    recordings = joined(recordings, [(pair.first, pair.second) for pair in common])
    copies = _copies(clips, [(pair.first, pair.second) for pair in common if pair.share >= DUPLICATE])
    synced = _sync(clips, tokens, config)
    rows = []
    for clip in clips:
        row = _measured(clip, geometry, synced.get(clip.name))
        copy = copies.get(row.clip, "")
        fault = _fault(row, geometry)
        used = not copy and (keep_faulty or not fault)
        reason = f"has the sound of {copy}" if copy else fault
        rows.append(replace(row, recording=recordings[row.clip], used=used, reason=reason))
    rows += [ExaminedClip(name, reason=f"{UNREADABLE}: {reason}") for name, reason in store.rejected]
    return sorted(rows, key=lambda row: row.clip)


def _fingerprints(clips: Sequence[CachedClip], geometry: Geometry) -> dict[str, Landmarks]:
    """The landmarks of each clip's sound; of none where there are more than MOST_COMPARED, which are too many to compare."""
    if len(clips) > MOST_COMPARED:
        print(f"condfoley: {len(clips)} clips: only copies of files are looked for, not of sounds", file=sys.stderr)
        return {}
    return {clip.name: landmarks(clip.sound(0, 0, clip.sample_count), geometry) for clip in clips}


def _copies(clips: Iterable[CachedClip], same: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Clip -> the first one, by name, that it is a copy of: of the same file, or of the same sound."""
    clips = sorted(clips, key=lambda clip: clip.name)
    first_of: dict[str, str] = {}
    original = {clip.name: first_of.setdefault(clip.digest, clip.name) for clip in clips}
    for a, b in same:
        first, second = sorted((a, b))
        original[second] = min(original[second], original[first])
    return {name: first for name, first in original.items() if name != first}


def _measured(clip: CachedClip, geometry: Geometry, synced: tuple[float, float] | None) -> ExaminedClip:
    seconds = clip.frame_count / geometry.fps
    seen = len(seen_events(clip.events, clip.frames(0, clip.frame_count), geometry.fps))
    offset, confidence = synced or (None, None)
    sound = clip.sound(0, 0, clip.sample_count)[None]
    voices = has_music_or_speech(sound, geometry.sample_rate)
    return ExaminedClip(clip.name, "", round(seconds, 2), len(clip.events), seen, offset, confidence, voices)


def _fault(row: ExaminedClip, geometry: Geometry) -> str:
    """Why a clip is left out; empty: it is used."""
    pair = 2 * geometry.window_frames / geometry.fps
    if row.seconds < pair - 0.5 / geometry.fps:
        return f"is {row.seconds:.1f} s long; {pair:.1f} s are needed for a target and a reference that do not overlap"
    if not row.impacts:
        return "no impacts in its sound"
    if row.voices:
        return "music or speech in its sound"
    if not row.seen:
        return "nothing moves when its impacts are heard"
    if row.offset is not None and abs(row.offset) > MAX_OFFSET and (row.confidence or 0) >= SURE:
        return f"its sound is {abs(row.offset):.2f} s {'late' if row.offset > 0 else 'early'}"
    return ""


def _sync(
    clips: Sequence[CachedClip], tokens: Sequence[np.ndarray], config: TrainConfig
) -> dict[str, tuple[float, float]]:
    """Offset, s, and confidence of each clip's own sound; empty for weights without a sync model."""
    import torch

    folder, g = Path(config.weights), config.geometry
    if "sync" not in read_card(folder)["parts"]:
        return {}
    model, found = load_part(folder, "sync"), {}
    with torch.no_grad():
        for clip, views in zip(clips, tokens, strict=True):
            spec = torch.from_numpy(spectrogram(clip.sound(0, 0, clip.sample_count), g))[None]
            plain = torch.from_numpy(views[0].astype(np.float32))
            offsets, confidences = model.score(plain, spec, 2 * g.window_frames)
            found[clip.name] = round(float(offsets[0]), 3), round(float(confidences[0]), 3)
    return found


def clips_csv(rows: Sequence[ExaminedClip]) -> bytes:
    """The content of `clips.csv`."""
    names = tuple(field.name for field in fields(ExaminedClip))
    cells = [[asdict(row)[name] for name in names] for row in rows]
    return csv_bytes(names, [[("yes" if x else "no") if isinstance(x, bool) else x for x in row] for row in cells])


def left_out(rows: Sequence[ExaminedClip]) -> str:
    """The reasons of the clips that are not used, counted: `2 has the sound of ..., 1 no impacts in its sound`."""
    kinds = Counter(_kind(row.reason) for row in rows if not row.used)
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())


def _kind(reason: str) -> str:
    kinds = {"has the sound": "copied", UNREADABLE: "unreadable", "is ": "too short", "its sound": "out of sync"}
    named = next((kind for start, kind in kinds.items() if reason.startswith(start)), reason)
    return {"no impacts in its sound": "without impacts"}.get(named, named)


def clips_table(rows: Sequence[ExaminedClip]) -> Table:
    """What `condfoley finetune --check` prints of the clips."""

    def score(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    cells = [
        (
            *(row.clip, row.recording, f"{row.seconds:.1f}", str(row.impacts), str(row.seen)),
            *(score(row.offset, "+.2f"), score(row.confidence, ".2f"), "yes" if row.used else "no", row.reason),
        )
        for row in rows
    ]
    header = ("clip", "recording", "s", "impacts", "seen", "offset, s", "confidence", "used", "why not")
    note = "seen: impacts with motion in the picture; offset: of the sound, late is positive"
    return Table(f"{len(rows)} clips", header, tuple(cells), (note,))
