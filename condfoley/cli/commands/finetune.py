"""`condfoley finetune CLIPS --out DIR`: fine-tunes the shipped model on a folder of clips; `--check` only looks at them."""

from __future__ import annotations

import sys
from dataclasses import fields

from condfoley.cli.arguments import option_parser
from condfoley.cli.options import FinetuneOptions
from condfoley.errors import EXIT_NOTHING_BETTER, require_extra, tell


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0, or EXIT_NOTHING_BETTER. Raises InputError for unusable input."""
    parser = option_parser("condfoley finetune", FinetuneOptions)
    parser.add_argument("clips", help="Folder of videos with sound of four seconds or more.")
    given = parser.parse_args(argv)
    options = FinetuneOptions(**{field.name: getattr(given, field.name) for field in fields(FinetuneOptions)})
    require_extra("train", "fine-tuning")
    from condfoley.training.finetune import check, finetune

    if options.check:
        print("\n\n".join(table.text() for table in check(given.clips, options)))
        return 0
    outcome = finetune(given.clips, options)
    print(outcome.table().text(), file=sys.stderr)
    tell(f"{outcome.sentence()}; the report is {outcome.page}")
    if not outcome.verdict.better:
        return EXIT_NOTHING_BETTER
    print(options.out)
    return 0
