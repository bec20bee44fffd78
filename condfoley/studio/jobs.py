"""What the jobs of the studio do: soundtracks, sounds drawn anew, layers, beds and downloads. One queue for all users."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from condfoley.files import write_json
from condfoley.server.jobs import RESULTS, Job, JobProgress, JobQueue
from condfoley.studio.clips import Clip
from condfoley.studio.record import Record, read_record, write_record
from condfoley.studio.users import workspace_in
from condfoley.studio.wording import for_page
from condfoley.studio.workspace import Workspace

if TYPE_CHECKING:
    from condfoley.foley import Foley

RECORD = "job.json"
KEPT = 500
"""Finished jobs that are listed."""
LOST = "the server was restarted; generate again"
Model = Callable[[], "Foley"]
"""Gives the loaded model; the first call loads it."""
Work = Callable[["Task", JobProgress], dict[str, Any]]


@dataclass
class Task:
    """What a job is to do. folder: the job's own. values: what the request said, checked. work: does it.

    folders: of the project's inputs, which messages do not name.
    """

    kind: str
    workspace: Workspace
    folder: Path
    values: dict[str, Any] = field(default_factory=dict)
    work: Work = lambda task, progress: {}
    project: str | None = None
    file: str | None = None
    folders: tuple[Path, ...] = ()


def run_task(task: Task, progress: JobProgress) -> dict[str, Any]:
    """Does a job. Its folder, which would tell of a lost job after a restart, is removed at its end."""
    try:
        result = task.work(task, progress)
    finally:
        shutil.rmtree(task.folder, ignore_errors=True)
    task.project = result.get("project", task.project)
    task.file = result.get("file", task.file)
    return result


def studio_queue(home: Path, max_waiting: int) -> JobQueue:
    """The queue of a server, whose jobs are in a folder of `home`. Jobs that a killed server left are listed, as failed
    unless their project is there."""
    root = home / "jobs"
    lost = _lost_jobs(root)
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    queue = JobQueue(run_task, root, max_waiting, KEPT)
    for job in lost:
        queue.add_finished(job)
    return queue


def note_job(job: Job) -> None:
    """Writes down, until the job ends, whose and what it is."""
    task: Task = job.options
    write_json(job.folder / RECORD, {"owner": job.owner, "kind": task.kind, "project": task.project})


def _lost_jobs(root: Path) -> list[Job]:
    out = []
    for path in sorted(root.glob(f"*/{RECORD}"), key=lambda path: path.stat().st_mtime_ns):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            key, owner = path.parent.name, str(record["owner"])
            task = Task(str(record["kind"]), Workspace(Path()), path.parent, project=record.get("project"))
            if (workspace_in(root.parent, owner).projects / key).is_dir():  # killed after `keep_result`
                task.project = key
                out.append(Job(key, path.parent, task, owner, "done", progress=1.0))
            else:
                out.append(Job(key, path.parent, task, owner, "failed", error=LOST))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return out


def job_json(job: Job, queue: JobQueue) -> dict[str, Any]:
    """A job as the page gets it."""
    task: Task = job.options
    cancelled = job.cancelled.is_set()
    state = "cancelled" if cancelled and job.state == "failed" else job.state
    return {
        "id": job.id,
        "kind": task.kind,
        "state": state,
        "position": queue.position(job),
        "stage": "cancelling" if cancelled and state == "running" else job.stage,
        "progress": round(job.progress, 4),
        "error": "" if state == "cancelled" else without_folders(job.error, task),
        "notes": [without_folders(note, task) for note in job.notes],
        "project": task.project,
        "file": task.file,
    }


def without_folders(message: str, task: Task) -> str:
    """A message with names of files in place of their paths on the server, and without commands."""
    given = [part for value in task.values.values() for part in (value if isinstance(value, tuple) else (value,))]
    clips = [value.path.parent for value in given if isinstance(value, Clip)]
    folders = [*clips, *task.folders, task.folder, task.workspace.root]
    return for_page(plain_names(message, task.folder, task.workspace.root), folders)


def plain_names(message: str, *folders: Path) -> str:
    """A message without the folders of the server: of a file in them its name is left."""
    out = []
    for word in message.split(" "):
        inside = any(str(folder) in word for folder in folders if str(folder) not in ("", "."))
        out.append(word.rsplit("/", 1)[-1] if inside else word)
    return " ".join(out)


def keep_result(task: Task, record: Record) -> str:
    """Moves a new result among the user's projects, complete with what the studio knows of it; returns its id."""
    result = task.folder / RESULTS
    write_record(result, record)
    key = task.folder.name
    os.rename(result, task.workspace.projects / key)
    return key


def note_references(folder: Path, references: dict[str, str]) -> None:
    """Notes in a project's studio.json which clips its new layers are from."""
    record = read_record(folder)
    write_record(folder, replace(record, references={**record.references, **references}))
