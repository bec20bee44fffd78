"""Levels of impacts, and the gain that brings a sound to one."""

import numpy as np
import pytest

from condfoley.audio.levels import gain_to_level, impact_levels, impact_starts, median_impact_db, peak_rms_db
from tests.sounds import RATE, pulses

HITS = np.array([0.3, 0.9, 1.5])


def struck(*gains):
    """Pulses at HITS, dB against each other."""
    return sum(10 ** (g / 20) * pulses([t], 2.0) for g, t in zip(gains, HITS, strict=True))


def test_levels_are_those_of_the_hits():
    found = impact_levels(struck(0, -6, -20), HITS, RATE)
    assert found - found[0] == pytest.approx([0, -6, -20], abs=0.1)


def test_a_sound_is_brought_to_a_level_hit_for_hit():
    wav, none = struck(1.0, 0.5, 0.25), np.zeros(0)
    out = wav * np.float32(gain_to_level(wav, HITS, -40.0, RATE))
    assert median_impact_db(out, HITS, RATE) == pytest.approx(-40, abs=0.01)
    assert np.diff(impact_levels(out, HITS, RATE)) == pytest.approx(np.diff(impact_levels(wav, HITS, RATE)), abs=0.01)
    out = wav * np.float32(gain_to_level(wav, none, -40.0, RATE))
    assert median_impact_db(out, none, RATE) == peak_rms_db(out, RATE) == pytest.approx(-40, abs=0.01)
    assert peak_rms_db(wav, RATE) > median_impact_db(wav, HITS, RATE)  # the loudest of three against their median
    assert gain_to_level(np.zeros(RATE, np.float32), none, -10.0, RATE) == 1


def test_power_is_the_mean_of_the_channels():
    wav = struck(0, -6, -20)
    one = impact_levels(wav, HITS, RATE)
    assert impact_levels(np.stack([wav, -wav]), HITS, RATE) == pytest.approx(one, abs=1e-6)
    assert impact_levels(np.stack([wav, 0 * wav]), HITS, RATE) == pytest.approx(one - 10 * np.log10(2), abs=1e-3)


def test_impacts_outside_the_sound_and_none():
    assert impact_levels(np.zeros(RATE, np.float32), np.zeros(0), RATE).shape == (0,)
    assert impact_starts(np.array([-1.0, 0.0, 0.5, 9.0]), RATE, RATE) == [0, 0, round(0.497 * RATE), RATE]
    assert np.isfinite(impact_levels(pulses([0.3], 1.0), np.array([-1.0, 0.3, 9.0]), RATE)).all()
