"""Videos in which much moves and nothing strikes: people who talk and gesture, an animal, a camera that is carried."""

from __future__ import annotations

import numpy as np

from condfoley.data.simulation.motion import gesture, smooth_noise
from condfoley.data.simulation.scene import STEPS_PER_SECOND, Scene, Thing
from condfoley.data.simulation.tools import SKINS, Tool, capsule, rgba, solid
from condfoley.data.simulation.worlds.world import Path, Rng, Vector, World, eased, turned, upright


def unstruck(rng: Rng, times: Vector) -> World:
    """One of them at random; nothing is heard."""
    return [_talking, _gesturing, _animal, _carried][int(rng.integers(4))](rng, times)


def _talking(rng: Rng, times: Vector) -> World:
    """A head that talks and nods, over shoulders; every other one with a hand that gestures."""
    view = rng.uniform(0.4, 1.1)
    high = rng.uniform(0.35, 0.5) * view + 0.25
    count = len(times)
    sway = smooth_noise(rng, count, 3, 0.5) * rng.uniform(0.002, 0.015)
    nod = smooth_noise(rng, count, 1, 1.2)[:, 0] * rng.uniform(0.03, 0.15)
    head = Path(sway + [0, 0, high], turned(smooth_noise(rng, count, 1, 0.4)[:, 0] * 0.2, 2) @ turned(nod, 1))
    open_ = np.abs(
        np.sin(
            np.pi * np.cumsum(rng.uniform(3, 6) / STEPS_PER_SECOND * np.exp(0.3 * smooth_noise(rng, count, 1, 2)[:, 0]))
        )
    )
    open_ *= np.clip(smooth_noise(rng, count, 1, 0.6)[:, 0] + 0.7, 0, 1)  # pauses between sentences
    jaw = Path(head.places + np.einsum("sij,sj->si", head.turns, _down(open_ * 0.018)), head.turns)
    tools, paths = [*_head(rng), _torso(rng)], [head, jaw, upright(sway * 0.4 + [0, 0, high])]
    if rng.random() < 0.5:
        tools.append(Tool.draw(rng, "palm"))
        paths.append(_hand_in_air(rng, count, np.array([0.2, rng.choice([-0.2, 0.2]), high - 0.28]), 0.12))
    scene = Scene.furnished(rng, view, False, (), tools)
    return World(scene, tuple(paths), (), np.array([[0.0, 0.0, high]]), 0.1, "talking", faces=True)


def _gesturing(rng: Rng, times: Vector) -> World:
    """One or two hands in the air, with strokes that stop abruptly."""
    view, count = rng.uniform(0.5, 1.4), len(times)
    tools = [Tool.draw(rng, str(rng.choice(["palm", "fist", "stick"]))) for _ in range(rng.integers(1, 3))]
    middle = np.array([0.0, 0.0, 0.6 * view])
    paths = []
    for _ in tools:
        place = middle + rng.normal(0, 0.18, 3) * [0.5, 1, 0.5] * view
        paths.append(_hand_in_air(rng, count, place, 0.16 * view))
    scene = Scene.furnished(rng, view, False, (), tools)
    return World(scene, tuple(paths), (), middle[None], 0.2 * view, "gesturing", faces=bool(rng.random() < 0.5))


def _animal(rng: Rng, times: Vector) -> World:
    """A soft animal that turns, trots and wags its tail."""
    view, count = rng.uniform(0.6, 1.6), len(times)
    size = view * rng.uniform(0.12, 0.25)
    way = smooth_noise(rng, count, 2, 0.4) * 0.18 * view
    heading = np.cumsum(smooth_noise(rng, count, 1, 0.5)[:, 0]) / STEPS_PER_SECOND * 2
    body = Path(np.column_stack([way, np.full(count, size * 0.8)]), turned(heading, 2))
    bob = smooth_noise(rng, count, 1, 2)[:, 0] * 0.06 * size
    ahead = np.column_stack([np.cos(heading), np.sin(heading), np.zeros(count)])
    head_turn = turned(heading + smooth_noise(rng, count, 1, 0.8)[:, 0] * 0.5, 2)
    head = Path(body.places + ahead * size + np.column_stack([bob * 0, bob * 0, size * 0.4 + bob]), head_turn)
    wag = np.sin(2 * np.pi * rng.uniform(1.5, 4) * times) * np.clip(smooth_noise(rng, count, 1, 0.4)[:, 0], 0, 1)
    tail = Path(body.places - ahead * size * 0.9, turned(heading + wag * 0.7, 2))
    coat = rgba(rng.uniform(0.05, 0.9) + rng.normal(0, 0.1, 3))
    trunk = solid("ellipsoid", (0, 0, 0), (size, size * 0.5, size * 0.5), coat)
    for x in (-0.6, 0.6):
        for y in (-0.3, 0.3):
            trunk += capsule((x * size, y * size, -0.2 * size), (x * size, y * size, -0.75 * size), 0.1 * size, coat)
    snout = solid("ellipsoid", (0, 0, 0), (size * 0.4, size * 0.35, size * 0.35), coat)
    snout += solid(
        "ellipsoid", (size * 0.4, 0, -0.1 * size), (size * 0.2, size * 0.15, size * 0.12), rgba(rng.random(3))
    )
    brush = capsule((0, 0, 0), (-size * 0.7, 0, size * 0.4), 0.07 * size, coat)
    tools = [Tool("animal", geoms, 0.0, 0.0, (0.0, 0.0)) for geoms in (trunk, snout, brush)]
    scene = Scene.furnished(rng, view, False, (), tools)
    return World(scene, (body, head, tail), (), np.array([[0.0, 0.0, size]]), size, "an animal")


