"""Which windows make a pair: our own rule, and the published loader's for reproduction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condfoley.data.events import Event
from condfoley.data.pairs import MAX_SHIFT, draw_misalignment, draw_pair, event_starts, shift_start

FPS, WINDOW = 15.0, 28


@given(starts=st.lists(st.integers(0, 200), min_size=2, max_size=6), seed=st.integers(0, 99))
def test_a_target_never_shares_sound_with_its_reference_when_it_can_be_avoided(starts, seed):
    starts = np.array(starts)
    reference, target = draw_pair(starts, WINDOW, np.random.default_rng(seed))
    assert reference != target
    apart = abs(int(starts[reference]) - int(starts[target]))
    assert apart >= WINDOW or apart == np.ptp(starts)


def test_both_orders_of_a_pair_are_drawn():
    drawn = {draw_pair(np.array([0, 40]), WINDOW, np.random.default_rng(i)) for i in range(20)}
    assert drawn == {(0, 1), (1, 0)}


def test_the_published_pairing_draws_a_target_as_its_own_reference():
    starts = np.array([0, 40, 80])
    drawn = {draw_pair(starts, WINDOW, np.random.default_rng(i), "published") for i in range(100)}
    assert drawn == {(a, b) for a in range(3) for b in range(3)}


def test_only_the_published_pairing_parts_a_references_picture_from_its_sound():
    rng = np.random.default_rng(0)
    assert {draw_misalignment(rng, FPS, "in_video") for _ in range(50)} == {0}
    shifts = np.array([draw_misalignment(rng, FPS, "published") for _ in range(2000)]) / FPS
    assert np.abs(shifts).max() <= 2 * MAX_SHIFT + 1 / FPS
    # The difference of two even distributions of width 1: a triangle, of deviation 1 / sqrt(6).
    assert abs(shifts.mean()) < 0.03 and shifts.std() == pytest.approx(6**-0.5, rel=0.06)


@given(start=st.integers(0, 100), shift=st.integers(-20, 20), frames=st.integers(1, 120))
def test_a_shifted_window_stays_inside_the_clip(start, shift, frames):
    assert 0 <= shift_start(start, shift, frames, WINDOW) <= max(0, frames - WINDOW)


@given(
    times=st.lists(st.floats(0, 9), min_size=1, max_size=8),
    frames=st.integers(10, 150),
    count=st.integers(1, 6),
    seed=st.integers(0, 99),
)
def test_windows_around_events_lie_inside_and_hold_their_event(times, frames, count, seed):
    events = [Event(t, "hit") for t in times]
    starts = event_starts(events, frames, WINDOW, FPS, np.random.default_rng(seed), count)
    assert starts.shape == (count,) and starts.min() >= 0 and starts.max() <= max(0, frames - WINDOW)
    inner = [t for t in times if 1 <= t <= (frames - WINDOW) / FPS]
    if len(inner) == len(times):  # none was moved: every window holds an event 0 to 1 s from its start
        gaps = np.array(times)[None] - starts[:, None] / FPS
        assert ((gaps > -1 / FPS) & (gaps < 1 + 1 / FPS)).any(1).all()


def test_a_pair_without_overlap_is_made_when_the_events_allow_it():
    events = [Event(t, "hit") for t in (1.0, 1.1, 1.2, 1.3, 9.0)]
    for seed in range(40):
        starts = event_starts(events, 150, WINDOW, FPS, np.random.default_rng(seed), 4)
        distances = np.abs(starts[:, None] - starts[None])
        assert distances.max() >= WINDOW


def test_windows_need_events():
    with pytest.raises(ValueError, match="events"):
        event_starts([], 100, WINDOW, FPS, np.random.default_rng(0), 4)
