"""project.json: a project as text and back, checked against the dataclasses of `model.py`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from condfoley.cues.rows import RANGES
from condfoley.errors import InputError
from condfoley.files import plain
from condfoley.project.model import VERSION, Project
from condfoley.settings import Codec, Settings
from condfoley.typed import field_types, typed


def to_text(project: Project) -> str:
    """As indented JSON."""
    content = _content(project)
    return json.dumps(content.pop("other") | content, indent=1, ensure_ascii=False) + "\n"


def _content(value: Any) -> Any:
    """A value of a project in JSON's own types."""
    if dataclasses.is_dataclass(value):
        kind: Any = type(value)
        return {name: _content(getattr(value, name)) for name in field_types(kind)}
    if isinstance(value, tuple):
        return [item if type(item) is int else _content(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _content(item) for key, item in value.items()}
    return plain(value)


def from_text(text: str, name: str) -> Project:
    """The project that a text describes; name: what the text is called in messages.

    Raises InputError for what is no project, a newer version, and values of another type.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(f"{name} is no JSON; take the last version back with `condfoley undo`") from None
    if not isinstance(content, dict) or not isinstance(content.get("version"), int):
        raise InputError(f"{name} is no project of condfoley; give a folder that `condfoley generate` wrote")
    if content["version"] > VERSION:
        raise InputError(f"{name} was written by a newer condfoley (version {content['version']}); update condfoley")
    known = {f.name for f in dataclasses.fields(Project)} - {"other"}
    other = {key: value for key, value in content.items() if key not in known}
    own = {key: value for key, value in content.items() if key in known}
    try:
        project = typed(Project, own | {"other": other}, "")
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise InputError(f"{name} is damaged ({error}); take the last version back with `condfoley undo`") from None
    return _consistent(project, name)


def _consistent(project: Project, name: str) -> Project:
    """Raises InputError where a project refers to something that it lacks, or has values that nothing can have."""
    if problem := next(_problems(project), None):
        raise InputError(f"{name} is damaged ({problem}); take the last version back with `condfoley undo`")
    return project


def _problems(project: Project) -> Iterator[str]:
    """What is wrong with a project, each in a few words."""
    if project.rate < 1 or project.duration < 0:
        yield f"a rate of {project.rate} Hz, a duration of {project.duration} s"
    layers = {layer.name for layer in project.layers}
    for what, count, found in (
        ("layers have one name", len(project.layers), layers),
        ("cues have one id", len(project.cues), {cue.id for cue in project.cues}),
    ):
        if len(found) < count:
            yield f"two {what}"
    for key, sound in project.sounds.items():
        inside = not Path(sound.file).is_absolute() and ".." not in Path(sound.file).parts
        if key != sound.key or not inside or sound.length < 0 or len(sound.onsets) != len(sound.levels):
            yield f"sound {key}"
    for layer in project.layers:
        for sound_key in (*layer.candidates, *(take.sound for take in layer.takes)):
            if sound_key not in project.sounds:
                yield f"layer {layer.name}: no sound {sound_key}"
        for source in {*layer.sources, *([layer.reference] if layer.reference else [])}:
            if source not in project.inputs:
                yield f"layer {layer.name}: no input {source}"
    if "target" not in project.inputs:
        yield "no input target"
    yield from _problems_of_settings(project)
    yield from _problems_of_cues(project, layers)


def _problems_of_settings(project: Project) -> Iterator[str]:
    """Settings of the generation, and the codec of the video's sound that is kept beside them; what is unknown may stay."""
    kinds = field_types(Settings) | {"codec": Codec | None}
    try:
        for key, value in project.settings.items():
            typed(kinds.get(key, Any), value, key)
        _ = project.generated_with  # which checks their ranges
    except (TypeError, ValueError) as error:
        yield f"its settings: {error}"


def _problems_of_cues(project: Project, layers: set[str]) -> Iterator[str]:
    levels = [(f"layer {layer.name}", "gain", layer.gain) for layer in project.layers]
    levels += [(f"cue {cue.id}", name, getattr(cue, name)) for cue in project.cues for name in RANGES]
    for whose, name, value in levels:
        if value is not None and not RANGES[name][0] <= value <= RANGES[name][1]:
            yield f"{whose}: its {name.replace('_', ' ')} is {value}"
    for cue in project.cues:
        if cue.layer not in layers:
            yield f"cue {cue.id}: no layer {cue.layer}"
    used = [(f"layer {layer.name}", opening.excerpt) for layer in project.layers for opening in layer.openings]
    for cue in project.cues:
        parts = (cue.excerpt, *(tail.excerpt for tail in cue.tails), *cue.alternatives)
        used += [(f"cue {cue.id}", part) for part in parts if part]
    for whose, part in used:
        if not (part.sound in project.sounds and 0 <= part.begin <= part.end <= project.sounds[part.sound].length):
            yield f"{whose}: no such part of a sound"
