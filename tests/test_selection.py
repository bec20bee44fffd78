"""Candidates are judged beside the picture, and one soundtrack is made of them."""

import numpy as np
import pytest
import torch

from condfoley.audio.onsets import detect_onsets
from condfoley.comping import selection
from condfoley.comping import takes as comping
from condfoley.comping.selection import choose, delay, judged, mended, put_together
from condfoley.comping.takes import Take
from condfoley.foley import Foley
from condfoley.soundtrack import CEILING, Candidate
from tests.made_up import RATE, pulses
from tests.tiny import write_tiny_weights


@pytest.fixture(scope="module")
def foley(tmp_path_factory):
    return Foley.load(write_tiny_weights(tmp_path_factory.mktemp("selection") / "weights"))


def candidate(times, duration=2.0, offset=0.0):
    return Candidate(pulses(list(times), duration), 0, offset, 0.5, 0.5, np.array(times))


@pytest.mark.parametrize(
    ("agreements", "chosen"),
    [((0.2, 0.8, 0.5), 1), ((0.8, 0.8, 0.5), 0), ((None, None, None), 2), ((0.0, 0.0, 0.0), 2)],
)
def test_the_papers_rule_decides_between_those_that_agree_best(agreements, chosen):
    confidences = (0.7, 0.6, 0.9)
    made = [Candidate(np.zeros(1), 0, 0.0, p, a) for p, a in zip(confidences, agreements)]
    assert choose(made, 0.2) == chosen


def test_what_the_sync_model_finds_late_is_not_comped():
    made = [candidate(t, offset=o) for t, o in (([0.5], 0.0), ([1.2], 0.1), ([0.5, 1.2], 0.6))]
    shown = np.array([0.5, 1.2])
    assert {take.candidate for take in put_together(made, shown, 0, 0.2, RATE)[1]} == {0, 1}
    assert put_together(made, shown, 0, 0.6, RATE)[1] == [Take(0.0, 2)]
    assert put_together(made, np.zeros(0), 1, 0.2, RATE)[1] == [Take(0.0, 1)]


def test_what_is_heard_only_in_the_whole_is_taken_into_account(monkeypatch):
    """A hit that the candidate's own list leaves out is found by listening, and another candidate takes that moment."""
    shown = np.array([0.5, 1.5])
    swelling = Candidate(pulses([0.5, 1.0, 1.5], 2.0), 0, 0.0, 0.5, 1.0, shown)
    clean = Candidate(pulses([0.5], 2.0), 1, 0.0, 0.5, 0.6, np.array([0.5]))
    with monkeypatch.context() as only:
        only.setattr(selection, "LISTENS", 1)
        wav, _ = put_together([swelling, clean], shown, 0, 0.2, RATE)
    assert detect_onsets(wav, RATE)[0] == pytest.approx([0.5, 1.0, 1.5], abs=0.02)
    wav, takes = put_together([swelling, clean], shown, 0, 0.2, RATE)
    assert detect_onsets(wav, RATE)[0] == pytest.approx(shown, abs=0.02)
    assert {take.candidate for take in takes} == {0, 1}


def test_the_version_with_the_fewest_faults_stays(monkeypatch):
    shown = np.array([0.5, 1.5])
    versions = [[Take(0.0, 1)], [Take(0.0, 0)], [Take(0.0, 2)]]
    left = iter(versions)
    monkeypatch.setattr(comping, "comped", lambda *_: next(left))
    monkeypatch.setattr(selection, "LISTENS", 3)
    made = [candidate([0.5, 1.5]), candidate([0.5]), candidate([1.0])]
    wav, takes = put_together(made, shown, 0, 0.2, RATE, align=False)
    assert takes == [Take(0.0, 0)] and np.array_equal(wav, made[0].wav) and next(left, None) is None


def test_listening_ends_where_nothing_changes(monkeypatch):
    listened = []
    monkeypatch.setattr(selection, "detect_onsets", lambda *w: listened.append(w) or detect_onsets(*w))
    put_together([candidate([0.5, 1.5])], np.array([0.5, 1.5]), 0, 0.2, RATE, align=False)
    assert len(listened) == 1


def test_a_hit_that_no_candidate_has_is_lent():
    shown = np.array([0.5, 1.1, 1.6])
    wav, takes = put_together([candidate([0.5, 1.6])], shown, 0, 0.2, RATE, align=False)
    assert detect_onsets(wav, RATE)[0] == pytest.approx(shown, abs=0.02) and takes == [Take(0.0, 0)]


def test_in_the_end_each_hit_is_where_the_picture_shows_it(monkeypatch):
    shown, made = np.array([0.5, 1.5]), [candidate([0.46, 1.53])]
    wav, takes = put_together(made, shown, 0, 0.2, RATE)
    assert detect_onsets(wav, RATE)[0] == pytest.approx(shown, abs=0.012) and len(takes) == 1
    left_alone, _ = put_together(made, shown, 0, 0.2, RATE, align=False)
    assert np.array_equal(left_alone, made[0].wav)
    monkeypatch.setattr(comping, "aligned", lambda wav, *_: np.zeros_like(wav))
    spoilt, _ = put_together(made, shown, 0, 0.2, RATE)
    assert np.array_equal(spoilt, made[0].wav)  # what does not get better stays as it was


def test_a_soundtrack_that_was_shaped_is_put_right_once_more():
    shown, wav = np.array([0.5, 1.1, 1.5]), pulses([0.46, 1.53], 2.0)
    before = wav.copy()
    right = mended(3 * wav, shown, RATE)
    assert detect_onsets(right, RATE)[0] == pytest.approx(shown, abs=0.012) and np.abs(right).max() <= CEILING
    lent = mended(wav, shown, RATE, align=False)
    assert detect_onsets(lent, RATE)[0] == pytest.approx([0.46, 1.1, 1.53], abs=0.02)
    assert mended(wav, shown[:0], RATE) is wav
    assert np.array_equal(wav, before)


@pytest.mark.parametrize("late", [0.06, -0.04])
def test_a_soundtrack_is_moved_to_the_pictures_hits(foley, late):
    shown, rng = np.array([0.5, 1.1, 1.6]), np.random.default_rng(0)
    wav = np.zeros(3 * RATE, np.float32)
    for time in shown + late:
        begin = round(time * RATE)
        wav[begin : begin + 2000] = rng.normal(0, 0.2, 2000) * np.exp(-np.arange(2000) / 400)
    tokens = foley.video_encoder.encode_clip(torch.zeros(45, 32, 32, 3, dtype=torch.uint8))
    specs = torch.rand(1, 80, 258)

    def heard(shown, align):
        (made,) = judged(foley.referee, [wav.copy()], [0], specs, tokens, shown, RATE, align)
        return made

    still, moved, alone = heard(shown, False), heard(shown, True), heard(shown[:0], True)
    assert np.array_equal(still.wav, wav) and np.array_equal(alone.wav, wav) and alone.agreement is None
    assert np.abs(detect_onsets(moved.wav, RATE)[0] - shown).max() < 0.012
    assert moved.offset - still.offset == pytest.approx(-late, abs=0.012) and moved.agreement == 1


def test_delay():
    wav = np.arange(1.0, 6.0)
    for samples, expected in ((2, [0, 0, 1, 2, 3]), (-2, [3, 4, 5, 0, 0]), (0, [1, 2, 3, 4, 5])):
        moved = wav.copy()
        delay(moved, samples)
        assert moved.tolist() == expected
