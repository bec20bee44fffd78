"""At each moment the soundtrack is the candidate whose onsets meet the cues."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condfoley.audio.track import Track
from condfoley.comping.takes import (
    CELL,
    MAX_SHIFT_CELLS,
    Take,
    cell_levels,
    choose_takes,
    dominant_candidate,
    spans,
    splice,
    update_onsets,
    viterbi,
)
from tests.made_up import RATE, pulses, track

CUES = np.array([0.5, 1.2, 1.9])


def sound(level, seconds=1.0):
    """A steady level."""
    return Track(np.full(round(seconds * RATE), level, np.float32), RATE)


def with_onsets(times):
    """A silent track that is taken to have the onsets (E,) s."""
    return Track(np.zeros(2 * RATE, np.float32), RATE, (np.array(times), np.ones(len(times))))


def test_onsets_of_the_soundtrack_replace_those_of_its_takes():
    onsets = [np.array([0.2, 0.9, 1.5]), np.array([0.4, 1.4]), np.array([1.0])]
    takes = [Take(0.0, 0, 0.1), Take(1.2, 1, -0.05)]
    first, second, third = update_onsets(onsets, takes, with_onsets([0.3, 0.7, 1.35, 1.8]))
    assert first == pytest.approx([0.2, 0.6, 1.5])  # 0.9 is hidden, 0.6 is new, 1.5 was not in its take
    assert second == pytest.approx([0.4, 1.4, 1.85]) and third is onsets[2]


def test_an_onset_at_a_change_of_takes_is_the_later_ones():
    onsets = [np.array([1.0]), np.array([0.5, 1.0])]
    first, second = update_onsets(onsets, [Take(0.0, 0), Take(1.0, 1)], with_onsets([1.0]))
    assert first.tolist() == [1.0] and second.tolist() == [0.5, 1.0]  # one in its take, the others stay
    moved = update_onsets([np.array([1.15]), np.array([1.22])], [Take(0, 0, 0.1), Take(1.2, 1, -0.05)], with_onsets([]))
    assert [o.tolist() for o in moved] == [[1.15], [1.22]]  # both are moved out of their takes


def test_levels_fall_from_the_peak_to_silence():
    loud = cell_levels(track([0.5], 2.0))
    assert len(loud) == round(2.0 / CELL)
    assert loud[:10].max() < 0.01 and 0.8 < loud[11] < 1 and loud[11] > loud[14] > loud[17]
    assert cell_levels(sound(0.0)).max() == 0


@pytest.mark.parametrize("sign", [1, -1])
def test_levels_are_in_db_below_the_peak_over_the_length_of_a_crossfade(sign):
    wav = np.zeros(RATE, np.float32)
    wav[0] = wav[round(0.505 * RATE) :] = 0.5 * sign
    wav[round(0.75 * RATE) :] *= 0.1
    levels = cell_levels(Track(wav, RATE))
    assert levels[10] == pytest.approx(1 - 6.02 / 60, abs=0.002)  # from 0.49 to 0.51 s, a quarter is heard
    assert levels[12] == 1 and levels[18] == pytest.approx(1 - 20 / 60, abs=1e-4)
    assert levels[0] == pytest.approx(1 - 10 * np.log10(220) / 60, abs=0.001) and levels[1] == 0


def test_the_path_avoids_what_is_wrong():
    costs = np.zeros((3, 20))
    costs[0, 15] = costs[1, 4] = costs[2, 4] = costs[2, 15] = 1.0
    quiet = np.zeros((3, 20))
    path = viterbi(costs, quiet)
    assert path[0] == 0 and path[-1] == 1 and set(path[:5]) == {0} and set(path[15:]) == {1}


def test_the_favourite_stays_where_it_is_as_good():
    quiet = np.zeros((3, 20))
    assert viterbi(quiet, quiet, favourite=2) == [2] * 20 and viterbi(quiet, quiet) == [0] * 20
    for favourite in (0, 1, 2):
        assert choose_takes([CUES] * 3, CUES, np.zeros((3, 50)), favourite) == [Take(0.0, favourite)]


def test_every_cell_counts_once():
    costs = np.zeros((2, 20))
    costs[0, 0], costs[1, 10] = 0.3, 0.45
    assert viterbi(costs, np.zeros((2, 20))) == [0] * 20


def test_onsets_that_are_moved_out_of_the_soundtrack_cost_nothing():
    cue, nothing, quiet = np.array([0.5]), np.zeros(0), np.zeros((2, 20))  # else the second one would be as good
    assert choose_takes([np.array([0.05, 0.7]), nothing], cue, quiet, favourite=0)[0] == Take(0.0, 0, -0.2)
    assert choose_takes([np.array([0.3, 0.95]), nothing], cue, quiet, favourite=0)[-1][1:] == (0, 0.2)


def test_changes_are_where_it_is_quiet():
    costs, loud = np.zeros((2, 20)), np.ones((2, 20))
    costs[0, 15] = costs[1, 4] = 2.0
    loud[:, 9] = 0.0
    assert viterbi(costs, loud) == [0] * 9 + [1] * 11


def test_a_small_cost_is_not_worth_a_change():
    costs = np.zeros((2, 20))
    costs[0, 15] = costs[1, 4] = 0.15
    assert len(set(viterbi(costs, np.zeros((2, 20))))) == 1


def test_splices_are_the_candidates_with_crossfades_between():
    first, second = sound(0.25), sound(0.75)
    out = splice([first, second], [Take(0.0, 0), Take(0.5, 1), Take(0.75, 0)]).mono
    place = RATE // 2
    assert np.all(out[: place - 300] == 0.25) and np.all(out[place + 300 : int(0.74 * RATE)] == 0.75)
    assert out[place - 150] > 0.25 and out[place + 150] < 0.75
    assert np.all(out[-4000:] == 0.25) and np.all(np.diff(out[place - 300 : place + 300]) >= 0)
    assert splice([first, second], [Take(0.0, 1)]) is second


@pytest.mark.parametrize("end", [0.001, 0.005, 0.02])
def test_a_change_just_before_the_end(end):
    tracks = [sound(level, 1 + end) for level in (0.25, 0.75)]
    out = splice(tracks, [Take(0.0, 0), Take(1.0, 1)]).mono
    assert len(out) == len(tracks[0]) and 0.25 < out[-1] <= 0.75


def test_two_halves_make_a_whole():
    tracks = [track([0.5, 1.2], 2.5), track([1.2, 1.9], 2.5)]
    loud = np.array([cell_levels(t) for t in tracks])
    takes = choose_takes([np.array([0.5, 1.2]), np.array([1.2, 1.9])], CUES, loud, favourite=1)
    assert [t.candidate for t in takes] == [0, 1] and 0.5 < takes[1].start < 1.9
    assert np.abs(splice(tracks, takes).mono - pulses([0.5, 1.2, 1.9], 2.5)).max() < 0.01


def test_a_take_is_moved_to_the_cues():
    """The only candidate misses the second cue by more than MATCH_WINDOW: from a quiet moment on it is moved."""
    onsets = np.array([0.5, 1.2 - 4 * CELL, 1.9 - 4 * CELL])
    only = track(list(onsets), 2.5)
    loud = cell_levels(only)[None]
    assert choose_takes([onsets], CUES, loud, 0, max_shift=0) == [Take(0.0, 0)]
    takes = choose_takes([onsets], CUES, loud, 0)
    assert [(t.candidate, t.moved) for t in takes] == [(0, 0.0), (0, pytest.approx(4 * CELL))]
    assert 0.5 < takes[1].start < 1.2
    assert np.abs(splice([only], takes).mono - pulses(list(CUES), 2.5)).max() < 0.02  # the first one rings on
    assert len(choose_takes([onsets], CUES, loud, 0, max_shift=1)) == 1  # that would not be enough


@given(
    st.integers(1, 4),
    st.floats(0.03, 3.0),
    st.lists(st.floats(0.0, 3.0), max_size=6),
    st.integers(0, 3),
    st.integers(0, 2**32 - 1),
)
def test_moved_takes_are_used_only_where_they_have_sound(candidates, duration, cues, favourite, seed):
    rng = np.random.default_rng(seed)
    samples = round(duration * RATE)
    tracks = [Track(np.full(samples, 1.0, np.float32), RATE)] * candidates
    onsets = [np.sort(rng.uniform(0, duration, rng.integers(0, 6))) for _ in tracks]
    loud = np.array([cell_levels(t) for t in tracks]) * rng.random()
    takes = choose_takes(onsets, np.sort(cues), loud, min(favourite, candidates - 1))
    assert takes[0].start == 0 and all(abs(t.moved) <= MAX_SHIFT_CELLS * CELL + 1e-9 for t in takes)
    for take, end in spans(takes, duration):
        assert take.start < end and 0 <= take.candidate < candidates
        assert take.start - take.moved >= -1e-9 and end - take.moved <= duration + 1e-9
    out = splice(tracks, takes).mono
    inside = np.ones(samples, bool)
    for take in takes[1:]:  # a crossfade may reach over a candidate's end
        place = round(take.start * RATE)
        inside[max(0, place - RATE // 50) : place + RATE // 50] = False
    assert len(out) == samples and np.allclose(out[inside], 1.0)


def test_the_dominant_candidate_gives_most_of_the_time():
    takes = [Take(0.0, 3), Take(0.8, 1), Take(1.9, 3), Take(2.2, 0)]
    assert dominant_candidate(takes, 2.4) == 3 and dominant_candidate(takes, 9.0) == 0
    assert dominant_candidate([Take(0.0, 0), Take(1.5, 1)], 2.0) == 0


def test_takes_of_several_channels_are_cut_in_all_of_them():
    stereo = [Track(np.stack([t.mono, 0.5 * t.mono]), RATE) for t in (track([0.5], 2.0), track([1.2], 2.0))]
    out = splice(stereo, [Take(0.0, 0), Take(0.9, 1)])
    assert out.channels == 2 and np.allclose(out.samples[1], 0.5 * out.samples[0], atol=1e-7)
    assert np.abs(out.samples[0] - pulses([0.5, 1.2], 2.0)).max() < 0.05
