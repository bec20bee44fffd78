"""`condfoley timeline DIR`: exports a project for editors of picture and sound."""

from __future__ import annotations

from condfoley.cli.arguments import parse_with_folder
from condfoley.cli.progress import Progress, print_path
from condfoley.cli.project_options import TimelineOptions


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    folder, options = parse_with_folder("condfoley timeline", TimelineOptions, argv, "result")
    from condfoley.timeline.write import write

    written = write(folder, options.force, options.relative, options.target)
    print_path("\n".join(map(str, written.paths)))
    if written.note:
        Progress().note(written.note)
    return 0
