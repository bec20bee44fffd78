"""`condfoley stems PROJECT`: a WAV for each layer or cue, whose sum is the soundtrack."""

from __future__ import annotations

from pathlib import Path

from condfoley.cli.arguments import from_parsed, option_parser
from condfoley.cli.progress import print_path
from condfoley.cli.project_options import StemsOptions


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    parser = option_parser("condfoley stems", StemsOptions)
    parser.add_argument("project", help="Folder that `condfoley generate` wrote.")
    parsed = parser.parse_args(argv)
    options, folder = from_parsed(parsed, StemsOptions), Path(parsed.project)
    from condfoley.project.outputs import replace_stems
    from condfoley.project.store import editing

    with editing(folder):
        print_path("\n".join(map(str, replace_stems(folder, options.each_cue))))
    return 0
