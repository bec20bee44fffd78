"""`condfoley batch`: many pairs, the model loaded once. Runs can be resumed, and failed pairs are listed and skipped."""

from __future__ import annotations

import csv
import sys
from functools import partial
from pathlib import Path

from condfoley.cli.arguments import parse_options
from condfoley.cli.batch_jobs import (
    COLUMNS,
    FAILED,
    changed_input,
    changed_options,
    lacks_timelines,
    list_jobs,
    pending_jobs,
    unread_columns,
)
from condfoley.cli.options import BatchOptions, GenerateOptions
from condfoley.cli.progress import print_path
from condfoley.errors import EXIT_INTERNAL_ERROR, EXIT_USER_ERROR, InputError, one_line, require_extra, tell, wrong_path
from condfoley.files import atomic_file, make_folder
from condfoley.files.partial import only_writer
from condfoley.results.folder import ResultFolder
from condfoley.weights import SHIPPED, read_card

Failure = tuple[str, str, bool]
"""Name of a pair, why it failed, and whether that is due to its input."""


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0, 2 when pairs could not be used, 1 after an internal error on a pair.

    Raises InputError for a list of pairs that cannot be read or that names one result twice, and for an output folder
    that cannot be written to, or to which another batch writes.
    """
    options = parse_options("condfoley batch", BatchOptions, argv)
    if options.timeline:
        require_extra("studio", "--timeline", ("opentimelineio",))
    jobs = list_jobs(options)
    if (unread := unread_columns(options)) and not options.quiet:
        tell(f"{options.pairs}: not read: {', '.join(unread)}; the columns are {', '.join(COLUMNS)}")
    card = read_card(Path(options.weights) if options.weights else SHIPPED)
    parts = {name: entry["sha256"] for name, entry in card["parts"].items()}
    with ResultFolder(
        Path(options.out), force=True
    ):  # raises for a folder that cannot be written to, and leaves no file
        pass
    with only_writer(Path(options.out)):
        return run_jobs(jobs, pending_jobs(jobs, parts), argv, options)


def run_jobs(
    jobs: list[GenerateOptions], pending: list[GenerateOptions], argv: list[str], options: BatchOptions
) -> int:
    """Runs the jobs that are pending, and writes failed.csv; returns the exit code."""
    from tqdm import tqdm

    from condfoley import parallel

    failures: list[Failure] = []
    if options.timeline:
        again = {job.out for job in pending}
        failures = [
            failure for job in jobs if job.out not in again and lacks_timelines(job) for failure in add_timeline(job)
        ]
    finished = parallel.run(
        partial(generate_pair, argv, options.timeline), pending, engine=options.pool, workers=options.workers
    )
    with tqdm(total=len(jobs), initial=len(jobs) - len(pending), unit="pair", disable=options.quiet or None) as bar:
        for done in finished:
            bar.update()
            video, refused = done.value or ("", "")
            if video:
                print_path(video)
                continue
            failures.append((Path(done.item.out).name, refused or done.error, bool(refused)))
            bar.write("condfoley: " + one_line(f"{failures[-1][0]}: {failures[-1][1]}"), file=sys.stderr)
    write_failures(Path(options.out) / FAILED, failures)
    if not failures:
        return 0
    return EXIT_USER_ERROR if all(unusable for _, _, unusable in failures) else EXIT_INTERNAL_ERROR


def add_timeline(job: GenerateOptions) -> list[Failure]:
    """Writes the timelines of a pair that was generated before; returns and prints why that cannot be done."""
    try:
        write_timelines(job)
    except InputError as error:
        tell(f"{Path(job.out).name}: {error}")
        return [(Path(job.out).name, str(error), True)]
    return []


def write_timelines(job: GenerateOptions) -> None:
    """Writes the timelines of a finished pair. Raises InputError."""
    from condfoley.timeline.write import write

    write(Path(job.out), force=True)


def generate_pair(argv: list[str], timeline: bool, job: GenerateOptions) -> tuple[str, str]:
    """Generates one pair, in any process; returns (path of the finished video, ""), or ("", reason) for unusable input.

    timeline: write its timelines too.
    """
    from condfoley.cli.run_job import run_job

    try:
        if not job.force and (other := changed_input(job)):
            raise InputError(f"{job.out}: made from {other}; delete that folder or move it away to make it again")
        if not job.force and (names := changed_options(job)):
            raise InputError(
                f"{job.out}: made with other values of {', '.join(names)}; give those, another --out, or --force to replace it"
            )
        summary = run_job(job, ["condfoley", "batch", *argv])
        if timeline:
            write_timelines(job)
    except InputError as error:
        return "", str(error)
    except OSError as error:
        if refused := wrong_path(error):
            return "", str(refused)
        raise
    return summary["video"], ""


def write_failures(path: Path, failures: list[Failure]) -> None:
    """Writes failed.csv with name and reason of each failed pair; removes it when there is none. Raises InputError."""
    if not failures:
        path.unlink(missing_ok=True)
        return
    make_folder(path.parent)
    with atomic_file(path) as part, open(part, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        csv.writer(file).writerows([("name", "reason"), *((name, reason) for name, reason, _ in failures)])
