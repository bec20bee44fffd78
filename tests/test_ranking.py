"""The one rule by which candidates are ranked, and the scores that it goes by."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condfoley.audio.onsets import MATCH_WINDOW
from condfoley.audio.track import Track
from condfoley.comping.ranking import Candidate, in_time, median_offset, rank, rank_candidates, score_candidates
from tests.made_up import RATE, track

CUES = np.array([0.5, 1.2, 1.9])


@pytest.mark.parametrize(
    ("onsets", "late"),
    [
        ([], 0.0),
        ([0.47, 1.17, 1.87], -0.03),
        ([0.54, 1.24, 1.2 + 1.1 * MATCH_WINDOW], 0.04),  # what is too far off does not count
        ([0.9, 1.5], 0.0),
    ],
)
def test_the_median_offset(onsets, late):
    assert median_offset(CUES, np.array(onsets)) == pytest.approx(late)


@pytest.mark.parametrize(
    ("agreements", "best"),
    [((0.2, 0.8, 0.5), 1), ((0.8, 0.8, 0.5), 0), ((None, None, None), 2), ((0.0, 0.0, 0.0), 2)],
)
def test_the_papers_rule_decides_between_those_that_agree_best(agreements, best):
    assert rank([0.0] * 3, [0.7, 0.6, 0.9], 0.2, agreements)[0] == best


@pytest.mark.parametrize(
    "offsets, confidences, tolerance, expected",
    [
        ([0.0, 0.2, -0.2], [0.1, 0.5, 0.9], 0.0, 0),  # only the best in time
        ([0.0, 0.2, -0.2], [0.1, 0.5, 0.9], 0.2, 2),  # all near: the most confident
        ([1.0, 0.6, 0.8], [0.9, 0.1, 0.5], 0.2, 2),  # near the smallest, not near zero
        ([1.0, -1.0], [0.3, 0.3], 0.0, 0),  # a tie: the first
        ([0.4], [0.0], 0.2, 0),
        ([0.1, 0.3], [0.2, 0.4], 0.2, 1),  # exactly at the tolerance counts
    ],
)
def test_the_papers_rule(offsets, confidences, tolerance, expected):
    assert rank(offsets, confidences, tolerance)[0] == expected


def test_in_time_means_near_the_smallest_offset_of_all():
    assert in_time([0.1, -0.3, 0.31], 0.2).tolist() == [True, True, False]  # 0.1 + 0.2 belongs inside
    assert in_time([], 0.2).tolist() == []
    assert rank([0.5, 0.1, -0.25, 0.31], [0.9, 0.3, 0.6, 0.99], 0.2) == [2, 1, 3, 0]
    with pytest.raises(ValueError, match="no candidate"):
        rank([], [], 0.2)


@given(
    st.lists(
        st.tuples(st.floats(-2, 2), st.floats(0, 1), st.one_of(st.none(), st.floats(0, 1))), min_size=1, max_size=8
    ),
    st.floats(0, 1),
)
def test_no_place_contradicts_the_rule(scores, tolerance):
    offsets, confidences, agreements = zip(*scores)
    order, timely = rank(offsets, confidences, tolerance, agreements), in_time(offsets, tolerance)
    assert sorted(order) == list(range(len(scores)))
    for before, after in zip(order, order[1:]):
        ours, theirs = (round(agreements[i] or 0.0, 9) for i in (before, after))
        assert ours >= theirs
        if ours == theirs:
            assert timely[before] >= timely[after]
            if timely[before] and timely[after]:
                assert confidences[before] >= confidences[after]
            if not timely[before]:
                assert abs(offsets[before]) <= abs(offsets[after])


@pytest.mark.parametrize("late", [0.06, -0.04])
def test_a_candidate_is_moved_by_its_median_offset(late):
    sound = track([time + late for time in CUES], 2.5)
    (still,) = score_candidates([sound], [0], [0.1], [0.5], CUES, align=False)
    (moved,) = score_candidates([sound], [0], [0.1], [0.5], CUES, align=True)
    (alone,) = score_candidates([sound], [0], [0.1], [0.5], CUES[:0], align=True)
    assert still.track is sound and alone.track is sound and alone.agreement is None
    assert np.abs(Track(moved.wav, RATE).onsets - CUES).max() < 0.012 and moved.agreement == 1
    assert moved.offset - still.offset == pytest.approx(-late, abs=0.012)
    assert np.allclose(moved.track.onsets, Track(moved.wav, RATE).onsets, atol=5e-3)  # known, not detected again


@pytest.mark.parametrize("cues", [CUES, CUES[:0]], ids=["with cues", "without"])
def test_every_candidate_has_its_own_scores(cues):
    sounds = [track(list(times), 2.5) for times in (CUES, CUES[:2], [0.9])]
    made = score_candidates(sounds, [7, 8, 9], [0.1, 0.2, -0.3], [0.5, 0.6, 0.7], cues, align=False)
    assert [(c.seed, c.offset, c.confidence) for c in made] == [(7, 0.1, 0.5), (8, 0.2, 0.6), (9, -0.3, 0.7)]
    assert [c.track for c in made] == sounds
    assert [c.agreement for c in made] == ([1.0, pytest.approx(0.8), 0.0] if len(cues) else [None] * 3)
    with pytest.raises(ValueError):
        score_candidates(sounds, [7, 8], [0.1, 0.2, -0.3], [0.5, 0.6, 0.7], cues, align=False)


def test_candidates_are_ranked_by_all_their_scores():
    sound = track([0.5], 1.0)
    scores = [(0.0, 0.3, 0.5), (0.1, 0.9, 0.5), (0.9, 0.95, 0.5), (0.9, 0.1, 0.8)]  # offset, confidence, agreement
    assert rank_candidates([Candidate(sound, 0, *three) for three in scores], 0.2) == [3, 1, 0, 2]
    assert rank_candidates([Candidate(sound, 0, *three) for three in scores], 0.0) == [3, 0, 1, 2]
    assert rank_candidates([Candidate(sound, 0, offset, 0.5) for offset in (0.4, 0.1)], 0.0) == [1, 0]
