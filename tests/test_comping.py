"""The soundtrack is put together from the candidates that hit when the picture does."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from condfoley.audio.onsets import detect_onsets
from condfoley.comping.takes import (
    CELL,
    MOVES,
    OFF,
    PAUSE,
    REACH,
    Take,
    aligned,
    best_takes,
    comped,
    faults,
    filled,
    heard_again,
    lateness,
    levels,
    matched,
    most_heard,
    spans,
    spliced,
)
from tests.made_up import RATE, pulses

SHOWN = np.array([0.5, 1.2, 1.9])


@pytest.mark.parametrize(
    ("heard", "late"),
    [
        ([], 0.0),
        ([0.47, 1.17, 1.87], -0.03),
        ([0.54, 1.24, 1.2 + 1.1 * REACH], 0.04),  # what is out of reach has no say
        ([0.9, 1.5], 0.0),
    ],
)
def test_lateness(heard, late):
    assert lateness(SHOWN, np.array(heard)) == pytest.approx(late)


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ([0.5, 1.2, 1.9], {}),
        ([0.5, 1.9], {1.2: 1}),
        ([0.5, 0.8, 1.2, 1.9], {0.8: 1}),
        ([0.5, 1.2, 1.9 + 0.8 * REACH], {1.9 + 0.8 * REACH: 0.8 * OFF}),
        ([0.5, 1.2, 1.9 + 2 * REACH], {1.9: 1, 1.9 + 2 * REACH: 1}),
        ([0.5, 1.2, 1.9, 7.0], {7.0: 1}),  # behind the end: in the last cell
        ([-0.06, 0.5, 1.2, 1.9], {0.0: 1}),  # moved to before the beginning: in the first
    ],
)
def test_faults(heard, expected):
    out = faults(SHOWN, np.array(heard), 50)
    assert out.sum() == pytest.approx(sum(expected.values()))
    for time, weight in expected.items():
        assert out[min(int(time / CELL), 49)] == pytest.approx(weight)


def test_no_hits_at_all():
    assert faults(np.zeros(0), np.zeros(0), 10).tolist() == [0] * 10


def test_hits_that_belong_to_the_pictures():
    assert matched(SHOWN, np.array([0.3, 0.52, 0.58, 1.15, 2.1])).tolist() == [0.52, 1.15]
    assert len(matched(SHOWN, np.zeros(0))) == len(matched(SHOWN[:0], SHOWN)) == 0


def test_what_is_heard_in_the_whole_replaces_what_was_heard_of_its_takes():
    hits = [np.array([0.2, 0.9, 1.5]), np.array([0.4, 1.4]), np.array([1.0])]
    takes = [Take(0.0, 0, 0.1), Take(1.2, 1, -0.05)]
    first, second, third = heard_again(hits, takes, np.array([0.3, 0.7, 1.35, 1.8]), 2.0)
    assert first == pytest.approx([0.2, 0.6, 1.5])  # 0.9 was drowned, 0.6 is new, 1.5 was not in its take
    assert second == pytest.approx([0.4, 1.4, 1.85]) and third is hits[2]


def test_loudness_falls_from_the_peak_to_silence():
    loud = levels(pulses([0.5], 2.0), RATE)
    assert len(loud) == round(2.0 / CELL)
    assert loud[:10].max() < 0.01 and 0.8 < loud[11] < 1 and loud[11] > loud[14] > loud[17]
    assert levels(np.zeros(RATE, np.float32), RATE).max() == 0


def test_each_moment_comes_from_the_candidate_that_hits():
    costs = np.zeros((3, 20))
    costs[0, 15] = costs[1, 4] = costs[2, 4] = costs[2, 15] = 1.0
    quiet = np.zeros((3, 20))
    takes = best_takes(costs, quiet)
    assert [t.candidate for t in takes] == [0, 1] and 4 * CELL < takes[1].start <= 15 * CELL


def test_the_favourite_stays_where_it_is_as_good():
    assert best_takes(np.zeros((3, 20)), np.zeros((3, 20)), favourite=2) == [Take(0.0, 2)]


def test_changes_are_where_it_is_quiet():
    costs, loud = np.zeros((2, 20)), np.ones((2, 20))
    costs[0, 15] = costs[1, 4] = 2.0
    loud[:, 9] = 0.0
    assert best_takes(costs, loud) == [Take(0.0, 0), Take(0.45, 1)]


def test_a_small_fault_is_not_worth_a_change():
    costs = np.zeros((2, 20))
    costs[0, 15] = costs[1, 4] = 0.15
    assert len(best_takes(costs, np.zeros((2, 20)))) == 1


def test_splices_are_the_candidates_with_crossfades_between():
    first, second = np.full(RATE, 0.25, np.float32), np.full(RATE, 0.75, np.float32)
    out = spliced([first, second], [Take(0.0, 0), Take(0.5, 1), Take(0.75, 0)], RATE)
    place = RATE // 2
    assert np.all(out[: place - 300] == 0.25) and np.all(out[place + 300 : int(0.74 * RATE)] == 0.75)
    assert np.all(out[-4000:] == 0.25) and np.all(np.diff(out[place - 300 : place + 300]) >= 0)
    assert np.array_equal(spliced([first, second], [Take(0.0, 1)], RATE), second)


@pytest.mark.parametrize("end", [0.001, 0.005, 0.02])
def test_a_change_just_before_the_end(end):
    wavs = [np.full(RATE + round(end * RATE), level, np.float32) for level in (0.25, 0.75)]
    out = spliced(wavs, [Take(0.0, 0), Take(1.0, 1)], RATE)
    assert len(out) == len(wavs[0]) and 0.25 < out[-1] <= 0.75


def test_two_halves_make_a_whole():
    wavs = [pulses([0.5, 1.2], 2.5), pulses([1.2, 1.9], 2.5)]
    loud = np.array([levels(wav, RATE) for wav in wavs])
    takes = comped([np.array([0.5, 1.2]), np.array([1.2, 1.9])], SHOWN, loud, favourite=1)
    assert [t.candidate for t in takes] == [0, 1] and 0.5 < takes[1].start < 1.9
    assert np.abs(spliced(wavs, takes, RATE) - pulses([0.5, 1.2, 1.9], 2.5)).max() < 0.01


def test_a_take_is_moved_to_where_the_pictures_hits_are():
    """The only candidate misses the second hit by more than REACH: from a quiet moment on it is moved."""
    heard = np.array([0.5, 1.2 - 4 * CELL, 1.9 - 4 * CELL])
    wav = pulses(list(heard), 2.5)
    loud = levels(wav, RATE)[None]
    assert comped([heard], SHOWN, loud, 0, moves=0) == [Take(0.0, 0)]
    takes = comped([heard], SHOWN, loud, 0)
    assert [(t.candidate, t.moved) for t in takes] == [(0, 0.0), (0, pytest.approx(4 * CELL))]
    assert 0.5 < takes[1].start < 1.2
    assert np.abs(spliced([wav], takes, RATE) - pulses(list(SHOWN), 2.5)).max() < 0.02  # the first hit rings on
    assert len(comped([heard], SHOWN, loud, 0, moves=1)) == 1  # that would not be enough


@given(
    st.integers(1, 4),
    st.floats(0.03, 3.0),
    st.lists(st.floats(0.0, 3.0), max_size=6),
    st.integers(0, 3),
    st.integers(0, 2**32 - 1),
)
def test_moved_takes_are_heard_only_where_they_have_sound(candidates, duration, shown, favourite, seed):
    rng = np.random.default_rng(seed)
    samples = round(duration * RATE)
    wavs = [np.full(samples, 1.0, np.float32)] * candidates
    heard = [np.sort(rng.uniform(0, duration, rng.integers(0, 6))) for _ in wavs]
    loud = np.array([levels(wav, RATE) for wav in wavs]) * rng.random()
    takes = comped(heard, np.sort(shown), loud, min(favourite, candidates - 1))
    assert takes[0].start == 0 and all(abs(t.moved) <= MOVES * CELL + 1e-9 for t in takes)
    for take, end in spans(takes, duration):
        assert take.start < end and 0 <= take.candidate < candidates
        assert take.start - take.moved >= -1e-9 and end - take.moved <= duration + 1e-9
    out = spliced(wavs, takes, RATE)
    inside = np.ones(samples, bool)
    for take in takes[1:]:  # a crossfade may reach over a candidate's end
        place = round(take.start * RATE)
        inside[max(0, place - RATE // 50) : place + RATE // 50] = False
    assert len(out) == samples and np.allclose(out[inside], 1.0)


def test_hits_are_placed_where_the_picture_shows_them():
    heard = np.array([0.46, 1.25, 1.87])
    out = aligned(pulses(list(heard), 2.5), heard, SHOWN, RATE)
    assert len(out) == round(2.5 * RATE) and np.abs(out - pulses(list(SHOWN), 2.5)).max() < 0.08
    alone = pulses([0.9], 2.5)
    assert aligned(alone, np.array([0.9]), SHOWN, RATE) is alone  # none of the picture's is near


def test_no_holes_are_left_in_a_steady_background():
    heard, shown = np.array([0.4, 1.0, 1.5, 2.1]), np.array([0.36, 1.08, 1.44, 2.1])  # some move apart
    steady = 0.05 * np.random.default_rng(0).standard_normal(round(2.5 * RATE)).astype(np.float32)
    out = aligned(pulses(list(heard), 2.5) + steady, heard, shown, RATE)
    inside = out[round(0.05 * RATE) : round(2.45 * RATE)]
    rms = np.sqrt(np.convolve(np.square(inside), np.full(RATE // 500, 500 / RATE), "valid"))  # over 2 ms
    assert rms.min() > 0.3 * 0.05
    together = aligned(pulses(list(heard), 2.5) + steady, heard, heard - 0.04, RATE)
    later = round(0.04 * RATE)
    assert np.allclose(together[:-later], (pulses(list(heard), 2.5) + steady)[later:], atol=1e-6)  # all of it is moved


def test_a_hit_that_the_picture_does_not_show_goes_with_its_neighbours():
    heard = np.array([0.45, 0.8, 1.15])
    out = aligned(pulses(list(heard), 2.0), heard, np.array([0.5, 1.2]), RATE)
    assert np.abs(out - pulses([0.5, 0.85, 1.2], 2.0)).max() < 0.08


@given(
    st.lists(st.floats(0.0, 1.99), min_size=1, max_size=8),
    st.lists(st.floats(0.0, 1.99), min_size=1, max_size=8),
    st.integers(0, 2**32 - 1),
)
def test_placing_keeps_the_length_whatever_the_hits_are(heard, shown, seed):
    wav = np.random.default_rng(seed).uniform(-0.5, 0.5, 2 * RATE).astype(np.float32)
    out = aligned(wav, np.sort(heard), np.sort(shown), RATE)
    assert out.shape == wav.shape and out.dtype == np.float32 and np.isfinite(out).all() and np.abs(out).max() <= 1.6


def test_the_most_heard_is_that_of_the_longest_time():
    takes = [Take(0.0, 3), Take(0.8, 1), Take(1.9, 3), Take(2.2, 0)]
    assert most_heard(takes, 2.4) == 3 and most_heard(takes, 9.0) == 0


def test_a_hit_that_no_take_has_is_lent_by_the_nearest():
    wav = pulses([0.5, 2.0], 3.0, 400) + pulses([1.4], 3.0, 1500)
    shown = np.array([0.5, 0.9, 1.4, 2.0, 2.5])
    out = filled(wav, np.array([0.5, 1.4, 2.0]), shown, RATE)
    assert detect_onsets(out, RATE)[0] == pytest.approx(shown, abs=0.02)
    first, last = (out[round(t * RATE) : round((t + 0.1) * RATE)] for t in (0.9, 2.5))
    assert np.allclose(first, wav[round(0.5 * RATE) : round(0.6 * RATE)], atol=0.02)  # the nearest one
    assert np.allclose(last, wav[round(2.0 * RATE) : round(2.1 * RATE)], atol=0.02)
    kept = np.r_[0 : round(0.88 * RATE), round(1.42 * RATE) : round(2.48 * RATE)]
    assert np.allclose(out[kept], wav[kept], atol=1e-6) and len(out) == len(wav)
    assert filled(wav, shown, shown, RATE) is wav and filled(wav, np.zeros(0), shown, RATE) is wav


@given(st.lists(st.floats(-0.2, 2.2), max_size=4), st.lists(st.floats(0, 2), max_size=4))
@example(heard=[2.0625], shown=[0.0, 2.0])  # past the end
def test_any_hits_may_be_lent(heard, shown):
    wav = pulses([0.3, 0.9], 2.0)
    out = filled(wav, np.array(sorted(heard)), np.array(sorted(shown)), RATE)
    assert out.shape == wav.shape and np.isfinite(out).all() and np.abs(out).max() <= np.abs(wav).max() + 1e-6


def test_a_lent_hit_is_heard_behind_a_swell_after_a_pause():
    shown, wav, length = np.array([0.5, 1.0, 1.6]), pulses([0.5, 1.6], 2.5), round(0.25 * RATE)
    begin = round(0.76 * RATE)
    wav[begin : begin + length] += (
        0.3 * np.linspace(0, 1, length) ** 2 * np.random.default_rng(0).standard_normal(length)
    )
    heard = detect_onsets(wav, RATE)[0]
    hidden = detect_onsets(filled(wav, heard, shown, RATE), RATE)[0]
    clear = detect_onsets(filled(wav, heard, shown, RATE, pause=PAUSE), RATE)[0]
    assert np.abs(hidden - 1.0).min() > 0.1 and np.abs(clear - 1.0).min() < 0.02
