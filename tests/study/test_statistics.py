"""Intervals that cover, tests against published and textbook numbers."""

import numpy as np
import pytest

from condfoley.results.tables import wilson
from condfoley.study import statistics


def test_the_published_interval():
    """64.5 ± 4.6 % at about 429 judgements (the paper's listening study)."""
    values = np.array([1.0] * 277 + [0.0] * 152)
    interval = statistics.normal_interval(values)
    assert 100 * interval.mean == pytest.approx(64.5, abs=0.1)
    assert 100 * (interval.high - interval.mean) == pytest.approx(4.6, abs=0.1)


def study(rng, people, targets, trials, of_people, of_targets, share=0.62):
    """Choices of `people` who each judge `trials` of `targets`; effects uniform within ± the numbers given."""
    order = np.argsort(rng.random((people, targets)), 1)[:, :trials]
    participant, target = np.repeat(np.arange(people), trials), order.ravel()
    chance = share + rng.uniform(-of_people, of_people, people)[participant]
    chance = chance + rng.uniform(-of_targets, of_targets, targets)[target]
    return (rng.random(len(chance)) < chance).astype(float), participant, target


@pytest.mark.parametrize(("of_people", "of_targets"), [(0.12, 0.12), (0.2, 0.1)])
def test_the_crossed_interval_covers_new_participants_and_targets(of_people, of_targets):
    """100,000 participants in 2,000 studies; the published interval is far too narrow for them."""
    rng = np.random.default_rng(0)
    covered = {"crossed": 0, "published": 0}
    for _ in range(2000):
        values, participant, target = study(rng, 50, 40, 20, of_people, of_targets)
        crossed = statistics.crossed_interval(values, participant, target)
        published = statistics.normal_interval(values)
        covered["crossed"] += crossed.low <= 0.62 <= crossed.high
        covered["published"] += published.low <= 0.62 <= published.high
    assert 0.94 <= covered["crossed"] / 2000 <= 0.96
    assert covered["published"] / 2000 < 0.9


def test_independent_judgements_are_covered_by_all_three():
    rng = np.random.default_rng(1)
    wins = rng.binomial(430, 0.62, 20_000)
    ends = np.array([wilson(int(k), 430) for k in range(431)])[wins]
    assert 0.94 <= np.mean((ends[:, 0] <= 0.62) & (0.62 <= ends[:, 1])) <= 0.96
    mean = wins / 430
    half = 1.96 * np.sqrt(mean * (1 - mean) / 430)
    assert 0.94 <= np.mean(abs(mean - 0.62) <= half) <= 0.96


def test_variances_are_recovered():
    rng = np.random.default_rng(2)
    people, targets = np.repeat(np.arange(300), 300), np.tile(np.arange(300), 300)
    values = 2 * rng.standard_normal(300)[people] + rng.standard_normal(300)[targets] + 3 * rng.standard_normal(90_000)
    assert statistics.variance_components(values, people, targets) == pytest.approx((4, 1, 9), rel=0.2)


NUMBERS = np.arange(4)


@pytest.mark.parametrize(
    ("values", "participants", "targets", "reason"),
    [
        ([0, 1, 1, 1], NUMBERS * 0, NUMBERS, "1 participant, fewer"),
        ([0, 1, 1, 1], NUMBERS % 2, NUMBERS, "2 participants, fewer"),
        ([0, 1, 1, 1], NUMBERS, NUMBERS * 0, "1 target, fewer"),
        ([1, 1, 1, 1], NUMBERS, NUMBERS, "all answers are equal"),
        ([0, 0, 1, 1], NUMBERS, NUMBERS, "too few answers"),
        ([], NUMBERS[:0], NUMBERS[:0], "0 participants"),
    ],
)
def test_where_others_cannot_be_told_there_is_no_crossed_interval(values, participants, targets, reason):
    with pytest.raises(ValueError, match=reason):
        statistics.crossed_interval(np.array(values, float), participants, targets)


def test_a_crossed_interval_ends_where_the_scale_ends():
    rng = np.random.default_rng(5)
    for _ in range(200):
        values, participant, target = study(rng, 5, 4, 4, 0.2, 0.2, share=0.75)
        try:
            interval = statistics.crossed_interval(values, participant, target, (0, 1))
        except ValueError:
            continue
        assert 0 <= interval.low < interval.mean < interval.high <= 1


def test_a_crossed_interval_as_wide_as_the_scale_is_none():
    values, participant, target = np.array([0.0, 1, 1, 0, 1, 0]), np.arange(6) // 2, np.array([0, 1, 1, 2, 2, 0])
    wide = statistics.crossed_interval(values, participant, target)
    assert wide.low < 0 and wide.high > 1
    with pytest.raises(ValueError, match="all of the scale"):
        statistics.crossed_interval(values, participant, target, (0, 1))


def test_an_interval_of_nothing_is_refused():
    with pytest.raises(ValueError):
        statistics.normal_interval(np.zeros(0))


def test_binomial_and_holm():
    assert statistics.binomial_p(9, 10) == pytest.approx(22 / 1024)
    assert statistics.binomial_p(0, 0) == 1
    assert statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert statistics.holm([]) == []


def test_bradley_terry_recovers_strengths():
    strength = np.array([1.0, 0.0, -1.0])
    chance = 1 / (1 + np.exp(strength[None] - strength[:, None]))
    wins = np.round(4000 * chance)
    np.fill_diagonal(wins, 0)
    ranked = statistics.bradley_terry(wins)
    assert [s.mean for s in ranked] == pytest.approx(strength, abs=0.01)
    assert all(s.low < s.mean < s.high for s in ranked)


def test_bradley_terry_with_a_system_that_always_wins_and_with_strangers():
    always = statistics.bradley_terry(np.array([[0.0, 20], [0, 0]]))
    assert always[0].mean > 1 and np.isfinite(always[0].high)
    with pytest.raises(ValueError, match="link all systems"):
        statistics.bradley_terry(np.array([[0.0, 5, 0], [3, 0, 0], [0, 0, 0]]))


def test_agreement():
    items = np.array([0, 0, 1, 1, 2, 2])
    assert statistics.agreement(items, np.array([0, 0, 1, 1, 1, 1])) == 1
    assert statistics.agreement(items, np.array([0, 1, 0, 1, 0, 1])) < 0
    assert statistics.agreement(np.arange(4), np.array([0, 1, 0, 1])) is None
    assert statistics.agreement(items[:0], items[:0]) is None
    rng = np.random.default_rng(0)
    assert abs(statistics.agreement(np.repeat(np.arange(5000), 4), rng.integers(0, 2, 20_000))) < 0.02


def test_power():
    assert statistics.judgements_needed(0.55) == 783  # the textbook number
    assert statistics.judgements_needed(0.45) == 783
    assert statistics.judgements_needed(0.65, power=0.9) > statistics.judgements_needed(0.65)
    with pytest.raises(ValueError):
        statistics.judgements_needed(0.5)
