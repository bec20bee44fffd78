"""Edits as the page asks for them: a list of operations on a project. Pure functions, the same as `condfoley edit`'s."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, get_args

import numpy as np

from condfoley.audio.onsets import match_pairs
from condfoley.cues.rows import COLUMNS, CueList, ordered, row_of_cells, suggestion
from condfoley.errors import InputError
from condfoley.project.choose import NEAR, impact, level_of, wanted_level
from condfoley.project.cue_format import cells_of
from condfoley.project.edits import change_layers, choose_alternative, colour_layer, edit_cues, limited
from condfoley.project.model import AMBIENCE, Cue, LayerTake, Project, Sound
from condfoley.settings import CEILING_DBTP, ROOMS, Bits

MOST = 2000
"""Operations of one edit."""
CUES = ("change", "add", "remove")
VALUES = tuple(name for name in COLUMNS if name not in ("id", "confidence"))
MASTER: dict[str, Any] = {"loudness": None, "true_peak": CEILING_DBTP, "bits": "24", "room": "dry", "room_gain": 0.0}
"""What can be changed of a project's master, and what it is by default."""
LEVELS = {"loudness": (-60.0, -5.0, "LUFS"), "true_peak": (-30.0, 0.0, "dBTP"), "room_gain": (-60.0, 60.0, "dB")}
CHOICES: dict[str, tuple[str, ...]] = {"bits": get_args(Bits), "room": ROOMS}
Operation = Mapping[str, Any]


def applied(project: Project, operations: Sequence[Operation]) -> tuple[Project, list[str]]:
    """The project after operations, one after the other, and remarks. Those on cues that follow one another are one edit.

    Raises InputError for an operation that is none, or that the project does not allow; then nothing is applied.
    """
    if len(operations) > MOST:
        raise InputError(f"{len(operations)} operations are too many for one edit; send {MOST} at most")
    notes: list[str] = []
    for of_cues, group in groupby(operations, lambda operation: operation.get("op") in CUES):
        if of_cues:
            project, more = edit_cues(project, cue_list(project, list(group)))
            notes += more
            continue
        for operation in group:
            project, more = _one(project, operation)
            notes += more
    return project, notes


def cue_list(project: Project, operations: Sequence[Operation]) -> CueList:
    """The project's cues after some were changed, added or removed. Raises InputError for values that are none."""
    rows: dict[int, dict[str, Any]] = {cue.id: dict(cells_of(cue)) for cue in project.cues}
    added: list[dict[str, Any]] = []
    for operation in operations:
        if operation["op"] == "add":
            values = _values(operation, "the new cue")
            added.append(values)
            continue
        cue = _cue(project, operation)
        if cue.id not in rows:
            raise InputError(f"cue {cue.id} was removed; leave out what follows that")
        if operation["op"] == "remove":
            if cue.locked:
                raise InputError(f"cue {cue.id} is locked; unlock it first")
            del rows[cue.id]
            continue
        rows[cue.id] |= _values(operation, f"cue {cue.id}")
        if rows[cue.id].get("kind") == "impact":
            rows[cue.id]["duration"] = None
    notes: list[str] = []
    found = [row_of_cells(cells, f"cue {key}", notes) for key, cells in rows.items()]
    found += [row_of_cells(cells, "the new cue", notes) for cells in added]
    return CueList(ordered(found, COLUMNS, (), "").rows, frozenset(COLUMNS), tuple(notes))


def take(
    project: Project, layer: str, key: str, begin: float | None = None, end: float | None = None
) -> tuple[Project, list[str]]:
    """The project in which the cues of a layer sound like another take, as loud as before, and remarks.

    key: of one of the layer's generated sounds. begin, end: s, between which cues change; None: all. A cue gets the impact
    that the take has near it; where it has none, and where cues are locked, they stay as they are. Raises InputError for
    a sound that is no take of the layer, and where no cue can change.
    """
    sound = project.sounds.get(key)
    if project.layer(layer).name == AMBIENCE or sound is None or not _is_take(sound, layer):
        raise InputError(f"layer {layer} has no such take; load the page again")
    first, last = 0.0 if begin is None else begin, np.inf if end is None else end
    inside = [cue for cue in project.cues_of(layer) if first <= cue.time < last]
    free = [cue for cue in inside if not cue.locked]
    places = (np.array(sound.onsets, float) + sound.start) / project.rate
    met = dict(match_pairs(np.array([cue.time for cue in free]), places, NEAR))
    if not met:
        why = "all cues there are locked" if inside and not free else "this take has no impact at a cue there"
        raise InputError(f"{why}, so nothing was changed; choose another span or take")
    new = {free[i].id: _sounding(project, free[i], sound, j) for i, j in met.items()}
    out = project.with_cues([new.get(cue.id, cue) for cue in project.cues])
    notes = [
        f"{what}: cue {', '.join(map(str, which))}"
        for what, which in (
            ("no impact in this take, so the sound stays", [cue.id for cue in free if cue.id not in new]),
            ("locked and left as it was", [cue.id for cue in inside if cue.locked]),
        )
        if which
    ]
    return out.with_layer(dataclasses.replace(out.layer(layer), takes=_takes(out, layer, key, first, last))), notes


