"""`condfoley batch`: many pairs, the model loaded once; a run that was stopped goes on, a bad pair stops nothing."""

from __future__ import annotations

import csv
import sys
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from condfoley.cli.arguments import parse_options
from condfoley.cli.batch_jobs import FAILED, changed_input, left_to_do, plan
from condfoley.cli.options import BatchOptions, GenerateOptions, SoundOptions
from condfoley.cli.progress import print_path
from condfoley.errors import EXIT_INTERNAL_ERROR, EXIT_USER_ERROR, InputError
from condfoley.results.folder import ResultFolder
from condfoley.settings import EngineName
from condfoley.weights import SHIPPED, read_card

if TYPE_CHECKING:
    from condfoley.foley import Foley


def run(words: list[str]) -> int:
    """Run with command-line words; returns 0, 2 when a pair could not be used, 1 when we failed on one.

    Raises InputError for a list of pairs that cannot be read or that names one result twice, and for an output folder
    that cannot be written to.
    """
    from tqdm import tqdm

    from condfoley import parallel

    options = parse_options("condfoley batch", BatchOptions, words)
    jobs = plan(options)
    card = read_card(Path(options.weights) if options.weights else SHIPPED)
    parts = {name: entry["sha256"] for name, entry in card["parts"].items()}
    with ResultFolder(Path(options.out), force=True):  # refuses a folder that cannot be written to, and leaves nothing
        todo = left_to_do(jobs, parts)
    failures: list[tuple[str, str, bool]] = []
    made = parallel.run(partial(work, words), todo, engine=options.pool, workers=options.workers)
    with tqdm(total=len(jobs), initial=len(jobs) - len(todo), unit="pair", disable=options.quiet or None) as bar:
        for done in made:
            bar.update()
            video, refused = done.value or ("", "")
            if video:
                print_path(video)
                continue
            failures.append((Path(done.item.out).name, refused or done.error, bool(refused)))
            bar.write(f"condfoley: {failures[-1][0]}: {failures[-1][1]}", file=sys.stderr)
    report(Path(options.out) / FAILED, failures)
    if not failures:
        return 0
    return EXIT_USER_ERROR if all(theirs for _, _, theirs in failures) else EXIT_INTERNAL_ERROR


@lru_cache(maxsize=1)
def _model(weights: str | None, device: str, engine: EngineName) -> Foley:
    """The process's copy of the model."""
    from condfoley.cli.commands.generate import load
    from condfoley.cli.progress import Progress

    return load(SoundOptions(weights=weights, device=device, engine=engine), Progress(quiet=True))


def work(words: list[str], job: GenerateOptions) -> tuple[str, str]:
    """Generates one pair, in any process; returns the finished video's path and "", or "" and why it was refused."""
    from condfoley.cli.commands.generate import produce
    from condfoley.cli.progress import Progress

    try:
        if not job.force and (other := changed_input(job)):
            raise InputError(f"{job.out}: made from {other}; delete that folder or move it away to make it again")
        foley = _model(job.weights, job.device, job.engine)
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
    with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        csv.writer(file).writerows([("name", "reason"), *((name, reason) for name, reason, _ in failures)])
