"""`condfoley finetune CLIPS --out DIR`: fine-tunes the shipped model on a folder of clips."""

from __future__ import annotations

import sys
from dataclasses import fields

from condfoley.cli.arguments import option_parser
from condfoley.cli.commands.train import require_training_packages
from condfoley.cli.options import FinetuneOptions


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    parser = option_parser("condfoley finetune", FinetuneOptions)
    parser.add_argument("clips", help="Folder of videos with sound, 50 to 100 of a few seconds or more.")
    given = parser.parse_args(argv)
    options = FinetuneOptions(**{field.name: getattr(given, field.name) for field in fields(FinetuneOptions)})
    require_training_packages()
    from condfoley.training.finetune import finetune

    print(finetune(given.clips, options).text(), file=sys.stderr)
    print(options.out)
    return 0
