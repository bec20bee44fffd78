"""`condfoley stems PROJECT`: a WAV for each layer or cue, whose sum is the soundtrack."""

from __future__ import annotations

from condfoley.cli.arguments import parse_with_folder
from condfoley.cli.progress import print_path
from condfoley.cli.project_options import StemsOptions


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    folder, options = parse_with_folder("condfoley stems", StemsOptions, argv)
    from condfoley.project.outputs import replace_stems
    from condfoley.project.store import editing

    with editing(folder):
        print_path("\n".join(map(str, replace_stems(folder, options.each_cue))))
    return 0
