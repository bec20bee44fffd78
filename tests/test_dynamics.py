"""How loud hits are against each other: as hard as they are shown to be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condfoley.audio.levels import LEAD, impact_levels
from condfoley.audio.track import Track
from condfoley.matching.dynamics import FADE, LEVEL_PER_STRENGTH, MAX_GAIN_DB, match_dynamics, visual_strength
from tests.sounds import RATE, pulses

HITS = np.array([0.3, 0.9, 1.5])


def struck(*gains):
    """Pulses at HITS, dB against each other."""
    return Track(sum(10 ** (g / 20) * pulses([t], 2.0) for g, t in zip(gains, HITS, strict=True)), RATE)


def levels(track):
    return impact_levels(track.samples, HITS, RATE)


def test_hits_become_as_loud_as_they_are_shown_hard_and_keep_their_mean_level():
    track, hard = struck(0, -6, 2), np.array([0.4, 0.8, 0.4])
    before, after = levels(track), levels(match_dynamics(track, HITS, hard, 1.0))
    assert after[1] - after[[0, 2]] == pytest.approx([LEVEL_PER_STRENGTH * 20 * np.log10(2)] * 2, abs=0.1)
    assert after.mean() == pytest.approx(before.mean(), abs=0.1)
    half = levels(match_dynamics(track, HITS, hard, 0.5))
    assert half == pytest.approx((before + after) / 2, abs=0.1)


def test_a_gain_changes_just_before_its_hit_and_goes_on_to_the_next():
    wav = np.ones(2 * RATE, np.float32)
    out = match_dynamics(Track(wav, RATE), HITS[:2], np.array([0.8, 0.4]), 1.0).samples[0]
    first, second = (round((t - LEAD) * RATE) for t in HITS[:2])
    fade = round(FADE * RATE)
    assert np.array_equal(out[: first - fade], wav[: first - fade]) and np.ptp(out[first : second - fade]) < 1e-6
    assert np.abs(np.diff(out)).max() < 0.05 and np.allclose(out[second:], out[-1]) and out[first] > 1 > out[-1]


def test_a_wild_level_is_changed_by_so_much_only():
    track = struck(0, -60, 0)
    change = levels(match_dynamics(track, HITS, np.full(3, 0.5), 1.0)) - levels(track)
    assert np.abs(change).max() == pytest.approx(MAX_GAIN_DB, abs=0.1)


def test_nothing_is_done_where_nothing_is_shown():
    track = struck(0, -6, 0)
    for hits, hard, amount in ((HITS, np.zeros(3), 1.0), (HITS, np.ones(3), 0.0), (HITS[:1], np.ones(1), 1.0)):
        assert match_dynamics(track, hits, hard, amount) is track


def test_visual_strength_is_read_around_the_hit():
    strength = np.zeros(30)
    strength[[8, 9, 10]] = 0.3, 0.9, 0.6
    assert visual_strength(strength, np.array([9 / 15, 0.0, 99.0]), 15.0) == pytest.approx([0.6, 0.0, 0.0])


@given(st.lists(st.floats(-0.5, 3), max_size=5), st.floats(0, 1))
def test_any_hits_leave_a_finite_sound_of_the_same_length(times, amount):
    hits, wav = np.array(sorted(times)), pulses([0.3, 0.9], 1.5)
    out = match_dynamics(Track(wav, RATE), hits, np.linspace(0, 1, len(hits)), amount).samples
    assert out.shape == (1, len(wav)) and out.dtype == np.float32 and np.isfinite(out).all()


def test_two_channels_get_the_same_gains_and_the_input_stays():
    mono = struck(0, -6, 2).samples[0]
    samples, hard = np.stack([mono, 0.5 * mono[::-1]]), np.array([0.4, 0.8, 0.4])
    before = samples.copy()
    out = match_dynamics(Track(samples, RATE), HITS, hard, 1.0).samples
    assert out.shape == samples.shape and np.array_equal(samples, before)
    loud = np.abs(samples).min(0) > 0.01
    assert np.allclose(
        (out / np.where(loud, samples, 1))[0, loud], (out / np.where(loud, samples, 1))[1, loud], rtol=1e-4
    )
    same = match_dynamics(Track(np.stack([mono, mono]), RATE), HITS, hard, 1.0).samples
    assert np.allclose(same, match_dynamics(Track(mono, RATE), HITS, hard, 1.0).samples, rtol=1e-5)
