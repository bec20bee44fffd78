"""Filming a scene in motion: exposures, camera, backdrop; what moves, and how, is left to those who have a scene."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from condfoley.data.events import Event, Kind
from condfoley.data.simulation.camera import Camera
from condfoley.data.simulation.plan import HIT_SPEEDS, SCRATCH_SPEEDS
from condfoley.data.simulation.render import Renderer
from condfoley.data.simulation.scene import STEPS_PER_SECOND, Scene
from condfoley.data.simulation.shutter import Shutter
from condfoley.data.simulation.timing import BEFORE

Rng = np.random.Generator
Vector = NDArray[np.float64]

OPAQUE = np.array([1, 0, 1, 0, 0, 0], np.uint8)  # MuJoCo groups: 0 objects and floor, 1 tools, 2 scenery

Exposures = dict[int, list[tuple[int, Any]]]
"""Step of the simulation -> frames that show it, each with its weight: one for all rows, or (rows, 1, 1)."""


class MovingScene:
    """A scene that is filmed step by step. `camera` is set by whoever knows what is to be seen."""

    camera: Camera

    def __init__(self, scene: Scene, shadows: bool) -> None:
        import mujoco

        self._mujoco, self.scene, self.model = mujoco, scene, _model(scene, shadows)
        self.data = mujoco.MjData(self.model)
        mujoco.mj_forward(self.model, self.data)
        self._mocap = [int(self.model.body(f"tool{index}").mocapid[0]) for index in range(len(scene.tools))]

    def advance(self, step: int) -> None:
        """Moves the scene to a step, ready to be drawn; called for all steps in order."""
        raise NotImplementedError

    def travel(self, first: int, last: int) -> float:
        """The longest way, in m, on which something moves from one step to the one before `last`."""
        raise NotImplementedError

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
                self.advance(step)
                seen = exposures.get(step)
                if seen:
                    self._aim_camera(step)
                    image = renderer.draw(self.data).astype(np.float32)
                    for frame, weight in seen:
                        frames[frame] += image * weight
        return frames

    def _exposures(self, middles: NDArray[np.int_], half: int, size: int) -> Exposures:
        """Simulation steps to render; more steps for a frame with faster motion."""
        exposures: Exposures = {}
        for frame, middle in enumerate(middles):
            moved = self.travel(max(middle - half, 0), middle + half + 1) / self.scene.view * size
            samples = 1 if half == 0 else int(np.clip(np.ceil(moved / 2.5), 1, 4))
            places = np.unique(np.round(middle + np.linspace(-half, half, samples + 2)[1:-1]).astype(int))
            for place in places:
                exposures.setdefault(int(place), []).append((frame, np.float32(1 / len(places))))
        return exposures

    def put(self, tool: int, position: Vector, rotation: Vector) -> None:
        """Places a tool. position: (3,) m. rotation: matrix, (9,)."""
        self.data.mocap_pos[self._mocap[tool]] = position
        self._mujoco.mju_mat2Quat(self.data.mocap_quat[self._mocap[tool]], rotation)

    def _aim_camera(self, step: int) -> None:
        view = self.camera.at(step)
        self.model.cam_pos[0] = view.eye
        self._mujoco.mju_mat2Quat(self.model.cam_quat[0], np.ascontiguousarray(view.axes).reshape(9))
        self.model.cam_fovy[0] = np.degrees(view.field)
        self._mujoco.mj_camlight(self.model, self.data)

    def event(self, time: float, kind: Kind, duration: float, speed: float, point: Vector) -> Event:
        """A contact of the video. time, duration: s. speed: m/s, of the impact or of sliding. point: (3,) where."""
        step = min(round((time + BEFORE) * STEPS_PER_SECOND), len(self.camera.zoom) - 1)
        x, y = self.camera.at(step).project(point)
        low, high = HIT_SPEEDS if kind == "hit" else SCRATCH_SPEEDS
        speed /= self.scene.view
        strength = float(np.clip(np.log(max(speed, 1e-6) / low) / np.log(high / low), 0, 1))
        return Event(time, kind, duration, strength, x, y)

    def ray(self, start: Vector, direction: Vector, groups: NDArray[np.uint8]) -> float:
        """Distance in m at which a ray meets something of MuJoCo's groups; below 0 where it meets nothing."""
        return float(self._mujoco.mj_ray(self.model, self.data, start, direction, groups, 1, -1, np.zeros(1, np.int32)))

    def visible(self, eye: Vector, point: Vector) -> bool:
        """Whether nothing that is not a tool is between two points."""
        direction = point - eye
        distance = float(np.linalg.norm(direction))
        met = self.ray(eye, direction / distance, OPAQUE)
        return met < 0 or met > distance - 0.02

    def place_backdrop(self, rng: Rng, further: float = 0.0) -> None:
        """For a scene with a floor, places a wall behind it that faces the camera. further: m, behind where it would be."""
        view = self.camera.view
        if self.scene.wall:
            return
        back = view.axes[:, 2].copy()
        back[2] = 0
        back /= max(float(np.linalg.norm(back)), 1e-6)
        mocap = int(self.model.body("backdrop").mocapid[0])
        self.data.mocap_pos[mocap] = -back * (1.6 * self.scene.view + rng.uniform(0.3, 3) + further)
        turn = float(np.arctan2(back[1], back[0])) + rng.normal(0, 0.3)
        self.data.mocap_quat[mocap] = [np.cos(turn / 2), 0, 0, np.sin(turn / 2)]


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
