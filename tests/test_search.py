"""Candidates that miss the picture's hits give way to those that meet them."""

import numpy as np
import pytest

from condfoley.search import REACH, errors, lateness, spectrogram_onsets, survivors

FRAME = 256 / 22050


def hits(*frames, level=0.6):
    spec = np.full((80, 200), 0.1)
    for frame in frames:
        decay = np.linspace(level, 0.1, 40)
        spec[:, frame : frame + 40] = np.maximum(spec[:, frame : frame + 40], decay[: 200 - frame])
    return spec


def test_hits_of_a_spectrogram():
    found = spectrogram_onsets(hits(20, 100), FRAME)
    assert found == pytest.approx([20 * FRAME, 100 * FRAME], abs=1.5 * FRAME)


@pytest.mark.parametrize("spec", [np.zeros((80, 200)), np.ones((80, 200)), hits(50, level=0.15), np.zeros((80, 1))])
def test_no_hit(spec):
    assert len(spectrogram_onsets(spec, FRAME)) == 0


@pytest.mark.parametrize(
    ("shown", "heard", "expected"),
    [
        ([], [], 0),
        ([0.5], [0.5 + 0.9 * REACH], 0),
        ([0.5], [0.5 + 1.1 * REACH], 2),
        ([0.5, 0.8], [0.5], 1),
        ([], [0.2, 0.9], 2),
        ([0.98], [1.03], 0),  # the partner lies behind the border
        ([0.5], [0.5, 1.5], 0),  # what lies behind the border does not count
    ],
)
def test_errors(shown, heard, expected):
    assert errors(np.array(shown), np.array(heard), 0.0, 1.0) == expected


def test_every_moment_is_judged_once():
    rng = np.random.default_rng(0)
    shown, heard = np.sort(rng.uniform(0, 6, 9)), np.sort(rng.uniform(0, 6, 11))
    pieces = sum(errors(shown, heard, begin, begin + 1.5) for begin in (0.0, 1.5, 3.0, 4.5))
    assert pieces == errors(shown, heard, 0.0, 6.0)


def test_equals_all_survive():
    assert survivors(np.array([2, 2, 2, 2]), np.random.default_rng(0)).tolist() == [0, 1, 2, 3]


def test_survival_follows_the_errors():
    mistakes = np.array([3, 0, 1, 0])
    counts = sum(np.bincount(survivors(mistakes, np.random.default_rng(k), 1.0), minlength=4) for k in range(4000))
    weights = np.exp(-mistakes)
    assert counts / counts.sum() == pytest.approx(weights / weights.sum(), abs=0.005)


def test_one_candidate_stays():
    assert survivors(np.array([5]), np.random.default_rng(0)).tolist() == [0]


def test_lateness_is_the_median_of_what_belongs_together():
    shown = np.array([0.5, 1.0, 1.5, 3.0])
    assert lateness(shown, np.array([0.53, 1.04, 1.55, 2.2])) == pytest.approx(0.04)  # the last ones have no partner
    assert lateness(shown, shown - 0.03) == pytest.approx(-0.03)
    assert lateness(shown, shown[:0]) == lateness(shown[:0], shown) == lateness(shown, shown + 10) == 0
