"""HTTP routes of jobs: what is asked for is checked before it waits in the queue."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import Body, FastAPI, HTTPException, Request

from condfoley.cli.run_job import check_job
from condfoley.errors import InputError
from condfoley.project.model import Project
from condfoley.project.spans import RedoRequest
from condfoley.server.jobs import Job, QueueFull, discard
from condfoley.server.uploads import checked_settings
from condfoley.studio import work
from condfoley.studio.clips import Clip, read_clip, touch
from condfoley.studio.jobs import Task, job_json, note_job, without_folders
from condfoley.studio.record import cleaned_name
from condfoley.studio.requests import Files, NewBed, NewJob, NewLayer, NewPans, NewSounds, NewSoundtrack
from condfoley.studio.security import user_of
from condfoley.studio.server import Studio
from condfoley.studio.workspace import UnknownKey, Workspace

Json = dict[str, Any]
MayEdit = Callable[[Request, str], None]
"""Raises HTTPException where the tab that sent a request may not edit a project."""
WriteFiles = Callable[[Workspace, str, str, Any], str]
"""Writes files of a project for download: (workspace, project, what, progress) -> their address."""
UNKNOWN = "there is no such job; if the server was restarted, look at the projects, or generate again"


def add_job_routes(app: FastAPI, studio: Studio, may_edit: MayEdit, write_files: WriteFiles) -> None:
    """Adds all routes below /api/jobs."""
    queue = studio.queue

    @app.post("/api/jobs", status_code=201)
    def submit(request: Request, new: Annotated[NewJob, Body()]) -> Json:
        workspace = studio.workspace(request)
        job = None
        try:
            job = queue.new(user_of(request))
            task = Task(new.kind, workspace, job.folder)
            job.options = task
            if isinstance(new, NewSoundtrack):
                _fill_generate(task, new, studio)
            else:
                _fill_edit(task, new, studio, partial(may_edit, request), write_files)
            note_job(job)
            queue.add(job)
            return job_json(job, queue)
        except BaseException as error:
            if job is not None:
                discard(job)
            if isinstance(error, QueueFull):
                raise HTTPException(503, str(error), {"Retry-After": "10"}) from None
            if job is not None and isinstance(error, InputError) and not isinstance(error, UnknownKey):
                raise InputError(without_folders(str(error), job.options)) from None
            raise

    @app.get("/api/jobs")
    def list_jobs(request: Request) -> list[Json]:
        return [job_json(job, queue) for job in queue.all() if job.owner == user_of(request)]

    def find(request: Request, key: str) -> Job:
        job = queue.find(key)
        if job is None or job.owner != user_of(request):
            raise HTTPException(404, UNKNOWN)
        return job

    @app.get("/api/jobs/{key}")
    def one_job(request: Request, key: str) -> Json:
        return job_json(find(request, key), queue)

    @app.delete("/api/jobs/{key}", status_code=204)
    def cancel(request: Request, key: str) -> None:
        job = find(request, key)
        if job.state in ("done", "failed"):
            queue.remove(job)
        else:
            queue.cancel(job)


def _fill_generate(task: Task, new: NewSoundtrack, studio: Studio) -> None:
    """What a new soundtrack needs. Raises InputError for what cannot be used."""
    if len(set(new.references)) < len(new.references):
        raise InputError("a reference is given twice; give each recording once")
    references, target = tuple(_clip(task, key) for key in new.references), _clip(task, new.target)
    if len(references) > 1 and new.reference_start is not None:
        raise InputError("where to listen is of one reference; of several the clearest part of all is taken")
    for clip in (*references, target):
        if clip.duration > studio.limits.seconds:
            raise InputError(f"{clip.name} is too long; give at most {studio.limits.seconds:g} s")
    settings = checked_settings(new.settings)
    if settings.strength is not None and new.start_from is None:
        raise InputError("the strength is how far a sound is changed; choose the sound that it starts from")
    start_from = None if new.start_from is None else _clip(task, new.start_from)
    cues = None
    if new.cues is not None:
        rows = [cue.model_dump(exclude_none=True) for cue in new.cues]
        cues = json.dumps({"cues": rows})
    task.values = {
        "name": cleaned_name(new.name if new.name.strip() else target.name.rsplit(".", 1)[0]),
        "references": references,
        "target": target,
        "reference_start": new.reference_start,
        "start_from": start_from,
        "settings": settings,
        "cues": cues,
        "model": {name: getattr(studio.options, name) for name in ("weights", "device", "engine")},
    }
    check_job(work.generate_options(task))
    task.work = partial(work.generate, model=studio.model)


def _fill_edit(
    task: Task,
    new: NewSounds | NewLayer | NewBed | NewPans | Files,
    studio: Studio,
    may_edit: Callable[[str], None],
    write_files: WriteFiles,
) -> None:
    """What a job on a project needs. Raises InputError or HTTPException for what cannot be done."""
    from condfoley.project.store import read_project

    folder = task.workspace.project(new.project)
    task.project = new.project
    project = read_project(folder)
    task.folders = tuple({Path(given.path).parent for given in project.inputs.values()})
    if isinstance(new, Files):
        task.work = partial(_write_files, write_files, new.what)
        return
    may_edit(new.project)
    if new.base != project.revision:
        raise HTTPException(409, "the project was changed meanwhile; look at it again, and repeat this")
    task.values = new.model_dump()
    if isinstance(new, NewSounds):
        task.values["wanted"] = _redo_request(project, new)
        task.work = partial(work.redo, model=studio.model)
    elif isinstance(new, NewLayer):
        _fill_layer(task, new, project)
        task.work = partial(work.add_layer, model=studio.model)
    elif isinstance(new, NewPans):
        task.work = partial(work.pan, model=studio.model)
    else:
        task.values["reference"] = None if new.reference is None else _clip(task, new.reference)
        task.work = work.ambience


def _redo_request(project: Project, new: NewSounds) -> RedoRequest:
    """What is to be drawn anew. Raises InputError for what cannot be."""
    if (new.span is None) == (new.cue is None):
        raise InputError("give either a span or a cue")
    if new.variations is not None and new.cue is None:
        raise InputError("variations are of one cue; give a cue")
    if new.strength is not None and new.generator == "transformer":
        raise InputError("only the generator flow starts from what is heard; choose it, or leave out the strength")
    wanted = RedoRequest(new.span, new.layer, new.cue, new.variations)
    wanted.require_possible(project)
    return wanted


def _fill_layer(task: Task, new: NewLayer, project: Project) -> None:
    from condfoley.project.layer_specs import parse_layers, require_name

    require_name(new.layer, "the layer")
    parse_layers([f"{new.layer}=clip"], [layer.name for layer in project.layers], "the layer")  # whether it is taken
    if new.times is not None and new.performance is not None:
        raise InputError("give either times or a performance")
    if new.times is not None and max(new.times) >= project.duration:
        raise InputError(f"a time is past the end of the target ({project.duration:.2f} s); leave it out")
    task.values["reference"] = reference = _clip(task, new.reference)
    task.values["performance"] = performance = None if new.performance is None else _clip(task, new.performance)
    for clip in (reference, performance):
        if clip is not None and clip.sound is None:
            raise InputError(f"{clip.name} has no sound; give a recording with sound")


def _clip(task: Task, key: str) -> Clip:
    clip = read_clip(task.workspace, key)
    touch(clip)
    return clip


def _write_files(write: WriteFiles, what: str, task: Task, progress: Any) -> Json:
    project = task.project
    assert project
    return {"file": work.patiently(lambda: write(task.workspace, project, what, progress))}
