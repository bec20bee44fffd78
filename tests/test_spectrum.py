"""Spectrum matching brings a soundtrack's mean spectrum to the reference's, also outside the bands, and nothing else."""

import numpy as np
import pytest

from condfoley.audio.mel import log_mel
from condfoley.audio.postfilter import match_mel
from condfoley.geometry import Geometry
from condfoley.matching.spectrum import MAX_GAIN_DB, match_spectrum, mean_power, outer_gain

GEOMETRY = Geometry()


@pytest.fixture
def specs():
    """Two candidates with hits on a floor: (2, 80, 100) in [0, 1]."""
    out = 0.3 + 0.02 * np.random.default_rng(0).random((2, 80, 100), np.float32)
    out[:, :, 10:20] += 0.3 * np.linspace(1, 0.7, 80, dtype=np.float32)[:, None]  # dull
    return out


@pytest.fixture
def reference():
    """A bright one: (80, 60) in [0, 1]."""
    bright = np.linspace(0.7, 1, 80, dtype=np.float32)[:, None]
    return 0.3 + 0.3 * bright * np.random.default_rng(1).random((80, 60), np.float32)


def decibels(spec):
    return 10 * np.log10(mean_power(spec))


def test_the_mean_spectrum_becomes_the_references(specs, reference):
    made = decibels(match_spectrum(specs, reference, 1.0)) - decibels(reference)
    before = decibels(specs) - decibels(reference)
    assert (before - before.mean(1, keepdims=True)).std() > 3
    assert np.abs(made - made.mean(1, keepdims=True)).max() < 0.01


def test_half_the_amount_goes_half_the_way(specs, reference):
    half, whole = (match_spectrum(specs, reference, amount) - specs for amount in (0.5, 1.0))
    half, whole = (x[:, :, 50] - x[:, :1, 50] for x in (half, whole))  # against the lowest band: levels differ
    assert np.abs(whole).max() > 0.05 and np.allclose(2 * half, whole, atol=1e-5)


def test_one_gain_for_all_frames_of_a_band(specs, reference):
    gain = match_spectrum(specs, reference, 1.0) - specs
    assert np.allclose(gain, gain[:, :, :1], atol=1e-6)  # timing and decay stay


def test_no_band_moves_further_than_the_limit(specs, reference):
    reference[:40] -= 0.29
    gain = match_spectrum(specs, reference, 1.0) - specs
    assert 100 * (gain.max((1, 2)) - gain.min((1, 2))).max() <= 2 * MAX_GAIN_DB + 0.01


def test_the_power_stays(specs, reference):
    made = match_spectrum(specs, reference, 1.0)
    assert made.dtype == np.float32
    assert np.allclose(mean_power(made).sum(1), mean_power(specs).sum(1), rtol=1e-4)


def test_nothing_to_do(specs, reference):
    assert match_spectrum(specs, reference, 0.0) is specs
    assert np.allclose(match_spectrum(specs, specs[0], 1.0)[0], specs[0], atol=1e-5)


def test_the_input_stays(specs, reference):
    before = specs.copy(), reference.copy()
    match_spectrum(specs, reference, 1.0)
    assert np.array_equal(specs, before[0]) and np.array_equal(reference, before[1])


def test_silence_stays_silent(specs, reference):
    silent = np.zeros_like(specs)
    assert not match_spectrum(silent, reference, 1.0).any()
    specs[:, :, 50:] = 0
    assert not match_spectrum(specs, reference, 1.0)[:, :, 50:].any()
    assert np.isfinite(match_spectrum(specs, np.zeros_like(reference), 1.0)).all()


RIM = np.arange(513) * GEOMETRY.sample_rate / GEOMETRY.n_fft  # Hz of each bin


def band_noise(low, high):
    """1 s of noise between two frequencies, Hz: (N,) float32."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(GEOMETRY.sample_rate))
    hertz = np.arange(len(spectrum))
    return (0.1 * np.fft.irfft(np.where((hertz >= low) & (hertz < high), spectrum, 0.0))).astype(np.float32)


def test_what_lies_outside_the_bands_is_as_quiet_as_in_the_reference():
    gain = outer_gain(band_noise(60, 9000), GEOMETRY, 1.0)
    inside = (RIM > GEOMETRY.fmin) & (RIM < GEOMETRY.fmax)
    assert (gain[inside] == 1).all() and gain.max() <= 1
    assert gain[RIM > 9200].max() < 0.02 and gain[RIM < 20].max() < 0.1  # nothing is there
    assert gain[(RIM > 7800) & (RIM < 8800)].min() > 0.5  # as loud as the highest band, up to chance


def test_outside_the_bands_half_the_amount_goes_half_the_way():
    whole, half, none = (outer_gain(band_noise(200, 7000), GEOMETRY, amount) for amount in (1.0, 0.5, 0.0))
    assert np.allclose(np.square(half), whole, atol=1e-5) and (none == 1).all()


def test_a_silent_reference_mutes_nothing_that_is_covered():
    gain = outer_gain(np.zeros(GEOMETRY.sample_rate, np.float32), GEOMETRY, 1.0)
    assert np.allclose(gain, 1, atol=1e-6)


def test_channels_count_as_more_moments():
    one, other = band_noise(60, 9000), band_noise(200, 9000)
    assert np.allclose(outer_gain(np.stack([one, one]), GEOMETRY, 1.0), outer_gain(one, GEOMETRY, 1.0), rtol=1e-4)
    first, second, both = (outer_gain(x, GEOMETRY, 1.0) for x in (one, other, np.stack([one, other])))
    between = (RIM > 60) & (RIM < 100)  # where only one of them has sound
    assert both.shape == (513,) and (second < both)[between].all() and (both < first)[between].all()


def test_a_reference_shorter_than_an_analysis_window():
    assert outer_gain(np.ones(10, np.float32), GEOMETRY, 1.0).shape == (513,)


def test_the_soundtrack_gets_it():
    wav = band_noise(0, 11025)[None]
    spec = log_mel(wav, GEOMETRY)
    made = match_mel(wav, spec, GEOMETRY, 2, outer_gain(band_noise(200, 7600), GEOMETRY, 1.0))
    spectrum = np.abs(np.fft.rfft(made[0]))
    assert spectrum[8500:10500].mean() < 0.02 * spectrum[1000:5000].mean()
    assert np.abs(log_mel(made, GEOMETRY) - spec).mean() < 0.01  # the bands are as they were
