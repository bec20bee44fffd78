"""`condfoley batch`: many pairs, the model loaded once; a run that was stopped goes on, a bad pair stops nothing."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import asdict, fields
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from condfoley.arguments import parse_options
from condfoley.data.sources.listing import VIDEOS
from condfoley.errors import OUR_FAULT, USER_FAULT, InputError
from condfoley.options import BatchOptions, GenerateOptions, SoundOptions
from condfoley.outputs import PROVENANCE
from condfoley.pair_list import read_pairs
from condfoley.provenance import file_record
from condfoley.weights import SHIPPED, read_card

if TYPE_CHECKING:
    from condfoley.foley import Foley

FAILED = "failed.csv"
NOT_SOUND = {"out", "json", "quiet", "force", "weights"}  # options that change nothing in the results


def run(words: list[str]) -> int:
    """Run with command-line words; returns 0, 2 when a pair could not be used, 1 when we failed on one.

    Raises InputError for a list of pairs that cannot be read or that names one result twice.
    """
    from tqdm import tqdm

    from condfoley.data import engine

    options = parse_options("condfoley batch", BatchOptions, words)
    jobs = plan(options)
    card = read_card(Path(options.weights) if options.weights else SHIPPED)
    parts = {name: entry["sha256"] for name, entry in card["parts"].items()}
    todo = [job for job in jobs if options.force or not finished(job, parts)]
    failures: list[tuple[str, str, bool]] = []
    made = engine.run(partial(work, words), todo, engine=options.engine, workers=options.workers)
    with tqdm(total=len(jobs), initial=len(jobs) - len(todo), unit="pair", disable=options.quiet or None) as bar:
        for done in made:
            bar.update()
            video, refused = done.value or ("", "")
            if video:
                print(video, flush=True)
                continue
            failures.append((Path(done.item.out).name, refused or done.error, bool(refused)))
            bar.write(f"condfoley: {failures[-1][0]}: {failures[-1][1]}", file=sys.stderr)
    report(Path(options.out) / FAILED, failures)
    if not failures:
        return 0
    return USER_FAULT if all(theirs for _, _, theirs in failures) else OUR_FAULT


def plan(options: BatchOptions) -> list[GenerateOptions]:
    """One job a pair, each with its own result folder. Raises InputError; see `run`."""
    pairs = _listed(Path(options.pairs)) if options.pairs else _found(options)
    names = [name for name, *_ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        remedy = (
            "give each its own name (column `name` of the CSV)" if options.pairs else "rename one of the two targets"
        )
        raise InputError(f"two pairs would write to {twice}; {remedy}")
    sound = {f.name: getattr(options, f.name) for f in fields(SoundOptions)}
    return [
        GenerateOptions(
            **sound, reference=str(reference), target=str(target), out=str(Path(options.out) / name), hits=hits
        )
        for name, reference, target, hits in pairs
    ]


def _listed(path: Path) -> list[tuple[str, Path, Path, str | None]]:
    """Name, reference, target, and the file of its hits where there is one."""
    pairs: list[tuple[str, Path, Path, str | None]] = []
    for line in read_pairs(path):
        name = line.name or line.target.stem
        if name != Path(name).name or name.startswith("."):
            raise InputError(f"{line.where}: {name} cannot name a folder; leave out slashes and leading dots")
        hits = line.row.get("hits")
        pairs.append((name, line.reference, line.target, str(path.parent / hits) if hits else None))
    return pairs


def _found(options: BatchOptions) -> list[tuple[str, Path, Path, str | None]]:
    folder = Path(str(options.targets))
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give --targets a folder of videos")
    targets = sorted(p for p in folder.iterdir() if p.suffix.lower() in VIDEOS and not p.name.startswith("."))
    if not targets:
        raise InputError(f"{folder} holds no videos ({', '.join(sorted(VIDEOS))})")
    return [(target.stem, Path(str(options.reference)), target, None) for target in targets]


def finished(job: GenerateOptions, parts: dict[str, str]) -> bool:
    """Whether the job's folder holds complete results of the same options, inputs and weights.

    parts: SHA-256 of each part of the weights.
    """
    try:
        earlier = json.loads((Path(job.out) / PROVENANCE).read_text(encoding="utf-8"))
        given = ("reference", "target", "hits") if job.hits else ("reference", "target")
        inputs = {name: file_record(Path(getattr(job, name))) for name in given}
        same = [earlier["options"].get(key) == value for key, value in asdict(job).items() if key not in NOT_SOUND]
        return all(same) and earlier["inputs"] == inputs and earlier["weights"]["parts"] == parts
    except (OSError, ValueError, KeyError, TypeError):
        return False


@lru_cache(maxsize=1)
def _model(weights: str | None, device: str) -> Foley:
    """The process's copy of the model."""
    from condfoley.commands.generate import load
    from condfoley.progress import Progress

    return load(SoundOptions(weights=weights, device=device), Progress(quiet=True))


def work(words: list[str], job: GenerateOptions) -> tuple[str, str]:
    """Generates one pair, in any process; returns the finished video's path and "", or "" and why it was refused."""
    from condfoley.commands.generate import produce
    from condfoley.progress import Progress

    try:
        foley = _model(job.weights, job.device)
        done = produce(job, ["condfoley", "batch", *words], Progress(quiet=True), foley)
    except InputError as error:
        return "", str(error)
    return done["video"], ""


def report(path: Path, failures: list[tuple[str, str, bool]]) -> None:
    """Writes failed.csv, name and reason of each pair without a result; removes it when there is none."""
    if not failures:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("name", "reason"), *((name, reason) for name, reason, _ in failures)])
