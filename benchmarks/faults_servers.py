"""Servers that are killed while they are used, and started again: what they acknowledged is there, once.

A helper of `python -m benchmarks.faults`.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import soundfile

from benchmarks.faults_damage import Rng
from benchmarks.faults_moments import Moment, Whole, started
from benchmarks.faults_run import OTHER, Outcome, ends, run_case
from condfoley.cli import main as cli
from condfoley.files import PART, SCRATCH

HOME, STUDY = "studio", "study"
ADDRESS = re.compile(r"http://(127\.0\.0\.1:\d+)")
START, END = 60.0, 60.0
"""s on the clock in which a server answers, and ends."""
GAINS = (-1.0, -2.0, -3.0)
Client = httpx.Client


class Differs(Exception):
    """Something is lost, doubled, left or another one."""


@dataclass
class Known:
    """What a server has acknowledged. sessions: (name, form) of a study; answers, finished: how many of each."""

    sound: str = ""
    clips: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    project: str = ""
    revision: int = 0
    sessions: list[tuple[str, int]] = field(default_factory=list)
    answers: int = 0
    finished: int = 0


@dataclass(frozen=True)
class Server:
    """A server. words: of its command. use: what a client does with it, from where `Known` says that it is. check: after a
    restart, before it goes on. end: what must be on the disk when the server has ended."""

    words: Callable[[], list[str]]
    use: Callable[[Client, Known], None]
    check: Callable[[Client, Known], None]
    end: Callable[[Known], None]


def require(condition: bool, what: object) -> None:
    """Raises Differs unless the condition holds."""
    if not condition:
        raise Differs(str(what)[:300])


def _replied(reply: httpx.Response) -> httpx.Response:
    require(reply.status_code < 400, f"{reply.request.method} {reply.request.url.path}: {reply.text}")
    return reply


def _ended(client: Client, job: str) -> dict[str, Any]:
    while (found := _replied(client.get(f"/api/jobs/{job}")).json())["state"] in ("queued", "running"):
        time.sleep(0.02)
    return dict(found)


def _samples_hash(wav: bytes) -> str:
    """SHA-256 of a WAV's samples; its header may have the time at which it was written."""
    return hashlib.sha256(soundfile.read(io.BytesIO(wav), dtype="float32")[0].tobytes()).hexdigest()


def _serve_job(client: Client, known: Known) -> None:
    files = {role: (f"{role}.mp4", Path(f"{role}.mp4").read_bytes()) for role in ("reference", "target")}
    sent = _replied(client.post("/api/jobs", files=files, data={"settings": '{"candidates": 1}'})).json()
    done = _ended(client, sent["id"])
    require(done["state"] == "done", done)
    found = _replied(client.get(f"/api/jobs/{sent['id']}/files/soundtrack.wav")).content
    known.sound = _samples_hash(found)


def _serve_check(client: Client, known: Known) -> None:
    require(client.get("/api/jobs").json() == [], "jobs of a killed server")
    left = [path.name for path in Path("tmp").iterdir() if not path.name.endswith(".lock")]
    require(len(left) == 1, f"left: {left}")


def _serve_end(known: Known) -> None:
    left = [path.name for path in Path("tmp").iterdir()]
    require(not left, f"left: {left}")


def _studio_use(client: Client, known: Known) -> None:
    """Uploads two clips, generates, edits three times, uploads one more and removes it; what is done is not done again."""
    for name in ("reference.mp4", "target.mp4", "second.mp4")[len(known.clips) :]:
        reply = _replied(client.post("/api/clips", params={"name": name}, content=Path(name).read_bytes()))
        known.clips.append(reply.json()["id"])
    if not known.removed:
        _replied(client.delete(f"/api/clips/{known.clips[2]}"))
        known.removed.append(known.clips[2])
    if not known.project:
        settings = {"candidates": 1, "seed": 5}
        body = {"kind": "generate", "references": known.clips[:1], "target": known.clips[1], "settings": settings}
        done = _ended(client, _replied(client.post("/api/jobs", json=body)).json()["id"])
        require(done["state"] == "done", done)
        known.project, known.revision = done["project"], 1
    home = f"/api/projects/{known.project}"
    require(_replied(client.post(f"{home}/lease")).json()["writable"], "no lease")
    for gain in GAINS[known.revision - 1 :]:
        change = [{"op": "layer", "layer": "main", "values": {"gain": gain}}]
        reply = _replied(client.post(f"{home}/edits", json={"base": known.revision, "operations": change}))
        known.revision = reply.json()["revision"]
    found = _replied(client.get(f"{home}/sound")).content
    known.sound = _samples_hash(found)


