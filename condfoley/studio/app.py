"""The web application of `condfoley studio`. docs/studio.md describes it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from av import FFmpegError
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from condfoley import __version__
from condfoley.errors import InputError, UnwritableError
from condfoley.runtime.engine import generators_of
from condfoley.server.limits import RequestLimits
from condfoley.server.uploads import settings_schema
from condfoley.settings import RENDERERS
from condfoley.studio.clip_routes import add_clip_routes
from condfoley.studio.clips import TooMuch
from condfoley.studio.fitting import can_find
from condfoley.studio.job_routes import add_job_routes
from condfoley.studio.jobs import plain_names
from condfoley.studio.options import MEGABYTE
from condfoley.studio.page import add_page
from condfoley.studio.project_routes import add_project_routes
from condfoley.studio.security import Guard, user_of
from condfoley.studio.server import Studio
from condfoley.studio.workspace import UnknownKey
from condfoley.weights import read_card


def application(studio: Studio) -> FastAPI:
    """The web application of a studio, which is closed when the application ends."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(studio.close)

    options = studio.options
    app = FastAPI(title="condfoley studio", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.add_middleware(RequestLimits, rate=options.rate, burst=options.burst, max_bytes=options.max_upload * MEGABYTE)
    app.add_middleware(Guard, users=studio.users, names=options.host_names, addresses=not options.is_loopback)
    _add_replies_to_errors(app, studio)

    @app.get("/api/about")
    def about(request: Request) -> dict[str, Any]:
        return {
            "version": __version__,
            "weights": studio.weights,
            "engine": options.engine,
            "user": user_of(request),
            "limits": {
                "upload_bytes": options.max_upload * MEGABYTE,
                "seconds": options.max_seconds,
                "waiting": options.max_waiting,
            },
            "finds": can_find(studio),
            "render": list(RENDERERS),
            "generators": generators_of(read_card(options.weights_folder)),
            "settings": settings_schema(),
        }

    add_clip_routes(app, studio)
    projects = add_project_routes(app, studio.workspace)
    add_job_routes(app, studio, projects.may_edit, projects.write_files)
    add_page(app, studio.users, options.needs_token)
    return app


def _add_replies_to_errors(app: FastAPI, studio: Studio) -> None:
    def reply(status: int, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": " ".join(plain_names(str(error), studio.users.home).split())}, status)

    @app.exception_handler(UnknownKey)
    async def unknown(_: Request, error: UnknownKey) -> JSONResponse:
        return reply(404, error)

    @app.exception_handler(TooMuch)
    async def too_much(_: Request, error: TooMuch) -> JSONResponse:
        return reply(409, error)

    @app.exception_handler(InputError)
    async def unusable(_: Request, error: InputError) -> JSONResponse:
        return reply(422, error)

    @app.exception_handler(UnwritableError)
    async def unwritable(_: Request, error: UnwritableError) -> JSONResponse:
        return reply(507, error)

    @app.exception_handler(FFmpegError)
    async def undecodable(_: Request, error: FFmpegError) -> JSONResponse:
        return reply(
            422, InputError(f"a part of this clip cannot be decoded ({error.strerror}); convert it to H.264 MP4")
        )

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> JSONResponse:
        return reply(500, InputError(f"internal error ({type(error).__name__}); the server's output says where"))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]  # FastAPI's own reply is a list that repeats the input
        return JSONResponse({"detail": f"{first['loc'][-1]}: {first['msg'].lower()}"}, 422)
