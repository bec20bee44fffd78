"""Every stage can learn a few examples by heart; the benchmark of training runs."""

import dataclasses

import pytest

from benchmarks import training as benchmark
from condfoley.training.prior import TransformerStage
from condfoley.training.run import build
from tests.training.toy import config, write_clips


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("eight"), 9)


def learned(stage, clips, home, steps, **changes):
    settings = benchmark.plain(config(stage, clips, home, weights=str(home / "weights")), steps)
    built = build(dataclasses.replace(settings, **changes))
    return built, *benchmark.overfit(built, steps)


def test_the_transformer_gives_back_eight_targets(eight, copied):
    sizes = dataclasses.replace(config("transformer", eight, copied).transformer, n_embd=64)
    stage, batch, losses = learned("transformer", eight, copied, 240, lr=3e-3, transformer=sizes)
    assert isinstance(stage, TransformerStage)
    assert losses[-1] < 0.05 * losses[0]
    assert benchmark.greedy_agreement(stage, batch) >= 0.99


@pytest.mark.parametrize(("stage", "steps", "left"), [("tokenizer", 30, 0.7), ("video", 40, 0.7), ("sync", 40, 0.8)])
def test_a_stage_learns_eight_examples(eight, copied, stage, steps, left):
    _, _, losses = learned(stage, eight, copied, steps, lr=5e-3)
    assert losses[-1] < left * losses[0]


def test_the_loader_is_timed_against_the_step(eight, copied):
    drawn, used = benchmark.loader(build(config("transformer", eight, copied)), steps=1)
    assert drawn > 0 and used > 0


def test_the_benchmark_refuses_an_unknown_part(capsys):
    assert benchmark.main(["--clips", "x", "--only", "speeed"]) == 2
    assert "no part or stage" in capsys.readouterr().err
