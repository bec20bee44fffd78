"""Balance, proved by counting."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condfoley.study import design


@settings(max_examples=150, deadline=None)
@given(
    targets=st.integers(1, 14),
    systems=st.integers(2, 5),
    compare=st.sampled_from(["anchor", "all"]),
    method=st.sampled_from([design.FORCED_CHOICE, design.RATING, design.OPINION]),
    judgements=st.integers(1, 9),
    data=st.data(),
    seed=st.integers(0, 9),
)
def test_every_plan_is_balanced(targets, systems, compare, method, judgements, data, seed):
    trials = data.draw(st.integers(1, targets))
    shown = design.conditions(method, compare, systems)
    plan = design.make_plan(targets, shown, judgements, trials, seed)
    everything = [trial for form in plan.forms for trial in form]
    met = Counter((trial.target, frozenset(trial.systems)) for trial in everything)
    assert set(met) == {(t, frozenset(c)) for t in range(targets) for c in shown}
    assert set(met.values()) == {plan.judgements} and plan.judgements >= judgements
    ways = Counter((trial.systems, trial.first) for trial in everything)
    for condition in shown:
        counts = [ways[way] for way in design.arrangements(condition)]
        assert max(counts) - min(counts) <= 1
        if targets * plan.judgements % len(counts) == 0:
            assert max(counts) == min(counts)
    for form in plan.forms:
        assert len({trial.target for trial in form}) == len(form) == trials
        heard = Counter(frozenset(trial.systems) for trial in form)
        counts = [heard[frozenset(condition)] for condition in shown]
        assert max(counts) - min(counts) <= 2


def test_each_target_has_each_arrangement_equally_often_where_it_divides():
    plan = design.make_plan(10, design.conditions(design.FORCED_CHOICE, "all", 3), 8, 5, seed=0)
    ways = Counter((t.target, t.systems, t.first) for form in plan.forms for t in form)
    assert len(ways) == 10 * 3 * 4 and set(ways.values()) == {2}


def test_the_seed_decides():
    shown = design.conditions(design.FORCED_CHOICE, "anchor", 3)
    assert design.make_plan(6, shown, 4, 3, seed=1) == design.make_plan(6, shown, 4, 3, seed=1)
    assert design.make_plan(6, shown, 4, 3, seed=1) != design.make_plan(6, shown, 4, 3, seed=2)


def test_judgements_are_rounded_up_to_fill_the_last_form():
    assert design.judgements_for(10, 1, 1, 10) == 1
    assert design.judgements_for(10, 1, 3, 4) == 4  # 40 trials: ten participants
    assert design.judgements_for(7, 3, 1, 5) == 5


def test_conditions():
    assert design.conditions(design.FORCED_CHOICE, "anchor", 3, anchor=1) == [(0, 1), (2, 1)]
    assert design.conditions(design.FORCED_CHOICE, "all", 3) == [(0, 1), (0, 2), (1, 2)]
    assert design.conditions(design.RATING, "all", 3) == [(0, 1, 2)]
    assert design.conditions(design.OPINION, "all", 3) == [(0,), (1,), (2,)]
    with pytest.raises(ValueError, match="needs more than 1"):
        design.conditions(design.RATING, "all", 1)


@pytest.mark.parametrize(("targets", "trials", "judgements"), [(3, 4, 1), (3, 0, 1), (0, 1, 1), (3, 2, 0)])
def test_impossible_plans(targets, trials, judgements):
    with pytest.raises(ValueError):
        design.make_plan(targets, [(0, 1)], judgements, trials, 0)
