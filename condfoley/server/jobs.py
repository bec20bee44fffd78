"""A queue of jobs that one thread works off, because one soundtrack already uses all cores; owners take turns.

It knows nothing of HTTP or of soundtracks: what a job does is a function that is given to the queue.
"""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from condfoley.errors import InputError, UnwritableError
from condfoley.parallel import reason

State = Literal["queued", "running", "done", "failed"]
CANCELLED = "cancelled"
RESULTS = "results"
"""Folder of a job's results, inside the job's own folder."""


class JobCancelled(Exception):
    """Raised inside a running job to end it."""


class QueueFull(Exception):
    """There are too many waiting jobs."""


@dataclass
class Job:
    """One job. folder: its own, with inputs and results, removed with the job. options: for the function that runs it.

    owner: whose it is; jobs of one owner keep their order.
    """

    id: str
    folder: Path
    options: Any = None
    owner: str = ""
    state: State = "queued"
    stage: str = ""
    """Name of the current stage."""
    progress: float = 0.0
    """Fraction of all work done, in [0, 1]."""
    notes: list[str] = field(default_factory=list)
    """Remarks about the result."""
    error: str = ""
    """Why it failed, in one line."""
    summary: dict[str, Any] = field(default_factory=dict)
    """What the function returned."""
    cancelled: threading.Event = field(default_factory=threading.Event)


class JobProgress:
    """The progress of a job, called as `cli.progress.Progress` is; raises JobCancelled once the job is cancelled."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def __call__(self, stage: str, fraction: float) -> None:
        if self.job.cancelled.is_set():
            raise JobCancelled
        self.job.stage, self.job.progress = stage, min(max(fraction, 0.0), 1.0)

    def note(self, text: str) -> None:
        """Store a remark about the result."""
        self.job.notes.append(text)


class JobQueue:
    """Runs jobs one after the other in a thread of its own; the next one is of the owner who has waited longest for a turn.

    run: called with a job's options and its progress; the returned values become `Job.summary`. Exceptions become
    `Job.error`. root: an existing folder for the jobs' folders. max_waiting: jobs of one owner that may wait.
    max_finished: finished jobs whose results are kept; older ones are removed.
    """

    def __init__(
        self,
        run: Callable[[Any, JobProgress], dict[str, Any]],
        root: Path,
        max_waiting: int = 20,
        max_finished: int = 50,
    ) -> None:
        self.root, self.max_waiting, self.max_finished = root, max_waiting, max_finished
        self._run = run
        self._jobs: dict[str, Job] = {}  # in the order in which they were added
        self._turns: dict[str, int] = {}  # owner -> number of their latest turn
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._thread.start()

    def new(self, owner: str = "") -> Job:
        """A job that is not in the queue yet, with an empty folder. Raises QueueFull before anything is created."""
        self.require_room(owner)
        job = Job(secrets.token_hex(8), Path(), owner=owner)
        job.folder = self.root / job.id
        job.folder.mkdir()
        return job

    def require_room(self, owner: str = "") -> None:
        """Raises QueueFull when no further job of an owner may wait."""
        with self._changed:
            waiting = sum(job.state == "queued" and job.owner == owner for job in self._jobs.values())
            if waiting >= self.max_waiting:
                raise QueueFull(f"{waiting} jobs are waiting already; try again when some are finished")

    def add(self, job: Job) -> None:
        """Puts a new job behind the others of its owner. Raises QueueFull."""
        with self._changed:
            self.require_room(job.owner)
            self._jobs[job.id] = job
            self._changed.notify_all()

    def add_finished(self, job: Job) -> None:
        """Lists a job that ended before there was this queue."""
        with self._changed:
            self._jobs[job.id] = job

    def all(self) -> list[Job]:
        """All jobs, in the order in which they were added."""
        with self._changed:
            return list(self._jobs.values())

    def find(self, key: str) -> Job | None:
        """The job of that id; None if there is none."""
        with self._changed:
            return self._jobs.get(key)

    def position(self, job: Job) -> int:
        """How many jobs are before a job that waits; 0 for any other job."""
        with self._changed:
            running = sum(other.state == "running" for other in self._jobs.values())
            waiting = self._waiting()
        return running + waiting.index(job) if job in waiting else 0

    def cancel(self, job: Job) -> None:
        """Ends a job as failed: at once while it waits, at its next report of progress while it runs. It stays listed."""
        with self._changed:
            job.cancelled.set()
            if job.state != "queued":
                return
            job.error, job.state = CANCELLED, "failed"
        discard(job)

    def remove(self, job: Job) -> None:
        """Cancels a job if it is not finished, and removes it and its files.

        A running job ends at its next report of progress; its files are removed then.
        """
        with self._changed:
            self._jobs.pop(job.id, None)
            job.cancelled.set()
            running = job.state == "running"
        if not running:
            discard(job)

    def close(self, timeout: float = 30.0) -> None:
        """Cancels all jobs and waits at most `timeout` s for the running one to end."""
        with self._changed:
            self._closed = True
            for job in self._jobs.values():
                job.cancelled.set()
            self._changed.notify_all()
        self._thread.join(timeout)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            state: State = "failed"
            summary: dict[str, Any] = {}
            try:
                summary, state, error = self._run(job.options, JobProgress(job)), "done", ""
            except JobCancelled:
                error = CANCELLED
            except (InputError, UnwritableError) as failure:
                error = reason(failure)
            except Exception as failure:  # noqa: BLE001 - a failed job must not end the server
                error = f"internal error, {reason(failure)}"
            self._finish(job, state, error, summary)

    def _next(self) -> Job | None:
        """The next job, as soon as there is one; None once the queue is closed."""
        with self._changed:
            while not self._closed:
                if waiting := self._waiting():
                    job = waiting[0]
                    self._turns[job.owner] = max(self._turns.values(), default=0) + 1
                    job.state = "running"
                    return job
                self._changed.wait()
        return None

    def _waiting(self) -> list[Job]:
        """The jobs that wait, in the order in which they will run if no further ones come."""
        left: dict[str, list[Job]] = {}
        for job in self._jobs.values():
            if job.state == "queued":
                left.setdefault(job.owner, []).append(job)
        turns, order = dict(self._turns), list[Job]()
        while left:
            owner = min(left, key=lambda name: turns.get(name, 0))  # the first to have come, of equals
            turns[owner] = max(turns.values(), default=0) + 1
            order.append(left[owner].pop(0))
            if not left[owner]:
                del left[owner]
        return order

    def _finish(self, job: Job, state: State, error: str, summary: dict[str, Any]) -> None:
        with self._changed:
            finished = [other for other in self._jobs.values() if other is job or other.state in ("done", "failed")]
            expired = finished[: max(0, len(finished) - self.max_finished)]
            for old in expired:
                del self._jobs[old.id]
        for old in expired:
            discard(old)
        with self._changed:  # the state last: whoever sees it sees the rest, and no expired files
            job.summary, job.error = summary, error
            job.progress = 1.0 if state == "done" else job.progress
            job.state = state
            removed = job.id not in self._jobs
        if removed:
            discard(job)


def discard(job: Job) -> None:
    """Removes a job's files."""
    shutil.rmtree(job.folder, ignore_errors=True)


def result_files(job: Job) -> list[Path]:
    """The files of a job's results, relative to its folder of results, in a stable order."""
    home = job.folder / RESULTS
    return sorted(path.relative_to(home) for path in home.rglob("*") if path.is_file() and path.name[0] != ".")
