"""Clients that hold a server's connections: they are closed where no request comes, and those of others are answered."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

pytest.importorskip("uvicorn", reason="servers need uvicorn (pip install 'condfoley[studio]')")

import uvicorn
from fastapi import FastAPI, Request

from condfoley.server import connections, limits
from condfoley.server.connections import PatientProtocol
from condfoley.server.limits import RequestLimits
from condfoley.server.listen import bound_socket

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
POST = b"POST /api/body HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n"
SHORT = 2.0  # s in place of the true patience: a busy machine may take one to read a request


@contextmanager
def served() -> Iterator[int]:
    """The port of a server that answers GET / and counts the bytes that come to /api/body."""
    app = FastAPI()
    app.add_middleware(RequestLimits, rate=1e6, burst=10**6, max_bytes=1000)

    @app.get("/")
    def hello() -> str:
        return "hello"

    @app.post("/api/body")
    async def body(request: Request) -> int:
        return sum([len(part) async for part in request.stream()])

    with bound_socket("127.0.0.1", 0) as listener:
        listener.listen(64)
        server = uvicorn.Server(uvicorn.Config(app, http=PatientProtocol, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(30)


def talk(port: int, *parts: bytes) -> socket.socket:
    there = socket.create_connection(("127.0.0.1", port), timeout=60)
    for part in parts:
        there.sendall(part)
    return there


def answered(there: socket.socket) -> bytes:
    """The whole reply to GET, which may come in pieces."""
    reply = b""
    while not reply.endswith(b'"hello"') and (part := there.recv(1000)):
        reply += part
    return reply


def test_connections_without_a_request_are_closed_and_others_are_answered(monkeypatch):
    monkeypatch.setattr(connections, "PATIENCE", SHORT)
    with served() as port:
        idle = [talk(port), talk(port, GET[:20]), *(talk(port, b"GET /") for _ in range(20))]
        with talk(port, GET) as other:
            assert b"200 OK" in answered(other)
        for there in idle:
            assert there.recv(1000) == b""  # closed by the server
            there.close()


def test_a_second_request_that_never_ends_is_closed_too(monkeypatch):
    monkeypatch.setattr(connections, "PATIENCE", SHORT)
    with served() as port, talk(port, GET) as there:
        assert b"200 OK" in answered(there)
        there.sendall(GET[:20])
        assert there.recv(1000) == b""


def test_a_body_that_does_not_come_is_refused_and_a_slow_one_that_is_fast_enough_is_taken(monkeypatch):
    with served() as port:
        with talk(port, POST, b"01234") as there:
            time.sleep(0.05)
            there.sendall(b"56789")
            assert b"200 OK" in there.recv(1000)
        monkeypatch.setattr(limits, "GRACE", SHORT)
        with talk(port, POST, b"01234") as there:
            reply = there.recv(1000)
            assert b"408" in reply
