"""Base class of the training stages: networks with their losses and optimisers, batches, one step, one validation."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from accelerate import Accelerator, DistributedType
from accelerate.utils import AutocastKwargs
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from condfoley.data.store import ClipStore
from condfoley.errors import InputError
from condfoley.networks.video_encoder import ClipNorm
from condfoley.training.batches import Batch
from condfoley.training.config import TrainConfig
from condfoley.training.prerequisites import require_part

Loss = tuple[Tensor, dict[str, Tensor]]
"""The loss to minimise, a scalar, and the values to log."""
Network = TypeVar("Network", bound=nn.Module)
DISCRIMINATOR = "discriminator"


class Objective(nn.Module):
    """A network and its loss as one module, since DDP and FSDP synchronise gradients of a module's forward pass."""

    def __init__(self, network: nn.Module, loss: Callable[..., Loss]):
        super().__init__()
        self.network, self.loss = network, loss

    def forward(self, *inputs: Any) -> Loss:
        """The loss of a batch."""
        return self.loss(*inputs)


@dataclass
class Trained:
    """The training state of one network. objective: network and loss, as prepared by accelerate. ema: its average."""

    network: nn.Module
    objective: nn.Module
    optimizer: torch.optim.Optimizer
    ema: AveragedModel | None = None


def weighted_sum(terms: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """Total loss: the sum of scalar terms, each multiplied by the weight of the same name."""
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()


class Stage(ABC):
    """A training stage: `__init__` builds the networks, the training loop (`run`) calls the other methods.

    part: name of the trained part in the weights folder. sound_only: whether no frames are decoded. windows_of_frames:
    whether the unit of `config.window` is picture frames. exports: whether each checkpoint writes the part into the
    weights folder.
    """

    part: str
    exports = True
    sound_only = False
    windows_of_frames = False

    def __init__(self, config: TrainConfig, accelerator: Accelerator):
        self.config, self.accelerator = config, accelerator
        self.geometry, self.device = config.geometry, accelerator.device
        self.draw_device = (
            torch.device("cpu") if config.data.loaders else self.device
        )  # a forked process cannot use the GPU
        self.networks: dict[str, Trained] = {}
        self.initial_weights: dict[str, Tensor] = {}  # before the first step; only with `init_share`
        self.last_part = True  # False for all parts of an accumulated batch except the last
        for part in self.needs(config):
            require_part(config, part)
        self.store = self.open_store()

    def open_store(self) -> ClipStore:
        """The clips of the data set, decoded. Raises InputError when they cannot be used."""
        config, d = self.config, self.config.data
        store = ClipStore.open(
            d.folder,
            config.geometry,
            cache=d.cache,
            frame_size=d.frame_size,
            renderings=0 if self.sound_only else d.renderings,
            validation=d.validation,
            workers=d.workers,
            sound_only=self.sound_only,
            engine=d.engine,
        )
        longest = max(clip.frame_count for clip in store.train)
        if self.windows_of_frames and config.window > 2 * longest:  # shorter clips are padded
            raise InputError(
                f"window={config.window} is more than twice as long as any clip to train with in {d.folder}; "
                f"give about {longest} frames, or longer clips"
            )
        return store

    def describe_data(self) -> str:
        """Size of the data in words."""
        return self.store.counts()

    @classmethod
    def needs(cls, config: TrainConfig) -> tuple[str, ...]:
        """Parts that must be in the weights folder before this stage can start."""
        return ()

    @abstractmethod
    def draw(self, rngs: Sequence[np.random.Generator]) -> Batch:
        """One training example from each random stream, on `draw_device`. All randomness comes from these streams, so
        that an example is the same in any process and any batch."""

    @abstractmethod
    def learn(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """One training step, by `update`; returns the values to log (scalars without gradient)."""

    @abstractmethod
    def validate(self, step: int) -> dict[str, float]:
        """Metrics on the validation videos, always on the same examples."""

    @abstractmethod
    def sample(self, folder: Path, step: int) -> None:
        """Writes pictures (and sounds) of the model's present output into `folder`."""

    def built(self, network: Callable[..., Network], *sizes: Any) -> Network:
        """A new network, whose weights depend on `config.seed` and its sizes alone.

        Features that have to be computed first, and other networks that are loaded, draw random numbers, too.
        """
        torch.manual_seed(self.config.seed)
        return network(*sizes)

    def add(self, name: str, network: Network, lr: float, loss: Callable[..., Loss]) -> Network:
        """Registers a network with its loss and an AdamW optimiser (no weight decay on vectors); returns the network."""
        network.to(self.device)
        trained = [p for p in network.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": self.config.weight_decay},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=lr, betas=(self.config.betas[0], self.config.betas[1]))
        for group in optimizer.param_groups:
            group["highest_lr"] = lr
        self.networks[name] = Trained(network, Objective(network, loss), optimizer)
        return network

    def prepare(self) -> None:
        """Prepares the networks with accelerate, after they are built and loaded. Raises InputError for settings that
        FSDP does not support."""
        a = self.accelerator
        whole = ("ema", "lora", "init_share")
        if self.sharded and (unsupported := [name for name in whole if getattr(self.config, name)]):
            raise InputError(
                f"{unsupported[0]} needs the whole network in each process; set {unsupported[0]}=0 with FSDP"
            )
        if self.config.ema:
            average = AveragedModel(self.trained_network(), multi_avg_fn=get_ema_multi_avg_fn(self.config.ema))
            self.networks[self.part].ema = average
            a.register_for_checkpointing(average)
        if self.config.init_share:
            self.initial_weights = {name: x.clone() for name, x in self.trained_network().state_dict().items()}
        for trained in self.networks.values():
            objective = trained.objective
            has_clip_norm = any(isinstance(module, ClipNorm) for module in objective.modules())
            if a.num_processes > 1 and self.device.type == "cuda" and not has_clip_norm:  # torch has none for the CPU
                objective = nn.SyncBatchNorm.convert_sync_batchnorm(objective)
            trained.objective, trained.optimizer = a.prepare(objective, trained.optimizer)

    def update(self, name: str, *inputs: Any) -> dict[str, Tensor]:
        """One optimiser step of one network (or one part of an accumulated step); returns the values its loss logs.

        inputs: arguments of the loss. Raises FloatingPointError when the loss or its gradient is not finite; the
        weights are unchanged then.
        """
        a, trained = self.accelerator, self.networks[name]
        objective, optimizer = trained.objective, trained.optimizer
        with nullcontext() if self.last_part else a.no_sync(objective):
            loss, metrics = objective(*inputs)
            a.backward(loss)
        finite = loss.detach().float()
        if self.last_part and self.sharded:
            # a sharded checkpoint needs Adam's state of parameters that have not been used yet, too
            for p in objective.parameters():
                if p.requires_grad and p.grad is None:
                    p.grad = torch.zeros_like(p)
        if self.last_part:
            norm = a.clip_grad_norm_(objective.parameters(), self.config.clip_grad or math.inf)
            if a.scaler is None:  # fp16's scaler skips steps whose gradient is not finite
                finite = finite + norm
        if not torch.isfinite(finite).item():
            raise FloatingPointError(f"the loss of the {name} is {loss.item():g}, its gradient not finite")
        if self.last_part:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return metrics

    def update_adversarial(self, step: int, true: Tensor, *inputs: Any) -> dict[str, Tensor]:
        """One update of the trained part and, from `adversarial_from` on, of the discriminator.

        true: real examples for the discriminator. The loss of the part takes (*inputs, whether adversarial) and returns
        its output as the metric `generated`; the loss of the discriminator takes (true, generated).
        """
        adversarial = DISCRIMINATOR in self.networks and step >= self.config.loss.adversarial_from
        if adversarial:
            self.discriminator().requires_grad_(False)
        metrics = self.update(self.part, *inputs, adversarial)
        generated = metrics.pop("generated")
        if adversarial:
            self.discriminator().requires_grad_(True)
            metrics |= self.update(DISCRIMINATOR, true, generated)
        return metrics

    def discriminator(self) -> nn.Module:
        """The discriminator of an adversarial stage."""
        return self.networks[DISCRIMINATOR].network

    def full_precision(self) -> AbstractContextManager[Any]:
        """Context without autocast, for parts of a loss that need fp32."""
        return self.accelerator.autocast(AutocastKwargs(enabled=False))

    def set_learning_rate(self, step: int) -> None:
        """Sets the learning rates of all optimisers for a step."""
        scale = learning_rate_scale(step, self.config.steps, self.config.warmup, self.config.schedule)
        for trained in self.networks.values():
            for group in trained.optimizer.param_groups:
                group["lr"] = group["highest_lr"] * scale

    def set_training(self, on: bool) -> None:
        """Switches all networks to training mode, or to evaluation mode."""
        for trained in self.networks.values():
            trained.objective.train(on)

    def is_finished(self, step: int) -> bool:
        """Whether training ends after `step` steps although more are allowed."""
        return False

    def trained_network(self) -> nn.Module:
        """The network that is exported to the weights folder."""
        return self.networks[self.part].network

    def update_average(self) -> None:
        """Updates the moving average of the trained network, if there is one."""
        if (average := self.networks[self.part].ema) is not None:
            average.update_parameters(self.trained_network())

    @contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """Context in which the trained network has the weights that are validated and exported.

        These are their moving average if there is one, interpolated with the initial weights by `init_share`
        (Wortsman et al. 2022, Robust fine-tuning).
        """
        average, network = self.networks[self.part].ema, self.trained_network()
        if average is not None:
            _exchange(average.module, network)
        state = network.state_dict().items() if self.initial_weights else ()
        kept = {name: (value, value.clone()) for name, value in state}
        for name, (value, _) in kept.items():
            if value.is_floating_point():
                value.lerp_(self.initial_weights[name], self.config.init_share)
        try:
            yield
        finally:
            for value, before in kept.values():
                value.copy_(before)
            if average is not None:
                _exchange(average.module, network)

    def exported(self) -> tuple[nn.Module, dict[str, Tensor]]:
        """What is exported: a module that has the sizes in `config`, and its tensors, gathered from all processes."""
        tensors = self.accelerator.get_state_dict(self.networks[self.part].objective)
        return self.trained_network(), {k.removeprefix("network."): v for k, v in tensors.items()}

    def recommended_sampling(self) -> dict[str, float] | None:
        """Recommended sampling settings for the card; None: the card's settings stay."""
        return None

    def export_extras(self, weights: Path) -> None:  # noqa: B027 - most stages write one part
        """Writes further parts that belong to the exported one into the weights folder."""

    @property
    def sharded(self) -> bool:
        """Whether the network is sharded over the processes (FSDP)."""
        return self.accelerator.distributed_type == DistributedType.FSDP


@torch.no_grad()
def _exchange(a: nn.Module, b: nn.Module) -> None:
    for x, y in zip(a.state_dict().values(), b.state_dict().values()):
        kept = x.clone()
        x.copy_(y)
        y.copy_(kept)


def learning_rate_scale(step: int, steps: int, warmup: int, schedule: str) -> float:
    """Learning rate relative to its maximum: linear warm-up, then constant, or a cosine down to 2 %."""
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "constant":
        return 1.0
    done = (step - warmup) / max(1, steps - warmup)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
