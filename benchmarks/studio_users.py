"""Many users of one `condfoley studio` who generate at once: turns, memory, and whether anything is lost.

A helper of `python -m benchmarks.studio`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

HEADERS = {"X-Condfoley": "studio"}
GREEDY = 4
"""Soundtracks that the first user asks for before the others come; each of these asks for one."""
EVERY = 0.5  # s between questions for a job's state, as the page asks


@dataclass
class Person:
    """A user. finished: when each soundtrack was there, s since all began; lost: jobs that failed or left no project."""

    client: httpx.Client
    finished: list[float] = field(default_factory=list)
    lost: int = 0
    slowest: float = 0.0  # s of a reply

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """A reply's JSON. Raises httpx.HTTPError."""
        begin = time.perf_counter()
        reply = self.client.request(method, path, **body)
        self.slowest = max(self.slowest, time.perf_counter() - begin)
        reply.raise_for_status()
        return reply.json()

    def generate(self, count: int, candidates: int, began: float) -> None:
        """Asks for `count` soundtracks of the example pair and waits for them."""
        names = [one["name"] for one in self.ask("GET", "/api/library")][:2]
        reference, target = (self.ask("POST", "/api/library", json={"name": name})["id"] for name in names)
        body = {"kind": "generate", "references": [reference], "target": target, "settings": {"candidates": candidates}}
        jobs = [self.ask("POST", "/api/jobs", json=body)["id"] for _ in range(count)]
        for job in jobs:
            while (state := self.ask("GET", f"/api/jobs/{job}"))["state"] in ("queued", "running"):
                time.sleep(EVERY)
            self.finished.append(time.monotonic() - began)
            self.lost += state["state"] != "done"


def measure(users: int = 20, candidates: int = 2) -> dict[str, float]:
    """What is printed: see `docs/evaluation.md`. users: of whom the first asks for GREEDY soundtracks, before the others."""
    names = [f"user{k:02d}" for k in range(users)]
    with tempfile.TemporaryDirectory() as home:
        with started(Path(home), "--users", ",".join(names)) as (server, addresses):
            people = [Person(signed_in(address)) for address in addresses]
            people[0].generate(1, candidates, time.monotonic())  # the model is loaded then
            people[0].finished.clear()
            before = memory(server)
            _all_at_once(people, candidates)
            after = memory(server)
            projects = [len(list((Path(home) / "users" / name / "projects").iterdir())) for name in names]
    expected = [1 + GREEDY, *[1] * (users - 1)]
    others = [person.finished[0] for person in people[1:]]
    return {
        "soundtracks": sum(expected) - 1,
        "lost": sum(person.lost for person in people) + sum(abs(a - b) for a, b in zip(projects, expected)),
        "seconds": max(max(person.finished) for person in people),
        "first_users_last": people[0].finished[-1],
        "others_last": max(others),
        "memory_before_mb": before,
        "memory_after_mb": after,
        "slowest_reply": max(person.slowest for person in people),
    }


def _all_at_once(people: list[Person], candidates: int) -> None:
    began = time.monotonic()
    threads = []
    for k, person in enumerate(people):
        count = GREEDY if k == 0 else 1
        threads.append(threading.Thread(target=person.generate, args=(count, candidates, began)))
        threads[-1].start()
        if k == 0:
            time.sleep(1.0)  # the first one's are all in the queue
    for thread in threads:
        thread.join()


@contextmanager
def started(home: Path, *options: str) -> Iterator[tuple[int, list[str]]]:
    """A server in a process of its own: the process's number, and the addresses of its users."""
    words = ["--no-browser", "--port", "0", "--home", str(home), "--rate", "1000", *options]
    server = subprocess.Popen([sys.executable, "-m", "condfoley", "studio", *words], stderr=subprocess.PIPE, text=True)
    assert server.stderr
    try:
        yield server.pid, re.findall(r"http://\S+", server.stderr.readline())
    finally:
        server.terminate()
        server.wait()
        server.stderr.close()


def signed_in(address: str) -> httpx.Client:
    """A client that has the cookie of an address's user. Raises httpx.HTTPError."""
    client = httpx.Client(base_url=address.split("?")[0], headers=HEADERS, follow_redirects=True, timeout=120)
    client.get(address).raise_for_status()
    return client


def memory(pid: int) -> float:
    """The most memory that a process has had so far, MB (Linux)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1000


def table(found: dict[str, float]) -> str:
    """The numbers in words."""
    return (
        f"{found['soundtracks']:.0f} soundtracks, {found['lost']:.0f} lost, in {found['seconds']:.0f} s; "
        f"who asked first for {GREEDY}: the last one after {found['first_users_last']:.0f} s, "
        f"all others after {found['others_last']:.0f} s; memory {found['memory_before_mb']:.0f} MB after one soundtrack, "
        f"{found['memory_after_mb']:.0f} MB after all; slowest reply {found['slowest_reply']:.2f} s"
    )
