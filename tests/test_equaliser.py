"""Equaliser matching brings a soundtrack's mean spectrum to the reference's, also outside the bands, and nothing else."""

import pytest
import torch

from condfoley.audio.postfilter import match_mel
from condfoley.geometry import Geometry
from condfoley.matching.spectrum import LIMIT, equalised, mean_power, outer_gain
from condfoley.networks.mel import log_mel

GEOMETRY = Geometry()


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


RIM = torch.arange(513) * GEOMETRY.sample_rate / GEOMETRY.n_fft  # Hz of each bin


def band_noise(low, high):
    """1 s of noise between two frequencies, Hz."""
    spectrum = torch.fft.rfft(torch.randn(GEOMETRY.sample_rate, generator=torch.Generator().manual_seed(0)))
    hertz = torch.arange(len(spectrum), dtype=torch.float32)
    return 0.1 * torch.fft.irfft(torch.where((hertz >= low) & (hertz < high), spectrum, 0.0))


def test_what_lies_outside_the_bands_is_as_quiet_as_in_the_reference():
    gain = outer_gain(band_noise(60, 9000), GEOMETRY, 1.0)
    inside = (RIM > GEOMETRY.fmin) & (RIM < GEOMETRY.fmax)
    assert (gain[inside] == 1).all() and gain.max() <= 1
    assert gain[RIM > 9200].max() < 0.02 and gain[RIM < 20].max() < 0.1  # nothing is there
    assert gain[(RIM > 7800) & (RIM < 8800)].min() > 0.5  # as loud as the highest band, up to chance


def test_outside_the_bands_half_a_share_goes_half_the_way():
    whole, half, none = (outer_gain(band_noise(200, 7000), GEOMETRY, share) for share in (1.0, 0.5, 0.0))
    assert torch.allclose(half.square(), whole, atol=1e-5) and (none == 1).all()


def test_a_silent_reference_mutes_nothing_that_is_covered():
    gain = outer_gain(torch.zeros(GEOMETRY.sample_rate), GEOMETRY, 1.0)
    assert torch.isfinite(gain).all() and (gain == 1).all()


def test_the_soundtrack_gets_it():
    wav = band_noise(0, 11025)[None]
    spec = log_mel(wav, GEOMETRY)
    made = match_mel(wav, spec, GEOMETRY, 2, outer_gain(band_noise(200, 7600), GEOMETRY, 1.0))
    spectrum = torch.fft.rfft(made[0]).abs()
    assert spectrum[8500:10500].mean() < 0.02 * spectrum[1000:5000].mean()
    assert (log_mel(made, GEOMETRY) - spec).abs().mean() < 0.01  # the bands are as they were
