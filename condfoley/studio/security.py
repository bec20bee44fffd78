"""What every request to the studio must fulfil, and the headers of every reply. ASGI middleware."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from condfoley.studio.users import COOKIE, Users

CHANGES = ("POST", "PUT", "PATCH", "DELETE")
HEADER, VALUE = "x-condfoley", "studio"
"""A header that a form or picture of another page cannot send."""
IDLE = 30.0  # s within which a client must go on sending
MAX_JSON = 4 * 10**6  # bytes of a request that is no upload
UPLOADS = "/api/clips"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}
NOTHING = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""Policy of all that is not the page: even a file that is opened by itself runs nothing."""


class Guard:
    """Refuses requests for other hosts (403), from other pages (403), without a session (401), and slow ones (408).

    names: hosts that a request may be for. addresses: whether any IP address may be too, which no domain can be rebound
    to. The user's name is in `scope["studio_user"]`.
    """

    def __init__(self, app: ASGIApp, users: Users, names: Collection[str], addresses: bool) -> None:
        self.app, self.users, self.names, self.addresses = app, users, frozenset(names), addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return None  # no web sockets
        headers = Headers(scope=scope)
        scope["studio_user"] = self.users.of_cookie(cookie_parser(headers.get("cookie", "")).get(COOKIE, ""))
        sending = _with_headers(send)
        if refusal := self._refusal(scope, headers):
            return await refusal(scope, receive, sending)
        limited = _read_limited(receive, None if _is_upload(scope) else MAX_JSON)
        await self.app(scope, limited, sending)
        return None

    def _refusal(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        host = headers.get("host", "")
        if not self._is_ours(f"//{host}"):
            return JSONResponse({"detail": "this server has another name; start it with --names to add this one"}, 403)
        origin = headers.get("origin")
        if origin is not None and _place(origin) != _place(f"//{host}"):
            return JSONResponse({"detail": "requests of other pages are refused"}, 403)
        if scope["method"] in CHANGES and headers.get(HEADER) != VALUE:
            return JSONResponse({"detail": "the header X-Condfoley: studio is missing"}, 403)
        if scope["path"].startswith("/api/") and scope["studio_user"] is None:
            detail = "you are not signed in; open the address that `condfoley studio` printed"
            return JSONResponse({"detail": detail}, 401)
        return None

    def _is_ours(self, address: str) -> bool:
        place = _place(address)
        if place is None:
            return False
        if place[0] in self.names:
            return True
        try:
            ipaddress.ip_address(place[0])
        except ValueError:
            return False
        return self.addresses


def user_of(request: Request) -> str:
    """Name of the user who sent a request below /api/, which `Guard` lets pass only with one."""
    name: str = request.scope["studio_user"]
    return name


def _place(address: str) -> tuple[str, int | None] | None:
    """Host and port of an address; None where it has none."""
    try:
        parts = urlsplit(address)  # browsers leave out a port that is the scheme's own, in both headers
        return (parts.hostname.lower(), parts.port) if parts.hostname else None
    except ValueError:
        return None


def _is_upload(scope: Scope) -> bool:
    return scope["method"] == "POST" and scope["path"] == UPLOADS


def _read_limited(receive: Receive, most: int | None) -> Receive:
    """A `receive` whose client must go on sending, at most `most` bytes. Raises HTTPException."""
    read, complete = 0, False

    async def limited() -> Message:
        nonlocal read, complete
        if complete:  # what comes now is the end of the connection, however late
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), IDLE)
        except (TimeoutError, asyncio.TimeoutError):
            raise HTTPException(408, f"nothing came for {IDLE:g} s; send it again") from None
        complete = not message.get("more_body", False)
        read += len(message.get("body", b""))
        if most is not None and read > most:
            raise HTTPException(413, f"the request is larger than {most} bytes")
        return message

    return limited


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Content-Security-Policy", NOTHING)
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending
