"""Of candidates one soundtrack, and edits that are kept where they help."""

import numpy as np
import pytest

from condfoley.audio.onsets import MATCH_WINDOW
from condfoley.audio.track import Track
from condfoley.comping import takes as comping
from condfoley.comping.ranking import Candidate
from condfoley.comping.repair import (
    OFFSET_COST,
    STRICT_WINDOW,
    enforce,
    improve,
    onset_cost,
    remove_extra,
    repair,
    repairs,
    total_cost,
)
from condfoley.comping.takes import CELL, Take, comp
from tests.made_up import RATE, track

CUES = np.array([0.5, 1.2, 1.9])


def candidate(times, offset=0.0):
    return Candidate(track(list(times), 2.0), 0, offset, 0.5, 0.5)


@pytest.mark.parametrize(
    ("onsets", "expected"),
    [
        ([0.5, 1.2, 1.9], {}),
        ([0.5, 1.9], {1.2: 1}),
        ([0.5, 0.8, 1.2, 1.9], {0.8: 1}),
        ([0.5, 1.2, 1.9 + 0.8 * MATCH_WINDOW], {1.9 + 0.8 * MATCH_WINDOW: 0.8 * OFFSET_COST}),
        ([0.5, 1.2, 1.9 + 2 * MATCH_WINDOW], {1.9: 1, 1.9 + 2 * MATCH_WINDOW: 1}),
        ([0.5, 1.2, 1.9, 7.0], {7.0: 1}),  # behind the end: in the last cell
        ([-0.06, 0.5, 1.2, 1.9], {0.0: 1}),  # moved to before the beginning: in the first
    ],
)
def test_costs(onsets, expected):
    out = onset_cost(CUES, np.array(onsets), CELL, 50)
    assert out.sum() == pytest.approx(sum(expected.values()))
    for time, weight in expected.items():
        assert out[min(int(time / CELL), 49)] == pytest.approx(weight)


def test_no_onsets_at_all():
    assert onset_cost(np.zeros(0), np.zeros(0), CELL, 10).tolist() == [0] * 10


def test_what_is_not_in_time_is_not_comped():
    made = [candidate(t, offset=o) for t, o in (([0.5], 0.0), ([1.2], 0.1), ([0.5, 1.2], 0.6))]
    cues = np.array([0.5, 1.2])
    assert {take.candidate for take in comp(made, cues, 0, 0.2)[1]} == {0, 1}
    assert comp(made, cues, 0, 0.6)[1] == [Take(0.0, 2)]
    assert comp(made, np.zeros(0), 1, 0.2) == (made[1].track, [Take(0.0, 1)])


def test_onsets_that_only_the_soundtrack_has_are_taken_into_account():
    """One that the candidate's own list leaves out is detected, and another candidate is taken there."""
    cues = np.array([0.5, 1.5])
    swelling = track([0.5, 1.0, 1.5], 2.0)
    unaware = Candidate(Track(swelling.samples, RATE, (cues, cues)), 0, 0.0, 0.5, 1.0)
    clean = Candidate(track([0.5], 2.0), 1, 0.0, 0.5, 0.6)
    listens = [Candidate(swelling, 0, 0.0, 0.5, 0.8), clean]
    made, takes = comp(listens, cues, 0, 0.2, repairs(True))
    assert made.onsets == pytest.approx(cues, abs=0.02) and {take.candidate for take in takes} == {0, 1}
    whole, takes = comp([unaware, clean], cues, 0, 0.2)
    assert takes == [Take(0.0, 0)] and whole is unaware.track  # what is known of a track is not detected again


def test_the_version_of_the_lowest_cost_stays(monkeypatch):
    cues = np.array([0.5, 1.5])
    versions = iter([[Take(0.0, 1)], [Take(0.0, 0)], [Take(0.0, 2)]])
    monkeypatch.setattr(comping, "choose_takes", lambda *_: next(versions))
    made = [candidate([0.5, 1.5]), candidate([0.5]), candidate([1.0])]
    best, takes = comp(made, cues, 0, 0.2, rounds=3)
    assert takes == [Take(0.0, 0)] and best is made[0].track and next(versions, None) is None


def test_of_versions_and_candidates_of_equal_cost_the_first_and_the_best_stay(monkeypatch):
    cues = np.array([0.5, 1.5])
    made = [
        Candidate(Track(candidate(times).wav, RATE, (np.array(times), np.ones(1))), 0, 0.0, 0.5)
        for times in ([0.5], [1.5])
    ]
    for best in (0, 2):
        assert comp([made[0]] * 3, cues, best, 0.2)[1] == [Take(0.0, best)]
    versions = iter([[Take(0.0, 0)], [Take(0.0, 1)]])
    monkeypatch.setattr(comping, "choose_takes", lambda *_: next(versions))
    assert comp(made, cues, 0, 0.2, rounds=2)[1] == [Take(0.0, 0)]


def test_takes_are_moved_by_as_many_cells_as_is_said():
    cues, late = np.array([0.5, 1.4]), [candidate([0.5, 1.4 + 4 * CELL])]
    assert {take.moved for take in comp(late, cues, 0, 0.2)[1]} == {0.0, -0.2}
    assert comp(late, cues, 0, 0.2, max_shift=0) == (late[0].track, [Take(0.0, 0)])