def _carried(rng: Rng, times: Vector) -> World:
    """A camera that somebody carries past clutter: it goes ahead, bobs with each step, and halts."""
    view, count = rng.uniform(0.8, 2.0), len(times)
    around, pace = rng.uniform(0, 2 * np.pi), view * rng.uniform(0.05, 0.25)
    going = np.clip(smooth_noise(rng, count, 1, 0.3)[:, 0] + 0.8, 0, 1)
    ahead = np.cumsum(going) / STEPS_PER_SECOND * pace
    beat = rng.uniform(1.5, 2.2) * np.pi * times
    bob = np.abs(np.sin(beat)) * going * rng.uniform(0.005, 0.03)
    roll = np.sin(beat / 2) * going * rng.uniform(0, 0.02)
    follow = np.column_stack([ahead * np.cos(around) + roll, ahead * np.sin(around) - roll, bob])
    things: list[Thing] = []
    while not things:
        things = [thing for thing in Scene.draw(rng).things if thing.mount == "fixed"]
    scene = Scene.furnished(rng, view, False, things, ())
    return World(scene, (), (), np.array([[0.0, 0.0, 0.1 * view]]), 0.1 * view, "a carried camera", follow - follow[0])


def _hand_in_air(rng: Rng, count: int, place: Vector, size: float) -> Path:
    """A hand that gestures around a place, (3,) m, by about `size` m."""
    strokes = gesture(rng, count) * rng.normal(0, 1, 3) * size * 0.6
    width = STEPS_PER_SECOND // 10  # a tenth of a second, so that no hand moves at once
    kernel = eased(np.linspace(0, 1, width + 1)[1:]) - eased(np.linspace(0, 1, width + 1)[:-1])
    strokes = np.column_stack([np.convolve(np.pad(s, (width - 1, 0), mode="edge"), kernel, "valid") for s in strokes.T])
    places = place + strokes + smooth_noise(rng, count, 3, 0.8) * size * 0.3
    turns = turned(np.full(count, np.pi) + smooth_noise(rng, count, 1, 0.8)[:, 0] * 0.3, 2)  # the arm away from +x
    return Path(places, turns @ turned(smooth_noise(rng, count, 1, 1)[:, 0] * 0.5, 1))


def _down(metres: Vector) -> Vector:
    return np.column_stack([np.zeros_like(metres), np.zeros_like(metres), -metres])


def _head(rng: Rng) -> list[Tool]:
    """A head that looks towards +x, and its chin with the lower lip, which moves by itself."""
    skin = rgba(SKINS[rng.integers(len(SKINS))] * rng.uniform(0.85, 1.1))
    hair, lip, dark = rgba(rng.uniform(0.02, 0.7, 3) * 0.8), rgba(np.array([0.65, 0.3, 0.3])), rgba(np.full(3, 0.05))
    geoms = solid("ellipsoid", (0, 0, 0), (0.09, 0.075, 0.115), skin)
    geoms += solid("ellipsoid", (-0.02, 0, 0.035), (0.088, 0.082, 0.1), hair)
    geoms += solid("ellipsoid", (0.092, 0, -0.005), (0.015, 0.012, 0.02), skin)
    geoms += solid("box", (0.08, 0, -0.055), (0.006, 0.022, 0.006), dark)
    for side in (-0.03, 0.03):
        geoms += solid("ellipsoid", (0.078, side, 0.022), (0.012, 0.012, 0.008), rgba(np.full(3, 0.95)))
        geoms += solid("ellipsoid", (0.086, side, 0.022), (0.006, 0.006, 0.006), dark)
    chin = solid("ellipsoid", (0.05, 0, -0.085), (0.04, 0.035, 0.025), skin)
    chin += solid("box", (0.084, 0, -0.062), (0.005, 0.024, 0.005), lip)
    return [Tool("head", geoms, 0.0, 0.0, (0.0, 0.0)), Tool("chin", chin, 0.0, 0.0, (0.0, 0.0))]


def _torso(rng: Rng) -> Tool:
    """Neck and shoulders under a head at the origin."""
    shirt, skin = rgba(rng.uniform(0.05, 0.9, 3)), rgba(SKINS[rng.integers(len(SKINS))])
    geoms = capsule((-0.02, 0, -0.08), (-0.02, 0, -0.17), 0.045, skin)
    geoms += solid("ellipsoid", (-0.02, 0, -0.42), (0.12, 0.24, 0.26), shirt)
    return Tool("torso", geoms, 0.0, 0.0, (0.0, 0.0))
