"""The server of `condfoley studio`: `python -m benchmarks.studio [--only edits,users] [--repeats 10]`.

edits: over HTTP, until the samples that changed are there, on made-up projects of 10 s and of 10 minutes with 300 cues;
opening them, undo, peaks and spectrograms. users: 20 who generate at once (`studio_users`). The page is measured by
`benchmarks.studio_page`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import numpy as np

from benchmarks import speed, studio_users
from benchmarks.studio_users import signed_in, started
from condfoley.errors import InputError
from condfoley.results.tables import Table, number

PARTS = ("edits", "users")
KEY = "0123456789abcdef"
SHAPES = ((10.0, 20, 22050, 1), (10.0, 20, 48000, 2), (600.0, 300, 22050, 1), (600.0, 300, 48000, 2))
"""s, cues, Hz, channels: of the model's own sound, and of recorded samples."""
CHUNK = 8.0  # s of sound that the page asks for at once
RINGING = 0.5  # s of a made-up impact


def made_project(folder: Path, seconds: float, cues: int, rate: int, channels: int, target: Path | None = None) -> None:
    """Writes a project of evenly spaced bursts of noise. Raises InputError when it cannot be written."""
    from condfoley.audio.track import Track
    from condfoley.examples import TARGET
    from condfoley.project.create import segmented, store
    from condfoley.project.find_inputs import input_of
    from condfoley.project.model import Cue, Layer, Project, Sound
    from condfoley.project.store import write_project

    times, rng = np.linspace(0.4, seconds - 0.6, cues), np.random.default_rng(0)
    wav = rng.normal(0, 1e-3, (channels, round(seconds * rate))).astype(np.float32)
    decay = 0.15 * np.exp(-8 * np.arange(round(RINGING * rate)) / rate)
    for first in (times * rate).round().astype(int):
        burst = (decay * rng.normal(0, 1, (channels, len(decay)))).astype(np.float32)
        wav[:, first : first + len(decay)] += burst[:, : wav.shape[1] - first]
    track = Track(wav, rate, (times, np.full(cues, 20.0)))
    sounds = [
        store(folder, track, Sound("main", "sounds/main.flac", "soundtrack", "main", 0, 0)),
        store(folder, track, Sound("candidates/01_0", "candidates/01_0.flac", "candidate", "main", 0, 0, 0)),
    ]
    openings, excerpts = segmented(track, "main", times.tolist())
    made = [Cue(k + 1, part.onset / rate, 0.5, excerpt=part) for k, part in enumerate(excerpts)]
    layer = Layer("main", openings=openings, candidates=("candidates/01_0",))
    inputs = {"target": input_of(target or Path(TARGET))}
    write_project(folder, Project(seconds, rate, inputs, (layer,), tuple(made), {sound.key: sound for sound in sounds}))


@contextmanager
def serving(home: Path) -> Iterator[httpx.Client]:
    """A server in a process of its own, and a client that is signed in."""
    with started(home) as (_, addresses), closing(signed_in(addresses[0])) as client:
        client.headers["X-Tab"] = "benchmark"
        yield client


