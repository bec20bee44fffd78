"""`condfoley prepare DATA_SET SOURCE OUT`: converts a data set or a folder of recordings into training shards."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from condfoley.cli.arguments import option_parser
from condfoley.data.index import INDEX, totals
from condfoley.data.prepare import PrepareOptions, prepare, unfilled
from condfoley.data.rejected import REJECTED, by_reason, read
from condfoley.data.sources import READERS
from condfoley.data.verify import verify
from condfoley.errors import require_extra, tell

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
    require_extra("train", "preparing data", ("webdataset",))
    index = prepare(given.data_set, Path(given.source), out, options)
    if options.verify:
        verify(index)
        tell("all shards match the index")
    for split, held in totals(index.clips()).items():
        minutes = held.seconds / 60
        tell(f"{split}: {held.videos} videos, {held.clips} clips, {minutes:.1f} min, {held.events} events")
    if given.data_set != "countix-av" and options.split != "published":
        for line in unfilled(index, options):
            tell(line)
    if rejected := read(out):
        tell(f"{len(rejected)} left out; {out / REJECTED} says why:")
        for count, clip, why in by_reason(rejected)[:MAX_REASONS]:
            tell(f"{count}, {'such as ' * (count > 1)}{clip}: {why}")
    print(out / INDEX)
    return 0
