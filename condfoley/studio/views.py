"""A project as the page sees it: JSON values."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from condfoley.errors import InputError
from condfoley.project.model import AMBIENCE, COLOURS, Layer, Project
from condfoley.project.store import PROJECT, read_project, revisions
from condfoley.results.folder import CANDIDATES, SCORES
from condfoley.studio.operations import MASTER
from condfoley.studio.playing import Opened, Version
from condfoley.studio.record import Record, read_record

Span = tuple[float, float]
CUE = ("id", "strength", "kind", "layer", "gain", "pan", "locked", "muted")
TIMES = ("time", "duration", "confidence", "reference_at", "seen")


def view_of(opened: Opened, version: Version, changed: Sequence[Span] | None = None) -> dict[str, Any]:
    """All that the page shows of a project's current revision but `writable`, `why` and `notes`.

    changed: spans, s, that sound otherwise than before; None: the page has to take everything anew.
    """
    project, record = version.project, read_record(opened.folder)
    scores = _scores(opened.folder) if any(layer.candidates for layer in project.layers) else {}
    kept, now = revisions(opened.folder), version.project.revision
    undo_to, redo_to = max((n for n in kept if n < now), default=None), min((n for n in kept if n > now), default=None)
    return {
        "id": opened.folder.name,
        "name": record.name or opened.folder.name,
        "revision": now,
        "can_undo": undo_to is not None,
        "can_redo": redo_to is not None,
        "undo_to": undo_to,
        "redo_to": redo_to,
        "dirty": record.written != now,
        "duration": project.duration,
        "rate": project.rate,
        "channels": project.channels,
        "target": record.target,
        "references": {layer.name: record.references.get(layer.name) for layer in project.layers},
        "master": {name: getattr(project.master, name) for name in MASTER},
        "layers": [_layer(project, layer, scores) for layer in project.layers],
        "cues": _cues(version, record),
        "scene_cuts": list(project.scene_cuts),
        "loudness": loudness(version),
        "changed": None if changed is None else [[_rounded(a, 6), _rounded(b, 6)] for a, b in changed],
    }


def loudness(version: Version, measure: bool = False) -> dict[str, Any]:
    """{integrated_lufs, true_peak_db, pending}, None where there is none. measure: also where that takes seconds."""
    meters = version.measure() if measure else version.meters
    return {
        "integrated_lufs": _rounded(meters.loudness() if meters else None, 2),
        "true_peak_db": _rounded(meters.true_peak() if meters else None, 2),
        "pending": meters is None,
    }


def summary(folder: Path) -> dict[str, Any] | None:
    """A project in a list: {id, name, duration, revision, changed}; None where it cannot be read."""
    try:
        found = (folder / PROJECT).stat()
        duration, revision = _facts(folder, (found.st_mtime_ns, found.st_size, found.st_ino))
    except (InputError, OSError):
        return None
    record: Record = read_record(folder)
    return {
        "id": folder.name,
        "name": record.name or folder.name,
        "duration": duration,
        "revision": revision,
        "changed": iso_time(found.st_mtime),
    }


@lru_cache(maxsize=1000)
def _facts(folder: Path, version: tuple[int, int, int]) -> tuple[float, int]:
    """Duration, s, and revision. version: tells files apart that were there one after the other."""
    project = read_project(folder)
    return project.duration, project.revision


def _layer(project: Project, layer: Layer, scores: dict[str, float]) -> dict[str, Any]:
    return {
        "name": layer.name,
        "gain": layer.gain,
        "muted": layer.muted,
        "colour": (project.layers.index(layer) if layer.colour is None else layer.colour) % COLOURS,
        "ambience": layer.name == AMBIENCE,
        "reference_start": layer.reference_start,
        "candidates": [_candidate(project, key, scores.get(key)) for key in layer.candidates],
        "takes": [{"start": take.start, "sound": take.sound, "moved": take.moved} for take in layer.takes],
    }


def _candidate(project: Project, key: str, score: float | None) -> dict[str, Any]:
    sound = project.sounds[key]
    onsets = [round((sound.start + onset) / project.rate, 4) for onset in sound.onsets]
    return {"sound": key, "seed": sound.seed, "score": score, "onsets": onsets}


def _scores(folder: Path) -> dict[str, float]:
    """Scores of the candidates by their keys: agreement with the picture where it is known, else confidence."""
    try:
        with open(folder / CANDIDATES / SCORES, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        found = {row["file"]: row["agreement"] or row["confidence"] for row in rows}
        return {f"{CANDIDATES}/{Path(name).stem}": float(text) for name, text in found.items() if text}
    except (OSError, ValueError, KeyError, csv.Error):
        return {}


def _cues(version: Version, record: Record) -> list[dict[str, Any]]:
    project = version.project
    places: dict[int | None, Span] = {}
    for placed in version.mix.places:
        first, last = places.get(placed.cue, (placed.begin, placed.stop))
        places[placed.cue] = min(first, placed.begin), max(last, placed.stop)
    out = []
    for cue in project.cues:
        values: dict[str, Any] = {name: getattr(cue, name) for name in CUE}
        values |= {name: _rounded(getattr(cue, name), 6) for name in TIMES}
        begin, end = (round(place / project.rate, 6) for place in places[cue.id]) if cue.id in places else (None, None)
        values |= {
            "reference": record.inputs.get(cue.reference or "") or record.references.get(cue.layer),
            "has_sound": cue.excerpt is not None,
            "made_of": cue.excerpt.way if cue.excerpt else None,
            "pinned": cue.pinned is not None,
            "alternatives": len(cue.alternatives),
            "begin": begin,
            "end": end,
        }
        out.append(values)
    return out


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def iso_time(seconds: float) -> str:
    """A moment, s since 1970, as ISO 8601 in UTC."""
    from datetime import datetime, timezone

    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
