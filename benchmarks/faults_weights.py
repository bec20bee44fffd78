"""Damaged weights, cards, graphs, shards, indexes, checkpoints and decoded clips.

A helper of `python -m benchmarks.faults`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.faults_clips import Form, write_form
from benchmarks.faults_damage import Rng, damaged_json, flipped, truncated, wiped
from benchmarks.faults_media import generate
from benchmarks.faults_run import BYTES as MEMORY
from benchmarks.faults_run import OUT, Outcome, made_once, run_case
from condfoley.cli import main as cli
from condfoley.weights import CARD, part_files, sha256

TINY, CLIPS, PREPARED, RUN, REFERENCE = "tiny", "clips", "prepared", "run", "clip.mkv"
DAMAGES = (truncated, flipped, wiped)
KINDS = ("weights", "card", "graph", "trusted weights", "trusted graph", "shard", "index", "cache", "checkpoint")
"""`trusted`: the card has the hash of the damaged file, as of somebody else's weights."""


def make(home: Path) -> None:
    """Writes what is damaged: weights of toy sizes with graphs, clips, shards of them, and an interrupted training."""
    from tests.tiny import write_tiny_weights
    from tests.training import toy

    write_form(home / REFERENCE, Form(REFERENCE, "libx264", "flac"))
    (home / CLIPS).mkdir()
    toy.write_clips(home / CLIPS)
    for words in (
        ["export", "onnx", str(write_tiny_weights(home / TINY))],
        ["prepare", "folder", str(home / CLIPS), str(home / PREPARED), "--workers", "1", "--shard-videos", "1"],
    ):
        if code := cli.main(words):
            raise RuntimeError(f"{words} ended with {code}")
    shutil.copytree(home / TINY, home / "weights")
    _train(home, home / CLIPS, 2)


def _train(home: Path, clips: Path, steps: int) -> int:
    """Trains the event head at toy sizes in `home`, or goes on with it."""
    from condfoley.training.run import main
    from tests.training import toy

    main(toy.config("events", clips, home, out=str(home / RUN), steps=steps, checkpoint_every=1, keep=2))
    return 0


def _read_shards(argv: list[str]) -> int:
    """Decodes the clips of a prepared data set that are not decoded yet, and reads all, as training does."""
    from condfoley.data.store import ClipStore
    from tests.tiny import GEOMETRY

    store = ClipStore.open(argv[0], GEOMETRY, frame_size=40, workers=1)
    for clip in (*store.train, *store.validation):
        clip.frames(0, clip.frame_count), clip.sound(0, 0, clip.sample_count)
    return 0


def _damage(path: Path, rng: Rng) -> None:
    path.write_bytes(DAMAGES[int(rng.integers(len(DAMAGES)))](path.read_bytes(), rng))


def _pick(files: list[Path], rng: Rng) -> Path:
    return sorted(files)[int(rng.integers(len(files)))]


def _trust(folder: Path, path: Path) -> None:
    """Writes a file's hash into the card."""
    card = json.loads((folder / CARD).read_text())
    for entry in card["parts"].values():
        for one in part_files(entry):
            if one["file"] == path.name:
                one["sha256"] = sha256(path)
    (folder / CARD).write_text(json.dumps(card))


def _case(kind: str, home: Path, rng: Rng) -> tuple[str, Path, list[str]]:
    """Damages one file of a copy of the base; returns what it is, its path, and the command that reads it."""
    folder = home / {"shard": PREPARED, "index": PREPARED, "cache": PREPARED, "checkpoint": RUN}.get(kind, TINY)
    words = [*generate("as reference", str(home / REFERENCE), OUT), "--weights", str(home / TINY)]
    if kind in ("card", "index"):
        path = folder / (CARD if kind == "card" else "index.json")
        path.write_bytes(damaged_json(path.read_bytes(), rng))
    elif kind == "checkpoint":
        newest = max((folder / "checkpoints").glob("step-*"))
        path = _pick([file for file in newest.rglob("*") if file.is_file()], rng)
        _damage(path, rng)
    else:
        pattern = {"shard": "*.tar", "cache": ".cache/**/*.*"}.get(
            kind, "*.onnx" if "graph" in kind else "*.safetensors"
        )
        path = _pick([file for file in folder.glob(pattern) if file.is_file()], rng)
        _damage(path, rng)
        if kind.startswith("trusted"):
            _trust(folder, path)
    if folder.name == PREPARED:
        words = ["read-shards", str(folder)]
    return f"{kind}: {path.name}", path, ["resume", str(home)] if kind == "checkpoint" else words


def run(number: int, rng: Rng, store: Path) -> list[tuple[str, str, Outcome]]:
    """One case; see `faults_media.run`."""
    base = made_once(store, "faults_weights")
    commands: dict[str, Callable[[list[str]], int]] = {
        "read-shards": _read_shards,
        "resume": lambda argv: _train(Path(argv[0]), base / CLIPS, 3),
    }
    cli.COMMANDS.update({name: (name, command) for name, command in commands.items()})
    kind, home = KINDS[number % len(KINDS)], store / "case"
    shutil.rmtree(home, ignore_errors=True)
    if kind == "cache" and not (base / PREPARED / ".cache").exists():
        run_case(partial(_called, ["read-shards", str(base / PREPARED)]), memory=None)
    shutil.copytree(base, home, symlinks=True)
    what, path, words = _case(kind, home, rng)
    torch = kind in ("shard", "index", "cache", "checkpoint")  # of which the libraries alone have more than 2 GB
    named = {"checkpoint": "checkpoints"}.get(kind, "")
    outcome = run_case(partial(_called, words), named, memory=None if torch else MEMORY)
    if outcome.verdict not in ("done", "refused"):
        shutil.copy(path, store / f"{number:05d}-{path.name}")
    return [(what, words[0], outcome)]


def _called(words: list[str], _: Path) -> int:
    return cli.main(words)
