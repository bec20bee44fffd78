"""Every stage can learn a few examples by heart; the benchmark of training runs."""

import dataclasses

import pytest
import torch

from benchmarks import training as benchmark
from condfoley.training.batches import example_streams
from condfoley.training.run import build
from condfoley.training.stages.transformer import TransformerStage
from tests.training.toy import config, write_clips


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("eight"), 9)


def learned(stage, clips, home, steps, **changes):
    settings = benchmark.without_regularisation(config(stage, clips, home, weights=str(home / "weights")), steps)
    built = build(dataclasses.replace(settings, **changes))
    return built, *benchmark.overfit(built, steps)


def test_the_transformer_gives_back_eight_targets(eight, copied):
    sizes = dataclasses.replace(config("transformer", eight, copied).transformer, n_embd=64)
    stage, batch, losses = learned("transformer", eight, copied, 240, lr=3e-3, transformer=sizes)
    assert isinstance(stage, TransformerStage)
    assert losses[-1] < 0.05 * losses[0]
    assert benchmark.greedy_agreement(stage, batch) >= 0.99


@pytest.mark.parametrize(
    ("stage", "steps", "lr", "left"),
    [("tokenizer", 30, 5e-3, 0.3), ("vocoder", 150, 5e-3, 0.15), ("video", 60, 1e-2, 0.05), ("sync", 60, 5e-3, 0.02),
     ("events", 400, 1e-2, 0.05),
     ("flow", 300, 1e-2, 0.2),
     ("contact", 150, 1e-2, 0.1),
     ("bind", 100, 1e-2, 0.1),
     ("judges", 150, 1e-2, 0.05)],
)  # fmt: skip
def test_a_stage_learns_eight_examples(eight, copied, stage, steps, lr, left):
    """left: of what the first loss is above the least possible one."""
    sizes = {"window": 0}
    if stage == "vocoder":
        sizes = {"window": 2560, "vocoder": dataclasses.replace(config(stage, eight, copied).vocoder, ngf=8)}
    if stage == "flow":
        sizes["flow"] = dataclasses.replace(config(stage, eight, copied).flow, width=64)
    built, batch, losses = learned(stage, eight, copied, steps, lr=lr, **sizes)
    least = benchmark.min_loss(built, batch)
    assert least <= losses[-1] < least + left * (losses[0] - least)


@pytest.mark.parametrize("stage", ["video", "sync"])
def test_no_loss_is_below_the_least_possible(eight, copied, stage):
    """The bound is the loss of predictions that are the labels themselves."""
    built = build(config(stage, eight, copied))
    batch = built.draw(example_streams(0, 0, 0, 8))
    label = batch.tensors[-1]
    if stage == "video":
        chances = label[..., :2].clamp(1e-6, 1 - 1e-6).logit()
        built.encoder.event_logits = lambda _: torch.cat([chances, label[..., 2:]], 2)
        metrics = built._loss(*batch.tensors)[1]
    else:
        built.model.forward = lambda *_: label.clamp(min=1e-9).log()
        metrics = built._loss(*batch.tensors)[1]
    assert sum(v.item() for v in metrics.values()) == pytest.approx(benchmark.min_loss(built, batch), rel=1e-3)
    assert benchmark.min_loss(built, batch) > 0


def test_the_loader_is_timed_against_the_step(eight, copied):
    drawn, used = benchmark.loader(build(config("transformer", eight, copied)), steps=1)
    assert drawn > 0 and used > 0


def test_the_benchmark_refuses_an_unknown_part(capsys):
    assert benchmark.main(["--clips", "x", "--only", "speeed"]) == 2
    assert "no part or stage" in capsys.readouterr().err
