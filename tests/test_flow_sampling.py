"""Steps from noise to clean tokens, on numbers: solvers, schedules, windows that overlap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condfoley.runtime.flow_sampling import FlowSampling, Windows, integrate, noise, schedule
from condfoley.runtime.sampling import Sampling, random_streams

TARGET = np.linspace(-1, 1, 12, dtype=np.float32).reshape(1, 4, 3)


def gaussian(x: np.ndarray, time: float) -> np.ndarray:
    """The best estimate where clean values are normal around TARGET with deviation .5: the exact flow is known."""
    gain = time * 0.25 / (time**2 * 0.25 + (1 - time) ** 2)
    return TARGET + gain * (x - time * TARGET)


@pytest.mark.parametrize("solver", ["euler", "heun"])
@pytest.mark.parametrize("strength", [1.0, 0.4])
def test_a_certain_estimate_is_reached_by_any_number_of_steps(solver, strength):
    x = np.random.default_rng(0).normal(size=TARGET.shape).astype(np.float32)
    for steps in (1, 2, 7):
        made = integrate(lambda x, t: np.broadcast_to(TARGET, x.shape), x, schedule(steps, strength), solver)
        assert made == pytest.approx(TARGET, abs=1e-5)


def test_more_steps_come_nearer_to_the_exact_flow_and_heun_nearer_than_euler():
    x = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)
    exact = TARGET + 0.5 * x  # noise of deviation 1 becomes values of deviation .5

    def error(steps, solver):
        return np.abs(integrate(gaussian, x, schedule(steps), solver) - exact).max()

    assert error(40, "euler") < 0.5 * error(10, "euler")
    assert error(10, "heun") < 0.5 * error(10, "euler") and error(20, "heun") < error(10, "heun")


def test_heun_asks_twice_a_step_but_for_the_last():
    asked = []
    integrate(lambda x, t: asked.append(t) or x, TARGET, schedule(3), "heun")
    assert asked == pytest.approx([0, 1 / 3, 1 / 3, 2 / 3, 2 / 3])


def test_the_strength_is_the_share_of_the_way():
    assert schedule(8) == pytest.approx(np.linspace(0, 1, 9))
    assert schedule(8, 0.25) == pytest.approx([0.75, 0.875, 1])
    assert schedule(8, 0.01) == pytest.approx([0.99, 1]) and len(schedule(8, 0.0)) == 1
    assert np.array_equal(integrate(lambda x, t: x, TARGET, schedule(8, 0.0)), TARGET)
    for steps, strength in ((0, 1.0), (4, -0.1), (4, 1.1)):
        with pytest.raises(ValueError):
            schedule(steps, strength)


def test_shares_of_what_is_done_end_at_one():
    told = []
    integrate(lambda x, t: x, TARGET, schedule(4), done=told.append)
    assert told == [0.25, 0.5, 0.75, 1]


def test_a_seed_gives_the_same_noise_in_any_batch():
    one, many = noise(random_streams([7]), 9, 4), noise(random_streams([3, 7, 8]), 9, 4)
    assert one.dtype == np.float32 and np.array_equal(one[0], many[1]) and not np.allclose(many[0], many[1])


@given(total=st.integers(20, 400), length=st.integers(4, 20), share=st.floats(0, 0.6))
def test_windows_cover_all_and_join_to_what_was_cut(total, length, share):
    plan = Windows(total, length, int(share * length))
    starts = plan.starts
    assert starts[0] == 0 and starts[-1] == total - length
    assert all(b - a <= length - plan.overlap for a, b in zip(starts, starts[1:]))
    values = np.random.default_rng(0).normal(size=(2, total, 3)).astype(np.float32)
    assert plan.join(plan.cut(values)) == pytest.approx(values, abs=1e-5)


def test_where_windows_overlap_their_estimates_are_crossfaded():
    plan = Windows(14, 10, 4)
    parts = np.stack([np.zeros((1, 10, 1)), np.ones((1, 10, 1))])
    joined = plan.join(parts)[0, :, 0]
    assert (plan.starts, joined[:4].tolist(), joined[10:].tolist()) == ([0, 4], [0] * 4, [1] * 4)
    assert (np.diff(joined[3:11]) > 0).all()


def test_guidance_adds_up_as_for_the_transformer():
    wanted = {"guidance": 2.0, "picture_guidance": 1.5}
    assert FlowSampling(**wanted).terms() == Sampling(**wanted).terms(True) == {
        "both": 2.0, "target": -0.5, "nothing": -0.5,
    }  # fmt: skip
    assert FlowSampling().terms() == {"both": 1.0}
