"""What an edit changed, in words: two revisions of a project, compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from condfoley.errors import InputError
from condfoley.project.model import Cue, Project
from condfoley.project.store import read_revision, revision_path, revisions

FEW = 4
"""Cues that are named one by one; more are counted."""
UNITS = {"gain": "dB", "room_gain": "dB", "loudness": "LUFS", "true_peak": "dBTP", "duration": "s"}
NAMES = {"reference_at": "reference moment", "true_peak": "true peak", "room_gain": "echo"}
# `time` and the sound have words of their own; the others follow from a change or hold more of the sound.
CUE_FIELDS = ("kind", "duration", "strength", "gain", "pan", "locked", "muted", "layer", "reference_at", "reference")
LAYER_FIELDS = ("gain", "muted", "reference", "colour")


def history(folder: Path) -> list[tuple[int, str]]:
    """All revisions of a project, ascending, each with what it changed of the last one before it that can be read."""
    found: list[tuple[int, str]] = []
    before: tuple[int, int] | None = None
    for number in revisions(folder):
        try:
            this = number, revision_path(folder, number).stat().st_mtime_ns
            found.append((number, _words(folder, before, this)))
            before = this
        except (InputError, OSError):
            found.append((number, "cannot be read"))
    return found


@lru_cache(maxsize=4096)
def _words(folder: Path, before: tuple[int, int] | None, this: tuple[int, int]) -> str:
    """What a revision changed. before, this: number, and when it was written, by which one in the place of another is told."""
    return what_changed(None if before is None else _read(folder, before), _read(folder, this))


@lru_cache(maxsize=2)
def _read(folder: Path, revision: tuple[int, int]) -> Project:
    """A revision, which is compared with both of its neighbours. revision: see `_words`."""
    return read_revision(folder, revision[0])


def what_changed(before: Project | None, after: Project) -> str:
    """What a revision changed of the one before it; of the first one, None, what it has."""
    if before is None:
        return "generated: " + ", ".join(
            f"{layer.name} {len(after.cues_of(layer.name))} cues" for layer in after.layers
        )
    said = [*_cues(before, after), *_layers(before, after), *_fields("", before.master, after.master)]
    return "; ".join(said) or "nothing"


def _cues(before: Project, after: Project) -> list[str]:
    old, new = ({cue.id: cue for cue in project.cues} for project in (before, after))
    both = [(old[key], new[key]) for key in sorted(old.keys() & new.keys())]
    said = [
        *_listed(sorted(new.keys() - old.keys()), "added"),
        *_listed(sorted(old.keys() - new.keys()), "removed"),
        *_moved([(b, a) for b, a in both if round(a.time - b.time, 4)]),
    ]
    for name in CUE_FIELDS:
        other = [(b, a) for b, a in both if getattr(a, name) != getattr(b, name)]
        values = {_value(name, getattr(a, name)) for _, a in other}
        to = f" to {values.pop()}" if len(values) == 1 else ""
        said += [f"{NAMES.get(name, name)} of {_named([a.id for _, a in other])} set{to}"] if other else []
    return said + _listed(
        [a.id for b, a in both if a.excerpt != b.excerpt and not round(a.time - b.time, 4)], "sounds otherwise"
    )


def _moved(pairs: Sequence[tuple[Cue, Cue]]) -> list[str]:
    if len(pairs) == 1:
        ((before, after),) = pairs
        return [f"cue {after.id} moved by {1000 * (after.time - before.time):+.0f} ms"]
    return _listed([after.id for _, after in pairs], "moved")


def _layers(before: Project, after: Project) -> list[str]:
    old, new = ({layer.name: layer for layer in project.layers} for project in (before, after))
    said = [f"layer {name} added" for name in new if name not in old]
    said += [f"layer {name} removed" for name in old if name not in new]
    for name in new:
        if name in old:
            said += _fields(f" of layer {name}", old[name], new[name], LAYER_FIELDS)
    return said


def _fields(whose: str, before: Any, after: Any, names: Sequence[str] = ()) -> list[str]:
    """The fields of a layer, or of the master, whose values differ."""
    names = names or [f.name for f in fields(before)]
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    return [f"{NAMES.get(name, name)}{whose} set to {_value(name, getattr(after, name))}" for name in changed]


def _value(name: str, value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{text} {UNITS[name]}" if name in UNITS else text


def _listed(ids: Sequence[int], what: str) -> list[str]:
    return [f"{_named(ids)} {what}"] if ids else []


def _named(ids: Sequence[int]) -> str:
    if len(ids) > FEW:
        return f"{len(ids)} cues"
    return f"cue{'s' * (len(ids) > 1)} " + ", ".join(map(str, ids))
