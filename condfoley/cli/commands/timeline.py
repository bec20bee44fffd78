"""`condfoley timeline DIR`: exports a project for editors of picture and sound."""

from __future__ import annotations

from pathlib import Path

from condfoley.cli.arguments import option_parser
from condfoley.cli.progress import Progress, print_path
from condfoley.cli.project_options import TimelineOptions


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    parser = option_parser("condfoley timeline", TimelineOptions)
    parser.add_argument("result", help="Folder that `condfoley generate` wrote.")
    given = parser.parse_args(argv)
    from condfoley.timeline.write import write

    written = write(Path(given.result), given.force, given.relative, given.target)
    print_path("\n".join(map(str, written.paths)))
    if written.note:
        Progress().note(written.note)
    return 0
