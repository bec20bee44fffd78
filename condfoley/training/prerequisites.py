"""The earlier parts that a stage builds on: that they are there, and what training starts from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from condfoley.errors import InputError
from condfoley.lineage import require_lineage
from condfoley.training.config import TrainConfig
from condfoley.weights import CARD, GUIDED, load_part, read_card

STAGE_OF = {"video_encoder": "video"}  # parts whose stage has another name
Network = TypeVar("Network", bound=nn.Module)
Fitting = Callable[[dict[str, Tensor], nn.Module], dict[str, Tensor]]
"""Weights and a network -> what of them it starts with."""


def has_part(folder: Path, part: str) -> bool:
    """Whether a weights folder has a part."""
    return (folder / CARD).exists() and part in read_card(folder)["parts"]


def require(config: TrainConfig, part: str) -> None:
    """Raises InputError naming the command that makes `part` when the weights folder does not have it."""
    if has_part(Path(config.weights), part):
        return
    stage = STAGE_OF.get(part, part)
    made_by = _config_of(stage, config.weights)
    command = f"--config {made_by}" if made_by else f"stage={stage} weights={config.weights} ..."
    raise InputError(
        f"stage {config.stage} needs the {part.replace('_', ' ')} in {config.weights}; "
        f"run `condfoley train {command}` first, or set weights to a folder that has it"
    )


def _config_of(stage: str, weights: str) -> Path | None:
    """The file under configs/ here that trains `stage` into the weights folder."""
    import yaml

    for path in sorted(Path("configs").glob(f"*/{stage}.yaml")):
        settings: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        if settings.get("weights") == weights and settings.get("stage") == stage:
            return path
    return None


def started(network: Network, part: str, config: TrainConfig, fitted: Fitting | None = None) -> Network:
    """The network, with the weights of the same part in `config.init` when that is set.

    fitted: what the network takes of them, for one that is smaller; None: all.
    Raises InputError when that part has other sizes, or, unless `config.adapt`, was trained with other parts than
    those in `config.weights`.
    """
    if config.init:
        start = Path(config.init)
        source = GUIDED if config.from_guided else part
        if (Path(config.weights) / CARD).exists() and not config.adapt:
            record = read_card(start)["parts"].get(source, {}).get("trained_with", {})
            try:
                require_lineage(record, Path(config.weights), part)
            except InputError as error:
                raise InputError(f"{error}; adapt=true goes on with it as it is") from None
        try:
            state = load_part(start, source).state_dict()
            network.load_state_dict(fitted(state, network) if fitted else state)
        except RuntimeError as error:
            what = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
            raise InputError(f"the {part} in {start} has other sizes than this config: {what}") from None
    return network