def _studio_check(client: Client, known: Known) -> None:
    clips = {clip["id"] for clip in _replied(client.get("/api/clips")).json()}
    kept = set(known.clips) - set(known.removed)
    more = [key for key in clips - kept if key not in known.clips or key in known.removed]
    if not known.removed and len(known.clips) == 3:  # its removal was not acknowledged, but may have been done
        kept.discard(known.clips[2])
        if known.clips[2] not in clips:
            known.removed.append(known.clips[2])
    require(kept <= clips, f"lost: clips {kept - clips}")
    require(len(more) <= 1, f"doubled: clips {more}")
    projects = {project["id"]: project for project in _replied(client.get("/api/projects")).json()}
    jobs = {job["id"]: job["state"] for job in _replied(client.get("/api/jobs")).json()}
    if not known.project and projects:  # done, but the page was not told any more
        (known.project,) = projects
        require(jobs.get(known.project) != "failed", "a job is said to be lost whose project is there")
        known.revision = 1
    require(set(projects) <= {known.project}, f"doubled: {projects}")
    if known.project:
        require(known.project in projects, "lost: the project")
        revision = projects[known.project]["revision"]
        require(revision in (known.revision, known.revision + 1), f"revision {revision} for {known.revision}")
        known.revision = revision


def _studio_end(known: Known) -> None:
    home = Path(HOME)
    odd = [path for path in home.rglob("*") if PART.fullmatch(path.name) or SCRATCH.fullmatch(path.name)]
    odd += [path for path in home.rglob(".*") if ".partial-" in path.name or path.name.startswith(".removed-")]
    odd += [
        path for name in ("jobs", "users/local/uploads", "users/local/clips/.new") for path in (home / name).glob("*")
    ]
    require(not odd, f"left: {[str(path) for path in odd]}")


def _study_key() -> dict[str, Any]:
    return dict(json.loads((Path(STUDY) / "key.json").read_text()))


def _study_use(client: Client, known: Known) -> None:
    """Two participants answer all trials; answers that were acknowledged are sent again first."""
    from tests.study import people

    key, count = _study_key(), 0
    for place in range(2):
        if place == len(known.sessions):
            new = _replied(client.post("/api/sessions", json={"study": key["study"], "worker": f"w{place}"})).json()
            known.sessions.append((new["session"], new["form"]))
        name, form = known.sessions[place]
        record = people.session(key, name, form, lambda trial: [1.0, 0.0])
        for answer in record["answers"]:
            body = {"study": key["study"], "session": name, "answer": answer}
            require(_replied(client.post("/api/answers", json=body)).json() == {"saved": True}, body)
            count += 1
            known.answers = max(known.answers, count)
        end = {"study": key["study"], "session": name, "headphones": [True]}
        _replied(client.post("/api/finish", json=end))
        known.finished = max(known.finished, place + 1)
    known.sound = str(known.answers)


def _stored() -> dict[str, tuple[int, bool]]:
    """Number of answers and whether it is finished, by session."""
    from condfoley.study.store import read_sessions

    sessions = read_sessions(Path(STUDY) / "results" / "answers.sqlite")[1]
    return {session.name: (len(session.answers), session.finished is not None) for session in sessions}


def _study_check(client: Client, known: Known) -> None:
    found = _stored()
    require(all(name in found for name, _ in known.sessions), "lost: a session")
    require(len(found) <= len(known.sessions) + 1, "doubled: sessions")
    require(
        known.answers <= sum(n for n, _ in found.values()) <= known.answers + 1, f"answers {found}, {known.answers}"
    )
    require(sum(end for _, end in found.values()) >= known.finished, "lost: the end of a session")


def _study_end(known: Known) -> None:
    names = sorted(path.name for path in (Path(STUDY) / "results").iterdir())
    require(names == ["answers.sqlite"], f"left: {names}")
    found = _stored()  # which leaves SQLite's own files beside the database
    require(sum(n for n, _ in found.values()) == known.answers, f"answers {found}, {known.answers}")


def _free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


BURST = ["--rate", "100000", "--burst", "100000"]
SERVERS = {
    "serve": Server(
        lambda: ["serve", "--port", "0", "--weights", "tiny", "--engine", "onnx", "--quiet", *BURST],
        _serve_job, _serve_check, _serve_end,
    ),
    "studio": Server(
        lambda: ["studio", "--port", "0", "--home", HOME, "--no-browser", "--weights", "tiny", "--engine", "onnx", *BURST],
        _studio_use, _studio_check, _studio_end,
    ),
    "study serve": Server(
        lambda: ["study", "serve", STUDY, "--port", _free_port(), *BURST], _study_use, _study_check, _study_end
    ),
}  # fmt: skip
"""Servers by what they are called in the report."""


