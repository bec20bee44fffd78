"""How loud hits are against each other: as hard as they are shown to be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condfoley.matching.dynamics import FURTHEST, SLOPE, at_level, balanced, hardness, levels, loudest, loudness
from condfoley.matching.envelope import LEAD, RAMP
from tests.made_up import RATE, pulses

HITS = np.array([0.3, 0.9, 1.5])


def struck(*gains):
    """Pulses at HITS, dB against each other."""
    return sum(10 ** (g / 20) * pulses([t], 2.0) for g, t in zip(gains, HITS, strict=True))


def test_levels_are_those_of_the_hits():
    found = levels(struck(0, -6, -20), HITS, RATE)
    assert found - found[0] == pytest.approx([0, -6, -20], abs=0.1)


def test_hits_become_as_loud_as_they_are_shown_hard_and_keep_their_mean_level():
    wav, hard = struck(0, -6, 2), np.array([0.4, 0.8, 0.4])
    before, after = levels(wav, HITS, RATE), levels(balanced(wav, HITS, hard, RATE, 1.0), HITS, RATE)
    assert after[1] - after[[0, 2]] == pytest.approx([SLOPE * 20 * np.log10(2)] * 2, abs=0.1)
    assert after.mean() == pytest.approx(before.mean(), abs=0.1)
    half = levels(balanced(wav, HITS, hard, RATE, 0.5), HITS, RATE)
    assert half == pytest.approx((before + after) / 2, abs=0.1)


def test_a_gain_changes_just_before_its_hit_and_goes_on_to_the_next():
    wav = np.ones(2 * RATE, np.float32)
    out = balanced(wav, HITS[:2], np.array([0.8, 0.4]), RATE, 1.0)
    first, second = (round((t - LEAD) * RATE) for t in HITS[:2])
    ramp = round(RAMP * RATE)
    assert np.array_equal(out[: first - ramp], wav[: first - ramp]) and np.ptp(out[first : second - ramp]) < 1e-6
    assert np.abs(np.diff(out)).max() < 0.05 and np.allclose(out[second:], out[-1]) and out[first] > 1 > out[-1]


def test_a_wild_level_is_changed_by_so_much_only():
    wav = struck(0, -60, 0)
    change = levels(balanced(wav, HITS, np.full(3, 0.5), RATE, 1.0), HITS, RATE) - levels(wav, HITS, RATE)
    assert np.abs(change).max() == pytest.approx(FURTHEST, abs=0.1)


def test_nothing_is_done_where_nothing_is_shown():
    wav = struck(0, -6, 0)
    for hits, hard, share in ((HITS, np.zeros(3), 1.0), (HITS, np.ones(3), 0.0), (HITS[:1], np.ones(1), 1.0)):
        assert balanced(wav, hits, hard, RATE, share) is wav


def test_hardness_is_read_around_the_hit():
    strength = np.zeros(30)
    strength[[8, 9, 10]] = 0.3, 0.9, 0.6
    assert hardness(strength, np.array([9 / 15, 0.0, 99.0]), 15.0) == pytest.approx([0.6, 0.0, 0.0])


@given(st.lists(st.floats(-0.5, 3), max_size=5), st.floats(0, 1))
def test_any_hits_leave_a_finite_sound_of_the_same_length(times, share):
    hits, wav = np.array(sorted(times)), pulses([0.3, 0.9], 1.5)
    out = balanced(wav, hits, np.linspace(0, 1, len(hits)), RATE, share)
    assert out.shape == wav.shape and out.dtype == np.float32 and np.isfinite(out).all()


def test_a_sound_is_brought_to_a_level_hit_for_hit():
    wav = struck(1.0, 0.5, 0.25)
    hits = np.array(HITS)
    out = at_level(wav, hits, -40.0, RATE)
    assert out.dtype == np.float32 and loudness(out, hits, RATE) == pytest.approx(-40, abs=0.01)
    assert np.diff(levels(out, hits, RATE)) == pytest.approx(np.diff(levels(wav, hits, RATE)), abs=0.01)
    assert loudness(at_level(wav, np.zeros(0), -40.0, RATE), np.zeros(0), RATE) == pytest.approx(-40, abs=0.01)
    assert loudest(wav, RATE) > loudness(wav, hits, RATE)  # the loudest of three against their median
    silence = np.zeros(RATE, np.float32)
    out = at_level(silence, np.zeros(0), -10.0, RATE)
    assert not out.any() and out is not silence
