"""Edits of a project's cues: pure functions from a project to another one."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from condfoley.cues.rows import MAIN, CueList, CueRow, require_usable, suggestion
from condfoley.errors import InputError
from condfoley.matching.dynamics import LEVEL_PER_STRENGTH, MIN_STRENGTH
from condfoley.project.choose import choose_excerpt, level_of
from condfoley.project.cue_format import differing
from condfoley.project.model import COLOURS, Cue, Excerpt, Layer, Project
from condfoley.project.pairing import paired

DRAW = "draw it anew with `condfoley redo PROJECT --cue"
MAX_GAIN_DB = 60.0


def edit_cues(project: Project, cues: CueList) -> tuple[Project, list[str]]:
    """The project with the cues of a list, and remarks: moved, added, removed, with other levels and so on.

    Which cue a row is about: see `pairing.paired`. Raises InputError for cues that the project cannot have, and for
    changes of locked ones.
    """
    pairs = sorted(paired(project, cues), key=lambda pair: pair[1].time)
    values = {cue.id: _differing(cue, row, cues.columns) for cue, row in pairs if cue}
    as_they_are = {row for cue, row in pairs if cue and not values[cue.id]}
    require_usable([row for _, row in pairs], project.duration, [layer.name for layer in project.layers], as_they_are)
    listed = {cue.id for cue, _ in pairs if cue}
    if lost := [cue.id for cue in project.cues if cue.id not in listed and cue.locked]:
        raise InputError(f"cue {lost[0]} is locked, and the list lacks it; write it there again, or unlock it first")
    notes = list(cues.notes)
    kept = [changed(project, cue, row, values[cue.id], notes) for cue, row in pairs if cue]
    out = project.with_cues(kept)
    for row in (row for cue, row in pairs if not cue):
        key = max(project.next_id, out.next_id)  # not that of a cue that the list lacks
        known = out.with_cues(
            [*out.cues, *(cue for cue in project.cues if cue.id not in listed)]
        )  # whose sounds it may get
        out = out.with_cues([*out.cues, new_cue(known, row, key, notes)])
    return out, notes


def _differing(cue: Cue, row: CueRow, columns: Collection[str]) -> dict[str, Any]:
    return differing(cue, row, [name for name in columns if name not in ("id", "confidence")])


def changed(project: Project, cue: Cue, row: CueRow, values: dict[str, Any], notes: list[str]) -> Cue:
    """The cue as a row says. values: the fields in which it differs. Raises InputError for changes of a locked one."""
    if not values:
        return cue
    if cue.locked and row.locked is not False:
        place = "" if row.where == f"cue {cue.id}" else f"{row.where}: "
        raise InputError(f"{place}cue {cue.id} is locked; set its column locked to 0 to change it")
    if (key := values.get("reference")) and key not in (known := project.layer(row.layer or cue.layer).sources):
        raise InputError(f"{row.where}: layer {row.layer or cue.layer} has no {key}; {suggestion(key, known)}")
    if "strength" in values and "gain" not in values:
        values["gain"] = limited(cue.gain + level_change(cue.strength, row.strength))
    if "time" in values:
        values["seen"] = row.time
    if "layer" in values:
        values |= _sound(project, row.layer or MAIN, row.time, row.strength, cue.id)
        if values["excerpt"] is None:
            notes.append(without_sound(f"layer {row.layer}", cue.id))
    if set(values) & {"kind", "duration", "reference_at", "reference"}:
        notes.append(f"cue {cue.id} keeps its sound; {DRAW} {cue.id}`")
    return dataclasses.replace(cue, **values)


def new_cue(project: Project, row: CueRow, key: int, notes: list[str]) -> Cue:
    """A cue that the project did not have, with the sound of an impact that it has; notes: remarks, to which some are added."""
    own = {f.name: getattr(row, f.name) for f in dataclasses.fields(Cue) if hasattr(row, f.name)}
    given = {name: value for name, value in own.items() if value is not None} | {"id": key}
    given |= {"kind": row.kind or "impact", "layer": row.layer or MAIN, "seen": None}
    sound = _sound(project, given["layer"], row.time, row.strength, None)
    if sound["excerpt"] is None:
        notes.append(without_sound(row.where, given["id"]))
    elif given["kind"] == "slide" or row.reference_at is not None:
        notes.append(f"{row.where}: cue {given['id']} has another cue's sound; {DRAW} {given['id']}`")
    sound["gain"] = row.gain if row.gain is not None else sound["gain"]
    cue = Cue(**(given | sound))
    return cue if row.reference_at is not None else project.telling(cue)


def _sound(project: Project, layer: str, time: float, strength: float | None, cue: int | None) -> dict[str, Any]:
    """Excerpt and gain of a cue that has none of its layer. cue: id, where it is an old one."""
    excerpt, gain = choose_excerpt(project, layer, time, strength, cue)
    return {"excerpt": excerpt, "gain": gain, "tails": (), "alternatives": ()}


def without_sound(where: str, cue: int) -> str:
    """The remark that a cue is silent."""
    return f"{where}: there is no sound yet for cue {cue}; {DRAW} {cue}`"


def limited(gain: float) -> float:
    """A gain, dB, as lists of cues may have it."""
    return round(min(max(gain, -MAX_GAIN_DB), MAX_GAIN_DB), 4)


def level_change(before: float | None, after: float | None) -> float:
    """dB by which an impact gets louder with its strength; 0 where one of the two is not known."""
    if before is None or after is None:
        return 0.0
    ratio = max(after, MIN_STRENGTH) / max(before, MIN_STRENGTH)
    return round(float(LEVEL_PER_STRENGTH * 20 * np.log10(ratio)), 4)


def choose_alternative(project: Project, cue_id: int, number: int) -> Project:
    """The project in which a cue has another of its sounds: its alternative `number`, from 1, as loud as before.

    The former one takes its place among the alternatives. Raises InputError where there is none, or the cue is locked.
    """
    cue = project.cue(cue_id)
    if cue.locked:
        raise InputError(f"cue {cue_id} is locked; unlock it first")
    if not 1 <= number <= len(cue.alternatives):
        have = (
            f"it has {len(cue.alternatives)}" if cue.alternatives else "it has none; make some with redo --variations"
        )
        raise InputError(f"cue {cue_id} has no alternative {number}; {have}")
    others = list(cue.alternatives)
    chosen, others[number - 1 : number] = others[number - 1], [cue.excerpt] if cue.excerpt else []
    gain = chosen_gain(project, cue, chosen)
    new = dataclasses.replace(cue, excerpt=chosen, tails=(), alternatives=tuple(others), gain=gain)
    new = project.telling(new)
    return project.with_cues([new if other.id == cue_id else other for other in project.cues])


def chosen_gain(project: Project, cue: Cue, excerpt: Excerpt) -> float:
    """The gain, dB, with which another excerpt is as loud as a cue's own is."""
    return limited(cue.gain + (_level(project, cue.excerpt) - _level(project, excerpt) if cue.excerpt else 0.0))


