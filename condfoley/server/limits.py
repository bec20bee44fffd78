"""What a server refuses before its endpoints see it: large bodies, too many requests, requests from elsewhere.

ASGI middleware, used by `condfoley serve` and `condfoley study serve`.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from urllib.parse import urlsplit

from fastapi import HTTPException
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from condfoley.server.options import LOOPBACK

GRACE, SLOWEST = 30.0, 2000.0
"""s in which something of a body must come, and after which it must have been as fast as so many bytes a second."""
MAX_CLIENTS = 10_000
"""Number of addresses whose recent requests are stored."""
TOO_SLOW = "the upload is too slow; send it again over a faster connection"


class RequestLimits:
    """Rejects bodies above `max_bytes` (413), however they are sent, or that creep (408), and too many requests (429).

    Each address has a token bucket with room for `burst` requests that is refilled with `rate` requests a second;
    only paths below /api/ are counted.
    """

    def __init__(self, app: ASGIApp, rate: float, burst: int, max_bytes: int) -> None:
        self.app, self.rate, self.burst, self.max_bytes = app, rate, burst, max_bytes
        self.buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # address -> (tokens, when)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        address = scope["client"][0] if scope.get("client") else ""
        if scope["path"].startswith("/api/") and not self._allowed(address, time.monotonic()):
            return await JSONResponse({"detail": "too many requests"}, 429, {"Retry-After": "1"})(scope, receive, send)
        too_large = f"the request is larger than {self.max_bytes} bytes"
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self.max_bytes:
            return await JSONResponse({"detail": too_large}, 413)(scope, receive, send)
        read, began, more = 0, time.monotonic(), True

        async def counted() -> Message:
            nonlocal read, more
            message = await (_in_time(receive) if more else receive())
            read += len(message.get("body", b""))
            more = more and message.get("more_body", False)
            if read > self.max_bytes:
                raise HTTPException(413, too_large)
            seconds = time.monotonic() - began
            if more and seconds > GRACE and read < seconds * SLOWEST:
                raise HTTPException(408, TOO_SLOW)
            return message

        await self.app(scope, counted, send)

    def _allowed(self, address: str, now: float) -> bool:
        tokens, when = self.buckets.pop(address, (float(self.burst), now))
        tokens = min(float(self.burst), tokens + (now - when) * self.rate)
        self.buckets[address] = (max(0.0, tokens - 1), now)
        if len(self.buckets) > MAX_CLIENTS:
            self.buckets.popitem(last=False)
        return tokens >= 1


async def _in_time(receive: Receive) -> Message:
    """The next part of a body. Raises HTTPException where none comes."""
    try:
        return await asyncio.wait_for(receive(), GRACE)
    except asyncio.TimeoutError:
        raise HTTPException(408, TOO_SLOW) from None


class LoopbackOnly:
    """Rejects requests that a web page elsewhere made a browser on this machine send (403).

    The Host header must name this machine, which a domain that was rebound to 127.0.0.1 does not; so must the Origin
    header of a browser's request, if there is one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if not _is_loopback(f"//{headers.get('host', '')}") or (origin is not None and not _is_loopback(origin)):
            detail = "this server only answers requests for 127.0.0.1 or localhost"
            return await JSONResponse({"detail": detail}, 403)(scope, receive, send)
        await self.app(scope, receive, send)


def _is_loopback(address: str) -> bool:
    try:
        return urlsplit(address).hostname in LOOPBACK
    except ValueError:
        return False
