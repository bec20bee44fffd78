"""A simulated video: someone hits and scratches objects, at known times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condfoley.data.events import Event
from condfoley.data.simulation import camera, sensor
from condfoley.data.simulation.motion import Hand, gesture, impact_speed, smooth_noise
from condfoley.data.simulation.plan import HIT_SPEEDS, SCRATCH_SPEEDS, Action, Probe, Style, plan_actions, plan_events
from condfoley.data.simulation.render import Renderer
from condfoley.data.simulation.scene import STEPS_PER_SECOND, Scene
from condfoley.data.simulation.shutter import Capture, Shutter
from condfoley.data.simulation.timing import BEFORE, loose, steady

Rng = np.random.Generator
Vector = NDArray[np.float64]
Plan = Callable[[Probe], list[Action]]
"""(finds surface points in the initial scene) -> all actions, in order of time."""

TOUCHABLE = np.array([1, 0, 0, 0, 0, 0], np.uint8)  # MuJoCo groups: 0 objects and floor, 1 tools, 2 scenery
OPAQUE = np.array([1, 0, 1, 0, 0, 0], np.uint8)
STEEPEST = 0.6  # rad from the vertical of a swing that must not miss

Exposures = dict[int, list[tuple[int, Any]]]
"""Step of the simulation -> frames that show it, each with its weight: one for all rows, or (rows, 1, 1)."""


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
    model = _model(scene, shadows)

    def plan(probe: Probe) -> list[Action]:
        if like:
            return plan_events(rng, scene, style, like, probe)
        return plan_actions(rng, scene, style, duration, probe, timing)

    simulation = _Simulation(rng, scene, style, model, duration, plan, gestures=with_silent_motion)
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


def _model(scene: Scene, shadows: bool) -> Any:
    """The physics' model of a scene, with the pictures of its surfaces."""
    import mujoco

    model = mujoco.MjModel.from_xml_string(scene.xml)
    if not shadows:
        model.vis.quality.shadowsize = 0
    for index, image in enumerate(scene.surfaces):
        start = model.tex_adr[index]
        model.tex_data[start : start + image.size] = image.reshape(-1)
    return model


def _unheard(style: Style, chance: Rng, silent: bool) -> Style:
    """A style with soft landings and more swings that miss; silent: with nothing but misses."""
    landing, missing = chance.uniform(0, 0.5), max(style.missing, chance.uniform(0, 0.35))
    return replace(style, landing=0.0, missing=1.0) if silent else replace(style, landing=landing, missing=missing)


def _never_misses(scene: Scene, style: Style) -> bool:
    """Whether every swing hits something that stays where it is; and there is a thing to be struck."""
    still = not scene.moves and not scene.distractor
    return still and bool(scene.things) and style.approach[2] >= np.cos(STEEPEST)