@contextlib.contextmanager
def running(words: list[str], said: Path, moment: Moment | None = None, count: Path | None = None) -> Iterator[int]:
    """A server in a forked process, which is killed at a moment, or else ended; yields its process."""
    child = started(lambda: cli.main(words), said, moment, count)
    timer = threading.Timer(moment.seconds or 0.0, os.kill, (child, signal.SIGKILL)) if moment else None
    if timer and moment and moment.seconds is not None:
        timer.start()
    try:
        yield child
    finally:
        if timer:
            timer.cancel()
        if moment:
            os.kill(child, signal.SIGKILL)
        else:
            os.kill(child, signal.SIGTERM)
            if not ends(child, END):
                os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@contextlib.contextmanager
def client_of(child: int, said: Path) -> Iterator[Client]:
    """A client of a server, as soon as it answers. Raises httpx.TransportError where it has ended before."""
    until = time.monotonic() + START
    while not ends(child, 0.01) and time.monotonic() < until:
        found = ADDRESS.search(said.read_text() if said.exists() else "")
        host, _, port = found[1].partition(":") if found else ("", "", "")
        if found and socket.socket().connect_ex((host, int(port))) == 0:
            headers = {"X-Condfoley": "studio", "X-Tab": "a-tab"}
            with Client(base_url=f"http://{found[1]}", headers=headers, timeout=60) as client:
                client.get("/")  # the studio's page gives its cookie
                yield client
            return
    raise httpx.ConnectError(f"the server does not answer: {said.read_text()[-300:] if said.exists() else ''}")


def used_and_killed(server: Server, moment: Moment, known: Known) -> None:
    """Uses a server until it is killed; `known` then says what it acknowledged."""
    said = Path("first")
    with contextlib.suppress(httpx.TransportError), running(server.words(), said, moment) as child:
        with client_of(child, said) as client:
            server.use(client, known)


def used_again(server: Server, known: Known, after_kill: bool, count: Path | None = None) -> None:
    """Uses a server to the end. Raises Differs."""
    said = Path("again")
    with running(server.words(), said, count=count) as child, client_of(child, said) as client:
        if after_kill:
            server.check(client, known)
        server.use(client, known)
    server.end(known)


def _placed(base: Path, home: Path) -> None:
    from benchmarks.faults_kill import copied
    from tests.study import people

    copied(base, home)
    (Path(STUDY) / "public").mkdir(parents=True)
    (Path(STUDY) / "public" / "index.html").write_text("the page")
    (Path(STUDY) / "key.json").write_text(json.dumps(people.made_up_key(targets=4, trials=2)))


def _measure(server: Server, base: Path, kept: Path, home: Path) -> int:
    _placed(base, home)
    known, count, began = Known(), Path("count"), time.monotonic()
    used_again(server, known, after_kill=False, count=count)
    whole = Whole(time.monotonic() - began, int(count.read_text()))
    kept.write_text(json.dumps(asdict(whole) | {"sound": known.sound}))
    return 0


def kill_server(server: Server, base: Path, moment: Moment, sound: str, home: Path) -> int:
    """A case: kills a server while it is used, starts it again, and goes on. OTHER, and says why, where that differs."""
    _placed(base, home)
    known = Known()
    try:
        used_and_killed(server, moment, known)
        used_again(server, known, after_kill=True)
        require(known.sound == sound, "another result than undisturbed")
    except (Differs, httpx.TransportError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return OTHER
    return 0


def server_case(name: str, base: Path, store: Path, rng: Rng) -> list[tuple[str, str, Outcome]]:
    """One case; see `faults_media.run`."""
    import condfoley.cli.run_job
    import condfoley.foley
    import condfoley.project.outputs
    import condfoley.results.overview
    import condfoley.server.app
    import condfoley.studio.app
    import condfoley.study.server  # noqa: F401

    server, path = SERVERS[name], store / f"{name}.json"
    if not path.exists():
        outcome = run_case(partial(_measure, server, base, path), memory=None)
        if outcome.verdict != "done":
            raise RuntimeError(f"{name} fails undisturbed: {outcome.said}")
    content = json.loads(path.read_text())
    moment = Whole(content["seconds"], content["changes"]).moment(rng)
    outcome = run_case(partial(kill_server, server, base, moment, content["sound"]), memory=None)
    return [(name, f"killed {moment}", outcome)]
