"""The study over HTTP: serves its page, and acknowledges answers when they are written to disk."""

from __future__ import annotations

import json
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from condfoley.study import crowd
from condfoley.study.answers import Finished, NewAnswer, NewSession, find_error
from condfoley.study.store import AnswerStore

MAX_BYTES = 64 * 1024
"""Maximum size of a request; an answer has a few hundred bytes."""
MAX_CLIENTS = 10_000
"""Number of addresses whose recent requests are stored."""


def application(public: Path, key: dict[str, Any], store: AnswerStore, rate: float, burst: int) -> FastAPI:
    """The web application of one study.

    public: the exported page. key: its key.json. rate, burst: requests a second of one address, see `RequestLimits`.
    """

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        store.close()  # so that the database is one file again

    app = FastAPI(title="condfoley study", docs_url=None, redoc_url=None, openapi_url=None, lifespan=life)
    app.add_middleware(RequestLimits, rate=rate, burst=burst)
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


class RequestLimits:
    """Rejects bodies above MAX_BYTES (413), however they are sent, and clients with too many requests (429).

    Each address has a token bucket with room for `burst` requests that is refilled with `rate` requests a second.
    """

    def __init__(self, app: ASGIApp, rate: float, burst: int) -> None:
        self.app, self.rate, self.burst = app, rate, burst
        self.buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # address -> (tokens, when)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        address = scope["client"][0] if scope.get("client") else ""
        if scope["path"].startswith("/api/") and not self._allowed(address, time.monotonic()):
            return await JSONResponse({"detail": "too many requests"}, 429, {"Retry-After": "1"})(scope, receive, send)
        body = await _body(receive)
        if body is None:
            return await JSONResponse({"detail": f"more than {MAX_BYTES} bytes"}, 413)(scope, receive, send)

        async def again() -> Message:
            nonlocal body
            if body is not None:
                message: Message = {"type": "http.request", "body": body, "more_body": False}
                body = None
                return message
            return await receive()

        await self.app(scope, again, send)

    def _allowed(self, address: str, now: float) -> bool:
        tokens, when = self.buckets.pop(address, (float(self.burst), now))
        tokens = min(float(self.burst), tokens + (now - when) * self.rate)
        self.buckets[address] = (max(0.0, tokens - 1), now)
        if len(self.buckets) > MAX_CLIENTS:
            self.buckets.popitem(last=False)
        return tokens >= 1


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None as soon as it is too large."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BYTES:
            return None
        if not message.get("more_body"):
            return body
