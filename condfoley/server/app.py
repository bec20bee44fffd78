"""The HTTP API of `condfoley serve`: submit a job, follow its progress, fetch its results. See docs/serve.md."""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Form, HTTPException, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, Field

from condfoley import __version__
from condfoley.cli.options import GenerateOptions
from condfoley.errors import InputError
from condfoley.files import atomic_file
from condfoley.server.jobs import RESULTS, Job, JobQueue, QueueFull, discard, result_files
from condfoley.server.limits import LoopbackOnly, RequestLimits
from condfoley.server.options import JobSettings, ServeOptions
from condfoley.server.uploads import parse_settings, save_job, settings_schema, without_folders

Check = Callable[[GenerateOptions], None]
MEGABYTE = 10**6


class JobStatus(BaseModel):
    """A job as the API reports it."""

    id: str
    state: Literal["queued", "running", "done", "failed"]
    position: int = Field(description="Number of unfinished jobs before this one while it waits.")
    stage: str = Field(description="Name of the current stage.")
    progress: float = Field(description="Fraction of all work done, from 0 to 1.")
    error: str = Field(description="Why the job failed, in one line.")
    notes: list[str] = Field(description="Remarks about the result.")
    result: dict[str, Any] = Field(description="Of a finished job: its candidates' scores, choice and takes.")


class ResultFile(BaseModel):
    """A file of a job's results."""

    name: str = Field(description="Path inside the results, such as candidates/scores.csv.")
    size: int = Field(description="In bytes.")


class Problem(BaseModel):
    """What was wrong with a request."""

    detail: str


