"""Load test of `condfoley study serve`: requests a second and 99th percentile of the response time.

    python -m benchmarks.study_server [--participants 200] [--seconds 20] [--think 0]

Starts the server as a process of its own, with a made-up study, and lets participants in one more process answer
as fast as they can, or every THINK seconds as people do, who need half a minute a trial. Every answer is on the disk
before it is acknowledged. Prints one line; checks that no acknowledged answer is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.study.store import read_sessions

TRIALS = 1000
"""In the made-up study; no participant gets to its end while the benchmark runs."""


def study(folder: Path) -> dict[str, Any]:
    """Write a study without clips into `folder`; returns its key."""
    trials = {
        f"trial{k}": {"kind": "trial", "form": 0, "target": k, "systems": [0, 1], "seconds": 1.0} for k in range(TRIALS)
    }
    key = {
        "study": "benchmark",
        "secret": "00" * 32,
        "method": "forced-choice",
        "questions": ["sync", "material"],
        "systems": ["a", "b"],
        "anchor": 0,
        "targets": [str(k) for k in range(TRIALS)],
        "trials": trials,
    }
    (folder / "public").mkdir()
    (folder / "public" / "index.html").write_text("a page")
    (folder / "key.json").write_text(json.dumps(key))
    return key


async def post(port: int, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The server's reply, over a connection of its own, as from a browser that was idle. Raises ValueError unless 201.

    Bare, since a real client's computing would be measured with the server's.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: benchmark\r\nConnection: close\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    answer, _, reply = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    if " 201 " not in answer.partition("\r\n")[0]:
        raise ValueError(f"{path}: {answer} {reply}")
    return json.loads(reply)


async def participant(port: int, session: str, until: float, think: float, taken: list[float]) -> None:
    """Answer trial after trial until `until`, thinking `think` s between; notes the seconds each request took."""
    scores = {"sync": [1, 0], "material": [0, 1]}
    await asyncio.sleep(think * np.random.default_rng().random())
    for number in range(TRIALS):
        if time.monotonic() > until:
            return
        answer = {"trial": f"trial{number}", "scores": scores, "seconds": 9.5, "plays": [1, 1]}
        begin = time.perf_counter()
        await post(port, "/api/answers", {"study": "benchmark", "session": session, "answer": answer})
        taken.append(time.perf_counter() - begin)
        await asyncio.sleep(think)


async def load(port: int, participants: int, seconds: float, think: float) -> tuple[list[float], float]:
    """(seconds that each acknowledged answer took, answers a second), once everybody has begun."""
    taken: list[float] = []
    new = [post(port, "/api/sessions", {"study": "benchmark"}) for _ in range(participants)]
    sessions = [reply["session"] for reply in await asyncio.gather(*new)]
    begin = time.monotonic()
    await asyncio.gather(*(participant(port, session, begin + seconds, think, taken) for session in sessions))
    return taken, len(taken) / (time.monotonic() - begin)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--participants", type=int, default=200, help="at the same time")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long")
    parser.add_argument("--think", type=float, default=0.0, help="seconds a participant thinks between two answers")
    given = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        study(Path(home))
        command = [sys.executable, "-m", "condfoley", "study", "serve", home, "--port", str(port)]
        server = subprocess.Popen([*command, "--rate", "1000000", "--burst", "1000000"])
        try:
            while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
                time.sleep(0.1)
            taken, rate = asyncio.run(load(port, given.participants, given.seconds, given.think))
        finally:
            server.kill()
            server.wait()
        stored = sum(len(s.answers) for s in read_sessions(Path(home) / "results" / "answers.sqlite")[1])
    if stored != len(taken):
        raise SystemExit(f"{len(taken)} answers were acknowledged, {stored} are stored")
    middle, slow = 1000 * np.percentile(taken, (50, 99))
    print(
        f"{given.participants} participants: {rate:.0f} answers a second, median {middle:.0f} ms, "
        f"99th percentile {slow:.0f} ms, {stored} acknowledged and stored"
    )


if __name__ == "__main__":
    main()
