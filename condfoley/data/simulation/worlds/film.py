"""Videos of the other worlds: what `clip.simulate` is for hands that strike things."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from condfoley.data.simulation import camera, sensor
from condfoley.data.simulation.clip import SimulatedClip
from condfoley.data.simulation.film import MovingScene
from condfoley.data.simulation.shutter import Capture, Shutter
from condfoley.data.simulation.worlds.balls import balls
from condfoley.data.simulation.worlds.feet import feet
from condfoley.data.simulation.worlds.fingers import fingers
from condfoley.data.simulation.worlds.unstruck import unstruck
from condfoley.data.simulation.worlds.world import Build, Rng, World, step_times, turned

OtherWorld = Literal["balls", "feet", "fingers", "unstruck"]
BUILDS: dict[OtherWorld, Build] = {"balls": balls, "feet": feet, "fingers": fingers, "unstruck": unstruck}
NAMES: tuple[OtherWorld, ...] = get_args(OtherWorld)


def simulate_world(
    world: OtherWorld,
    seed: int,
    duration: float = 6.0,
    fps: float = 15.0,
    size: int = 96,
    capture: Capture = "centred",
    shadows: bool = True,
) -> SimulatedClip:
    """Simulates one video of a world without sound; a pure function of its arguments (and of the graphics driver).

    duration: s. fps: Hz. size: pixels, both sides. capture, shadows: see `clip.simulate`. Raises InputError when OpenGL is not
    available.
    """
    rng = np.random.default_rng([seed, NAMES.index(world), 0x0D1D])
    built = BUILDS[world](rng, step_times(duration))
    moving = _Paths(rng, built, shadows)
    shutter = None if capture == "centred" else Shutter.draw(np.random.default_rng([seed, 0x5077]), fps)
    frames = moving.film(rng, duration, fps, size, shutter)
    events = [
        moving.event(c.time, c.kind, c.duration, c.speed, moving.to_world @ c.point)
        for c in built.contacts
        if 0 <= c.time < duration
    ]
    description = {"world": world, "style": built.style, "view": built.scene.view}
    if shutter is not None:
        description |= {"exposure": shutter.exposure, "readout": shutter.readout}
    return SimulatedClip(sensor.apply_sensor(frames, rng), fps, events, seed, description)


class _Paths(MovingScene):
    """Bodies on paths that are known; to_world: (3, 3), how all of them are turned."""

    def __init__(self, rng: Rng, world: World, shadows: bool) -> None:
        super().__init__(world.scene, shadows)
        steps = len(world.paths[0].places) if world.paths else len(world.follow if world.follow is not None else ())
        self.camera = camera.place_camera(rng, world.scene, world, world.seen, self.visible, steps)
        if world.follow is not None:
            self.camera = replace(self.camera, shift=self.camera.shift + world.follow)
        angle = np.arctan2(*self.camera.view.axes[1::-1, 2]) + rng.normal(0, 0.4) if world.faces else 0.0
        self.to_world = turned(np.array([angle]), 2)[0]
        self._paths = [(p.places @ self.to_world.T, self.to_world @ p.turns) for p in world.paths]
        self.place_backdrop(rng, 0.0 if world.follow is None else float(np.abs(world.follow).max()))

    def travel(self, first: int, last: int) -> float:
        """See `MovingScene`."""
        ways = [float(np.ptp(places[first:last], axis=0).max()) for places, _ in self._paths]
        return max(ways, default=float(np.ptp(self.camera.shift[first:last], axis=0).max()))

    def advance(self, step: int) -> None:
        """See `MovingScene`."""
        for index, (places, turns) in enumerate(self._paths):
            self.put(index, places[step], turns[step].reshape(9))
        self._mujoco.mj_kinematics(self.model, self.data)
