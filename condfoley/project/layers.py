"""Layers of a project: several soundtracks written as one, and one that is added later."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from condfoley.cues.rows import MAIN, CueRow
from condfoley.errors import InputError
from condfoley.hits import hits_of_rows
from condfoley.inputs import ClipFile
from condfoley.project.create import add_soundtrack, project_of
from condfoley.project.find_inputs import find_input, input_of, inputs_of
from condfoley.project.layer_specs import LayerSpec
from condfoley.project.model import Cue, Project
from condfoley.project.redo import require_weights
from condfoley.references.window import ReferenceFile

if TYPE_CHECKING:
    from condfoley.foley import Foley
    from condfoley.pipeline import Progress
    from condfoley.soundtrack import Soundtrack

KEPT = ("kind", "duration", "confidence", "gain", "pan", "locked", "muted", "reference_at", "reference")
"""What a cue of a file keeps that a soundtrack does not tell."""


def reference_key(layer: str) -> str:
    """Key of a layer's reference among a project's inputs."""
    return "reference" if layer == MAIN else f"reference-{layer}"


def layered_project(
    folder: Path,
    made: Mapping[str, Soundtrack],
    rows: Mapping[str, Sequence[CueRow]],
    references: Mapping[str, Sequence[Path]],
    target: Path,
    keep: str,
) -> Project:
    """A new project of several soundtracks of one target; its sounds are written to the folder.

    made, rows, references: by the names of layers, of which the first one made gives the settings. keep: see
    `create.project_of`. Raises InputError when something cannot be read or written.
    """
    found = {name: inputs_of(references[name], reference_key(name)) for name in made}
    inputs = {"target": input_of(target)} | {key: file for own in found.values() for key, file in own.items()}
    first, *others = made
    project = project_of(folder, made[first], inputs, keep, tuple(found[first]), first)
    for name in others:
        project = add_soundtrack(folder, project, made[name], name, tuple(found[name]), keep)
    for name in made:
        project = with_rows(project, name, rows[name])
    return project


def with_rows(project: Project, layer: str, rows: Sequence[CueRow]) -> Project:
    """The project whose cues of a layer keep what rows of a file say of them (KEPT); their times stay."""

    def kept(cue: Cue) -> Cue:
        time = cue.time if cue.seen is None else cue.seen
        near = min(rows, key=lambda row: abs(row.time - time))
        values = {name: getattr(near, name) for name in KEPT if getattr(near, name) is not None}
        if near.kind == "impact":
            values["duration"] = None
        return dataclasses.replace(cue, **values)

    return project.with_cues([kept(cue) if cue.layer == layer and rows else cue for cue in project.cues])


def add_layer(
    folder: Path,
    project: Project,
    spec: LayerSpec,
    foley: Foley,
    rows: Sequence[CueRow] = (),
    *,
    target: str | None = None,
    keep: str = "candidates",
    progress: Progress = lambda stage, share: None,
) -> tuple[Project, list[str]]:
    """The project with one layer more, and remarks. Its sounds are written to the folder; the project itself is not.

    Its cues are `rows`, and those of the project's that the spec takes (its span or kind), which leave their layer; locked
    ones stay. target: where it is, if it was moved. keep: see `create.project_of`.
    Raises InputError when a clip cannot be used, when the layer has no cue or exists, and for other weights.
    """
    if spec.name in {layer.name for layer in project.layers}:
        raise InputError(f"there is a layer {spec.name} already; choose another name")
    taken = [cue for cue in project.cues if not cue.locked and spec.takes(row_of(cue))]
    wanted = [*rows, *(row_of(cue) for cue in taken)]
    hits = hits_of_rows(dataclasses.replace(row, muted=None) for row in wanted)
    if not len(hits.times):
        raise InputError(
            f"layer {spec.name} has no cues: give a span or kind, such as {spec.name}={spec.reference}@0:5, or name it in --cues"
        )
    require_weights(project, foley)
    settings = dataclasses.replace(project.generated_with, reference_start=None)
    clips = ReferenceFile(spec.reference), ClipFile(find_input(folder, project, "target", target))
    soundtrack = foley.render(*clips, settings, hits=hits, progress=progress)
    key = reference_key(spec.name)
    left = dataclasses.replace(
        project.with_cues([cue for cue in project.cues if cue not in taken]),
        inputs=project.inputs | {key: input_of(Path(spec.reference))},
    )
    added = add_soundtrack(folder, left, soundtrack, spec.name, (key,), keep)
    return with_rows(added, spec.name, wanted), layer_remarks(spec.name, soundtrack)


def layer_remarks(name: str, soundtrack: Soundtrack) -> list[str]:
    """What a user should know of a layer's sound, each with the layer's name."""
    return [f"layer {name}: {remark}" for remark in soundtrack.remarks]


def row_of(cue: Cue) -> CueRow:
    """A cue as a row that names no layer."""
    values = {field.name: getattr(cue, field.name) for field in dataclasses.fields(CueRow) if hasattr(cue, field.name)}
    return CueRow(**(values | {"id": None, "layer": None, "where": f"cue {cue.id}"}))
