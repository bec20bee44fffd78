"""What keeps a transformer near the one that its training starts from: its predictions, and clips like those before."""

import dataclasses

import pytest
import torch

from condfoley.training.batches import example_streams
from condfoley.training.config import DataConfig, TrainConfig
from condfoley.training.run import build
from tests.tiny import write_tiny_weights
from tests.training.toy import config, write_clips


@pytest.fixture
def settings(clips, tmp_path) -> TrainConfig:
    weights = str(write_tiny_weights(tmp_path / "tiny"))
    return config("transformer", clips, tmp_path, weights=weights, init=weights, lora=4, lr=2e-2, schedule="constant")


def distance_after(settings, keep_init):
    """How far predictions on one batch are from the start's after some steps, and the batch's cross-entropy."""
    stage = build(dataclasses.replace(settings, loss=dataclasses.replace(settings.loss, keep_init=keep_init)))
    batch = stage.draw(example_streams(0, 0, 0, 4))
    before = predictions(stage, batch)
    for step in range(16):
        stage.set_learning_rate(step)
        stage.set_training(True)
        metrics = stage.learn(step, batch)
    assert ("from_init" in metrics) == (keep_init > 0)
    after = predictions(stage, batch)
    return (before.exp() * (before - after)).sum(-1).mean().item(), metrics["cross_entropy"].item()


@torch.no_grad()
def predictions(stage, batch):
    stage.set_training(False)
    reference, target, reference_codes, codes = batch.tensors[:4]
    m = stage.model
    return m(m.prefix(reference, target, reference_codes), codes, m.alignment(target)).log_softmax(-1)


def test_the_starts_predictions_are_kept_at_the_price_of_fit(settings):
    free, fitted = distance_after(settings, 0.0)
    kept, less_fitted = distance_after(settings, 20.0)
    assert 0 < kept < free / 2 and less_fitted > fitted


def test_the_share_of_rehearsed_clips_is_as_asked(settings, tmp_path):
    (tmp_path / "old").mkdir()
    old = write_clips(tmp_path / "old", 3)
    for clip in old.glob("*.*"):
        clip.rename(old / f"old{clip.name}")
    data = dataclasses.replace(settings.data, rehearse=str(old), rehearsed=0.25)
    stage = build(dataclasses.replace(settings, data=data))
    names = stage.draw(example_streams(3, 0, 0, 200)).names
    assert 30 <= sum(name.startswith("old") for name in names) <= 70
    assert not any(name.startswith("old") for name in stage.fixed.names)  # held-out pairs are one's own
    assert names == stage.draw(example_streams(3, 0, 0, 200)).names


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"data": DataConfig(folder="x", rehearsed=0.5)}, "go together"),
        ({"data": DataConfig(folder="x", rehearse="y")}, "go together"),
        ({"init": None, "loss": {"keep_init": 1.0}}, "keep_init needs init"),
        ({"stage": "sync", "lora": 0, "loss": {"keep_init": 1.0}}, "for stages transformer and events"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, changes, told):
    if "loss" in changes:
        changes = changes | {"loss": dataclasses.replace(settings.loss, **changes["loss"])}
    with pytest.raises(ValueError, match=told):
        dataclasses.replace(settings, **changes)
