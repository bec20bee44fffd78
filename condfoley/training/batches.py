"""Batches of training examples, the random streams that they are drawn from, and random windows of sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from condfoley.data.store import CachedClip


@dataclass
class Batch:
    """Examples of one step. names: of their clips. tensors: (B, ...) each, the arguments of the loss."""

    names: list[str]
    tensors: tuple[Tensor, ...]

    def to(self, device: torch.device) -> Batch:
        """The batch on another device; asynchronous from pinned memory."""
        return Batch(self.names, tuple(tensor.to(device, non_blocking=True) for tensor in self.tensors))

    def pin_memory(self) -> Batch:
        """The batch in pinned memory; called by DataLoader."""
        return Batch(self.names, tuple(tensor.pin_memory() for tensor in self.tensors))


def example_streams(seed: int, step: int, first: int, count: int) -> list[np.random.Generator]:
    """Random streams of the examples [first, first + count) of a step's batch; each only depends on its position."""
    return [np.random.default_rng([seed, step, i]) for i in range(first, first + count)]


def validation_streams(count: int) -> list[np.random.Generator]:
    """Random streams of validation examples, always the same."""
    return example_streams(12345, 0, 0, count)


def draw_sounds(clips: list[CachedClip], samples: int, rngs: Sequence[np.random.Generator]) -> tuple[list[str], Tensor]:
    """A random window of a random clip for each random stream: names of the clips, and sounds (B, samples) float32.

    Silent windows are drawn again, up to 7 times.
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
