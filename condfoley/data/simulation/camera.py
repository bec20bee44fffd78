"""The camera: its position, hand-held shake, and projection of points into its picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from condfoley.data.simulation.motion import smooth_noise
from condfoley.data.simulation.scene import STEPS_PER_SECOND, Scene

Rng = np.random.Generator
Vector = NDArray[np.float64]
Visible = Callable[[Vector, Vector], bool]  # (camera position, point) -> whether nothing is between them


class Movement(Protocol):
    """What of a movement decides where a camera stands. approach: (3,) unit vector away from the struck surface. hand: (3,)
    unit vector towards what holds the tool, or zeros. height: m, of the movement. wrist: 0 moves the arm .. 1 turns the wrist."""

    @property
    def approach(self) -> Vector: ...  # noqa: D102

    @property
    def hand(self) -> Vector: ...  # noqa: D102

    @property
    def height(self) -> float: ...  # noqa: D102

    @property
    def wrist(self) -> float: ...  # noqa: D102


@dataclass(frozen=True)
class View:
    """Position and field of view. eye: (3,) m, camera position. axes: (3, 3), columns right, up, backwards.
    field: rad, full angle of view of the square picture."""

    eye: Vector
    axes: Vector
    field: float

    def project(self, point: Vector) -> tuple[float, float]:
        """Position of a (3,) point in the picture: (0, 0) top left, (1, 1) bottom right."""
        right, up, back = self.axes.T @ (point - self.eye)
        scale = 2 * np.tan(self.field / 2) * max(-back, 1e-3)
        return float(0.5 + right / scale), float(0.5 - up / scale)


@dataclass(frozen=True)
class Camera:
    """A view and its motion. shift: (T, 3) m, turn: (T, 3) rad, zoom: (T,) factor; for each step of the simulation."""

    view: View
    shift: Vector
    turn: Vector
    zoom: Vector

    def at(self, step: int) -> View:
        """The view at a step of the simulation."""
        rx, ry, rz = self.turn[step]
        small = np.array([[1, -rz, ry], [rz, 1, -rx], [-ry, rx, 1]])
        axes, _ = np.linalg.qr(self.view.axes @ small)
        axes *= np.sign(np.sum(axes * self.view.axes, axis=0))
        field = 2 * np.arctan(np.tan(self.view.field / 2) * self.zoom[step])
        return View(self.view.eye + self.shift[step], axes, float(field))


def place_camera(rng: Rng, scene: Scene, movement: Movement, points: Vector, visible: Visible, steps: int) -> Camera:
    """Draws a camera that sees most of the contact points (P, 3); a poor view is accepted now and then.

    visible: whether nothing hides a point. steps: of the simulation.
    """
    best, best_score = None, -1.0
    for _ in range(14):
        view = _draw_view(rng, scene, movement, points)
        score = _view_quality(view, movement, points, visible)
        if best is None or score > best_score:
            best, best_score = view, score
        if score > 0.8 or rng.random() < 0.02:
            best = view
            break
    assert best is not None
    return _add_motion(rng, scene, best, steps)


def _draw_view(rng: Rng, scene: Scene, movement: Movement, points: Vector) -> View:
    field = np.radians(rng.uniform(28, 62))
    elevation = rng.uniform(np.radians(25), np.radians(85)) if scene.wall else np.radians(rng.uniform(12, 75))
    around = rng.uniform(0, 2 * np.pi)
    back = np.array([np.cos(elevation) * np.cos(around), np.cos(elevation) * np.sin(around), np.sin(elevation)])
    vertical = np.array([0.0, 1.0, 0.0]) if scene.wall else np.array([0.0, 0.0, 1.0])
    right = np.cross(vertical, back)
    right /= max(float(np.linalg.norm(right)), 1e-6)
    up = np.cross(back, right)
    roll = rng.normal(0, 0.1)
    right, up = right * np.cos(roll) + up * np.sin(roll), up * np.cos(roll) - right * np.sin(roll)
    centre = points.mean(0) + movement.approach * movement.height * rng.uniform(0, 0.5)
    centre = centre + (right * rng.normal(0, 0.13) + up * rng.normal(0, 0.13)) * scene.view
    centre = centre + movement.hand * rng.uniform(0, 0.2) * scene.view
    distance = rng.uniform(0.65, 1.05) * scene.view / (2 * np.tan(field / 2))
    return View(centre + back * distance, np.stack([right, up, back], axis=1), float(field))


def _view_quality(view: View, movement: Movement, points: Vector, visible: Visible) -> float:
    """Share of contacts that are in the picture and not hidden, 0..1; 0 for an unusable view."""
    back = view.axes[:, 2]
    if view.eye[2] < 0.06 or movement.hand @ back > 0.85:
        return 0.0  # below the floor, or the arm points at the camera
    # The swing must move across the picture, not only in depth.
    if np.linalg.norm(movement.approach - back * (movement.approach @ back)) < 0.35 and movement.wrist < 0.5:
        return 0.1
    good = 0
    for point in points:
        x, y = view.project(point)
        good += 0.08 < x < 0.92 and 0.08 < y < 0.92 and visible(view.eye, point)
    return good / len(points)


def _add_motion(rng: Rng, scene: Scene, view: View, steps: int) -> Camera:
    held = rng.random() < 0.55
    shake = rng.choice([0.002, 0.006, 0.015]) if held else 0.0
    shift = smooth_noise(rng, steps, 3, 0.8) * shake * scene.view
    turn = (smooth_noise(rng, steps, 3, 0.8) + 0.25 * smooth_noise(rng, steps, 3, 4)) * shake * 0.7
    time = np.linspace(0, steps / STEPS_PER_SECOND, steps)[:, None]
    if rng.random() < 0.15:  # pan
        turn = turn + rng.normal(0, 0.015, 3) * (time - time.mean())
    zoom = np.ones(steps)
    if rng.random() < 0.15:
        zoom = 1 + rng.normal(0, 0.03) * (time[:, 0] - time.mean())
    return Camera(view, shift, turn, np.clip(zoom, 0.7, 1.4))
