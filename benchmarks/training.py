"""Training, measured: `python -m benchmarks.training --clips DIR --weights DIR [--only loader,overfit,pretext]`.

loader: clips a second of each stage's loader, with its cache filled, against what the training step uses.
overfit: 8 clips until the loss is near its minimum; greedy decoding must reproduce the 8 targets' codes.
pretext: held-out videos' loss with the true and with other videos' references and pictures.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from condfoley.cli.arguments import parse_config
from condfoley.errors import InputError
from condfoley.networks.transformer import Condition
from condfoley.results.tables import Table, number, percent
from condfoley.runtime.sampling import Sampling, random_streams
from condfoley.training import pretext
from condfoley.training.batches import Batch, example_streams
from condfoley.training.config import STAGES, TrainConfig
from condfoley.training.prerequisites import has_part
from condfoley.training.run import build
from condfoley.training.stage import Stage
from condfoley.training.stages.contact import ContactStage
from condfoley.training.stages.events import EventsStage
from condfoley.training.stages.flow import FlowStage
from condfoley.training.stages.sync import SyncStage
from condfoley.training.stages.transformer import TransformerStage
from condfoley.training.stages.video import VideoStage
from condfoley.weights import part_config, part_entry, read_card

CONFIGS = Path(__file__).resolve().parent.parent / "configs" / "small"
PARTS = ("loader", "overfit", "pretext")
TIMED = 5  # steps that are timed
CLIPS = 8  # of the overfit check
ERROR = "squared error of the velocity"
# Steps in which the small sizes overfit 8 examples (docs/training.md has the remaining losses).
STEPS = {
    "tokenizer": 600,
    "vocoder": 2000,
    "video": 150,
    "transformer": 100,
    "flow": 400,
    "sync": 150,
    "events": 150,
    "contact": 150,
    "bind": 100,
    "judges": 50,
}
VOCODER_LR, VOCODER_WINDOW = 2e-3, 4096  # of the overfit check; samples
LOSSES = (
    "reconstruction",
    "stft",
    "mel",
    "onset",
    "sliding",
    "strength",
    "cross_entropy",
    "velocity",
    "action",
    "material",
    "sound_sound",
    "sound_picture",
)


def loader(stage: Stage, steps: int = TIMED) -> tuple[float, float]:
    """(clips a second that the loader draws, clips a second that a step uses up), after one warm-up step."""
    c = stage.config
    drawn = used = 0.0
    for step in range(steps + 1):
        begin = perf_counter()
        batch = stage.draw(example_streams(c.seed, step, 0, c.batch_size)).to(stage.device)
        middle = perf_counter()
        stage.set_training(True)
        stage.learn(c.steps - 1, batch)
        if step:
            drawn, used = drawn + middle - begin, used + perf_counter() - middle
    return steps * c.batch_size / drawn, steps * c.batch_size / used


def overfit(stage: Stage, steps: int, clips: int = CLIPS) -> tuple[Batch, list[float]]:
    """Trains on one batch of `clips` examples again and again: the batch, and the loss of every step."""
    batch, losses = stage.draw(example_streams(0, 0, 0, clips)).to(stage.device), []
    for step in range(steps):
        stage.set_learning_rate(step)
        stage.set_training(True)
        metrics = {k: v for k, v in stage.learn(step, batch).items() if k in LOSSES}
        losses.append(float(sum(v.item() for v in metrics.values())))
    return batch, losses


def min_loss(stage: Stage, batch: Batch) -> float:
    """The smallest possible loss on a batch; not 0 where labels are probabilities, such as soft onsets.

    It is the labels' own entropy, summed as `overfit` sums a stage's losses.
    """
    if isinstance(stage, VideoStage | EventsStage):
        onset = batch.tensors[1][..., 0].double()  # sliding is 0 or 1, strength a squared error
        weight = 1 + (stage.config.loss.onset_weight - 1) * onset
        return float((weight * torch.special.entr(torch.stack([onset, 1 - onset])).sum(0)).mean())
    if isinstance(stage, ContactStage):
        return float(torch.special.entr(stage.wanted(batch.tensors[1]).double()).sum(1).mean())
    if isinstance(stage, SyncStage):
        return float(torch.special.entr(batch.tensors[2].double()).sum(1).mean())
    return 0.0


def greedy_agreement(stage: TransformerStage, batch: Batch) -> float:
    """Fraction of the targets' codes that greedy decoding reproduces."""
    stage.set_training(False)
    reference, target, reference_codes, target_codes, *_ = batch.tensors
    right = []
    for i in range(len(target)):
        condition = Condition(target[i : i + 1], reference[i : i + 1], reference_codes[i : i + 1])
        made = stage.model.generate(condition, random_streams([0]), Sampling(top_k=1))
        right.append((made[0] == target_codes[i]).float().mean().item())
    return float(np.mean(right))


