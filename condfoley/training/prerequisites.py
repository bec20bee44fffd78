"""The earlier parts that a stage depends on, and the weights that its training starts from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from condfoley.errors import InputError
from condfoley.lineage import require_lineage
from condfoley.training.config import TrainConfig
from condfoley.weights import CARD, GUIDED, load_part, read_card

STAGE_OF = {"video_encoder": "video"}  # stage of a part, if it has another name
Network = TypeVar("Network", bound=nn.Module)
SelectWeights = Callable[[dict[str, Tensor], nn.Module], dict[str, Tensor]]
"""(state dict of trained weights, network) -> state dict for the network."""


def has_part(folder: Path, part: str) -> bool:
    """Whether a weights folder has a part."""
    return (folder / CARD).exists() and part in read_card(folder)["parts"]


def require_part(config: TrainConfig, part: str) -> None:
    """Raises InputError when the weights folder lacks `part`, naming the command that trains it."""
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
    """The file in ./configs that trains `stage` into the weights folder, if there is one."""
    import yaml

    for path in sorted(Path("configs").glob(f"*/{stage}.yaml")):
        settings: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        if settings.get("weights") == weights and settings.get("stage") == stage:
            return path
    return None


def load_init(network: Network, part: str, config: TrainConfig, select: SelectWeights | None = None) -> Network:
    """Loads the weights of the same part in `config.init`, if that is set, into the network; returns the network.

    select: picks the weights for a smaller network; None: all are used.
    Raises InputError when the part in init has other sizes or, unless `config.adapt`, was trained with other parts than
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
                raise InputError(f"{error}; adapt=true trains it further nevertheless") from None
        try:
            state = load_part(start, source).state_dict()
            network.load_state_dict(select(state, network) if select else state)
        except RuntimeError as error:
            what = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
            raise InputError(f"the {part} in {start} has other sizes than this config: {what}") from None
    return network
