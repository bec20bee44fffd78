"""`condfoley train --config FILE key=value ...`: one stage of training."""

from __future__ import annotations

from condfoley.arguments import parse_config
from condfoley.training.config import TrainConfig


def run(words: list[str]) -> int:
    """Run with command-line words; returns 0. Raises InputError for anything that cannot be used."""
    config = parse_config("condfoley train", TrainConfig, words)
    from condfoley.training.run import main

    main(config)
    return 0
