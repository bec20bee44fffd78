"""Settings that must not change on resume: those that decide the steps of a run."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from condfoley.errors import InputError
from condfoley.training.config import STAGES, TrainConfig

# Settings that may change on resume: the number of steps, folders, logging, and the hardware and precision. A change of
# the parts in `weights` is found by their hashes (see `lineage`).
CHANGEABLE = {
    *("steps", "out", "weights", "adapt", "resume", "dry_run", "log_every", "evaluate_every", "checkpoint_every"),
    *("keep", "wandb", "wandb_project", "accumulate", "precision", "device", "threads"),
    *("data.cache", "data.workers", "data.loaders", "data.engine"),
}
# Settings that are compared as paths: the same folder may be given in several ways.
PATHS = {
    "data.folder",
    "init",
    "pretrained",
    "teacher",
    "data.rehearse",
    "loss.perceptual_weights",
}


def decisive_settings(config: TrainConfig) -> dict[str, Any]:
    """The settings that decide a run's steps, by their names on the command line, as JSON values.

    Without the sizes of other stages' parts.
    """
    other = {stage for stage in STAGES if stage != config.stage}
    every = _flatten(json.loads(json.dumps(dataclasses.asdict(config))))
    return {name: value for name, value in every.items() if name not in CHANGEABLE and name.split(".")[0] not in other}


def require_same_settings(before: dict[str, Any], config: TrainConfig, restart_hint: str = "set resume=false") -> None:
    """Raises InputError naming each decisive setting that has changed.

    before: `decisive_settings` of the run so far; settings that only one of the two has are not compared. restart_hint:
    how to start the run again from the beginning, for the message.
    """
    now = decisive_settings(config)
    changed = [name for name, old in before.items() if name in now and not _same(name, old, now[name])]
    if changed:
        described = ", ".join(f"{name}={_format(before[name])}, now {_format(now[name])}" for name in changed)
        values = "value" if len(changed) == 1 else "values"
        raise InputError(
            f"the run in {config.out} was started with {described}; "
            f"give the earlier {values} to resume it, {restart_hint} to start again, or give another out folder"
        )


def _flatten(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in settings.items():
        out |= _flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return out


def _same(name: str, old: Any, new: Any) -> bool:
    if name in PATHS and old and new:
        return bool(old == new or Path(old).resolve() == Path(new).resolve())
    return bool(old == new)


def _format(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
