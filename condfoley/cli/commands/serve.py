"""`condfoley serve`: the model stays loaded, and other programs on this machine use it over HTTP."""

from __future__ import annotations

import socket
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from condfoley.cli.arguments import parse_options
from condfoley.cli.options import GenerateOptions, SoundOptions
from condfoley.cli.progress import Progress
from condfoley.errors import InputError, require_extra
from condfoley.server.options import ServeOptions

if TYPE_CHECKING:
    from fastapi import FastAPI

    from condfoley.server.jobs import JobProgress

HOST = "127.0.0.1"  # nobody but this machine, since anybody who reaches the server may use it


def run(argv: list[str]) -> int:
    """Run with command-line arguments until it is interrupted. Raises InputError for anything that cannot be used."""
    options = parse_options("condfoley serve", ServeOptions, argv)
    require_extra("studio", "condfoley serve", ("fastapi", "uvicorn", "python_multipart"))
    import uvicorn

    progress = Progress(options.quiet)
    with _listen(options.port) as listener, tempfile.TemporaryDirectory(prefix="condfoley-serve-") as folder:
        try:
            app = build_application(options, Path(folder), ["condfoley", "serve", *argv], progress)
        finally:
            progress.close()
        port = listener.getsockname()[1]
        print(f"condfoley: http://{HOST}:{port}/api is ready (Ctrl-C stops and removes all jobs)", file=sys.stderr)
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=5)
        uvicorn.Server(config).run(sockets=[listener])
    return 0


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

    job.weights, job.device, job.engine = options.weights, options.device, options.engine
    return run_job(job, command, progress)


def _listen(port: int) -> socket.socket:
    """A socket that is bound to the port. Raises InputError when it cannot be."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise InputError(
            f"cannot listen on port {port} ({error.strerror}); give another --port, or 0 for any"
        ) from None
    return listener
