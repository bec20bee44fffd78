"""Odd and hostile requests to the servers of a study, of `condfoley serve` and of `condfoley studio`.

A helper of `python -m benchmarks.faults`.
"""

from __future__ import annotations

import json
import resource
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from benchmarks.faults_damage import Rng, damaged_json
from benchmarks.faults_run import Outcome, Verdict

ORIGINS = ("http://evil.example", "null", "http://127.0.0.1:1", "file://", "http://[", "http://127.0.0.1")
HOSTS = ("evil.example", "127.0.0.1.evil.example", "", "[::1", "localhost:99999", "127.0.0.1", "0x7f.1")
KEYS = ("..", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "0" * 16, "a" * 5000, "%00", "é", "..;/", "0123456789abcdef/../x", "-1")
PATHS = {
    "study": ("/", "/api/study", "/api/sessions", "/api/answers", "/api/finish", "/{}", "/media/{}", "/../key.json"),
    "serve": ("/api", "/api/jobs", "/api/settings", "/api/jobs/{}", "/api/jobs/{}/files", "/api/jobs/{}/files/{}",
              "/api/jobs/{}/results.zip", "/openapi.json"),
    "studio": ("/", "/api/about", "/api/clips", "/api/clips/{}", "/api/clips/{}/media", "/api/jobs", "/api/jobs/{}",
               "/api/projects", "/api/projects/{}", "/api/projects/{}/edits", "/api/projects/{}/files/{}", "/static/{}",
               "/api/library", "/api/projects/{}/lease", "/api/projects/{}/sound?start=nan&end=1e999"),
}  # fmt: skip
BODIES = (
    {"study": "0123456789abcdef", "worker": "w"},
    {"study": "0123456789abcdef", "session": "s", "answer": {"trial": "t", "scores": {"sync": [0]}, "seconds": 1}},
    {"kind": "generate", "references": ["0123456789abcdef"], "target": "0123456789abcdef", "settings": {"candidates": 2}},
    {"base": 1, "operations": [{"op": "remove", "cue": 1}]},
    {"kind": "redo", "project": "0123456789abcdef", "base": 1, "span": [0.5, 1.0]},
)  # fmt: skip
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")


@contextmanager
def _servers(home: Path) -> Iterator[dict[str, TestClient]]:
    """A client of each server, in this process, without a model."""
    from condfoley.cli.commands.study import create_app
    from condfoley.server.app import application
    from condfoley.server.jobs import JobQueue
    from condfoley.server.options import ServeOptions
    from condfoley.study.options import ServeOptions as StudyOptions
    from tests.studio.serving import LOCAL, browser, studio_in
    from tests.study import people

    study, serve = home / "study", home / "serve"
    (study / "public").mkdir(parents=True)
    serve.mkdir()
    (study / "public" / "index.html").write_text("the page")
    (study / "key.json").write_text(json.dumps(people.made_up_key(targets=4, trials=2)))
    queue = JobQueue(lambda options, progress: {}, serve)
    app = application(queue, lambda options: None, ServeOptions(burst=10**6), "none")
    with ExitStack() as stack:
        quiet = {"base_url": LOCAL, "raise_server_exceptions": False}
        clients = {
            "study": TestClient(create_app(study, StudyOptions(burst=10**6)), **quiet),
            "serve": TestClient(app, **quiet),
        }
        clients = {name: stack.enter_context(client) for name, client in clients.items()}
        yield clients | {"studio": browser(stack.enter_context(studio_in(home / "studio")))}


_stack = ExitStack()


@lru_cache(maxsize=1)
def _clients(home: Path) -> dict[str, TestClient]:
    """The clients of all cases; the servers end with the process."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    return _stack.enter_context(_servers(home))


def request(server: str, rng: Rng) -> dict[str, Any]:
    """What is sent: method, url, headers and content."""

    def any_of(values: Any) -> Any:
        return values[int(rng.integers(len(values)))]

    url = any_of(PATHS[server])
    while "{}" in url:
        url = url.replace("{}", any_of(KEYS), 1)
    headers = {}
    if rng.random() < 0.3:
        headers["Origin"] = any_of(ORIGINS)
    if rng.random() < 0.3:
        headers["Host"] = any_of(HOSTS)
    if rng.random() < 0.2:
        headers |= {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Host": "evil.example"}
    if rng.random() < 0.2:
        headers["Range"] = any_of(("bytes=0-", "bytes=9999999999-", "bytes=-1,-1,-1", "bytes=a-b", "lines=1-2"))
    if rng.random() < 0.2:
        headers["Cookie"] = "condfoley_studio=" + any_of(("guessed", "", "a" * 5000, "local.0.0"))
    content = damaged_json(json.dumps(any_of(BODIES)).encode(), rng)
    kinds = (
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/x-www-form-urlencoded",
        "",
    )
    headers["Content-Type"] = any_of(kinds)
    if rng.random() < 0.1:
        headers["Content-Length"] = any_of(("0", "99999999999999999999", "-1", "x"))
    return {"method": any_of(METHODS), "url": url, "headers": headers, "content": content}


def judged(status: int, text: str, home: Path) -> Verdict:
    """A reply must be no error of the server's own, name none of its folders, and say in one line what is wrong."""
    if status >= 500 and status != 503 and status != 507:
        return "traceback"
    if str(home) in text or "Traceback" in text:
        return "unclear"
    return "done" if status < 400 else "refused"


def run(number: int, rng: Rng, store: Path) -> list[tuple[str, str, Outcome]]:
    """One case: a request to each server; see `faults_media.run`."""
    home = store / "servers"
    found = []
    for server, client in _clients(home).items():
        sent, began = request(server, rng), time.monotonic()
        reply = client.request(**sent)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        verdict = judged(reply.status_code, reply.text, home)
        said = (
            f"{reply.status_code} {reply.text[:200]} | {sent['url'][:200]} {sent['headers']} {sent['content'][:200]!r}"
        )
        found.append(
            (f"{sent['method']} {sent['url'][:60]}", server, Outcome(verdict, said, peak, time.monotonic() - began))
        )
    return found