def _sounding(project: Project, cue: Cue, sound: Sound, index: int) -> Cue:
    """A cue with one of a sound's impacts, as loud as it was, or as it is to be where it had no sound."""
    excerpt = impact(sound, index, project.rate)
    others = [other for other in project.cues_of(cue.layer) if other.excerpt and other.id != cue.id]
    level, before = level_of(project, excerpt), level_of(project, cue.excerpt) if cue.excerpt else None
    wanted = wanted_level(project, others, cue.strength) if before is None else before + cue.gain
    gain = cue.gain if level is None or wanted is None else wanted - level
    return dataclasses.replace(cue, excerpt=excerpt, tails=(), gain=limited(gain))


def _is_take(sound: Sound, layer: str) -> bool:
    return sound.layer == layer and sound.origin in ("candidate", "soundtrack")


def _takes(project: Project, layer: str, key: str, begin: float, end: float) -> tuple[LayerTake, ...]:
    """A layer's takes where one of them is another one in a span, s."""
    known = project.layer(layer).takes or ()
    before = [part for part in known if part.start < begin]
    going_on = [part for part in known if part.start <= end][-1:] if end < project.duration else []
    again = [dataclasses.replace(part, start=end) for part in going_on]
    after = [part for part in known if part.start > end]
    return (*before, LayerTake(begin, key), *again, *after)


def _one(project: Project, operation: Operation) -> tuple[Project, list[str]]:
    what = operation.get("op")
    if what == "choose":
        return choose_alternative(project, _cue(project, operation).id, _whole(operation, "alternative")), []
    if what == "layer":
        return _layer(project, operation), []
    if what == "master":
        return _master(project, operation), []
    if what == "take":
        ends = [None if operation.get(name) is None else _number(operation, name) for name in ("begin", "end")]
        return take(project, _text(operation, "layer"), _text(operation, "sound"), *ends)
    raise InputError(f"there is no operation {str(what):.40}; load the page again")


def _layer(project: Project, operation: Operation) -> Project:
    name, values = _text(operation, "layer"), operation.get("values")
    if not isinstance(values, Mapping) or set(values) - {"gain", "muted", "colour"}:
        raise InputError(f"layer {name}: give gain, in dB, muted or colour")
    gains = {name: _number(values, "gain")} if "gain" in values else {}
    muted = values.get("muted")
    if not isinstance(muted, bool | None):
        raise InputError(f"layer {name}: muted is true or false")
    project = change_layers(project, gains, [name] * (muted is True), [name] * (muted is False))
    return colour_layer(project, name, _whole(values, "colour")) if "colour" in values else project


def _master(project: Project, operation: Operation) -> Project:
    """Other values of the master, but for the gain that a loudness needs, see `brings_loudness`; null: as by default."""
    values = operation.get("values")
    if not isinstance(values, Mapping) or not values or set(values) - set(MASTER):
        raise InputError(f"what becomes of all is {', '.join(MASTER)}; load the page again")
    new: dict[str, Any] = {}
    for name, value in values.items():
        if value is None:
            new[name] = MASTER[name]
        elif name in CHOICES:
            if value not in CHOICES[name]:
                raise InputError(f"there is no {name} {str(value):.40}; {suggestion(str(value)[:40], CHOICES[name])}")
            new[name] = value
        else:
            new[name] = _number(values, name)
            _require_within(name, new[name])
    master = dataclasses.replace(project.master, **new)
    if master.room == "dry":
        if new.get("room_gain"):
            raise InputError("the echo is of a room; choose one first")
        master = dataclasses.replace(master, room_gain=0.0)
    if "loudness" in new and master.loudness is None:
        master = dataclasses.replace(master, gain=0.0)
    return dataclasses.replace(project, master=master)


def _require_within(name: str, value: float) -> None:
    low, high, unit = LEVELS[name]
    if not low <= value <= high:
        raise InputError(f"the {name.replace('_', ' ')} is {value:g} {unit}; give one from {low:g} to {high:g}")


def brings_loudness(operations: Sequence[Operation]) -> bool:
    """Whether operations ask for a loudness, so that the gain has to be found that all of it needs for that."""
    given = [operation.get("values") for operation in operations if operation.get("op") == "master"]
    return any(isinstance(values, Mapping) and values.get("loudness") is not None for values in given)


def _values(operation: Operation, where: str) -> dict[str, Any]:
    values = operation.get("values")
    if not isinstance(values, Mapping):
        raise InputError(f"{where}: it is not said what to change; give values")
    for name, value in values.items():
        if name not in VALUES:
            raise InputError(f"{where}: there is no value {name:.40}; {suggestion(name, VALUES)}")
        if not isinstance(value, str | int | float | None):
            raise InputError(f"{where}: {name} is not a number or text")
    return dict(values)


def _cue(project: Project, operation: Operation) -> Cue:
    return project.cue(_whole(operation, "cue"))


def _whole(operation: Operation, name: str) -> int:
    value = operation.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"{name} is not a whole number; load the page again")
    return value


def _text(operation: Operation, name: str) -> str:
    value = operation.get(name)
    if not isinstance(value, str):
        raise InputError(f"{name} is not a name; load the page again")
    return value


def _number(values: Mapping[str, Any], name: str) -> float:
    value = values.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not np.isfinite(value):
        raise InputError(f"{name} is not a number; load the page again")
    return float(value)
