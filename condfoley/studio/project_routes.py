"""HTTP routes of projects: what the page shows, edits and goes back to. `sound_routes` has what it plays and draws."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import Body, FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from condfoley.errors import InputError
from condfoley.project.changes import history
from condfoley.project.store import BeingEdited, editing, revision_path
from condfoley.studio.downloads import KINDS, download
from condfoley.studio.leases import OTHER_TAB
from condfoley.studio.playing import Player
from condfoley.studio.projects import Projects, tab_of
from condfoley.studio.record import cleaned_name, read_record, write_record
from condfoley.studio.revising import edited, gone_to
from condfoley.studio.views import iso_time, loudness, summary
from condfoley.studio.workspace import REMOVED, Workspace, keys_in

Json = dict[str, Any]


class Edits(BaseModel):
    """Operations on a revision (`operations.applied`)."""

    model_config = ConfigDict(extra="forbid")
    base: int
    operations: Annotated[list[Json], Field(min_length=1)]


class Target(BaseModel):
    """The revision to go to."""

    model_config = ConfigDict(extra="forbid")
    to: int


class Name(BaseModel):
    """A project's new name."""

    model_config = ConfigDict(extra="forbid")
    name: str


def add_project_routes(
    app: FastAPI, workspace: Callable[[Request], Workspace], player: Player | None = None
) -> Projects:
    """Adds all routes below /api/projects; returns what jobs need of them. workspace: of the user who sent a request."""
    from condfoley.studio.sound_routes import add_sound_routes

    projects = Projects(workspace, player or Player())
    threading.Thread(target=import_ahead, name="imports", daemon=True).start()
    _add_list(app, projects)
    _add_lease(app, projects)
    _add_edits(app, projects)
    _add_files(app, projects)
    add_sound_routes(app, projects)
    return projects


def import_ahead() -> None:
    """Imports what the first project that is opened needs, which takes a second, while nobody waits for it."""
    import matplotlib  # noqa: F401
    import scipy.fft  # noqa: F401
    import scipy.ndimage  # noqa: F401
    import scipy.optimize  # noqa: F401
    import scipy.signal  # noqa: F401
    import soundfile  # noqa: F401


def _add_list(app: FastAPI, projects: Projects) -> None:
    @app.get("/api/projects")
    def list_projects(request: Request) -> list[Json]:
        home = projects.workspace(request).projects
        return [found for key in keys_in(home) if (found := summary(home / key))]

    @app.get("/api/projects/{key}")
    def view(request: Request, key: str) -> JSONResponse:
        with projects.opened(request, key) as opened:
            return projects.reply(request, opened, opened.version())

    @app.patch("/api/projects/{key}")
    def rename(request: Request, key: str, new: Annotated[Name, Body()]) -> Json:
        with projects.opened(request, key) as opened:
            write_record(opened.folder, replace(read_record(opened.folder), name=cleaned_name(new.name)))
            return summary(opened.folder) or {}

    @app.delete("/api/projects/{key}", status_code=204)
    def remove(request: Request, key: str) -> None:
        with projects.opened(request, key) as opened:
            if not projects.leases.free(opened.folder.resolve(), tab_of(request)):
                raise HTTPException(423, OTHER_TAB)
            remove_project(opened.folder)
            projects.player.forget(opened.folder)


def remove_project(folder: Path) -> None:
    """Removes a project; of one that is elsewhere only the link to it. Raises BeingEdited while a job works on it."""
    gone = folder.with_name(f"{REMOVED}{folder.name}")
    if folder.is_symlink():
        folder.unlink()
        return
    try:
        with editing(folder):
            folder.rename(gone)
    except BeingEdited:
        raise
    except InputError:  # a damaged one
        folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _add_lease(app: FastAPI, projects: Projects) -> None:
    @app.post("/api/projects/{key}/lease")
    def ask(request: Request, key: str) -> Json:
        folder, tab = projects.folder(request, key), tab_of(request)
        if not tab:
            raise HTTPException(422, "the header X-Tab is missing; load the page again")
        writable = projects.leases.ask(folder.resolve(), tab)
        return {"writable": writable, "why": "" if writable else OTHER_TAB}

    @app.delete("/api/projects/{key}/lease", status_code=204)
    def end(request: Request, key: str) -> None:
        projects.leases.end(projects.folder(request, key).resolve(), tab_of(request))


def _add_edits(app: FastAPI, projects: Projects) -> None:
    @app.post("/api/projects/{key}/edits")
    def edit(request: Request, key: str, edits: Annotated[Edits, Body()]) -> JSONResponse:
        with projects.opened(request, key) as opened:
            projects.require_lease(request, opened.folder)
            return projects.reply(request, opened, edited(opened, edits.base, edits.operations))

    @app.post("/api/projects/{key}/revision")
    def go(request: Request, key: str, target: Annotated[Target, Body()]) -> JSONResponse:
        with projects.opened(request, key) as opened:
            projects.require_lease(request, opened.folder)
            return projects.reply(request, opened, gone_to(opened, target.to))

    @app.get("/api/projects/{key}/revisions")
    def list_revisions(request: Request, key: str) -> list[Json]:
        out = []
        with projects.opened(request, key) as opened:
            for number, words in history(opened.folder):
                with suppress(OSError):
                    written = revision_path(opened.folder, number).stat().st_mtime
                    out.append({"revision": number, "changed": iso_time(written), "words": words})
        return out

    @app.get("/api/projects/{key}/loudness")
    def measure(request: Request, key: str, revision: int | None = None) -> Json:
        with projects.opened(request, key) as opened:
            return loudness(opened.version(revision), measure=True)


def _add_files(app: FastAPI, projects: Projects) -> None:
    @app.get("/api/projects/{key}/files/{name}")
    def get_file(request: Request, key: str, name: str, revision: int | None = None) -> FileResponse:
        if name not in KINDS:
            raise HTTPException(404, f"there is no such download; there are {', '.join(KINDS)}")
        with projects.opened(request, key) as opened:
            found = download(opened.folder, name, opened.revision(revision).revision)
        if found is None:
            raise HTTPException(409, "these files are not written yet; ask for them first")
        return FileResponse(found[0], filename=found[1])