def _level(project: Project, excerpt: Excerpt) -> float:
    return level_of(project, excerpt) or 0.0


def change_layers(
    project: Project, gains: dict[str, float], mute: Sequence[str] = (), unmute: Sequence[str] = ()
) -> Project:
    """The project with other gains, dB, of some layers, and some muted or heard again. Raises InputError."""
    if both := sorted(set(mute) & set(unmute)):
        raise InputError(f"layer {both[0]} cannot be both muted and unmuted; leave one of the two out")
    for name in (*gains, *mute, *unmute):
        layer: Layer = project.layer(name)
        gain = gains.get(name, layer.gain)
        if not abs(gain) <= MAX_GAIN_DB:
            raise InputError(f"the gain of layer {name} is {gain:g} dB; give one from -60 to 60")
        muted = name in mute or (layer.muted and name not in unmute)
        project = project.with_layer(dataclasses.replace(layer, gain=gain, muted=muted))
    return project


def colour_layer(project: Project, name: str, colour: int) -> Project:
    """The project with a layer shown in another colour. Raises InputError for a layer or a colour that there is not."""
    if not 0 <= colour < COLOURS:
        raise InputError(f"the colour of layer {name} is {colour}; give one from 0 to {COLOURS - 1}")
    return project.with_layer(dataclasses.replace(project.layer(name), colour=colour))
