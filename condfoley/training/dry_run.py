"""Dry run: sizes, memory and data of a run, measured on one batch."""

from __future__ import annotations

import torch
from torch import Tensor

from condfoley.training.batches import example_streams
from condfoley.training.stage import Stage

MIB = 2**20
FLOAT = 4  # bytes; master weights, gradients and Adam's two moments are float32


def report(stage: Stage) -> str:
    """Parameters, memory, data and shapes of one batch, in several lines. Takes one step of `stage`, in memory only."""
    c, a = stage.config, stage.accelerator
    share = c.batch_size // (a.num_processes * c.accumulate)
    lines = [f"stage {c.stage}: {c.steps} steps of {c.batch_size} examples, {share} at once on {stage.device}"]
    every = trained = 0
    for name, part in stage.networks.items():
        network = part.network
        count = sum(p.numel() for p in network.parameters())
        learns = sum(p.numel() for p in network.parameters() if p.requires_grad)
        every, trained = every + count, trained + learns
        lines.append(f"  {name}: {count / 1e6:.2f} M parameters, {learns / 1e6:.2f} M trained")
    averaged = sum(p.numel() for p in stage.trained_network().parameters()) if c.ema else 0
    memory = {
        "weights": every * FLOAT,
        "gradients": trained * FLOAT,
        "optimiser": 2 * trained * FLOAT,
        "moving average": averaged * FLOAT,
    }
    lines.append(f"data: {stage.describe_data()}")
    if c.steps:
        batch = stage.draw(example_streams(c.seed, 0, 0, share)).to(stage.device)
        lines.append("one batch: " + ", ".join(f"{list(t.shape)} {str(t.dtype)[6:]}" for t in batch.tensors))
        parameters = {p.untyped_storage().data_ptr() for n in stage.networks.values() for p in n.network.parameters()}
        counter = ActivationCounter(parameters)
        with counter:
            stage.set_training(True)
            stage.learn(c.steps - 1, batch)
        memory["activations"] = counter.total
    total = sum(memory.values())
    parts = ", ".join(f"{name} {size / MIB:.1f}" for name, size in memory.items() if size)
    lines.append(f"memory, MiB: {total / MIB:.1f} ({parts})")
    return "\n".join(lines)


class ActivationCounter(torch.autograd.graph.saved_tensors_hooks):
    """Context that counts the bytes which autograd saves for the backward pass; each storage once."""

    def __init__(self, ignored: set[int]):
        """ignored: addresses of storages that are not counted, such as parameters."""
        self.seen, self.total = set(ignored), 0
        super().__init__(self._pack, lambda tensor: tensor)

    def _pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self.seen:
            self.seen.add(storage.data_ptr())
            self.total += storage.nbytes()
        return tensor
