"""The batches of a run, in the order in which its steps take them; drawn by other processes while the GPU computes, if asked."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator

from torch.utils.data import DataLoader, Dataset

from condfoley.errors import InputError
from condfoley.training.stage import Batch, Stage, streams


class Batches(Dataset[Batch]):
    """This process's batches of a run, by number: `accumulate` of them a step."""

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
        return self.stage.draw(streams(c.seed, step, place * share, share))


def drawn(stage: Stage, start: int) -> Iterator[Batch]:
    """The batches from step `start` on. Raises InputError when other processes are to draw and this system has no fork."""
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
            multiprocessing_context="fork" if c.data.loaders else None,  # the stage and its banks are there already
            pin_memory=bool(c.data.loaders) and stage.device.type == "cuda",
        )
    )
