"""The batches of a run in the order of its steps; optionally drawn by other processes while the GPU computes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator

from torch.utils.data import DataLoader, Dataset

from condfoley.errors import InputError
from condfoley.training.batches import Batch, example_streams
from condfoley.training.stage import Stage


class Batches(Dataset[Batch]):
    """This process's batches of a run, by number; each step has `accumulate` of them."""

    def __init__(self, stage: Stage):
        self.stage = stage

    def __len__(self) -> int:
        c = self.stage.config
        return c.steps * c.accumulate

    def __getitem__(self, number: int) -> Batch:
        c, a = self.stage.config, self.stage.accelerator
        share = c.batch_size // (a.num_processes * c.accumulate)
        step, part = divmod(number, c.accumulate)
        place = part * a.num_processes + a.process_index
        return self.stage.draw(example_streams(c.seed, step, place * share, share))


def iterate_batches(stage: Stage, start: int) -> Iterator[Batch]:
    """Iterates over the batches from step `start` on. Raises InputError for `data.loaders` on a system without fork."""
    c = stage.config
    if c.data.loaders and "fork" not in multiprocessing.get_all_start_methods():
        raise InputError("data.loaders needs a system on which processes fork (Linux, macOS); set data.loaders=0")
    batches = Batches(stage)
    return iter(
        DataLoader(
            batches,
            batch_size=None,
            sampler=range(start * c.accumulate, len(batches)),
            num_workers=c.data.loaders,
            multiprocessing_context="fork" if c.data.loaders else None,  # forked processes share the stage and its data
            pin_memory=bool(c.data.loaders) and stage.device.type == "cuda",
        )
    )
