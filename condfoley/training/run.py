"""The training loop of all stages: resume, step, log, validate, checkpoint, export."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import InitProcessGroupKwargs
from torch import Tensor

from condfoley.data.store import videos_of
from condfoley.errors import InputError
from condfoley.files.partial import only_writer
from condfoley.lineage import lineage
from condfoley.runtime.export import write_graphs_if_possible
from condfoley.training.batches import Batch
from condfoley.training.checkpoint import CHECKPOINTS, Checkpoints, disk_is_full, require_same_run
from condfoley.training.config import TrainConfig
from condfoley.training.distil import guided_part
from condfoley.training.dry_run import report
from condfoley.training.loaders import iterate_batches
from condfoley.training.log import Log
from condfoley.training.precision import has_bf16
from condfoley.training.stage import Stage
from condfoley.weights import CARD, read_card, save_part

# How long processes wait for the first one, which fills the cache alone; torch's default of 10 minutes (NCCL) is too
# short to decode a large data set.
PROCESS_TIMEOUT = timedelta(days=14)


def main(config: TrainConfig) -> None:
    """Trains one stage, resuming from its newest checkpoint, and writes the part into `config.weights`.

    Raises InputError for data, weights or checkpoints that cannot be used, settings that must not change on resume, a
    full disk, or a loss that is not finite.
    """
    if config.resume and not config.dry_run:
        require_same_run(config)
    stage = build(config)
    if config.dry_run:
        if stage.accelerator.is_main_process:
            print(report(stage))
    else:
        train(stage)


def build(config: TrainConfig) -> Stage:
    """Builds the stage of a configuration, ready to train. Raises InputError."""
    if config.threads:
        torch.set_num_threads(config.threads)
    accelerator = make_accelerator(config)
    torch.manual_seed(config.seed)
    name = "materials" if config.stage == "judges" and config.judges.impact_frames else config.stage
    module = importlib.import_module(f"condfoley.training.stages.{name}")
    with accelerator.main_process_first():  # it fills the cache, which the others read
        stage: Stage = getattr(module, f"{name.title()}Stage")(config, accelerator)
    stage.prepare()
    return stage


def make_accelerator(config: TrainConfig) -> Accelerator:
    """The Accelerator: device, processes, precision. Raises InputError for a batch size or precision that does not fit."""
    AcceleratorState._reset_state(reset_partial_state=True)  # a process may train several stages
    precision = mixed_precision(config)
    try:
        accelerator = Accelerator(
            cpu=config.device == "cpu",
            mixed_precision=precision,
            gradient_accumulation_steps=config.accumulate,
            kwargs_handlers=[
                # some parameters may have no gradient in a step: the codebook before `quantise_from`, null tokens
                DistributedDataParallelKwargs(find_unused_parameters=True),
                InitProcessGroupKwargs(timeout=PROCESS_TIMEOUT),
            ],
        )
    except ValueError as error:
        raise InputError(f"precision={config.precision} does not work here ({error}); set precision=fp32") from None
    if precision == "fp16" and accelerator.device.type == "cpu":
        raise InputError("precision=fp16 does not work here (it needs a GPU); set precision=bf16 or fp32")
    parts = accelerator.num_processes * config.accumulate
    if config.batch_size % parts:
        raise InputError(
            f"batch_size={config.batch_size} cannot be shared by {accelerator.num_processes} processes in "
            f"{config.accumulate} parts each; give a multiple of {parts}"
        )
    return accelerator


def mixed_precision(config: TrainConfig) -> str:
    """`config.precision` as accelerate's `mixed_precision`: no, bf16 or fp16. Warns about emulated bf16 on stderr."""
    if config.precision in ("fp32", "fp16"):
        return "no" if config.precision == "fp32" else "fp16"
    on_gpu = config.device == "auto" and torch.cuda.is_available()
    in_hardware = has_bf16("cuda" if on_gpu else "cpu")
    if config.precision == "bf16" and not in_hardware:
        print(
            "condfoley: this processor does not compute in bf16, which is emulated, many times slower than fp32; "
            "precision=auto takes bf16 only where it helps",
            file=sys.stderr,
        )
    return "bf16" if in_hardware or config.precision == "bf16" else "no"


def train(stage: Stage) -> None:
    """Runs the training loop. Raises InputError; see `main`."""
    checkpoints = Checkpoints(stage, Path(stage.config.out) / CHECKPOINTS)
    try:
        with only_writer(Path(stage.config.out)) if stage.accelerator.is_main_process else nullcontext():
            _train(stage, checkpoints)
    except InputError:
        raise
    except Exception as error:  # torch, safetensors and matplotlib report a full disk in different ways
        if not disk_is_full(error):
            raise
        raise InputError(
            f"no space left on the device of {stage.config.out} or of {stage.config.weights}; {checkpoints.describe_latest()}: "
            "make room and run the same command again"
        ) from error


