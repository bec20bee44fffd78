import numpy as np
import pytest

from condfoley.evaluation.timing import average_precision, count_accuracy, dynamics_correlation

TRUE = np.array([0.4, 0.9, 1.4])
NONE = np.zeros(0)


def test_perfect_events_give_one_and_none_give_zero():
    assert average_precision(TRUE, TRUE, np.array([3.0, 1.0, 2.0])) == 1
    assert average_precision(TRUE, NONE, NONE) == 0 and average_precision(NONE, TRUE, np.ones(3)) == 0
    assert average_precision(NONE, NONE, NONE) == 1


def test_a_missed_event_costs_average_precision():
    assert average_precision(TRUE, TRUE[:1], np.ones(1)) == pytest.approx(1 / 3)  # published: 1.0


def test_a_loud_wrong_event_costs_more_than_a_quiet_one():
    made = np.array([0.4, 0.9, 1.4, 1.8])
    quiet = average_precision(TRUE, made, np.array([5.0, 4.0, 3.0, 1.0]))
    loud = average_precision(TRUE, made, np.array([5.0, 4.0, 3.0, 9.0]))
    assert quiet == 1 and loud == pytest.approx((1 / 2 + 2 / 3 + 3 / 4) / 3)


def test_equal_strengths_are_heard_together():
    assert average_precision(np.array([0.4]), np.array([0.4, 1.4]), np.ones(2)) == pytest.approx(0.5)


def test_the_window_and_the_order():
    strengths = np.array([1.0, 2.0, 3.0])
    assert average_precision(TRUE, TRUE + 0.07, strengths, 0.1) == 1
    assert average_precision(TRUE, TRUE + 0.07, strengths, 0.05) == 0
    assert average_precision(TRUE[::-1], TRUE[[1, 2, 0]], strengths) == 1


def test_count_accuracy():
    assert count_accuracy(TRUE, TRUE + 0.3) == 1 and count_accuracy(TRUE, TRUE[:2]) == 0
    assert count_accuracy(NONE, NONE) == 1


@pytest.mark.parametrize("bad", [{"window": -1.0}, {"strengths": np.ones(2)}, {"estimated_times": np.full(3, np.nan)}])
def test_unusable_events_are_refused(bad):
    good = {"reference_times": TRUE, "estimated_times": TRUE, "strengths": np.ones(3)}
    with pytest.raises(ValueError, match="average precision"):
        average_precision(**(good | bad))


def test_dynamics_ranks_the_levels_of_matched_events():
    true, heard = np.array([0.4, 0.9, 1.4, 1.9, 2.4]), np.array([0.42, 0.9, 1.38, 1.95, 3.0])
    level = np.array([-3.0, -12.0, -6.0, -20.0, -1.0])
    assert dynamics_correlation(true, level, heard, 2 * level - 30) == pytest.approx(1)  # the last one is another event
    assert dynamics_correlation(true, level, heard, -level) == pytest.approx(-1)
    assert (
        dynamics_correlation(true, level, heard[:3], level[:3]) is None
        and dynamics_correlation(true, level, NONE, NONE) is None
    )
    assert dynamics_correlation(true, level, heard, np.zeros(5)) is None
