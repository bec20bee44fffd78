"""Stage flow: its windows are those of the transformer, its loss is that of what is not known."""

import dataclasses

import numpy as np
import pytest
import torch

from condfoley.errors import InputError
from condfoley.networks.flow import from_columns, to_specs
from condfoley.runtime.flow_sampling import FlowSampling
from condfoley.runtime.sampling import random_streams
from condfoley.training.batches import example_streams
from condfoley.training.run import build
from condfoley.training.stages.flow import draw_drafts, draw_known
from condfoley.weights import load_part
from tests.tiny import FLOWS, write_tiny_weights
from tests.training.toy import config, write_clips


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    out = tmp_path_factory.mktemp("flow")
    (out / "clips").mkdir()
    write_clips(out / "clips")
    write_tiny_weights(out / "weights")
    return out


def stage_of(home, name="flow", **changes):
    return build(config(name, home / "clips", home, **changes))


def perturb(model):
    """A fresh one says the same of everything."""
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))


def test_both_spaces_hear_the_windows_of_the_transformer(home):
    codes = stage_of(home, "transformer").bank
    latents = stage_of(home)
    patches = stage_of(home, flow=FLOWS["patches"])
    tokenizer = load_part(home / "weights", "tokenizer")
    for a, b, c in zip(codes, latents.bank, patches.bank, strict=True):
        assert (a.starts == b.starts).all() and (a.starts == c.starts).all()
        columns = torch.from_numpy(b.sounds[0]).float()
        nearest = tokenizer.nearest(from_columns(columns, 5)).transpose(1, 2).flatten(1)
        assert (nearest.numpy() == a.sounds[0]).mean() > 0.95  # float16 moves some to another row of the codebook
        specs = to_specs(torch.from_numpy(c.sounds[0]).float(), patches.model.config, None)
        assert torch.allclose(tokenizer.latent(specs[:, None]), from_columns(columns, 5), atol=2e-2)
    for stage in (latents, patches):
        values = torch.from_numpy(np.concatenate([e.sounds[0].reshape(-1, e.sounds.shape[3]) for e in stage.bank]))
        scaled = stage.model.standardise(values.float())
        assert scaled.mean(0).abs().max() < 0.02 and 0.2 < scaled.std() <= 1.05


def test_the_loss_is_that_of_what_is_not_known(home):
    stage = stage_of(home)
    perturb(stage.model)
    reference_tokens, target_tokens, reference, target, drawn, time, known, *drops = stage.draw(
        example_streams(0, 0, 0, 16)
    ).tensors
    assert 0 < known.mean() < 1 and known.shape == target.shape[:2] and all(0 < x.float().mean() < 1 for x in drops)

    def loss(noise):
        stage.set_training(False)
        with torch.no_grad():
            return stage._loss(reference_tokens, target_tokens, reference, target, noise, time, known, *drops)[1][
                "each"
            ]

    where = known[:, :, None].bool()
    assert torch.allclose(loss(drawn), loss(torch.where(where, drawn + 3, drawn)))
    assert not torch.allclose(loss(drawn), loss(torch.where(where, drawn, drawn + 3)))
    clean = stage.model.standardise(target)
    stage.model.forward = lambda *inputs: torch.where(where, clean + 5, clean)  # right wherever it counts
    assert loss(drawn).abs().max() < 1e-6


@pytest.mark.parametrize("space", ["latents", "patches"])
def test_drafts_are_the_same_in_any_batch(home, space):
    stage = stage_of(home, flow=FLOWS[space])
    perturb(stage.model)
    pairs, sampling = [x[:3] for x in stage.fixed.tensors[:3]], FlowSampling(2, guidance=1.5, picture_guidance=2.0)
    together = draw_drafts(stage.model, *pairs, random_streams([3, 4, 5]), sampling)
    alone = draw_drafts(stage.model, *(x[1:2] for x in pairs), random_streams([4]), sampling)
    assert torch.allclose(together[1], alone[0], atol=1e-3) and not torch.allclose(together[0], together[1], atol=1e-2)
    assert to_specs(together, stage.model.config, stage.tokenizer).shape == (3, 80, 160)


def test_known_parts_are_left_parts_and_both_sides_of_ranges():
    rng = np.random.default_rng(0)
    drawn = np.stack([draw_known(10, 0.5, rng) for _ in range(2000)])
    edges = np.abs(np.diff(np.pad(1 - drawn, ((0, 0), (1, 1))), axis=1)).sum(1)
    assert (edges == 2).all()  # one range is unknown
    some = drawn.any(1)
    assert 0.4 < some.mean() < 0.55 and 0.15 < (drawn[:, -1] == 1).mean() < 0.3
    assert not np.stack([draw_known(10, 0.0, rng) for _ in range(20)]).any()


def test_patches_that_do_not_fit_a_window_are_refused(home):
    with pytest.raises(InputError, match="flow.patch must divide the 160 frames"):
        stage_of(home, flow=dataclasses.replace(FLOWS["patches"], patch=7))