def test_what_is_put_together_is_edited_once():
    cues, sounds = np.array([0.5, 1.5]), iter([track([0.5], 2.0), track([0.5, 1.5], 2.0)])
    made, _ = comp([candidate([1.0])], cues, 0, 0.2, [lambda *_: next(sounds)])
    assert made.onsets == pytest.approx([0.5], abs=0.02)  # the second edit would have helped, too


def test_an_impact_that_no_candidate_has_is_copied():
    cues = np.array([0.5, 1.1, 1.6])
    made, takes = comp([candidate([0.5, 1.6])], cues, 0, 0.2, repairs(False))
    assert made.onsets == pytest.approx(cues, abs=0.02) and takes == [Take(0.0, 0)]


def test_impacts_end_at_their_cues():
    cues, made = np.array([0.5, 1.5]), [candidate([0.46, 1.53])]
    aligned, takes = comp(made, cues, 0, 0.2, repairs(True))
    assert aligned.onsets == pytest.approx(cues, abs=0.012) and len(takes) == 1
    left_alone, _ = comp(made, cues, 0, 0.2, repairs(False), max_shift=0)
    assert left_alone is made[0].track


def test_an_edit_that_does_not_help_is_dropped():
    sound, cues = track([0.5, 1.5], 2.0), np.array([0.5, 1.5])
    assert improve(sound, cues, [lambda t, _: t.edited(np.zeros_like(t.samples))]) is sound
    tried = []
    improve(sound, cues, [lambda t, _: tried.append(t) or t], rounds=3)
    assert len(tried) == 1  # nothing changed, so nothing is tried again


def test_a_soundtrack_is_repaired():
    cues, sound = np.array([0.5, 1.1, 1.5]), track([0.46, 1.53], 2.0)
    before = sound.samples.copy()
    assert repair(sound, cues).onsets == pytest.approx(cues, abs=0.012)
    assert repair(sound, cues, move=False).onsets == pytest.approx([0.46, 1.1, 1.53], abs=0.02)
    assert repair(sound, cues[:0]) is sound and np.array_equal(sound.samples, before)
    assert total_cost(repair(sound, cues), cues) < total_cost(sound, cues)


def test_a_swell_that_would_hide_a_copied_impact_gives_way():
    cues, sound, length = np.array([0.5, 1.0, 1.6]), track([0.5, 1.6], 2.5).mono.copy(), round(0.25 * RATE)
    swell = 0.3 * np.linspace(0, 1, length) ** 2 * np.random.default_rng(0).standard_normal(length)
    sound[round(0.76 * RATE) :][:length] += swell.astype(np.float32)
    assert np.abs(repair(Track(sound, RATE), cues, move=False).onsets - 1.0).min() < 0.02


def test_the_cost_is_of_the_whole_soundtrack():
    late = Track(np.zeros(RATE, np.float32), RATE, (np.array([0.2, 1.7]), np.ones(2)))  # one was moved past the end
    assert total_cost(late, np.array([0.2])) == 1 and total_cost(Track(np.zeros(0), RATE), np.array([0.2, 0.6])) == 2


def test_given_cues_are_all_that_is_heard():
    sound, cues = track([0.3, 0.9, 1.5], 2.0), np.array([0.3, 1.5])
    assert len(repair(sound, cues).onsets) == 3  # what the picture shows is not so sure
    assert enforce(sound, cues, sound.samples[:, :0]).onsets == pytest.approx(cues, abs=0.02)


def test_where_no_impact_is_near_a_given_cue_the_one_shot_is_heard():
    cues, shot = np.array([0.5, 1.4]), track([0.01], 0.5, 900).samples
    far, near = (enforce(track(times, 2.0), cues, shot) for times in ([1.0], [0.5, 1.0]))
    for sound, pitches in ((far, [900, 900]), (near, [400, 400])):  # 400 Hz: the soundtrack's own, copied
        assert sound.onsets == pytest.approx(cues, abs=0.02)
        heard = [sound.mono[round((time + 0.02) * RATE) :][: RATE // 5] for time in cues]
        assert [5 * int(np.abs(np.fft.rfft(piece)).argmax()) for piece in heard] == pitches


def test_impacts_near_given_cues_are_moved_where_they_may_be():
    cues, sound = np.array([0.5, 1.4]), track([0.45, 1.45], 2.0)
    nothing = sound.samples[:, :0]
    assert enforce(sound, cues, nothing).onsets == pytest.approx(cues, abs=0.012)
    assert enforce(sound, cues, nothing, move=False) is sound  # there is no better one to copy


def test_what_is_extra_depends_on_the_window():
    cues = np.array([0.5, 1.4])
    for time in (1.35, 1.45):
        sound = track([0.5, time], 2.0)
        assert remove_extra(sound, cues, MATCH_WINDOW) is sound
        assert remove_extra(sound, cues, STRICT_WINDOW).onsets == pytest.approx(cues, abs=0.012)