def _train(stage: Stage, checkpoints: Checkpoints) -> None:
    c, a = stage.config, stage.accelerator
    if not c.resume:
        checkpoints.clear()
    start = checkpoints.resume()
    if start > c.steps:
        raise InputError(f"{c.out} has taken {start} steps, not {c.steps}; give more steps, or another out folder")
    if a.is_main_process:
        parameters = sum(p.numel() for p in stage.trained_network().parameters())
        print(
            f"condfoley: {c.stage}: {parameters / 1e6:.2f} M parameters, {stage.describe_data()}, "
            f"step {start} of {c.steps}",
            file=sys.stderr,
        )
    batches = iterate_batches(stage, start)
    with Log(c, start, a.is_main_process) as log:
        for step in range(start, c.steps):
            if stage.is_finished(step):
                break
            metrics = train_step(stage, step, batches, checkpoints)
            done = step + 1
            last = done == c.steps
            if done % c.log_every == 0 or last:
                log.write(done, reduce_metrics(stage, metrics))
            if done % c.evaluate_every == 0 or last:
                log.write(done, validate(stage, done))
            if done % c.checkpoint_every == 0 or last:
                checkpoints.save(done)
                if stage.exports:
                    export(stage, log.latest, done)
        if start == c.steps and stage.exports:  # nothing left to train, but a killed run may not have exported its part
            export(stage, log.latest, c.steps)


def train_step(stage: Stage, step: int, batches: Iterator[Batch], checkpoints: Checkpoints) -> dict[str, Tensor]:
    """One training step on the next batches; returns the metrics, averaged over accumulated parts.

    Its randomness only depends on the seed, the step and the example's position in the batch, so that a resumed run
    takes the same steps, and several processes take the same step as one. Raises InputError for a loss that is not
    finite.
    """
    c, a = stage.config, stage.accelerator
    stage.set_learning_rate(step)
    stage.set_training(True)
    total: dict[str, Tensor] = {}
    for part in range(c.accumulate):
        place = part * a.num_processes + a.process_index
        stage.last_part = part + 1 == c.accumulate
        torch.manual_seed((c.seed * 1_000_003 + step) * 65_537 + place)  # dropout
        batch = next(batches).to(stage.device)
        try:
            metrics = stage.learn(step, batch)
        except FloatingPointError as error:
            raise InputError(
                f"step {step + 1}: {error}; clips of the batch: {', '.join(sorted(set(batch.names)))}; "
                f"{checkpoints.describe_latest()}: look at these clips, or lower lr"
            ) from error
        total = {k: total.get(k, 0) + v.detach() / c.accumulate for k, v in metrics.items()}
    stage.update_average()
    return total


def reduce_metrics(stage: Stage, metrics: dict[str, Tensor]) -> dict[str, float]:
    """Metrics as numbers, averaged over the processes."""
    values = torch.stack([v.float() for v in metrics.values()])
    shared: Tensor = stage.accelerator.reduce(values, "mean")
    return dict(zip(metrics, shared.tolist()))


def validate(stage: Stage, step: int) -> dict[str, float]:
    """Validation metrics, named val/...; also writes samples into the run's folder."""
    stage.set_training(False)
    torch.manual_seed(0)
    samples = Path(stage.config.out) / "samples"
    with torch.no_grad(), stage.averaged_weights():
        metrics = {f"val/{k}": v for k, v in stage.validate(step).items()}
        if stage.accelerator.is_main_process and not stage.sharded:
            samples.mkdir(exist_ok=True)
            stage.sample(samples, step)
    return metrics


def export(stage: Stage, metrics: dict[str, float], step: int) -> None:
    """Writes the trained part into the weights folder, in half precision, with a record of its training."""
    c, weights = stage.config, Path(stage.config.weights)
    training: dict[str, Any] = {
        "stage": c.stage,
        "steps": step,
        "of": c.steps,
        "batch_size": c.batch_size,
        "videos": videos_of(stage.store.train),
        "metrics": {k: v for k, v in metrics.items() if k.startswith("val/")},
    }
    if c.init_share:
        training["init_share"] = c.init_share
    if c.teacher:
        teacher = guided_part(Path(c.teacher))[0] if c.stage == "transformer" else stage.part
        training["teacher"] = read_card(Path(c.teacher))["parts"][teacher]["sha256"]
    record: dict[str, Any] = {"training": training}
    if (weights / CARD).exists() and (built_on := lineage(weights, stage.part, stage.needs(c))):
        record["trained_with"] = built_on
    with stage.averaged_weights():
        part, tensors = stage.exported()  # by all processes, since each may have a shard only
        if stage.accelerator.is_main_process:
            save_part(weights, stage.part, part, stage.geometry, record, tensors, sampling=stage.recommended_sampling())
            stage.export_extras(weights)
            if step == c.steps:
                write_graphs_if_possible(weights, [stage.part])
