"""The study over HTTP: serves its page, and acknowledges answers when they are written to disk."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

from condfoley.server.limits import RequestLimits
from condfoley.study import crowd
from condfoley.study.answers import Finished, NewAnswer, NewSession, find_error
from condfoley.study.store import AnswerStore

MAX_BYTES = 64 * 1024
"""Maximum size of a request; an answer has a few hundred bytes."""


def application(public: Path, key: dict[str, Any], store: AnswerStore, rate: float, burst: int) -> FastAPI:
    """The web application of one study.

    public: the exported page. key: its key.json. rate, burst: requests a second of one address, see `RequestLimits`.
    """

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        store.close()  # so that the database is one file again

    app = FastAPI(title="condfoley study", docs_url=None, redoc_url=None, openapi_url=None, lifespan=life)
    app.add_middleware(RequestLimits, rate=rate, burst=burst, max_bytes=MAX_BYTES)
    # The page may be published elsewhere; no cookie or other secret of the browser is ever involved.
    app.add_middleware(
        CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "POST"], allow_headers=["Content-Type"]
    )
    forms = 1 + max(trial["form"] for trial in key["trials"].values())
    sizes = [sum(trial["form"] == form for trial in key["trials"].values()) for form in range(forms)]

    @app.exception_handler(RequestValidationError)
    async def refuse(_: Request, error: RequestValidationError) -> JSONResponse:
        # FastAPI's own reply repeats the input, which may be hostile, or a NaN that JSON cannot hold.
        return JSONResponse({"detail": [item["msg"] for item in error.errors()][:3]}, 422)

    @app.get("/api/study")
    async def study() -> dict[str, str]:
        return {"study": key["study"]}

    @app.post("/api/sessions", status_code=201)
    async def begin(new: NewSession) -> dict[str, Any]:
        _same_study(new.study, key)
        session = secrets.token_hex(16)
        form = await store.add_session(session, crowd.participant(key["secret"], new.worker), forms)
        return {"session": session, "form": form}

    @app.post("/api/answers", status_code=201)
    async def answer(new: NewAnswer) -> dict[str, bool]:
        _same_study(new.study, key)
        form = _form(store, new.session)
        if reason := find_error(new.answer, form, key):
            raise HTTPException(422, reason)
        if not await store.add_answer(new.session, new.answer.trial, new.answer.model_dump_json()):
            raise HTTPException(409, "this trial was answered before")
        return {"saved": True}

    @app.post("/api/finish")
    async def finish(end: Finished) -> dict[str, str]:
        _same_study(end.study, key)
        form = _form(store, end.session)
        if await store.answered(end.session) < sizes[form]:
            raise HTTPException(409, "not all trials are answered")
        await store.finish(end.session, json.dumps({"headphones": end.headphones}))
        return {"code": crowd.completion_code(key["secret"], end.session)}

    app.mount("/", StaticFiles(directory=public, html=True))
    return app


def _same_study(study: str, key: dict[str, Any]) -> None:
    if study != key["study"]:
        raise HTTPException(409, "this is another study; reload the page")


def _form(store: AnswerStore, session: str) -> int:
    form = store.form(session)
    if form is None:
        raise HTTPException(404, "no such session")
    return form
