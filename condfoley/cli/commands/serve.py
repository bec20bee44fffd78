"""`condfoley serve`: the model stays loaded, and other programs on this machine use it over HTTP."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from condfoley.cli.arguments import parse_options
from condfoley.cli.options import GenerateOptions, SoundOptions
from condfoley.cli.progress import Progress
from condfoley.errors import InputError, require_extra
from condfoley.files.partial import owned_folder
from condfoley.server.options import ServeOptions

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from condfoley.server.jobs import JobProgress

HOST = "127.0.0.1"  # nobody but this machine, since anybody who reaches the server may use it


def run(argv: list[str]) -> int:
    """Run with command-line arguments until it is interrupted. Raises InputError for anything that cannot be used."""
    options = parse_options("condfoley serve", ServeOptions, argv)
    require_extra("studio", "condfoley serve", ("fastapi", "uvicorn", "python_multipart"))
    import uvicorn

    from condfoley.server.listen import bound_socket

    progress = Progress(options.quiet)
    with bound_socket(HOST, options.port) as listener, _jobs_folder() as folder:
        try:
            app = build_application(options, folder, ["condfoley", "serve", *argv], progress)
        finally:
            progress.close()
        port = listener.getsockname()[1]
        print(f"condfoley: http://{HOST}:{port}/api is ready (Ctrl-C stops and removes all jobs)", file=sys.stderr)
        uvicorn.Server(server_config(app)).run(sockets=[listener])
    return 0


@contextmanager
def _jobs_folder() -> Iterator[Path]:
    """A new temporary folder; those of servers that were killed are removed. Raises InputError when it cannot be made."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(owned_folder(Path(tempfile.gettempdir()), "condfoley-serve-", 0o700))
        except OSError as error:
            raise InputError(
                f"the temporary folder cannot be written to ({error.strerror or error}); set TMPDIR to another one"
            ) from error
        yield folder


def server_config(app: FastAPI) -> uvicorn.Config:
    """How the application is served. Nothing is in front of it, so no header says who asks: the rate limit counts on it."""
    import uvicorn

    from condfoley.server.connections import CONNECTIONS, PatientProtocol

    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        http=PatientProtocol,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=5,
        proxy_headers=False,
    )


def build_application(options: ServeOptions, root: Path, command: list[str], progress: Progress) -> FastAPI:
    """The web application with the model loaded. root: an existing folder for uploads and results.

    Raises InputError when the model cannot be loaded.
    """
    from condfoley.cli.run_job import check_job, loaded_model
    from condfoley.server.app import application
    from condfoley.server.jobs import JobQueue

    model = SoundOptions(weights=options.weights, device=options.device, engine=options.engine)
    foley = loaded_model(model, progress)
    queue = JobQueue(partial(_run, options, command), root, options.max_waiting, options.max_finished)
    return application(queue, check_job, options, str(foley.loaded.card.get("name", "")))


def _run(options: ServeOptions, command: list[str], job: GenerateOptions, progress: JobProgress) -> dict[str, Any]:
    from condfoley.cli.run_job import run_job
    from condfoley.results.public import make_public

    job.weights, job.device, job.engine = options.weights, options.device, options.engine
    result = run_job(job, command, progress)
    make_public(Path(job.out))
    return result
