"""`condfoley timeline DIR`: exports a result for video editors."""

from __future__ import annotations

from pathlib import Path

from condfoley.cli.arguments import option_parser
from condfoley.cli.options import TimelineOptions
from condfoley.cli.progress import print_path


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    parser = option_parser("condfoley timeline", TimelineOptions)
    parser.add_argument("result", help="Folder that `condfoley generate` wrote.")
    given = parser.parse_args(argv)
    from condfoley.results import timeline

    print_path("\n".join(map(str, timeline.write(Path(given.result), given.force))))
    return 0
