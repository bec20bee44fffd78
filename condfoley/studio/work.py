"""The work of each kind of job, with the model that is loaded once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from condfoley.cli.options import GenerateOptions
from condfoley.cli.progress import then_writing
from condfoley.cues.rows import MAIN
from condfoley.errors import InputError
from condfoley.project.model import AMBIENCE
from condfoley.references.files import by_key
from condfoley.server.jobs import RESULTS, JobProgress
from condfoley.studio.clips import Clip
from condfoley.studio.jobs import Model, Task, keep_result, note_references
from condfoley.studio.record import Record

if TYPE_CHECKING:
    from condfoley.project.model import Project
    from condfoley.project.spans import RedoRequest

T = TypeVar("T")
COMMAND = ["condfoley", "studio"]
HITS = "hits.json"
PATIENCE = 10.0  # s


def generate(task: Task, progress: JobProgress, model: Model) -> dict[str, Any]:
    """A new project: what `condfoley generate` writes, with what the studio knows of it."""
    from condfoley.cli.commands.generate import generate_results

    progress("loading the model", 0.0)
    foley = model()
    options = generate_options(task)
    generate_results(options, COMMAND, progress, foley)
    progress("writing the results", 1.0)
    target, references = task.values["target"], task.values["references"]
    inputs = {key: clip.id for key, clip in by_key(references).items()} if len(references) > 1 else {}
    record = Record(task.values["name"], target.id, {MAIN: references[0].id}, 1, inputs)
    return {"project": keep_result(task, record)}


def generate_options(task: Task) -> GenerateOptions:
    """Options of a soundtrack. Raises InputError for settings that do not go together."""
    values = task.values
    paths: dict[str, Any] = {}
    if values["cues"] is not None:
        path = task.folder / HITS
        path.write_text(values["cues"], encoding="utf-8")
        paths["hits"] = str(path)
    settings = asdict(values["settings"])
    if values["reference_start"] is not None:
        settings["reference_start"] = values["reference_start"]
    if values["start_from"] is not None:
        paths["start_from"] = str(values["start_from"].path)
    return GenerateOptions(
        **settings,
        **paths,
        **values["model"],
        reference=tuple(str(clip.path) for clip in values["references"]),
        target=str(values["target"].path),
        out=str(task.folder / RESULTS),
        quiet=True,
    )


def redo(task: Task, progress: JobProgress, model: Model) -> dict[str, Any]:
    """A span or a cue drawn anew, or alternatives of a cue, as the next revision."""
    from condfoley.project import redo as drawn_anew

    wanted: RedoRequest = task.values["wanted"]
    foley = model()

    def change(folder: Path, project: Project) -> Project:
        how = {name: task.values[name] for name in ("generator", "strength")}
        drawing = drawn_anew.Drawing(folder, foley, progress=then_writing(progress), **how)
        project, notes = drawn_anew.redo(project, wanted, drawing)
        for note in notes:
            progress.note(note)
        return project

    return patiently(lambda: _edited(task, change))


def add_layer(task: Task, progress: JobProgress, model: Model) -> dict[str, Any]:
    """A layer with another reference, timed by a performance, by given times, or by the picture."""
    from condfoley.cues.rows import CueRow
    from condfoley.project.layer_specs import LayerSpec
    from condfoley.project.layers import add_layer as added

    values = task.values
    reference: Clip = values["reference"]
    foley = model()

    def change(folder: Path, project: Project) -> Project:
        if values["performance"] is not None:
            rows = _performed(values["performance"], project, progress)
        elif values["times"] is not None:
            rows = [CueRow(time, where=f"the time {time:g} s") for time in values["times"]]
        else:
            rows = _seen(folder, project, foley, progress)
        spec = LayerSpec(values["layer"], str(reference.path))
        project, notes = added(folder, project, spec, foley, rows, progress=then_writing(progress))
        for note in notes:
            progress.note(note)
        return project

    return patiently(lambda: _edited(task, change, {values["layer"]: reference.id}))


def _performed(performance: Clip, project: Project, progress: JobProgress) -> list[Any]:
    from condfoley.cli.layered import rows_of
    from condfoley.project.perform import read_performance

    played = read_performance(str(performance.path), project.duration)
    for note in played.notes:
        progress.note(note)
    return rows_of(played.hits)


def _seen(folder: Path, project: Project, foley: Any, progress: JobProgress) -> list[Any]:
    """Cues where the picture shows impacts."""
    from condfoley.inputs import ClipFile
    from condfoley.layers import watch
    from condfoley.project.find_inputs import find_input

    progress("watching the target", 0.0)
    target = ClipFile(find_input(folder, project, "target"))
    rows = watch(foley, target, project.generated_with)
    if not rows:
        raise InputError("the picture shows no impacts; tap the times of the new layer, or perform it")
    return list(rows)


def ambience(task: Task, progress: JobProgress) -> dict[str, Any]:
    """A bed beneath the impacts, from a clip."""
    from condfoley.project.beds import AUTO, with_ambience

    reference: Clip | None = task.values["reference"]
    progress("making the bed", 0.1)

    def change(folder: Path, project: Project) -> Project:
        source = AUTO if reference is None else str(reference.path)
        project, notes = with_ambience(folder, project, source, task.values["gain"])
        for note in notes:
            progress.note(note)
        return project

    return patiently(lambda: _edited(task, change, {} if reference is None else {AMBIENCE: reference.id}))


def pan(task: Task, progress: JobProgress, model: Model) -> dict[str, Any]:
    """All cues where the picture shows them, or in the middle, as the next revision."""
    from condfoley.inputs import ClipFile, read_target
    from condfoley.project.find_inputs import find_input
    from condfoley.project.panning import centred, panned

    def change(folder: Path, project: Project) -> Project:
        if task.values["pan"] == "middle":
            return centred(project)
        foley = model()
        foley.require_contacts()
        progress("watching the target", 0.1)
        _, frames = read_target(ClipFile(find_input(folder, project, "target")), foley.geometry)
        return panned(project, lambda times: foley.contacts(frames, times), task.values["width"])

    return patiently(lambda: _edited(task, change))


def _edited(task: Task, change: Any, references: dict[str, str] | None = None) -> dict[str, Any]:
    """Makes a changed project the next revision. change: (folder, project) -> project; raises what it raises.

    references: clips of new layers, by name. Nobody else edits the project meanwhile; if it fails nothing is changed.
    """
    from condfoley.project.leftovers import only_if_finished
    from condfoley.project.store import editing, read_project, write_project

    assert task.project
    folder = task.workspace.project(task.project)
    with editing(folder):
        before = read_project(folder)
        with only_if_finished(folder):
            project = change(folder, before)
            if project != before:
                if references:
                    note_references(folder, references)
                write_project(folder, project)
    return {"project": task.project}


def patiently(work: Callable[[], T]) -> T:
    """What `work` returns; begun again while something else, such as a drag on the page, edits the project.

    Raises BeingEdited where that takes longer than PATIENCE, and what `work` raises.
    """
    from condfoley.project.store import BeingEdited

    end = time.monotonic() + PATIENCE
    while True:
        try:
            return work()
        except BeingEdited:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
