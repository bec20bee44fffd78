"""The simulated pictures: reproducible, and the tool is at the surface when the event says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="simulated pictures need MuJoCo")

from condfoley.data.simulation.camera import View
from condfoley.data.simulation.clip import simulate
from condfoley.data.simulation.motion import Hand, gesture, min_jerk, stroke_progress
from condfoley.data.simulation.plan import Style, plan_actions
from condfoley.data.simulation.render import open_context
from condfoley.data.simulation.scene import STEPS_PER_SECOND, Scene
from condfoley.data.simulation.shutter import Shutter
from condfoley.data.simulation.timing import BEFORE, MIN_GAP, Timing, loose, steady
from condfoley.errors import InputError


@pytest.fixture
def drawing() -> None:
    try:
        open_context()
    except InputError as error:
        pytest.skip(f"no OpenGL here: {error}")


def as_aimed(aim: np.ndarray) -> np.ndarray:
    return aim


def staged(seed: int) -> tuple[Scene, Style, np.random.Generator]:
    rng = np.random.default_rng(seed)
    scene = Scene.draw(rng)
    return scene, Style.draw(rng, scene), rng


def test_same_seed_same_clip(drawing: None) -> None:
    first, second, other = simulate(5, 0.6, size=32), simulate(5, 0.6, size=32), simulate(6, 0.6, size=32)
    assert first.frames.shape == (9, 32, 32, 3) and first.frames.dtype == np.uint8
    np.testing.assert_array_equal(first.frames, second.frames)
    assert first.events == second.events
    assert not np.array_equal(first.frames, other.frames)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pictures_are_lit_and_move(seed: int, drawing: None) -> None:
    clip = simulate(seed, 1.5, size=48)
    assert 15 < clip.frames.mean() < 240
    assert clip.frames[0].std() > 3
    assert np.abs(np.diff(clip.frames.astype(int), axis=0)).max() > 20
    times = [event.time for event in clip.events]
    assert times == sorted(times) and all(0 <= time < 1.5 for time in times)
    assert all(event.time + event.duration <= 1.5 + 1e-9 for event in clip.events)


@pytest.mark.parametrize("seed", range(10))
def test_tool_meets_the_surface_at_the_time_of_the_event(seed: int) -> None:
    scene, style, rng = staged(seed)
    level = scene.view * 0.1

    def surface(aim: np.ndarray) -> np.ndarray:
        return aim - style.approach * (aim @ style.approach - level)

    actions = [action for action in plan_actions(rng, scene, style, 4.0, surface) if action.tool == 0]
    hand = Hand(rng, scene.tools[0], style, actions, 4.0)
    gap = {}
    for step in range(len(hand.times)):
        position, rotation = hand.pose(step, surface)
        np.testing.assert_allclose(rotation.reshape(3, 3).T @ rotation.reshape(3, 3), np.eye(3), atol=1e-6)
        gap[step] = (position - style.approach * hand.tool.reach) @ style.approach - level
    for action in actions:
        step = round((action.time + BEFORE) * STEPS_PER_SECOND)
        if not 0 <= action.time < 4:
            continue
        if action.kind == "miss":
            assert gap[step] > 0.03
        elif action.kind != "rest":
            assert abs(gap[step]) < 0.03, f"{action.kind} at {action.time:.2f} s"
            before = gap[step - round(action.fall * STEPS_PER_SECOND)]
            assert action.stay or before > gap[step] + 0.2 * action.height


@pytest.mark.parametrize("seed", range(20))
def test_plans_leave_time_between_actions(seed: int) -> None:
    scene, style, rng = staged(seed)
    actions = plan_actions(rng, scene, style, 6.0, as_aimed)
    contacts = [action.time for action in actions if action.kind in ("hit", "scratch")]
    assert np.all(np.diff(contacts) >= MIN_GAP - 1e-9)
    for tool in range(len(scene.tools)):
        own = [action for action in actions if action.tool == tool]
        assert all(a.end <= b.time + 1e-9 for a, b in zip(own, own[1:], strict=False))


def test_timing_is_like_real_people() -> None:
    gaps, with_scratches, without, events = [], 0, 0, 0
    for seed in range(150):
        scene, style, rng = staged(seed)
        heard = [
            a
            for a in plan_actions(rng, scene, style, 6.0, as_aimed)
            if a.kind in ("hit", "scratch") and 0 <= a.time < 6
        ]
        events += len(heard)
        without += not heard
        with_scratches += any(action.kind == "scratch" for action in heard)
        gaps += list(np.diff([action.time for action in heard]))
    assert 0.9 < events / 150 / 6 < 1.6  # Greatest Hits: 1.16 a second
    assert 0.5 < np.median(gaps) < 0.75  # 0.6 s
    assert without / 150 < 0.03 and 0.15 < with_scratches / 150 < 0.4


def steadiness(timing: Timing) -> tuple[float, float]:
    """Share of gaps within a tenth of the one before, and the median deviation of a video's gaps as a share of their mean."""
    alike, deviations = [], []
    for seed in range(400):
        times = np.array(timing(np.random.default_rng(seed), 6.0))
        assert times[0] >= -BEFORE and np.all(np.diff(times) >= MIN_GAP - 1e-9)
        gaps = np.diff(times[(times >= 0) & (times < 6)])
        if len(gaps) > 3:
            alike += list(np.abs(np.diff(np.log(gaps))) < 0.1)
            deviations.append(gaps.std() / gaps.mean())
    return float(np.mean(alike)), float(np.median(deviations))


