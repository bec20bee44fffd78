"""What all routes of the studio share: users, queue, background work, the model, and the limits."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import Request
from filelock import BaseFileLock, FileLock, Timeout

from condfoley.errors import InputError
from condfoley.files import make_folder
from condfoley.server.jobs import JobQueue
from condfoley.studio.background import Background
from condfoley.studio.clips import NEW, ClipLimits, remove_unused
from condfoley.studio.jobs import studio_queue
from condfoley.studio.library import Library
from condfoley.studio.options import MEGABYTE, StudioOptions
from condfoley.studio.security import user_of
from condfoley.studio.uploads import PARTS
from condfoley.studio.users import Users, default_home
from condfoley.studio.workspace import REMOVED, Workspace

if TYPE_CHECKING:
    from condfoley.foley import Foley

SWEEP = 3600.0  # s between looking for clips that nobody uses


@dataclass
class Studio:
    """A running server. weights: name of the loaded ones. load: loads the model. lock: held on the home."""

    options: StudioOptions
    users: Users
    queue: JobQueue
    background: Background
    library: Library
    weights: str
    load: Callable[[], Foley]
    lock: BaseFileLock
    limits: ClipLimits = field(init=False)

    def __post_init__(self) -> None:
        options = self.options
        self.limits = ClipLimits(options.max_seconds, options.max_clips, options.max_storage * MEGABYTE)
        self._loading = threading.Lock()
        self._swept = 0.0

    def model(self) -> Foley:
        """The model; whoever asks while it is being loaded waits."""
        with self._loading:
            return self.load()

    def workspace(self, request: Request) -> Workspace:
        """The folder of the user who sent a request."""
        return self.users.workspace(user_of(request))

    def sweep(self) -> None:
        """Removes clips that nobody uses, at most once an hour."""
        if time.monotonic() - self._swept > SWEEP or not self._swept:
            self._swept = time.monotonic()
            for name in self.users.names:
                remove_unused(self.users.workspace(name), self.options.keep_days)

    def close(self) -> None:
        """Ends jobs and background work."""
        self.queue.close()
        self.background.close()
        self.lock.release()


def open_studio(options: StudioOptions, weights: str, load: Callable[[], Foley]) -> Studio:
    """A studio in the options' home, from which what a killed server left is removed.

    Raises InputError for folders that cannot be used, and for a home that another server uses.
    """
    home = (Path(options.home).expanduser() if options.home else default_home()).resolve()
    library = Library(Path(options.library) if options.library else None)
    lock = _locked(home)
    try:
        users = Users(home, options.user_names)
        for name in users.names:
            workspace = users.workspace(name)
            removed = workspace.projects.glob(f"{REMOVED}*")
            for left in (workspace.root / PARTS, workspace.clips / f".{NEW}", *removed):
                shutil.rmtree(left, ignore_errors=True)
        queue = studio_queue(home, options.max_waiting)
    except BaseException:
        lock.release()
        raise
    return Studio(options, users, queue, Background(), library, weights, load, lock)


def _locked(home: Path) -> BaseFileLock:
    """A lock on a home, which ends with the process. Raises InputError."""
    make_folder(home)
    lock = FileLock(home / ".lock", thread_local=False)  # another thread may release it
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"another condfoley studio uses {home}; end it, or give another --home") from None
    except OSError as error:
        raise InputError(f"{home} cannot be written to ({error.strerror}); give another --home") from None
    return lock
