"""A studio in the test's own process, with the tiny model or made-up work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from condfoley.cli.options import SoundOptions
from condfoley.cli.run_job import loaded_model
from condfoley.studio.app import application
from condfoley.studio.options import StudioOptions
from condfoley.studio.server import Studio, open_studio

LOCAL = "http://127.0.0.1"
HEADERS = {"X-Condfoley": "studio", "X-Tab": "a-tab"}
FINAL = ("done", "failed", "cancelled")


@contextmanager
def studio_in(home: Path, weights: str | None = None, **options: Any) -> Iterator[Studio]:
    """A studio whose application runs. weights: None: jobs that need the model must not be sent."""
    settings = StudioOptions(**{"home": str(home), "burst": 100_000, "weights": weights, **options})
    studio = open_studio(settings, "tiny", lambda: loaded_model(SoundOptions(weights=weights)))
    studio.app = application(studio)  # type: ignore[attr-defined]
    with TestClient(studio.app, base_url=LOCAL):  # type: ignore[attr-defined]
        yield studio


def browser(studio: Studio, user: str | None = None, base: str = LOCAL) -> TestClient:
    """A browser that is signed in."""
    client = TestClient(studio.app, base_url=base, headers=HEADERS, raise_server_exceptions=False)  # type: ignore[attr-defined]
    name = user or studio.users.names[0]
    client.cookies.set("condfoley_studio", studio.users.cookie(name))
    return client


def upload(client: TestClient, content: bytes, name: str = "clip.mp4") -> Any:
    """The reply to an upload."""
    return client.post("/api/clips", params={"name": name}, content=content)


def clip_of(client: TestClient, content: bytes, name: str = "clip.mp4") -> str:
    """Id of an uploaded clip."""
    reply = upload(client, content, name)
    assert reply.status_code == 201, reply.text
    return reply.json()["id"]


def wait_for(get: Any, states: tuple[str, ...] = FINAL, seconds: float = 60.0) -> Any:
    """What `get` replies as soon as its state is one of some."""
    end = time.monotonic() + seconds
    while (found := get().json())["state"] not in states:
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found


def finished(client: TestClient, body: dict[str, Any]) -> Any:
    """A job that is sent, as soon as it has ended."""
    if "project" in body:
        client.post(f"/api/projects/{body['project']}/lease")
    reply = client.post("/api/jobs", json=body)
    assert reply.status_code == 201, reply.text
    return wait_for(lambda: client.get(f"/api/jobs/{reply.json()['id']}"))
