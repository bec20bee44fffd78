"""What every stage of training has in common: networks with what they minimise, drawing, one step, one validation."""

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

from condfoley.data.store import CachedClip, ClipStore
from condfoley.errors import InputError
from condfoley.networks.video_encoder import ClipNorm
from condfoley.training.config import TrainConfig
from condfoley.training.prerequisites import require

Loss = tuple[Tensor, dict[str, Tensor]]
"""What is minimised, and what is logged."""
Network = TypeVar("Network", bound=nn.Module)
DISCRIMINATOR = "discriminator"


@dataclass
class Batch:
    """Examples of one step. names: their clips'. tensors: each (B, ...), in the order in which the loss takes them."""

    names: list[str]
    tensors: tuple[Tensor, ...]

    def to(self, device: torch.device) -> Batch:
        """The same on another device; from pinned memory while the processor goes on."""
        return Batch(self.names, tuple(tensor.to(device, non_blocking=True) for tensor in self.tensors))

    def pin_memory(self) -> Batch:
        """The same in pinned memory: what a DataLoader asks for."""
        return Batch(self.names, tuple(tensor.pin_memory() for tensor in self.tensors))


class Objective(nn.Module):
    """A network and what it minimises, as one module: gradients are shared in its forward (DDP, FSDP)."""

    def __init__(self, network: nn.Module, loss: Callable[..., Loss]):
        super().__init__()
        self.network, self.loss = network, loss

    def forward(self, *inputs: Any) -> Loss:
        """The loss of some examples."""
        return self.loss(*inputs)


