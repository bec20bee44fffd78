"""Equaliser matching brings a soundtrack's mean spectrum to the reference's, and nothing else."""

import pytest
import torch

from condfoley.equaliser import LIMIT, equalised, mean_power


@pytest.fixture
def specs():
    """Two candidates with hits on a floor: (2, 80, 100) in [0, 1]."""
    torch.manual_seed(0)
    out = 0.3 + 0.02 * torch.rand(2, 80, 100)
    out[:, :, 10:20] += 0.3 * torch.linspace(1, 0.7, 80)[:, None]  # dull
    return out


@pytest.fixture
def reference():
    """A bright one: (80, 60) in [0, 1]."""
    torch.manual_seed(1)
    return 0.3 + 0.3 * torch.linspace(0.7, 1, 80)[:, None] * torch.rand(80, 60)


def decibels(spec):
    return 10 * mean_power(spec).log10()


def test_the_mean_spectrum_becomes_the_references(specs, reference):
    made = decibels(equalised(specs, reference, 1.0)) - decibels(reference)
    before = decibels(specs) - decibels(reference)
    assert (before - before.mean(1, keepdim=True)).std() > 3
    assert (made - made.mean(1, keepdim=True)).abs().max() < 0.01


def test_half_a_share_goes_half_the_way(specs, reference):
    half, whole = (equalised(specs, reference, share) - specs for share in (0.5, 1.0))
    half, whole = (x[:, :, 50] - x[:, :1, 50] for x in (half, whole))  # against the lowest band: levels differ
    assert whole.abs().max() > 0.05 and torch.allclose(2 * half, whole, atol=1e-5)


def test_one_gain_for_all_frames_of_a_band(specs, reference):
    gain = equalised(specs, reference, 1.0) - specs
    assert torch.allclose(gain, gain[:, :, :1].expand_as(gain), atol=1e-6)  # timing and decay stay


def test_no_band_moves_further_than_the_limit(specs, reference):
    reference[:40] -= 0.29
    gain = equalised(specs, reference, 1.0) - specs
    assert 100 * (gain.amax((1, 2)) - gain.amin((1, 2))).max() <= 2 * LIMIT + 0.01


def test_the_power_stays(specs, reference):
    made = equalised(specs, reference, 1.0)
    assert torch.allclose(mean_power(made).sum(1), mean_power(specs).sum(1), rtol=1e-4)


def test_nothing_to_do(specs, reference):
    assert equalised(specs, reference, 0.0) is specs
    assert torch.allclose(equalised(specs, specs[0], 1.0)[0], specs[0], atol=1e-5)


def test_silence_stays_silent(specs, reference):
    silent = torch.zeros_like(specs)
    assert not equalised(silent, reference, 1.0).any()
    specs[:, :, 50:] = 0
    assert not equalised(specs, reference, 1.0)[:, :, 50:].any()
    assert equalised(specs, torch.zeros_like(reference), 1.0).isfinite().all()
