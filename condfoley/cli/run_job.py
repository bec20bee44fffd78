"""One job with a model that this process loads once: what `condfoley batch` and `condfoley serve` run for each pair."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from condfoley.cli.commands.generate import check_inputs, generate_results, load_model, read_hits_option
from condfoley.cli.options import DeliveryOptions, GenerateOptions, SoundOptions
from condfoley.cli.progress import Progress
from condfoley.memory import return_freed_memory

if TYPE_CHECKING:
    from condfoley.cli.progress import ReportsProgress
    from condfoley.foley import Foley

NOT_OF_THE_MODEL = {"keep", "stems", "force", "quiet", *(field.name for field in fields(DeliveryOptions))}
MODEL_OPTIONS = tuple(field.name for field in fields(SoundOptions) if field.name not in NOT_OF_THE_MODEL)
_models: dict[tuple[Any, ...], Foley] = {}  # one at most


def loaded_model(options: SoundOptions, progress: Progress | None = None) -> Foley:
    """The model that the options name; loaded again only if other options are given than last time.

    Raises InputError when it cannot be loaded.
    """
    key = tuple(getattr(options, name) for name in MODEL_OPTIONS)
    if key not in _models:
        _models.clear()
        _models[key] = load_model(options, progress or Progress(quiet=True))
    return _models[key]


def check_job(job: GenerateOptions) -> None:
    """Raises InputError for inputs that cannot be used. Needs no model."""
    _, target = check_inputs(job)
    read_hits_option(job, target.duration)


def run_job(job: GenerateOptions, command: list[str], progress: ReportsProgress | None = None) -> dict[str, Any]:
    """Writes a job's results; returns the values of `generate_results`.

    command: noted in provenance.json. Raises InputError when something cannot be used, and what `progress` raises.
    """
    try:
        return generate_results(job, command, progress or Progress(quiet=True), loaded_model(job))
    finally:
        return_freed_memory()
