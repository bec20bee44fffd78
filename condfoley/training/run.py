"""The one training loop: resume, step, log, validate, checkpoint, export."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from condfoley.errors import InputError
from condfoley.training.config import TrainConfig
from condfoley.training.stage import Stage
from condfoley.weights import load_part, save_part

STAGES = {
    "tokenizer": ("condfoley.training.sound_codes", "TokenizerStage"),
    "vocoder": ("condfoley.training.waveform", "VocoderStage"),
    "video": ("condfoley.training.picture", "VideoStage"),
    "transformer": ("condfoley.training.prior", "TransformerStage"),
    "sync": ("condfoley.training.offset", "SyncStage"),
}


def build(config: TrainConfig) -> Stage:
    """The stage that a configuration names."""
    module, name = STAGES[config.stage]
    stage: Stage = getattr(importlib.import_module(module), name)(config)
    return stage


def main(config: TrainConfig) -> None:
    """Trains one stage, from its checkpoint when there is one, and writes the part into `config.weights`."""
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    stage = build(config)
    if config.init:
        stage.trained().load_state_dict(load_part(Path(config.init), stage.part).state_dict())
    run = Path(config.out)
    run.mkdir(parents=True, exist_ok=True)
    checkpoint = run / "checkpoint.pt"
    start = resume(stage, checkpoint) if config.resume and checkpoint.exists() else 0
    parameters = sum(p.numel() for p in stage.trained().parameters())
    print(
        f"condfoley: {config.stage}: {parameters / 1e6:.2f} M parameters, {len(stage.store.train)} videos to train, "
        f"{len(stage.store.validation)} to validate, step {start} of {config.steps}",
        file=sys.stderr,
    )
    with Log(run, config, start) as log:
        for step in range(start, config.steps):
            metrics = advance(stage, step)
            last = step + 1 == config.steps
            if (step + 1) % config.log_every == 0 or last:
                log.write(step + 1, metrics)
            if (step + 1) % config.evaluate_every == 0 or last:
                log.write(step + 1, validated(stage, run, step + 1))
            if (step + 1) % config.checkpoint_every == 0 or last:
                save_checkpoint(stage, checkpoint, step + 1)
                export(stage, log.latest, step + 1)


def advance(stage: Stage, step: int) -> dict[str, float]:
    """One step whose randomness depends on the seed and the step only: a resumed run takes the same steps."""
    seed = stage.config.seed * 1_000_003 + step
    torch.manual_seed(seed)
    stage.set_rate(step)
    stage.networks.train()
    return stage.step(step, np.random.default_rng(seed))


def validated(stage: Stage, run: Path, step: int) -> dict[str, float]:
    """Validation losses, with samples beside them in the run's folder."""
    stage.networks.eval()
    torch.manual_seed(0)
    samples = run / "samples"
    samples.mkdir(exist_ok=True)
    with torch.no_grad():
        metrics = {f"val/{k}": v for k, v in stage.validate(step).items()}
        stage.sample(samples, step)
    return metrics


def export(stage: Stage, metrics: dict[str, float], step: int) -> None:
    """The trained part, in half precision, with its record."""
    c = stage.config
    record = {
        "training": {
            "stage": c.stage,
            "steps": step,
            "of": c.steps,
            "batch_size": c.batch_size,
            "videos": len(stage.store.train),
            "metrics": {k: v for k, v in metrics.items() if k.startswith("val/")},
        }
    }
    save_part(Path(c.weights), stage.part, stage.trained(), stage.geometry, record)


def save_checkpoint(stage: Stage, path: Path, step: int) -> None:
    """Everything that the next step depends on, replaced atomically."""
    state = {
        "step": step,
        "stage": stage.config.stage,
        "networks": stage.networks.state_dict(),
        "optimizers": {k: v.state_dict() for k, v in stage.optimizers.items()},
    }
    scratch = path.with_suffix(".tmp")
    torch.save(state, scratch)
    os.replace(scratch, path)


def resume(stage: Stage, path: Path) -> int:
    """Loads a checkpoint into the stage; returns the number of steps done. Raises InputError when it does not fit."""
    try:
        state = torch.load(path, map_location=stage.device, weights_only=True)
        if state["stage"] != stage.config.stage:
            raise InputError(f"{path} is of stage {state['stage']}, not {stage.config.stage}; give another out folder")
        stage.networks.load_state_dict(state["networks"])
        for name, optimizer in stage.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
    except InputError:
        raise
    except Exception as error:  # torch raises many kinds for a file that does not fit
        first = str(error).splitlines()[0]
        raise InputError(f"cannot resume from {path}: {first}; set resume=false or give another out folder") from None
    return int(state["step"])


class Log(contextlib.AbstractContextManager["Log"]):
    """metrics.jsonl, curves.png, stderr and, when asked, Weights & Biases."""

    def __init__(self, run: Path, config: TrainConfig, start: int):
        self.path, self.config, self.started, self.start = run / "metrics.jsonl", config, time.monotonic(), start
        self.latest: dict[str, float] = {}
        self._forget_after(start)
        (run / "config.json").write_text(json.dumps(dataclasses.asdict(config), indent=1) + "\n")
        self.wandb: Any = None
        if config.wandb != "disabled":
            import wandb

            self.wandb = wandb.init(
                project=config.wandb_project, dir=str(run), mode=config.wandb, config=dataclasses.asdict(config)
            )

    def _forget_after(self, step: int) -> None:
        """A resumed run writes its steps anew: lines after the checkpoint go."""
        if self.path.exists():
            lines = [x for x in self.path.read_text().splitlines() if x and json.loads(x)["step"] <= step]
            self.path.write_text("".join(x + "\n" for x in lines))

    def write(self, step: int, metrics: dict[str, float]) -> None:
        """One line of metrics at a step."""
        self.latest.update(metrics)
        with open(self.path, "a") as file:
            file.write(json.dumps({"step": step, **metrics}) + "\n")
        seconds = (time.monotonic() - self.started) / max(1, step - self.start)
        left = seconds * (self.config.steps - step)
        shown = " ".join(f"{k} {v:.4g}" for k, v in metrics.items())
        print(
            f"{self.config.stage} {step}/{self.config.steps} {seconds:.2f} s/step {left / 60:.0f} min left  {shown}",
            file=sys.stderr,
            flush=True,
        )
        if self.wandb is not None:
            self.wandb.log(metrics, step=step)
        if any(k.startswith("val/") for k in metrics):
            draw_curves(self.path, self.path.with_name("curves.png"))

    def __exit__(self, *error: object) -> None:
        if self.wandb is not None:
            self.wandb.finish()


def draw_curves(log: Path, picture: Path) -> None:
    """A small plot for each metric of a metrics.jsonl."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    curves: dict[str, list[tuple[int, float]]] = {}
    for line in log.read_text().splitlines():
        row = json.loads(line)
        for key, value in row.items():
            if key != "step":
                curves.setdefault(key, []).append((row["step"], value))
    columns = 3
    rows = -(-len(curves) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(12, 2.6 * rows), squeeze=False, layout="constrained")
    for axis, (key, points) in zip(axes.flat, sorted(curves.items())):
        axis.plot(*zip(*points), marker="." if key.startswith("val/") else "", linewidth=1)
        axis.set_title(key, fontsize=9)
    for axis in list(axes.flat)[len(curves) :]:
        axis.set_axis_off()
    figure.savefig(picture, dpi=80)
    plt.close(figure)
