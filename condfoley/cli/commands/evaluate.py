"""`condfoley evaluate`: metrics of systems on a test set, with an HTML report."""

from __future__ import annotations

import sys

from condfoley.cli.arguments import parse_options
from condfoley.errors import EXIT_USER_ERROR, require_extra, tell
from condfoley.evaluation.options import EvaluateOptions

SHOWN = ("f1_100", "ap_100", "timbre", "action", "material", "offset", "mcd")


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0, or 2 with the report written when a system failed on every pair.

    Raises InputError for anything that cannot be used.
    """
    from pathlib import Path

    options = parse_options("condfoley evaluate", EvaluateOptions, argv)
    require_extra("evaluate", "evaluation")
    from condfoley.evaluation.report import text_table, write_report
    from condfoley.evaluation.run import evaluate, failed_systems

    result = evaluate(options)
    page = write_report(result, Path(options.out), options.sample)
    if not options.quiet:
        print(text_table(result, SHOWN).text(), file=sys.stderr)
    print(page)
    failed = failed_systems(result)
    for name, why in failed.items():
        tell(f"{name} failed on every pair, at first with: {why}")
    return EXIT_USER_ERROR if failed else 0