class _Simulation:
    """The moving scene: physics, hands, camera."""

    def __init__(
        self, rng: Rng, scene: Scene, style: Style, model: Any, duration: float, plan: Plan, gestures: bool
    ) -> None:
        import mujoco

        self._mujoco, self.scene, self.style, self.model = mujoco, scene, style, model
        self.data = mujoco.MjData(model)
        mujoco.mj_forward(model, self.data)
        self.actions = actions = plan(self.probe)
        self.hands = [
            Hand(rng, tool, style, [action for action in actions if action.tool == index], duration)
            for index, tool in enumerate(scene.tools)
        ]
        self._mocap = [int(model.body(f"tool{index}").mocapid[0]) for index in range(len(scene.tools))]
        self.steps = len(self.hands[0].times)
        aims = [self.probe(action.aim) for action in actions if 0 <= action.time < duration and action.kind != "rest"]
        points = np.array([aim for aim in aims if aim is not None] or [np.zeros(3)])
        self.camera = camera.place_camera(rng, scene, style, points, self._visible, self.steps)
        self._place_backdrop(rng)
        self._distractor = self._distractor_path(rng, gestures)

    def probe(self, aim: Vector) -> Vector | None:
        """The surface point that a swing at `aim` hits now, along the direction of approach; None if it hits nothing."""
        start = aim + self.style.approach * (1.2 * self.scene.view)
        distance = self._ray(start, -self.style.approach, TOUCHABLE)
        # A swing from the side may miss everything; points far beyond the aim do not count.
        if not 0 <= distance < 2.2 * self.scene.view:
            return None
        return start - self.style.approach * distance

    def film(
        self, rng: Rng, duration: float, fps: float, size: int, camera: Shutter | None = None
    ) -> NDArray[np.float32]:
        """Renders (T, size, size, 3) float32, 0..255, with motion blur.

        camera: how rows are exposed; None: all at once, for a random share of a frame around its time.
        """
        first = round(BEFORE * STEPS_PER_SECOND)
        count = round(duration * fps)
        shutter = 0.0 if rng.random() < 0.2 else rng.uniform(0.2, 0.9)  # share of a frame
        half = int(shutter * STEPS_PER_SECOND / fps / 2)
        middles = first + np.round(np.arange(count) * STEPS_PER_SECOND / fps).astype(int)
        frames = np.zeros((count, size, size, 3), np.float32)
        with Renderer(self.model, size) as renderer:
            exposures = self._exposures(middles, half, size) if camera is None else _rows(camera, count, fps, size)
            for step in range(max(exposures) + 1):
                self._advance(step)
                seen = exposures.get(step)
                if seen:
                    self._aim_camera(step)
                    image = renderer.draw(self.data).astype(np.float32)
                    for frame, weight in seen:
                        frames[frame] += image * weight
        return frames

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
                step = round((action.time + BEFORE) * STEPS_PER_SECOND)
                x, y = self.camera.at(min(step, self.steps - 1)).project(contact)
                low, high = HIT_SPEEDS if action.kind == "hit" else SCRATCH_SPEEDS
                speed = impact_speed(action) / self.scene.view
                strength = float(np.clip(np.log(max(speed, 1e-6) / low) / np.log(high / low), 0, 1))
                length = min(action.duration, duration - action.time) if action.kind == "scratch" else 0.0
                events.append(Event(action.time, action.kind, length, strength, x, y))
        return sorted(events, key=lambda event: event.time)

    def _exposures(self, middles: NDArray[np.int_], half: int, size: int) -> Exposures:
        """Simulation steps to render; more steps for a frame with faster motion."""
        exposures: Exposures = {}
        for frame, middle in enumerate(middles):
            moved = 0.0
            for hand in self.hands:
                span = hand.swing[max(middle - half, 0) : middle + half + 1]
                moved = max(moved, float(np.ptp(span)) / self.scene.view * size)
            samples = 1 if half == 0 else int(np.clip(np.ceil(moved / 2.5), 1, 4))
            places = np.unique(np.round(middle + np.linspace(-half, half, samples + 2)[1:-1]).astype(int))
            for place in places:
                exposures.setdefault(int(place), []).append((frame, np.float32(1 / len(places))))
        return exposures

    def _advance(self, step: int) -> None:
        """Moves the scene to `step`, ready to be rendered, and advances the physics from there."""
        for hand, mocap in zip(self.hands, self._mocap, strict=True):
            position, rotation = hand.pose(step, self.probe)
            self.data.mocap_pos[mocap] = position
            self._mujoco.mju_mat2Quat(self.data.mocap_quat[mocap], rotation)
        if self._distractor is not None:
            self.data.mocap_pos[int(self.model.body("distractor").mocapid[0])] = self._distractor[step]
        if self.scene.moves:
            self._mujoco.mj_step(self.model, self.data)  # the positions to be rendered stay those before the step
        else:
            self._mujoco.mj_kinematics(self.model, self.data)

    def _aim_camera(self, step: int) -> None:
        view = self.camera.at(step)
        self.model.cam_pos[0] = view.eye
        self._mujoco.mju_mat2Quat(self.model.cam_quat[0], np.ascontiguousarray(view.axes).reshape(9))
        self.model.cam_fovy[0] = np.degrees(view.field)
        self._mujoco.mj_camlight(self.model, self.data)

    def _ray(self, start: Vector, direction: Vector, groups: NDArray[np.uint8]) -> float:
        return float(self._mujoco.mj_ray(self.model, self.data, start, direction, groups, 1, -1, np.zeros(1, np.int32)))

    def _visible(self, eye: Vector, point: Vector) -> bool:
        direction = point - eye
        distance = float(np.linalg.norm(direction))
        met = self._ray(eye, direction / distance, OPAQUE)
        return met < 0 or met > distance - 0.02

    def _place_backdrop(self, rng: Rng) -> None:
        """For a scene with a floor, places a wall behind it that faces the camera."""
        view = self.camera.view
        if self.scene.wall:
            return
        back = view.axes[:, 2].copy()
        back[2] = 0
        back /= max(float(np.linalg.norm(back)), 1e-6)
        mocap = int(self.model.body("backdrop").mocapid[0])
        self.data.mocap_pos[mocap] = -back * (1.6 * self.scene.view + rng.uniform(0.3, 3))
        turn = float(np.arctan2(back[1], back[0])) + rng.normal(0, 0.3)
        self.data.mocap_quat[mocap] = [np.cos(turn / 2), 0, 0, np.sin(turn / 2)]

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


def _rows(shutter: Shutter, count: int, fps: float, size: int) -> Exposures:
    """Simulation steps to render for rows that are exposed one after another, from each frame's time on."""
    exposures: Exposures = {}
    for frame in range(count):
        begin = (BEFORE + frame / fps) * STEPS_PER_SECOND
        last = begin + (shutter.exposure + shutter.readout) * STEPS_PER_SECOND
        steps = np.arange(int(np.floor(begin)), int(np.ceil(last)) + 1)
        weights = shutter.weights((steps - begin) / STEPS_PER_SECOND, 1 / STEPS_PER_SECOND, size)
        for step, weight in zip(steps.tolist(), weights, strict=True):
            if weight.any():
                exposures.setdefault(step, []).append((frame, weight[:, None, None]))
    return exposures