def application(queue: JobQueue, check: Check, options: ServeOptions, weights: str) -> FastAPI:
    """The web application.

    check: raises InputError for a job whose inputs cannot be used, before it is put into the queue. weights: name of the
    loaded weights. The queue is closed when the application ends.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(queue.close)

    app = FastAPI(title="condfoley", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_middleware(RequestLimits, rate=options.rate, burst=options.burst, max_bytes=options.max_upload * MEGABYTE)
    app.add_middleware(LoopbackOnly)

    @app.exception_handler(RequestValidationError)
    async def report_invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]  # FastAPI's own reply is a list that repeats the input
        return JSONResponse({"detail": f"{first['loc'][-1]}: {first['msg'].lower()}"}, 422)

    @app.get("/api")
    async def about() -> dict[str, str]:
        """Version of condfoley and name of the loaded weights."""
        return {"version": __version__, "weights": weights}

    @app.get("/api/settings")
    async def settings_of_a_job() -> dict[str, Any]:
        """JSON schema of the settings of a job."""
        return settings_schema()

    _add_job_routes(app, queue, check)
    _add_result_routes(app, queue)
    return app


def _add_job_routes(app: FastAPI, queue: JobQueue, check: Check) -> None:
    refused: dict[int | str, dict[str, Any]] = {code: {"model": Problem} for code in (413, 422, 429, 503, 507)}
    unknown: dict[int | str, dict[str, Any]] = {404: {"model": Problem}}

    @app.post("/api/jobs", status_code=201, responses=refused)
    async def submit(
        reference: UploadFile,
        target: UploadFile,
        start_from: UploadFile | None = None,
        settings: Annotated[str, Form(description="JSON object; GET /api/settings has its schema.")] = "{}",
        hits: Annotated[str, Form(description="Times of the impacts, as in hits.txt.")] = "",
    ) -> JobStatus:
        """Submit a job: a reference (clip or sound), a target (video), a sound to start from (generator flow), settings
        and times of impacts."""
        files = {"reference": reference, "target": target} | ({"start_from": start_from} if start_from else {})
        return _status(await run_in_threadpool(_submit, queue, check, files, settings, hits), queue)

    @app.get("/api/jobs")
    def list_jobs() -> list[JobStatus]:
        """All jobs, in the order in which they were submitted."""
        return [_status(job, queue) for job in queue.all()]

    @app.get("/api/jobs/{key}", responses=unknown)
    def status(key: str) -> JobStatus:
        """State and progress of a job."""
        return _status(_find(queue, key), queue)

    @app.delete("/api/jobs/{key}", status_code=204, responses=unknown)
    def remove(key: str) -> None:
        """Cancel a job if it is not finished, and remove it and its files."""
        queue.remove(_find(queue, key))


def _add_result_routes(app: FastAPI, queue: JobQueue) -> None:
    missing: dict[int | str, dict[str, Any]] = {code: {"model": Problem} for code in (404, 409)}

    @app.get("/api/jobs/{key}/files", responses=missing)
    def list_files(key: str) -> list[ResultFile]:
        """The files of a finished job."""
        job = _finished(queue, key)
        home = job.folder / RESULTS
        return [ResultFile(name=path.as_posix(), size=(home / path).stat().st_size) for path in result_files(job)]

    @app.get("/api/jobs/{key}/files/{name:path}", response_class=FileResponse, responses=missing)
    def get_file(key: str, name: str) -> FileResponse:
        """One file of a finished job."""
        job = _finished(queue, key)
        if name not in {path.as_posix() for path in result_files(job)}:
            raise HTTPException(404, f"the results have no file {name}")
        return FileResponse(job.folder / RESULTS / name)

    @app.get("/api/jobs/{key}/results.zip", response_class=FileResponse, responses=missing)
    def get_all(key: str) -> FileResponse:
        """All files of a finished job."""
        return FileResponse(_archive(_finished(queue, key)), filename=f"condfoley-{key}.zip")


def _submit(queue: JobQueue, check: Check, files: dict[str, UploadFile], settings: str, hits: str) -> Job:
    """Puts a checked job into the queue. Raises HTTPException; nothing is left then."""
    job = None
    try:
        wanted: JobSettings = parse_settings(settings)
        job = queue.new()
        job.options = save_job(job, files, wanted, hits)
        check(job.options)
        queue.add(job)
        return job
    except BaseException as error:
        if job is not None:
            discard(job)
        if isinstance(error, InputError):
            raise HTTPException(422, _public(str(error), job)) from None
        if isinstance(error, QueueFull):
            raise HTTPException(503, str(error), {"Retry-After": "10"}) from None
        if isinstance(error, OSError):
            raise HTTPException(507, f"the files cannot be written ({error.strerror}); make room on the disk") from None
        raise


def _archive(job: Job) -> Path:
    """A ZIP file of a job's results, written once. Sounds and videos are hardly compressible, so they are stored."""
    path = job.folder / "results.zip"
    if not path.exists():
        with atomic_file(path) as part, zipfile.ZipFile(part, "w") as archive:
            for name in result_files(job):
                archive.write(job.folder / RESULTS / name, name)
    return path


def _find(queue: JobQueue, key: str) -> Job:
    job = queue.find(key)
    if job is None:
        raise HTTPException(404, "there is no such job; it may have been removed")
    return job


def _finished(queue: JobQueue, key: str) -> Job:
    job = _find(queue, key)
    if job.state == "failed":
        raise HTTPException(409, f"the job failed and has no results: {_public(job.error, job)}")
    if job.state != "done":
        raise HTTPException(409, f"the job is {job.state}; its results are there when it is done")
    return job


def _public(message: str, job: Job | None) -> str:
    return without_folders(message, job.folder) if job else message


def _status(job: Job, queue: JobQueue) -> JobStatus:
    """A snapshot; result: without the files' paths on this machine."""
    result = {
        name: value for name, value in job.summary.items() if name in ("candidates", "chosen", "takes", "elapsed")
    }
    return JobStatus(
        id=job.id,
        state=job.state,
        position=queue.position(job),
        stage=job.stage,
        progress=job.progress,
        error=_public(job.error, job),
        notes=[_public(note, job) for note in job.notes],
        result=result,
    )
