"""What every stage of training has in common: networks, optimisers, one step, one validation, one sample."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from condfoley.data.store import Store
from condfoley.training.config import TrainConfig


class Stage(ABC):
    """A stage builds what it trains in `__init__`, and the loop calls the rest.

    part: name of the trained part in the weights folder.
    """

    part: str
    sound_only = False

    def __init__(self, config: TrainConfig):
        self.config = config
        self.geometry = config.geometry
        self.device = torch.device(config.device)
        self.networks = nn.ModuleDict()
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        d = config.data
        self.store = Store.open(
            d.folder,
            config.geometry,
            cache=d.cache,
            frame_size=d.frame_size,
            renderings=0 if self.sound_only else d.renderings,
            validation=d.validation,
            workers=d.workers,
            sound_only=self.sound_only,
        )

    def add(self, name: str, network: nn.Module, lr: float) -> Any:
        """Registers a trained network and its AdamW (no decay on vectors)."""
        network.to(self.device)
        self.networks[name] = network
        trained = [p for p in network.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": self.config.weight_decay},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimizers[name] = torch.optim.AdamW(groups, lr=lr, betas=(self.config.betas[0], self.config.betas[1]))
        for group in self.optimizers[name].param_groups:
            group["highest_lr"] = lr
        return network

    def update(self, name: str, loss: Tensor) -> None:
        """One optimiser step of one network."""
        optimizer = self.optimizers[name]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.config.clip_grad:
            nn.utils.clip_grad_norm_(self.networks[name].parameters(), self.config.clip_grad)
        optimizer.step()

    def autocast(self) -> AbstractContextManager[Any]:
        """The configured arithmetic for forward passes."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bf16")

    def set_rate(self, step: int) -> None:
        """Learning rates of all optimisers at a step."""
        scale = rate_scale(step, self.config.steps, self.config.warmup, self.config.schedule)
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["highest_lr"] * scale

    @abstractmethod
    def step(self, step: int, rng: np.random.Generator) -> dict[str, float]:
        """One training step; returns what is logged. All its randomness comes from `rng` and torch's seeded stream."""

    @abstractmethod
    def validate(self, step: int) -> dict[str, float]:
        """Losses on the validation videos, always on the same examples."""

    @abstractmethod
    def sample(self, folder: Path, step: int) -> None:
        """Writes pictures (and sounds) of what the model does now into `folder`."""

    def trained(self) -> nn.Module:
        """The part that goes into the weights folder."""
        return self.networks[self.part]


def rate_scale(step: int, steps: int, warmup: int, schedule: str) -> float:
    """Share of the highest learning rate: linear warm-up, then constant, or a cosine down to 2 %."""
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "constant":
        return 1.0
    done = (step - warmup) / max(1, steps - warmup)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def random_sounds(clips: list[Any], count: int, samples: int, rng: np.random.Generator) -> Tensor:
    """Random windows of random clips: (count, samples) float32. Silent windows are drawn again."""
    out = []
    for _ in range(count):
        for _attempt in range(8):
            clip = clips[rng.integers(len(clips))]
            start = int(rng.integers(0, max(1, clip.sample_count - samples + 1)))
            wav = clip.sound(int(rng.integers(clip.tracks)), start, samples)
            if np.abs(wav).max() > 1e-3:
                break
        out.append(wav)
    return torch.from_numpy(np.stack(out))
