"""`condfoley train --config FILE key=value ...`: one stage of training."""

from __future__ import annotations

from condfoley.cli.arguments import parse_config
from condfoley.errors import require_extra
from condfoley.training.config import TrainConfig


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used.

    `--dry-run` is the setting `dry_run=true`.
    """
    config = parse_config("condfoley train", TrainConfig, ["dry_run=true" if w == "--dry-run" else w for w in argv])
    require_extra("train", "training")
    from condfoley.training.run import main

    main(config)
    return 0
