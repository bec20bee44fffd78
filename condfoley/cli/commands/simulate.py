"""`condfoley simulate`: renders videos of hitting and scratching, with exact annotations."""

from __future__ import annotations

import sys

from condfoley.cli.arguments import parse_options
from condfoley.data.simulation.write import SimulateOptions, write_clips
from condfoley.errors import EXIT_INTERNAL_ERROR


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0, or 1 when clips failed. Raises InputError for wrong arguments."""
    options = parse_options("condfoley simulate", SimulateOptions, argv)
    failures = write_clips(options)
    if failures:
        number, reason = failures[0]
        print(
            f"condfoley: {len(failures)} clips failed (number {number}: {reason}); run again to retry",
            file=sys.stderr,
        )
        return EXIT_INTERNAL_ERROR
    print(options.out)
    return 0
