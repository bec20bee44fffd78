"""`condfoley demo`: the example pair in the package, so that a first soundtrack needs no files of the user's."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from condfoley import examples
from condfoley.cli.arguments import parse_options
from condfoley.cli.commands.generate import FILES, generate_results
from condfoley.cli.options import DemoOptions, GenerateOptions, SoundOptions
from condfoley.cli.progress import Progress, print_path
from condfoley.results.folder import OVERVIEW


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    options = parse_options("condfoley demo", DemoOptions, argv)
    sound: dict[str, Any] = {field.name: getattr(options, field.name) for field in fields(SoundOptions)}
    progress = Progress(options.quiet)
    try:
        summary = generate_results(
            GenerateOptions(**sound, reference=str(examples.REFERENCE), target=str(examples.TARGET), out=options.out),
            ["condfoley", "demo", *argv],
            progress,
        )
        shown = f", look at {Path(options.out) / OVERVIEW}" if options.overview else ""
        progress.note(
            f"{examples.TARGET.name} now has a soundtrack in the sound of {examples.REFERENCE.name}: "
            f"play {summary['video']}{shown}"
        )
    finally:
        progress.close()
    print_path("\n".join(summary[name] for name in FILES if name in summary))
    return 0