def without_regularisation(config: TrainConfig, steps: int) -> TrainConfig:
    """The same config without regularisation and without losses that change between steps.

    Of the vocoder's losses only that of mel spectrograms stays: the other compares log magnitudes of noise bin by bin.
    """
    parts = ("sync", "events", "bind")
    plain: dict[str, Any] = {name: dataclasses.replace(getattr(config, name), dropout=0.0) for name in parts}
    loss = dataclasses.replace(
        config.loss, drop_reference=0, drop_picture=0, drop_all=0, drop_target=0, known=0, feature_noise=0, adversarial=0,
        feature_matching=0, quantise_from=0,
    )  # fmt: skip
    if config.stage == "vocoder":
        loss = dataclasses.replace(loss, stft=0, reconstructed=0)
        config = dataclasses.replace(config, lr=VOCODER_LR, window=VOCODER_WINDOW)
    return dataclasses.replace(config, **plain, loss=loss, steps=steps, warmup=10, weight_decay=0.0)


def settings(stage: str, options: argparse.Namespace) -> TrainConfig:
    """The small config of a stage on the given clips and weights, in a temporary run folder."""
    words = ["--config", str(CONFIGS / f"{stage}.yaml"), f"weights={options.weights}", f"data.folder={options.clips}"]
    return parse_config("benchmarks.training", TrainConfig, [*words, f"out={options.out}", *options.settings])


def run(options: argparse.Namespace) -> list[Table]:
    """The chosen parts' tables. Raises InputError for what cannot be used."""
    parts, stages = options.only.split(","), options.stages.split(",")
    if unknown := [x for x in parts if x not in PARTS] + [x for x in stages if x not in STAGES]:
        raise InputError(f"{unknown[0]!r} is no part or stage; choose from {', '.join(PARTS + STAGES)}")
    tables = []
    if "loader" in parts:
        rates = {name: loader(build(settings(name, options))) for name in stages}
        rows = [(name, number(a, 1), number(b, 1), number(a / b, 1)) for name, (a, b) in rates.items()]
        header = ("stage", "loader, clips/s", "step alone, clips/s", "ratio")
        tables.append(Table("Input pipeline, cache filled", header, tuple(rows), ("above 1 the step is the slower",)))
    if "overfit" in parts:
        learnt = tuple(overfit_row(name, options) for name in stages)
        header = ("stage", "steps", "first loss", "last loss", "least possible", "left", "codes given back")
        notes = ("left: of what the first loss is above the least possible one",)
        tables.append(Table(f"Overfit: {CLIPS} examples", header, learnt, notes))
    if "pretext" in parts:
        for name in ("transformer", "flow"):
            if has_part(Path(options.weights), name):
                tables.append(pretext_of(name, options))
    return tables


def pretext_of(name: str, options: argparse.Namespace) -> Table:
    """The pretext table of a trained part that the weights folder has."""
    weights = Path(options.weights)
    sizes = {name: part_config(name, part_entry(read_card(weights), weights, name))}
    stage = build(dataclasses.replace(settings(name, options), init=options.weights, **sizes))
    if isinstance(stage, FlowStage):
        return pretext.pretext_table("Pretext task of the flow", {name: stage.pretext()}, ERROR)
    assert isinstance(stage, TransformerStage)
    return pretext.pretext_table("Pretext task", {name: stage.pretext()})


def overfit_row(name: str, options: argparse.Namespace) -> tuple[str, ...]:
    """A stage's row of the overfit table."""
    steps = options.steps or STEPS[name]
    stage = build(without_regularisation(settings(name, options), steps))
    batch, losses = overfit(stage, steps)
    floor = min_loss(stage, batch)
    left = f"{100 * (losses[-1] - floor) / (losses[0] - floor):.1f} %"
    codes = percent(greedy_agreement(stage, batch)) if isinstance(stage, TransformerStage) else "-"
    return name, str(steps), *(number(x, 3) for x in (losses[0], losses[-1], floor)), left, codes


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__.splitlines()[0])
    p.add_argument("--clips", required=True, help="folder of clips; for pretext, of held-out ones")
    p.add_argument("--weights", default="condfoley/weights", help="weights folder with all parts")
    p.add_argument("--only", default=",".join(PARTS), help=f"parts to run, of {','.join(PARTS)}")
    p.add_argument("--stages", default=",".join(STAGES), help="stages of loader and overfit")
    p.add_argument("--steps", type=int, help="steps of the overfit check, in place of each stage's own")
    p.add_argument("settings", nargs="*", help="key=value of the training config")
    return p


def main(words: Sequence[str] | None = None) -> int:
    """Run with command-line words; returns the exit code."""
    options = parser().parse_args(words)
    with tempfile.TemporaryDirectory() as scratch:
        options.out = scratch
        try:
            for table in run(options):
                print(table.text(), end="\n\n")
        except InputError as error:
            print(f"benchmarks.training: {error}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
