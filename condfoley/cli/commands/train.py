"""`condfoley train --config FILE key=value ...`: one stage of training."""

from __future__ import annotations

from importlib.util import find_spec

from condfoley.cli.arguments import parse_config
from condfoley.errors import InputError
from condfoley.training.config import TrainConfig


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used.

    `--dry-run` is the setting `dry_run=true`.
    """
    config = parse_config("condfoley train", TrainConfig, ["dry_run=true" if w == "--dry-run" else w for w in argv])
    require_training_packages()
    from condfoley.training.run import main

    main(config)
    return 0


def require_training_packages() -> None:
    """Raises InputError when the packages that only training needs are not installed."""
    if find_spec("accelerate") is None:
        raise InputError("training needs accelerate; install it with `pip install 'condfoley[train]'`")
