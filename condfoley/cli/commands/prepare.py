"""`condfoley prepare DATA_SET SOURCE OUT`: converts a data set or a folder of recordings into training shards."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path

from condfoley.cli.arguments import option_parser
from condfoley.data.index import INDEX, totals
from condfoley.data.prepare import PrepareOptions, prepare, unfilled
from condfoley.data.rejected import REJECTED, by_reason, read
from condfoley.data.sources import READERS
from condfoley.data.verify import verify

MAX_REASONS = 8
"""Number of reasons for rejection that are printed; rejected.csv has all."""


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for wrong arguments or a source that cannot be used."""
    parser = option_parser("condfoley prepare", PrepareOptions)
    parser.add_argument("data_set", choices=list(READERS), help="Layout of the source.")
    parser.add_argument("source", help="Folder with the data set.")
    parser.add_argument("out", help="Folder for shards, index.json and rejected.csv; made if missing.")
    given = parser.parse_args(argv)
    options = PrepareOptions(**{field.name: getattr(given, field.name) for field in fields(PrepareOptions)})
    out = Path(given.out)
    index = prepare(given.data_set, Path(given.source), out, options)
    if options.verify:
        verify(index)
        print("condfoley: all shards match the index", file=sys.stderr)
    for split, held in totals(index.clips()).items():
        print(
            f"condfoley: {split}: {held.videos} videos, {held.clips} clips, {held.seconds / 60:.1f} min, "
            f"{held.events} events",
            file=sys.stderr,
        )
    if given.data_set != "countix-av" and options.split != "published":
        for line in unfilled(index, options):
            print(f"condfoley: {line}", file=sys.stderr)
    if rejected := read(out):
        print(f"condfoley: {len(rejected)} left out; {out / REJECTED} says why:", file=sys.stderr)
        for count, clip, why in by_reason(rejected)[:MAX_REASONS]:
            print(f"condfoley: {count}, {'such as ' * (count > 1)}{clip}: {why}", file=sys.stderr)
    print(out / INDEX)
    return 0
