"""A simulated video: someone hits and scratches objects, at known times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condfoley.data.events import Event
from condfoley.data.simulation import camera, sensor
from condfoley.data.simulation.film import MovingScene
from condfoley.data.simulation.motion import Hand, gesture, impact_speed, smooth_noise
from condfoley.data.simulation.plan import Action, Probe, Style, plan_actions, plan_events
from condfoley.data.simulation.scene import Scene
from condfoley.data.simulation.shutter import Capture, Shutter
from condfoley.data.simulation.timing import loose, steady

Rng = np.random.Generator
Vector = NDArray[np.float64]
Plan = Callable[[Probe], list[Action]]
"""(finds surface points in the initial scene) -> all actions, in order of time."""

TOUCHABLE = np.array([1, 0, 0, 0, 0, 0], np.uint8)  # MuJoCo groups: 0 objects and floor, 1 tools, 2 scenery
STEEPEST = 0.6  # rad from the vertical of a swing that must not miss


@dataclass(frozen=True)
class SimulatedClip:
    """A simulated video. frames: (T, H, W, 3) uint8 RGB, frame k at time k / fps s. events: in order of time.
    description: some settings of the scene, plain JSON values."""

    frames: NDArray[np.uint8]
    fps: float
    events: list[Event]
    seed: int
    description: dict[str, Any]


def simulate(
    seed: int,
    duration: float = 6.0,
    fps: float = 15.0,
    size: int = 96,
    unheard: float = 0.0,
    rhythmic: float = 0.0,
    capture: Capture = "centred",
    shadows: bool = True,
    like: Sequence[Event] = (),
    silent: bool = False,
) -> SimulatedClip:
    """Simulates one video without sound; a pure function of its arguments (and of the graphics driver).

    duration: s. fps: Hz. size: pixels, both sides. unheard: share of videos with motion that makes no sound: soft
    landings of tools, swings that miss, gestures. rhythmic: share of videos whose actions are as regular as in most
    recordings. capture: centred, exposures are centred on the frames' times; camera, they begin there and the rows are
    exposed one after another, which is drawn beside all else, so that the same seed shows the same events. shadows: whether
    lamps cast any; without, drawing takes a fifth of the time. like: events at which something is struck or stroked, in
    order of time; otherwise nothing is. silent: nothing is struck: every swing misses, and most videos have gestures. Raises
    InputError when OpenGL is not available.
    """
    rng = np.random.default_rng([seed, 0x5EED])
    chance = np.random.default_rng([seed, 0x0FF])  # a separate stream, so that these options do not change other videos
    with_silent_motion = bool(chance.random() < unheard) or silent
    scene = Scene.draw(rng, distractor=with_silent_motion and bool(chance.random() < 0.6))
    style = Style.draw(rng, scene)
    while like and not _never_misses(scene, style):
        scene = Scene.draw(rng)
        style = Style.draw(rng, scene)
    if with_silent_motion:
        style = _unheard(style, chance, silent)
    timing = steady if chance.random() < rhythmic else loose

    def plan(probe: Probe) -> list[Action]:
        if like:
            return plan_events(rng, scene, style, like, probe)
        return plan_actions(rng, scene, style, duration, probe, timing)

    simulation = _Simulation(rng, scene, style, shadows, duration, plan, gestures=with_silent_motion)
    shutter = None if capture == "centred" else Shutter.draw(np.random.default_rng([seed, 0x5077]), fps)
    frames = simulation.film(rng, duration, fps, size, shutter)
    events = simulation.events(duration)
    description = {
        "view": scene.view, "wall": scene.wall, "tools": [tool.kind for tool in scene.tools],
        "things": [[thing.shape, thing.mount] for thing in scene.things], "distractor": scene.distractor,
        "height": style.height, "misses": sum(action.kind == "miss" for action in simulation.actions),
        "scratchy": style.scratchy > 0, "landings": sum(action.kind == "landing" for action in simulation.actions),
        "timing": "like" if like else timing.__name__,
    }  # fmt: skip
    if shutter is not None:
        description |= {"exposure": shutter.exposure, "readout": shutter.readout}
    return SimulatedClip(sensor.apply_sensor(frames, rng), fps, events, seed, description)


def _unheard(style: Style, chance: Rng, silent: bool) -> Style:
    """A style with soft landings and more swings that miss; silent: with nothing but misses."""
    landing, missing = chance.uniform(0, 0.5), max(style.missing, chance.uniform(0, 0.35))
    return replace(style, landing=0.0, missing=1.0) if silent else replace(style, landing=landing, missing=missing)


def _never_misses(scene: Scene, style: Style) -> bool:
    """Whether every swing hits something that stays where it is; and there is a thing to be struck."""
    still = not scene.moves and not scene.distractor
    return still and bool(scene.things) and style.approach[2] >= np.cos(STEEPEST)


class _Simulation(MovingScene):
    """Hands that swing tools at things, which give way."""

    def __init__(
        self, rng: Rng, scene: Scene, style: Style, shadows: bool, duration: float, plan: Plan, gestures: bool
    ) -> None:
        super().__init__(scene, shadows)
        self.style = style
        self.actions = actions = plan(self.probe)
        self.hands = [
            Hand(rng, tool, style, [action for action in actions if action.tool == index], duration)
            for index, tool in enumerate(scene.tools)
        ]
        aims = [self.probe(action.aim) for action in actions if 0 <= action.time < duration and action.kind != "rest"]
        points = np.array([aim for aim in aims if aim is not None] or [np.zeros(3)])
        self.camera = camera.place_camera(rng, scene, style, points, self.visible, len(self.hands[0].times))
        self.place_backdrop(rng)
        self._distractor = self._distractor_path(rng, gestures)

    def probe(self, aim: Vector) -> Vector | None:
        """The surface point that a swing at `aim` hits now, along the direction of approach; None if it hits nothing."""
        start = aim + self.style.approach * (1.2 * self.scene.view)
        distance = self.ray(start, -self.style.approach, TOUCHABLE)
        # A swing from the side may miss everything; points far beyond the aim do not count.
        if not 0 <= distance < 2.2 * self.scene.view:
            return None
        return start - self.style.approach * distance

    def events(self, duration: float) -> list[Event]:
        """Contacts during the video, in order of time."""
        events = []
        for hand in self.hands:
            for index, action in enumerate(hand.actions):
                contact = hand.contacts.get(index)
                if action.kind not in ("hit", "scratch") or contact is None:
                    continue
                if not 0 <= action.time < duration:
                    continue
                length = min(action.duration, duration - action.time) if action.kind == "scratch" else 0.0
                events.append(self.event(action.time, action.kind, length, impact_speed(action), contact))
        return sorted(events, key=lambda event: event.time)

    def travel(self, first: int, last: int) -> float:
        """See `MovingScene`."""
        return max(float(np.ptp(hand.swing[first:last])) for hand in self.hands)

    def advance(self, step: int) -> None:
        """See `MovingScene`; also advances the physics from there."""
        for index, hand in enumerate(self.hands):
            self.put(index, *hand.pose(step, self.probe))
        if self._distractor is not None:
            self.data.mocap_pos[int(self.model.body("distractor").mocapid[0])] = self._distractor[step]
        if self.scene.moves:
            self._mujoco.mj_step(self.model, self.data)  # the positions to be rendered stay those before the step
        else:
            self._mujoco.mj_kinematics(self.model, self.data)

    def _distractor_path(self, rng: Rng, gestures: bool) -> Vector | None:
        """(T, 3) positions of the silent distractor, or None without one: it swings, slides, wanders or gestures."""
        if not self.scene.distractor:
            return None
        view, size = self.camera.view, self.scene.view
        right, up, back = view.axes.T
        times = self.hands[0].times[:, None]
        centre = view.eye - back * rng.uniform(1.1, 1.7) * size / (2 * np.tan(view.field / 2))
        centre = centre + (right * rng.uniform(-0.5, 0.5) + up * rng.uniform(-0.2, 0.5)) * size
        centre[2] = max(centre[2], 0.1 * size)
        direction = right * rng.normal() + up * rng.normal(0, 0.4)
        kind = rng.integers(5 if gestures else 3)
        if kind == 0:
            return centre + direction * size * 0.3 * np.sin(times * 2 * np.pi * rng.uniform(0.2, 1.2))
        if kind == 1:
            return centre + direction * size * rng.uniform(0.1, 0.6) * (times - times.mean()) * 0.4
        if kind == 2:
            return centre + smooth_noise(rng, len(times), 3, 0.8) * 0.15 * size
        return centre + gesture(rng, len(times)) * direction * size * rng.uniform(0.1, 0.4)