class Project:
    """A project that is open on the page."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.view: dict[str, Any] = {}

    def ask(self, method: str, path: str = "", **more: Any) -> httpx.Response:
        """A reply. Raises httpx.HTTPError."""
        return self.client.request(method, f"/api/projects/{KEY}{path}", **more).raise_for_status()

    def open(self) -> None:
        """As the page does."""
        self.ask("POST", "/lease")
        self.view = self.ask("GET").json()

    def edit(self, **operation: Any) -> None:
        """An edit, and the chunk of sound in which it is first heard."""
        self.ask("POST", "/lease")
        body = {"base": self.view["revision"], "operations": [operation]}
        self.view = self.ask("POST", "/edits", json=body).json()
        self.listen()

    def go(self, to: int) -> None:
        """Undo or redo, and what is heard then."""
        self.ask("POST", "/lease")
        self.view = self.ask("POST", "/revision", json={"to": to}).json()
        self.listen()

    def listen(self) -> None:
        """The chunk of sound in which a change is first heard."""
        begin = self.view["changed"][0][0] // CHUNK * CHUNK
        self.ask("GET", "/sound", params={"begin": begin, "end": min(begin + CHUNK, self.view["duration"])})


def timed(work: Callable[[], object]) -> float:
    """Milliseconds that it takes."""
    begin = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begin)


def measured(client: httpx.Client, repeats: int) -> dict[str, float]:
    """Milliseconds of each step."""
    project, out = Project(client), {}
    out["open"] = timed(project.open)
    out["peaks of all, first"] = timed(lambda: project.ask("GET", "/peaks", params={"points": 2000}))
    project.edit(op="change", cue=2, values={"gain": 1.0})  # imports
    cues = project.view["cues"]
    moves: list[float] = []
    for k in range(repeats):
        cue = cues[(3 + 2 * k) % (len(cues) - 1)]
        values = {"time": cue["time"] + 0.05, "gain": -1.0 - k}
        moves.append(timed(lambda: project.edit(op="change", cue=cue["id"], values=values)))  # noqa: B023
    out["edit of a cue"], out["edit of a cue, slowest"] = median(moves), max(moves)
    now = project.view["revision"]
    out["undo"] = median(timed(lambda: project.go(now - 1 + k % 2)) for k in range(repeats))  # noqa: B023
    out["gain of a layer"] = timed(lambda: project.edit(op="layer", layer="main", values={"gain": -3.0}))
    out["peaks of all"] = timed(lambda: project.ask("GET", "/peaks", params={"points": 2000}))
    picture = {"width": 1600, "height": 200}
    out["spectrogram of all"] = timed(lambda: project.ask("GET", "/spectrogram.png", params=picture))
    out["loudness of all"] = timed(lambda: project.ask("GET", "/loudness"))
    return out


def edits_table(repeats: int) -> Table:
    """Milliseconds over HTTP. Raises InputError when a project cannot be written."""
    columns = []
    for seconds, cues, rate, channels in SHAPES:
        with tempfile.TemporaryDirectory() as home:
            folder = Path(home) / "users" / "local" / "projects" / KEY
            folder.mkdir(parents=True)
            made_project(folder, seconds, cues, rate, channels)
            with serving(Path(home)) as client:
                columns.append(measured(client, repeats))
    rows = tuple((name, *(number(column[name], 0) for column in columns)) for name in columns[0])
    heads = tuple(f"{s:g} s, {n} cues, {r / 1000:g} kHz, {c} channel{'s' * (c > 1)}" for s, n, r, c in SHAPES)
    notes = (speed.machine(), f"edits and undo: until {CHUNK:g} s of changed sound are there; medians of {repeats}")
    return Table("`condfoley studio`: milliseconds over HTTP", ("", *heads), rows, notes)


def main(words: Sequence[str] | None = None) -> int:
    """Prints the tables; 0, or 2 when something cannot be used."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.studio", description="The server of condfoley studio.")
    p.add_argument("--repeats", type=int, default=10, help="edits of which the median is taken (default: 10)")
    p.add_argument("--users", type=int, default=20, help="users who generate at once (default: 20)")
    p.add_argument("--only", default=",".join(PARTS), help=f"parts: {','.join(PARTS)}")
    given = p.parse_args(words)
    parts = given.only.split(",")
    if unknown := set(parts) - set(PARTS):
        p.error(f"there is no part {sorted(unknown)[0]}; there are {', '.join(PARTS)}")
    try:
        if "edits" in parts:
            print(edits_table(given.repeats).text() + "\n")
        if "users" in parts:
            print(studio_users.table(studio_users.measure(given.users)))
    except InputError as error:
        print(f"studio: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
