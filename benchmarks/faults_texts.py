"""Damaged cue files, tables of pairs, project files and results of studies.

A helper of `python -m benchmarks.faults`.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.faults_damage import Rng, damaged_json, damaged_table
from benchmarks.faults_run import OUT, Outcome, made_once, run_case
from condfoley.cli import main as cli
from condfoley.cli.batch_jobs import FAILED
from condfoley.errors import EXIT_USER_ERROR
from condfoley.files import PART

PROJECT, STUDY = "DIR", "study"
COMMANDS = {
    "cues.csv": ["edit", PROJECT, "--cues", "cues.csv"],
    "cues.json": ["edit", PROJECT, "--cues", "cues.json"],
    "hits.txt": ["edit", PROJECT, "--cues", "hits.txt"],
    f"{PROJECT}/project.json": ["edit", PROJECT, "--remove", "1"],
    f"{PROJECT}/history/0001.json": ["undo", PROJECT, "--to", "1"],
    f"{PROJECT}/project.json#timeline": ["timeline", PROJECT],
    f"{PROJECT}/project.json#stems": ["stems", PROJECT],
    "pairs.csv": ["batch", "--pairs", "pairs.csv", "--out", OUT],
    f"{STUDY}/key.json": ["study", "analyse", f"{STUDY}/results"],
    f"{STUDY}/results/p00.json": ["study", "analyse", f"{STUDY}/results/p00.json", "--key", f"{STUDY}/key.json"],
}
"""What is damaged, and the command that reads it."""
NOT_RESULTS = (".lock", "stdout", "stderr", FAILED)
"""Files that a refusal may write: FAILED is how `batch` tells of pairs that it could not read."""


def make(home: Path) -> None:
    """A result, lists of its cues, a table of pairs, and the files of a study."""
    from tests.project.results import made_result
    from tests.study import people

    folder = made_result(home)
    for name in ("cues.csv", "cues.json", "hits.txt"):
        shutil.copy(folder / name, home)
    rows = ["reference,target,name", *(f"reference.mp4,missing{k}.mp4,pair{k}" for k in range(3))]
    (home / "pairs.csv").write_text("\n".join(rows) + "\n")
    key = people.made_up_key()
    choose = people.prefers(key, 0.7, np.random.default_rng(0))
    people.write(home / STUDY, key, [people.session(key, f"p{k:02d}", k % 4, choose) for k in range(6)])


def run(number: int, rng: Rng, store: Path) -> list[tuple[str, str, Outcome]]:
    """One case; see `faults_media.run`."""
    base = made_once(store, "faults_texts")
    place, words = list(COMMANDS.items())[number % len(COMMANDS)]
    name = place.partition("#")[0]
    content = (base / name).read_bytes()
    damage = damaged_json if name.endswith(".json") else damaged_table
    bad = damage(content, rng)
    pairs = bad.count(b"\n") + bad.count(b"\r")  # at most
    lines = max(1, pairs) if words[0] == "batch" else 1
    outcome = run_case(partial(_read, base, name, bad, words), _named(name), lines=lines)
    if outcome.verdict not in ("done", "refused"):
        (store / f"{number:05d}-{Path(name).name}").write_bytes(bad)
    return [(name, " ".join(words[:2] if words[0] == "study" else words[:1]), outcome)]


def _named(name: str) -> str:
    """What a refusal must name: the file, or, of a project, a file in it or its folder. A table of pairs may be right while
    it names what is not there."""
    if name.endswith(("key.json", "pairs.csv")):
        return ""
    if name.startswith(PROJECT):
        return PROJECT
    return Path(name).name if name.startswith(STUDY) else name


def _read(base: Path, name: str, bad: bytes, words: list[str], home: Path) -> int:
    """Runs a command where one file is damaged. A refusal that changes files, or leaves some, ends with 3."""
    shutil.copytree(base, home, dirs_exist_ok=True)
    (home / name).write_bytes(bad)
    before = _state(home)
    code = cli.main([*words, "--quiet"] if words[0] in ("edit", "undo", "batch") else words)
    after = _state(home)
    if code == EXIT_USER_ERROR and before != after:
        print(f"changed: {sorted(before.items() ^ after.items())}", file=sys.stderr)
        return 3
    return 3 if any(PART.fullmatch(Path(path).name) for path in after) else code


def _state(home: Path) -> dict[str, str]:
    """Hashes of all files but locks and what was printed."""
    files = (path for path in home.rglob("*") if path.is_file() and path.name not in NOT_RESULTS)
    return {str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