class Stage(ABC):
    """A stage builds what it trains in `__init__`, and the loop calls the rest.

    part: name of the trained part in the weights folder. sound_only: whether no frames are decoded. windows_of_frames:
    whether `config.window` is in picture frames of a clip.
    """

    part: str
    sound_only = False
    windows_of_frames = False

    def __init__(self, config: TrainConfig, accelerator: Accelerator):
        self.config, self.accelerator = config, accelerator
        self.geometry, self.device = config.geometry, accelerator.device
        self.drawn_on = torch.device("cpu") if config.data.loaders else self.device  # a forked process has no GPU
        self.networks: dict[str, nn.Module] = {}
        self.objectives: dict[str, nn.Module] = {}
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self.average: AveragedModel | None = None
        self.start: dict[str, Tensor] = {}  # weights before the first step, where they are to count
        self.whole_batch = True  # False between the parts of an accumulated batch
        for part in self.needs(config):
            require(config, part)
        d = config.data
        self.store = ClipStore.open(
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
        longest = max(clip.frame_count for clip in self.store.train)
        if self.windows_of_frames and config.window > 2 * longest:  # shorter ones are filled up
            raise InputError(
                f"window={config.window} is more than twice as long as any clip to train with in {d.folder}; "
                f"give about {longest} frames, or longer clips"
            )

    @classmethod
    def needs(cls, config: TrainConfig) -> tuple[str, ...]:
        """Parts that must be in the weights folder before this stage can begin."""
        return ()

    @abstractmethod
    def draw(self, rngs: Sequence[np.random.Generator]) -> Batch:
        """One training example from each random stream, on the device `drawn_on`. All its randomness comes from there,
        so that an example is the same whichever process draws it, and beside whichever others."""

    @abstractmethod
    def learn(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """One training step, by `update`; returns what is logged (scalars without gradient)."""

    @abstractmethod
    def validate(self, step: int) -> dict[str, float]:
        """Losses on the validation videos, always on the same examples."""

    @abstractmethod
    def sample(self, folder: Path, step: int) -> None:
        """Writes pictures (and sounds) of what the model does now into `folder`."""

    def add(self, name: str, network: Network, lr: float, loss: Callable[..., Loss]) -> Network:
        """Registers a network with what it minimises and its AdamW (no decay on vectors)."""
        network.to(self.device)
        trained = [p for p in network.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": self.config.weight_decay},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=lr, betas=(self.config.betas[0], self.config.betas[1]))
        for group in optimizer.param_groups:
            group["highest_lr"] = lr
        self.networks[name], self.objectives[name], self.optimizers[name] = network, Objective(network, loss), optimizer
        return network

    def prepare(self) -> None:
        """Hands the networks to accelerate, once they are built and loaded. Raises InputError for what FSDP cannot do."""
        a = self.accelerator
        whole = ("ema", "lora", "init_share")
        if self.sharded and (asked := [name for name in whole if getattr(self.config, name)]):
            raise InputError(f"{asked[0]} needs the whole network in each process; set {asked[0]}=0 with FSDP")
        if self.config.ema:
            self.average = AveragedModel(self.trained(), multi_avg_fn=get_ema_multi_avg_fn(self.config.ema))
            a.register_for_checkpointing(self.average)
        if self.config.init_share:
            self.start = {name: value.clone() for name, value in self.trained().state_dict().items()}
        for name, objective in self.objectives.items():
            follows_clips = any(isinstance(module, ClipNorm) for module in objective.modules())
            if a.num_processes > 1 and self.device.type == "cuda" and not follows_clips:  # torch has none for the CPU
                objective = nn.SyncBatchNorm.convert_sync_batchnorm(objective)
            self.objectives[name], self.optimizers[name] = a.prepare(objective, self.optimizers[name])

    def update(self, name: str, *inputs: Any) -> dict[str, Tensor]:
        """One optimiser step of one network (or one part of an accumulated step); returns what its loss logs.

        Raises FloatingPointError when the loss or its gradient is not finite; the network is as it was then.
        """
        a, objective, optimizer = self.accelerator, self.objectives[name], self.optimizers[name]
        with nullcontext() if self.whole_batch else a.no_sync(objective):
            loss, metrics = objective(*inputs)
            a.backward(loss)
        finite = loss.detach().float()
        if self.whole_batch and self.sharded:
            # a sharded checkpoint needs Adam's state of parameters not used so far too
            for p in objective.parameters():
                if p.requires_grad and p.grad is None:
                    p.grad = torch.zeros_like(p)
        if self.whole_batch:
            norm = a.clip_grad_norm_(objective.parameters(), self.config.clip_grad or math.inf)
            if a.scaler is None:  # fp16's scaler skips such steps by itself
                finite = finite + norm
        if not torch.isfinite(finite).item():
            raise FloatingPointError(f"the loss of the {name} is {loss.item():g}, its gradient not finite")
        if self.whole_batch:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return metrics

    def update_judged(self, step: int, true: Tensor, *inputs: Any) -> dict[str, Tensor]:
        """One update of the trained part and, from its first step on, of the discriminator of what the part makes.

        true: what the discriminator is to tell from it. The part's loss takes (*inputs, whether it is judged), and
        leaves what it made among its metrics as `made`; the discriminator's takes (true, made).
        """
        judged = DISCRIMINATOR in self.networks and step >= self.config.loss.adversarial_from
        if judged:
            self.networks[DISCRIMINATOR].requires_grad_(False)
        metrics = self.update(self.part, *inputs, judged)
        made = metrics.pop("made")
        if judged:
            self.networks[DISCRIMINATOR].requires_grad_(True)
            metrics |= self.update(DISCRIMINATOR, true, made)
        return metrics

    def exact(self) -> AbstractContextManager[Any]:
        """Full precision inside a loss, where mixed precision is the rule."""
        return self.accelerator.autocast(AutocastKwargs(enabled=False))

    def set_rate(self, step: int) -> None:
        """Learning rates of all optimisers at a step."""
        scale = rate_scale(step, self.config.steps, self.config.warmup, self.config.schedule)
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["highest_lr"] * scale

    def set_training(self, on: bool) -> None:
        """Switches all networks between training and evaluation."""
        for objective in self.objectives.values():
            objective.train(on)

    def trained(self) -> nn.Module:
        """The network that goes into the weights folder."""
        return self.networks[self.part]

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within: what is validated and exported in place of the last step's weights.

        Their moving average when there is one, and of that and of init's weights the mean that `init_share` asks for
        (Wortsman et al. 2022, Robust fine-tuning).
        """
        if self.average is not None:
            _exchange(self.average.module, self.trained())
        kept = {name: (value, value.clone()) for name, value in self.trained().state_dict().items() if self.start}
        for name, (value, _) in kept.items():
            if value.is_floating_point():
                value.lerp_(self.start[name], self.config.init_share)
        try:
            yield
        finally:
            for value, before in kept.values():
                value.copy_(before)
            if self.average is not None:
                _exchange(self.average.module, self.trained())

    def exported(self) -> tuple[nn.Module, dict[str, Tensor]]:
        """What is written: a module that names the sizes, and its tensors, gathered from all processes."""
        tensors = self.accelerator.get_state_dict(self.objectives[self.part])
        return self.trained(), {k.removeprefix("network."): v for k, v in tensors.items()}

    def recommended(self) -> dict[str, float] | None:
        """How to sample with what is exported, for the card; None leaves what it says."""
        return None

    def keep_beside(self, weights: Path) -> None:  # noqa: B027 - most stages write one part
        """Writes what else belongs to the exported part into the weights folder."""

    @property
    def sharded(self) -> bool:
        """Whether no process has the whole network (FSDP)."""
        return self.accelerator.distributed_type == DistributedType.FSDP


@torch.no_grad()
def _exchange(a: nn.Module, b: nn.Module) -> None:
    for x, y in zip(a.state_dict().values(), b.state_dict().values()):
        kept = x.clone()
        x.copy_(y)
        y.copy_(kept)


def rate_scale(step: int, steps: int, warmup: int, schedule: str) -> float:
    """Share of the highest learning rate: linear warm-up, then constant, or a cosine down to 2 %."""
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "constant":
        return 1.0
    done = (step - warmup) / max(1, steps - warmup)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def streams(seed: int, step: int, first: int, count: int) -> list[np.random.Generator]:
    """The random streams of examples [first, first + count) of a step's batch; each depends on its place only."""
    return [np.random.default_rng([seed, step, i]) for i in range(first, first + count)]


def fixed_streams(count: int) -> list[np.random.Generator]:
    """The random streams that validation examples are drawn from: always the same."""
    return streams(12345, 0, 0, count)


def random_sounds(
    clips: list[CachedClip], samples: int, rngs: Sequence[np.random.Generator]
) -> tuple[list[str], Tensor]:
    """A random window of a random clip from each stream: their names, and (B, samples) float32.

    Silent windows are drawn again.
    """
    names, out = [], []
    for rng in rngs:
        for _attempt in range(8):
            clip = clips[rng.integers(len(clips))]
            start = int(rng.integers(0, max(1, clip.sample_count - samples + 1)))
            wav = clip.sound(int(rng.integers(clip.tracks)), start, samples)
            if np.abs(wav).max() > 1e-3:
                break
        names.append(clip.name)
        out.append(wav)
    return names, torch.from_numpy(np.stack(out))
