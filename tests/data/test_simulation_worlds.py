"""Balls, feet, fingers, and what moves without a sound: something touches when the labels say so, and never else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="simulated pictures need MuJoCo")

from condfoley.data.simulation.render import open_context
from condfoley.data.simulation.scene import STEPS_PER_SECOND
from condfoley.data.simulation.worlds.film import BUILDS, NAMES, OtherWorld, simulate_world
from condfoley.data.simulation.worlds.world import GRAVITY, World, step_times, turned
from condfoley.data.simulation.write import SimulateOptions, write_clips
from condfoley.errors import InputError

STRUCK: tuple[OtherWorld, ...] = ("balls", "feet", "fingers")
SEEDS = range(6)


@pytest.fixture
def drawing() -> None:
    try:
        open_context()
    except InputError as error:
        pytest.skip(f"no OpenGL here: {error}")


def built(world: OtherWorld, seed: int, duration: float = 6.0) -> tuple[World, np.ndarray]:
    times = step_times(duration)
    return BUILDS[world](np.random.default_rng(seed), times), times


def lowest(world: World, tool: int) -> np.ndarray:
    """Height in m of the part of a body that makes contact, at each step: (S,)."""
    reach = world.scene.tools[tool].reach if world.scene.tools[tool].kind in ("ball", "finger") else 0.0
    return world.paths[tool].places[:, 2] - reach


@pytest.mark.parametrize("world", STRUCK)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_body_is_at_the_surface_and_came_down_to_it_at_each_contact(world: OtherWorld, seed: int) -> None:
    made, times = built(world, seed)
    striking = [i for i, tool in enumerate(made.scene.tools) if tool.kind in ("ball", "foot", "finger")]
    inside = [contact for contact in made.contacts if 0 <= contact.time < 6]
    for contact in inside:
        step = int(np.searchsorted(times, contact.time))
        near = [np.linalg.norm(made.paths[i].places[step, :2] - contact.point[:2]) for i in striking]
        tool = striking[int(np.argmin(near))]
        height = lowest(made, tool)
        assert abs(height[step] - contact.point[2]) < 0.03, (contact, height[step])
        falling = height[step - 3] - height[step - 1]
        assert falling > 0, contact
        speed = (height[step - 2] - height[step - 1]) * STEPS_PER_SECOND
        assert abs(speed - contact.speed) < 0.5 * contact.speed + 0.25, (speed, contact)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_free_ball_falls_as_bodies_fall_and_each_fall_ends_in_a_contact(seed: int) -> None:
    made, times = built("balls", seed)
    for tool, path in zip(made.scene.tools, made.paths, strict=True):
        if tool.kind != "ball":
            continue
        z = path.places[:, 2]
        bend = np.diff(z, 2) * STEPS_PER_SECOND**2
        falling = np.isclose(bend, -GRAVITY, atol=1e-3)
        ends = np.flatnonzero(falling[:-1] & ~falling[1:])
        low = [
            times[i + 2] for i in ends if z[i + 2] < tool.reach + 0.05 and z[i] - z[i + 2] > 2.2 * made.scene.view / 240
        ]
        said = np.array([contact.time for contact in made.contacts])
        for time in low:
            if (
                0 < time < 5.9
                and np.abs(path.places[int(np.searchsorted(times, time)), :2]).max() < 0.3 * made.scene.view
            ):
                assert np.abs(said - time).min() < 0.02


@pytest.mark.parametrize("world", NAMES)
@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_jumps(world: OtherWorld, seed: int) -> None:
    made, times = built(world, seed)
    for path in made.paths:
        assert path.places.shape == (len(times), 3) and path.turns.shape == (len(times), 3, 3)
        shown = path.places[:, 2] > -1  # balls that wait for their next flight are under the floor
        far = np.linalg.norm(path.places[:, :2], axis=1) > made.scene.view
        steps = np.linalg.norm(np.diff(path.places, axis=0), axis=1)
        steps[~shown[1:] | ~shown[:-1] | far[1:] | far[:-1]] = 0
        assert steps.max() * STEPS_PER_SECOND < 20 * max(made.scene.view, 0.5)  # m/s
        np.testing.assert_allclose(np.linalg.det(path.turns[::97]), 1, atol=1e-9)


def test_feet_alternate_and_fingers_have_time_to_rise() -> None:
    for seed in SEEDS:
        made, _ = built("feet", seed)
        if made.style != "jumping":
            sides = [contact.point[1] > 0 for contact in made.contacts]
            assert sum(a == b for a, b in zip(sides, sides[1:], strict=False)) <= 0.2 * len(sides)
        made, _ = built("fingers", seed)
        for tool in range(len(made.paths)):
            mine = [c.time for c in made.contacts if np.allclose(c.point[1], made.paths[tool].places[0, 1], atol=1e-9)]
            assert all(gap > 0.05 for gap in np.diff(mine))


def test_nothing_is_heard_of_what_strikes_nothing_and_all_kinds_occur() -> None:
    made = [built("unstruck", seed)[0] for seed in range(24)]
    assert not any(world.contacts for world in made)
    assert {world.style for world in made} == {"talking", "gesturing", "an animal", "a carried camera"}


@pytest.mark.parametrize("world", NAMES)
def test_the_same_seed_gives_the_same_video_with_motion_in_it(world: OtherWorld, drawing: None) -> None:
    first, again, other = (simulate_world(world, seed, 1.0, size=32) for seed in (3, 3, 4))
    assert first.frames.shape == (15, 32, 32, 3) and first.description["world"] == world
    np.testing.assert_array_equal(first.frames, again.frames)
    assert first.events == again.events and not np.array_equal(first.frames, other.frames)
    assert np.abs(np.diff(first.frames.astype(int), axis=0)).mean() > 0.2
    assert [event.time for event in first.events] == sorted(event.time for event in first.events)


def test_most_contacts_are_in_the_picture(drawing: None) -> None:
    for world in STRUCK:
        events = [event for seed in SEEDS for event in simulate_world(world, seed, 3.0, size=32).events]
        inside = [0 <= event.x <= 1 and 0 <= event.y <= 1 for event in events]
        assert len(events) > 15 and np.mean(inside) > 0.7, world


def test_a_person_who_talks_looks_at_the_camera(drawing: None) -> None:
    from condfoley.data.simulation.worlds.film import _Paths

    seed = next(s for s in range(40) if built("unstruck", s)[0].style == "talking")
    made, _ = built("unstruck", seed)
    moving = _Paths(np.random.default_rng(0), made, shadows=False)
    ahead = moving.to_world @ [1, 0, 0]
    back = moving.camera.view.axes[:, 2]
    assert ahead @ back / np.linalg.norm(back[:2]) > 0.3


def test_a_rotation_is_about_its_axis() -> None:
    np.testing.assert_allclose(turned(np.array([np.pi / 2]), 2)[0] @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(turned(np.array([np.pi / 2]), 1)[0] @ [1, 0, 0], [0, 0, -1], atol=1e-12)
    np.testing.assert_allclose(turned(np.array([0.3]), 0)[0] @ [1, 0, 0], [1, 0, 0], atol=1e-12)


def test_files_of_worlds_say_which_and_mixed_ones_have_all(drawing: None, tmp_path: Path) -> None:
    options = SimulateOptions(
        tmp_path / "out", clips=8, workers=1, duration=0.5, size=16, fps=5, world="mixed", unheard=0.3
    )
    assert write_clips(options, quiet=True) == []
    told = [json.loads(options.path(i, ".json").read_text()) for i in range(8)]
    assert {content["world"] for content in told} == {"mixed"}
    assert len({content["scene"].get("world", "hands") for content in told}) >= 3
    with pytest.raises(InputError, match="made with another unheard and world"):
        write_clips(SimulateOptions(tmp_path / "out", clips=8, duration=0.5, size=16, fps=5, world="feet"), quiet=True)


@pytest.mark.parametrize(("more", "name"), [({"rhythmic": 0.5}, "rhythmic"), ({"silent": True}, "silent")])
def test_options_of_hands_are_refused_for_other_worlds(more: dict[str, object], name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"--world balls; leave out --{name}"):
        SimulateOptions(tmp_path, world="balls", **more)  # type: ignore[arg-type]
    SimulateOptions(tmp_path, world="mixed", **more)  # type: ignore[arg-type]