def test_steady_timing_is_as_steady_as_recordings() -> None:
    """Greatest Hits annotations: .49, of which a third of the times are rounded to a fifteenth of a second, and .13."""
    alike, deviation = steadiness(steady)
    assert 0.45 < alike < 0.75 and 0.08 < deviation < 0.16
    looser = steadiness(loose)
    assert looser[0] < alike - 0.1 and looser[1] > 1.5 * deviation


def test_a_point_ahead_is_in_the_middle_of_the_picture() -> None:
    view = View(np.zeros(3), np.eye(3), np.radians(90))
    assert view.project(np.array([0.0, 0.0, -2.0])) == pytest.approx((0.5, 0.5))
    assert view.project(np.array([1.0, 1.0, -1.0])) == pytest.approx((1.0, 0.0))


def test_eases_start_and_end_where_they_should() -> None:
    for ease in (stroke_progress, min_jerk):
        values = [ease(share) for share in np.linspace(-0.1, 1.1, 50)]
        assert values[0] == 0 and values[-1] == pytest.approx(1) and np.all(np.diff(values) >= 0)


def test_a_landing_comes_to_rest_at_the_surface() -> None:
    landed = 0
    for seed in range(12):
        scene, style, rng = staged(seed)
        actions = plan_actions(rng, scene, replace(style, landing=0.5, scratchy=0.0), 6.0, as_aimed)
        hand = Hand(rng, scene.tools[0], style, [a for a in actions if a.tool == 0], 6.0)
        for action in hand.actions:
            step = round((action.time + BEFORE) * STEPS_PER_SECOND)
            if action.kind != "landing" or not 0 < action.time < 6:
                continue
            landed += 1
            assert abs(hand.swing[step]) < 0.01 * style.height
            coming = (hand.swing[step - 8] - hand.swing[step]) * STEPS_PER_SECOND / 8  # m/s
            assert coming < 0.5 * action.height / action.fall, "a landing is slower at its end than on its way"
    assert landed > 10


def test_what_is_not_heard_moves_but_is_no_event(drawing: None) -> None:
    """With `unheard` there are landings and misses in the plan, and as a rule fewer events than contacts."""
    quiet, busy = ([simulate(seed, 3.0, fps=5, size=32, unheard=u) for seed in range(6)] for u in (0.0, 1.0))
    assert all(clip.description["landings"] == 0 for clip in quiet)
    assert sum(clip.description["landings"] + clip.description["misses"] for clip in busy) > 3
    assert sum(clip.description["distractor"] for clip in busy) > sum(clip.description["distractor"] for clip in quiet)
    assert {event.kind for clip in busy for event in clip.events} <= {"hit", "scratch"}


def test_in_silent_videos_much_moves_and_nothing_is_struck(drawing: None) -> None:
    silent, others = ([simulate(seed, 3.0, fps=5, size=32, silent=s) for seed in range(6)] for s in (True, False))
    assert all(clip.events == [] for clip in silent) and any(clip.events for clip in others)
    assert sum(clip.description["misses"] for clip in silent) > 6
    moving = [np.abs(np.diff(clip.frames.astype(float), axis=0)).mean() for clip in silent]
    assert min(moving) > 0.3  # grey levels


def test_gestures_move_and_pause() -> None:
    path = gesture(np.random.default_rng(0), 6 * STEPS_PER_SECOND)[:, 0]
    still = np.abs(np.diff(path)) < 1e-9
    assert path.shape == (6 * STEPS_PER_SECOND,) and 0.1 < still.mean() < 0.9 and np.ptp(path) > 1


@pytest.mark.parametrize(("exposure", "readout"), [(1 / 1000, 0.02), (1 / 60, 0.01), (0.03, 0.0)])
def test_rows_are_exposed_one_after_another(exposure: float, readout: float) -> None:
    shutter, step, rows = Shutter(exposure, readout), 1 / 240, 50
    times = np.arange(0, int(np.ceil((exposure + readout) / step)) + 1) * step
    weights = shutter.weights(times, step, rows)
    np.testing.assert_allclose(weights.sum(0), 1, atol=1e-6)
    middles = times @ weights  # when what each row shows was, in the mean
    expected = exposure / 2 + readout * (np.arange(rows) + 0.5) / rows
    np.testing.assert_allclose(middles, expected, atol=step)
    assert middles[25] == pytest.approx(shutter.delay, abs=step)


def test_shutters_fit_between_two_frames() -> None:
    for fps in (15.0, 30.0, 120.0):
        drawn = [Shutter.draw(np.random.default_rng(seed), fps) for seed in range(30)]
        assert all(0 < s.exposure < 1 / fps and 0 < s.readout < 1 / fps for s in drawn)
        assert len({s.exposure for s in drawn}) > 1


def test_a_camera_shows_the_same_events_later_in_its_frames(drawing: None) -> None:
    centred, camera = simulate(5, 0.6, size=32), simulate(5, 0.6, size=32, capture="camera")
    assert camera.events == centred.events and camera.frames.shape == centred.frames.shape
    assert not np.array_equal(camera.frames, centred.frames)
    assert 0 < camera.description["readout"] < 1 / 15 and "readout" not in centred.description
    unlit = simulate(5, 0.6, size=32, capture="camera", shadows=False)
    assert unlit.events == centred.events and not np.array_equal(unlit.frames, camera.frames)
