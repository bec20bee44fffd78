"""What all routes of projects share: the user's project while it is used, leases, and replies in words for the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse

from condfoley.errors import InputError
from condfoley.project.store import BeingEdited
from condfoley.studio.downloads import write_files
from condfoley.studio.leases import OTHER_TAB, Leases
from condfoley.studio.listening import NoSound
from condfoley.studio.playing import Opened, Player, Version
from condfoley.studio.revising import Outdated, Revised
from condfoley.studio.views import Span, view_of
from condfoley.studio.wording import for_page
from condfoley.studio.workspace import UnknownKey, Workspace

WORKING = "A job is working on this project; wait for it, or cancel it."
NO_LEASE = "This page may not edit the project now; wait a moment, and try again."


@dataclass
class Projects:
    """What all routes of projects share. workspace: of the user who sent a request."""

    workspace: Callable[[Request], Workspace]
    player: Player = field(default_factory=Player)
    leases: Leases = field(default_factory=Leases)

    @contextmanager
    def opened(self, request: Request, key: str) -> Iterator[Opened]:
        """A user's project while its lock is held. Raises HTTPException, also in place of what is raised meanwhile."""
        workspace, folder = self.workspace(request), self.folder(request, key)
        with in_words(workspace, folder), self.player.opened(folder) as opened:
            yield opened

    def folder(self, request: Request, key: str) -> Path:
        """A user's project. Raises HTTPException where there is none of that id."""
        try:
            return self.workspace(request).project(key)
        except UnknownKey as error:
            raise HTTPException(404, str(error)) from None

    def require_lease(self, request: Request, folder: Path) -> None:
        """Raises HTTPException where the tab that sent a request may not edit a project; else it may go on doing so."""
        project, tab = folder.resolve(), tab_of(request)
        if not self.leases.holds(project, tab):
            raise HTTPException(423, NO_LEASE if self.leases.free(project, tab) else OTHER_TAB)
        self.leases.ask(project, tab)

    def may_edit(self, request: Request, key: str) -> None:
        """The same for jobs."""
        self.require_lease(request, self.folder(request, key))

    def write_files(self, workspace: Workspace, key: str, what: str, progress: Callable[[str, float], None]) -> str:
        """Writes files of a project for download; returns their address. Raises InputError."""
        folder = workspace.project(key)
        write_files(folder, what, progress)
        with self.player.opened(folder) as opened:
            revision = opened.current().revision
        return f"/api/projects/{key}/files/{what}?revision={revision}"

    def reply(self, request: Request, opened: Opened, revised: Revised | Version) -> JSONResponse:
        """The project as the page sees it."""
        notes: list[str] = []
        changed: list[Span] | None = None
        version = revised
        if isinstance(revised, Revised):
            version, notes, changed = revised
        assert isinstance(version, Version)
        folder, workspace = opened.folder, self.workspace(request)
        writable = self.leases.free(folder.resolve(), tab_of(request))
        view = view_of(opened, version, changed)
        view |= {"writable": writable, "why": "" if writable else OTHER_TAB}
        return JSONResponse(view | {"notes": [for_page(note, (folder, workspace.root)) for note in notes]})


def tab_of(request: Request) -> str:
    """The tab that sent a request; empty where it does not say."""
    return request.headers.get("x-tab", "")[:100]


@contextmanager
def in_words(workspace: Workspace, folder: Path) -> Iterator[None]:
    """While a request is answered: what cannot be done becomes an HTTPException in words for the page."""
    try:
        yield
    except BeingEdited:
        raise HTTPException(423, WORKING) from None
    except InputError as error:
        status = 409 if isinstance(error, Outdated) else 404 if isinstance(error, NoSound) else 422
        raise HTTPException(status, for_page(str(error), (folder, folder.resolve(), workspace.root))) from None
