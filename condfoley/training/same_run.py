"""What a run that is gone on with must have in common with what it was: the settings that decide its steps."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from condfoley.errors import InputError
from condfoley.training.config import STAGES, TrainConfig

# Settings that may change between two parts of a run: how long it is, where it is and writes, what it says of itself,
# and what its steps are computed on. A retrained earlier part in `weights` is told by its hash (see `lineage`).
FREE = {
    *("steps", "out", "weights", "adapt", "resume", "dry_run", "log_every", "evaluate_every", "checkpoint_every"),
    *("keep", "wandb", "wandb_project", "accumulate", "precision", "device", "threads"),
    *("data.cache", "data.workers", "data.loaders", "data.engine"),
}
PLACES = {"data.folder", "init", "pretrained", "teacher", "loss.perceptual_weights"}  # may be spelled in several ways


def deciding(config: TrainConfig) -> dict[str, Any]:
    """The settings that decide a run's steps, by their names on the command line, as JSON gives them back.

    Sizes of other stages' parts are not among them.
    """
    other = {stage for stage in STAGES if stage != config.stage}
    every = _flat(json.loads(json.dumps(dataclasses.asdict(config))))
    return {name: value for name, value in every.items() if name not in FREE and name.split(".")[0] not in other}


def require_same(before: dict[str, Any], config: TrainConfig, anew: str = "set resume=false") -> None:
    """Raises InputError naming each setting that decides steps and is not what it was.

    before: `deciding` of the run so far; settings that only one of the two knows are not compared. anew: how to begin
    anew instead.
    """
    now = deciding(config)
    changed = [name for name, old in before.items() if name in now and not _same(name, old, now[name])]
    if changed:
        told = ", ".join(f"{name}={_spelled(before[name])}, now {_spelled(now[name])}" for name in changed)
        values = "value" if len(changed) == 1 else "values"
        raise InputError(
            f"the run in {config.out} was begun with {told}; "
            f"give the earlier {values} to go on, {anew} to begin anew, or give another out folder"
        )


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in settings.items():
        out |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return out


def _same(name: str, old: Any, new: Any) -> bool:
    if name in PLACES and old and new:
        return bool(old == new or Path(old).resolve() == Path(new).resolve())
    return bool(old == new)


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
