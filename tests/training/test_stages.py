"""Every stage of training really runs, and its parts make a system that generates."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from condfoley.errors import InputError
from condfoley.foley import Foley
from condfoley.networks.event_head import EventHead
from condfoley.runtime.choice import load_engine
from condfoley.training.batches import example_streams
from condfoley.training.codebook import MovingCodebook, code_usage
from condfoley.training.config import LossConfig
from condfoley.training.run import build, main
from condfoley.training.stages.events import with_second
from condfoley.weights import load_part, read_card
from tests.tiny import EVENTS, GEOMETRY
from tests.training.toy import LOSSES, ORDER, SECONDS, config


@pytest.mark.parametrize("stage", ORDER)
def test_a_stage_leaves_its_records(trained, stage):
    lines = [json.loads(x) for x in (trained / stage / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 4
    assert any(k.startswith("val/") for line in lines for k in line)
    assert all(np.isfinite(v) for line in lines for v in line.values())
    assert (trained / stage / "curves.png").stat().st_size > 1000
    assert list((trained / stage / "samples").glob("*.png"))


def test_the_trained_parts_generate(trained):
    examples = Path(__file__).parents[2] / "condfoley" / "examples"
    foley = Foley.load(trained / "weights")
    made = foley.generate(
        examples / "hitting_metal.mp4", examples / "hitting_bag_silent.mp4", candidates=2, render="vocoder"
    )
    assert made.wav.shape == (6 * GEOMETRY.sample_rate,)
    assert np.isfinite(made.wav).all()


@pytest.mark.parametrize("fps", [10.0, 25.0])
def test_other_frame_rates_train_and_generate(copied, clips, fps):
    """The parts that count in frames; tokenizer and vocoder hear no picture."""
    frames = int(GEOMETRY.window_samples / GEOMETRY.sample_rate * fps)
    other = dict(geometry=dataclasses.replace(GEOMETRY, fps=fps, window_frames=frames), steps=1)
    for stage in ("video", "transformer", "flow", "sync", "events", "bind"):
        settings = config(stage, clips, copied, loss=dataclasses.replace(LOSSES[stage], reconstructed=0.0), **other)
        settings.data.renderings = 0
        main(settings)
    sizes = read_card(copied / "weights")["parts"]
    assert sizes["transformer"]["config"]["frames"] == frames and sizes["sync"]["config"]["fps"] == fps
    assert sizes["sync"]["config"]["mel_per_frame"] == pytest.approx(GEOMETRY.sample_rate / GEOMETRY.hop / fps)
    made = Foley.load(copied / "weights").generate(
        clips / "000000.mp4", clips / "000001.mp4", candidates=1, render="vocoder"
    )
    assert len(made.wav) == round(made.duration * GEOMETRY.sample_rate) and np.isfinite(made.wav).all()
    assert made.duration == pytest.approx(SECONDS, abs=0.05) and len(made.impact_probability) == round(
        made.duration * fps
    )


def test_a_second_event_head_learns_beside_the_first(copied, clips):
    """It begins as the first, which stays; with graphs, both engines and fine-tuning know both."""
    folder = copied / "weights"
    before = load_part(folder, "events").state_dict()
    sizes = dataclasses.replace(EVENTS, veto=0.3)
    main(config("events", clips, copied, events=sizes, init=str(folder), steps=3, lr=5e-3))
    head = load_part(folder, "events")
    after = head.state_dict()
    assert head.config.veto == 0.3 and set(after) == {*before, *(f"second.{name}" for name in before)}
    assert all(torch.equal(before[name], after[name]) for name in before)
    learned = [name for name in before if not torch.equal(before[name], after[f"second.{name}"])]
    assert "leave.bias" in learned and "feature_mean" not in learned
    alone = with_second(after, EventHead(EVENTS))
    assert set(alone) == set(before) and all(torch.equal(alone[name], before[name]) for name in before)
    tokens = np.random.default_rng(0).standard_normal((2, 30, sizes.feature_dim)).astype(np.float32)
    onnx, torch_engine = (load_engine(folder, "cpu", name).event_logits(tokens) for name in ("onnx", "torch"))
    np.testing.assert_allclose(onnx, torch_engine, atol=1e-4)


def test_targets_may_be_cut_to_another_moment(copied, clips):
    stage = build(config("transformer", clips, copied))
    views, count = len(stage.bank[0].tokens), 24
    plain, same, cut = (
        stage.draw_pairs(stage.bank, example_streams(0, 0, 0, count), views, cuts).tensors for cuts in (0.0, 1e-12, 1.0)
    )
    assert all(torch.equal(a, b) for a, b in zip(plain, same))
    assert torch.equal(plain[0], cut[0]) and torch.equal(plain[2], cut[2])  # the reference stays
    seen, heard = (plain[1] != cut[1]).any(2), (plain[3] != cut[3]).reshape(count, -1, stage.geometry.code_rows).any(2)
    assert seen.any(1).float().mean() > 0.8 and heard.any()
    for frames, columns in zip(seen, heard):  # up to the cut both are as they were, and it is at the same time in both
        first = [
            int(torch.nonzero(changed)[0]) / len(changed) if changed.any() else 1.0 for changed in (frames, columns)
        ]
        assert first[0] > 0 and first[1] > 0 and first[1] >= first[0] - 0.1
    stage.config.data.cuts = 1.0
    assert np.isfinite(stage.learn(1, stage.draw(example_streams(0, 1, 0, 2)))["cross_entropy"].item())


def test_the_moving_codebook_follows_its_vectors():
    torch.manual_seed(0)
    book = torch.nn.Embedding(16, 2)
    centres = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 3.0], [0.0, -3.0]])
    keeper = MovingCodebook(book)
    for _ in range(300):
        vectors = centres[torch.randint(4, (64,))] + 0.05 * torch.randn(64, 2)
        nearest = torch.cdist(vectors, book.weight.data).argmin(1)
        keeper.update(book.weight.data, vectors, nearest, torch.Generator().manual_seed(1))
    assert torch.cdist(centres, book.weight.data).amin(1).max() < 0.3  # every centre has its row


def test_a_codebook_that_is_worth_keeping_is_kept():
    book = torch.nn.Embedding(4, 2)
    before = book.weight.detach().clone()
    keeper = MovingCodebook(book, initialised=True)
    keeper.update(book.weight.data, before.repeat(8, 1), torch.arange(4).repeat(8), torch.Generator())
    assert torch.allclose(book.weight, before, atol=0.01)


def test_code_usage_of_an_even_and_of_a_collapsed_codebook():
    even = code_usage(torch.arange(16), 16)
    assert even["perplexity"].item() == pytest.approx(16, rel=1e-4) and even["dead_codes"] == 0
    collapsed = code_usage(torch.zeros(50, dtype=torch.long), 16)
    assert collapsed["perplexity"].item() == pytest.approx(1, rel=1e-4) and collapsed["dead_codes"] == 15


def test_a_folder_without_usable_clips_is_refused(tmp_path):
    with pytest.raises(InputError, match="no folder of clips"):
        main(config("video", tmp_path / "none", tmp_path))
    with pytest.raises(InputError, match="holds no clips"):
        main(config("video", tmp_path, tmp_path))


def test_a_checkpoint_of_another_stage_is_refused(trained, clips, tmp_path):
    home = config("video", clips, trained, out=str(trained / "tokenizer"))
    with pytest.raises(InputError, match="another out folder"):
        main(home)


def test_perceptual_without_weights_says_what_to_do(clips, tmp_path):
    with pytest.raises(InputError, match="perceptual_weights"):
        main(config("tokenizer", clips, tmp_path, loss=LossConfig(perceptual=1.0)))


def test_perceptual_distance_of_equal_spectrograms_is_zero(tmp_path):
    from safetensors.torch import save_file

    from condfoley.training.perceptual import Perceptual

    torch.manual_seed(0)
    save_file(Perceptual().state_dict(), tmp_path / "vgg.safetensors")
    network = Perceptual.load(str(tmp_path / "vgg.safetensors"))
    a, b = torch.rand(1, 1, 80, 32) * 2 - 1, torch.rand(1, 1, 80, 32) * 2 - 1
    assert network(a, a) == 0 and network(a, b) > 0
