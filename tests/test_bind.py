"""Vectors of sounds and pictures: the network, its loss, and what its stage draws."""

import numpy as np
import pytest
import torch

from condfoley.networks.bind import Bind
from condfoley.training.stages.bind import info_nce, mean_rank, single_event
from tests.tiny import BIND


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Bind(BIND).eval()


@torch.no_grad()
def test_vectors_have_length_one_whatever_the_length(network):
    for frames in (1, 3, 160):
        assert torch.allclose(network.embed_sound(torch.rand(2, 80, frames)).norm(dim=1), torch.ones(2))
        assert torch.allclose(network.embed_picture(torch.randn(2, frames, 24)).norm(dim=1), torch.ones(2))


@torch.no_grad()
def test_the_level_of_a_sound_does_not_matter(network):
    spec = 0.4 + 0.3 * torch.rand(1, 80, 60)
    assert torch.allclose(network.embed_sound(spec), network.embed_sound(spec - 0.2), atol=1e-5)
    assert not torch.allclose(network.embed_sound(spec), network.embed_sound(spec.flip(1)), atol=1e-3)


@torch.no_grad()
def test_silence_behind_a_sound_hardly_matters(network):
    spec = torch.zeros(1, 80, 160)
    spec[..., :40] = torch.rand(1, 80, 40)
    longer = torch.cat([spec, torch.zeros(1, 80, 160)], 2)
    assert (network.embed_sound(spec) * network.embed_sound(longer)).sum() > 0.999


def test_the_loss_is_that_of_choosing_among_other_videos():
    same = torch.eye(3, dtype=torch.bool)
    assert info_nce(torch.zeros(3, 3), same) == pytest.approx(np.log(3), rel=1e-6)
    assert info_nce(20 * torch.eye(3), same) < 1e-6
    same[0, 1] = same[1, 0] = True  # two moments of one video are no negatives of each other
    assert info_nce(torch.zeros(3, 3), same) == pytest.approx((2 * np.log(2) + np.log(3)) / 3, rel=1e-6)


def test_ranks_from_first_to_last():
    assert mean_rank(torch.eye(5)) == 0
    assert mean_rank(-torch.eye(5)) == 1
    assert mean_rank(torch.zeros(5, 5)) == 0.5
    assert mean_rank(torch.ones(1, 1)) == 0


def test_one_event_is_left_of_a_sound():
    spec, rate = np.ones((2, 200), np.float32), 100.0
    for seed in range(20):
        kept = single_event(spec, [-0.5, 0.5, 1.0, 1.95], rate, np.random.default_rng(seed))[0]
        first, last = np.flatnonzero(kept)[[0, -1]]
        assert first in (48, 98, 193) and kept[first : last + 1].all()
        assert last < {48: 98, 98: 193, 193: 200}[int(first)]
    assert np.array_equal(single_event(spec, [-0.5, 2.5], rate, np.random.default_rng(0)), spec)
