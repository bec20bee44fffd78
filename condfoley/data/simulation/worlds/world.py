"""What a world is made of: things whose paths are known before it is filmed, and the contacts on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from condfoley.data.events import Kind
from condfoley.data.simulation.scene import STEPS_PER_SECOND, Scene
from condfoley.data.simulation.timing import AFTER, BEFORE

Rng = np.random.Generator
Vector = NDArray[np.float64]
Build = Callable[[Rng, Vector], "World"]
"""(random generator, (S,) times of the steps in s) -> a world."""

UPWARD = np.array([0.0, 0.0, 1.0])
GRAVITY = 9.81  # m/s^2


@dataclass(frozen=True)
class Path:
    """Where a body is at each step. places: (S, 3) m. turns: (S, 3, 3) rotation matrices."""

    places: Vector
    turns: Vector


@dataclass(frozen=True)
class Contact:
    """Something that is heard. time, duration: s. speed: m/s, of the impact. point: (3,) m."""

    time: float
    speed: float
    point: Vector
    kind: Kind = "hit"
    duration: float = 0.0


@dataclass(frozen=True)
class World:
    """A scene with the path of each of its tools, in the same order, and what is heard of them.

    seen: (P, 3) m, what the camera is to see. height: m, of the movement. follow: (S, 3) m, by which the camera moves; None: it
    stays. faces: whether +x is to be turned towards the camera. style: what kind of movement it is. approach, hand, wrist: for
    the camera, as of a movement from above that nothing holds (`camera.Movement`).
    """

    scene: Scene
    paths: tuple[Path, ...]
    contacts: tuple[Contact, ...]
    seen: Vector
    height: float
    style: str
    follow: Vector | None = None
    faces: bool = False
    approach: Vector = field(default_factory=UPWARD.copy)
    hand: Vector = field(default_factory=lambda: np.zeros(3))
    wrist: float = 1.0


def step_times(duration: float) -> Vector:
    """Times of the steps of a simulation that films `duration` s, in s: (S,); the first is before the video begins."""
    return np.arange(round((BEFORE + duration + AFTER) * STEPS_PER_SECOND)) / STEPS_PER_SECOND - BEFORE


def upright(places: Vector) -> Path:
    """The path of a body that does not turn. places: (S, 3) m."""
    return Path(places, np.broadcast_to(np.eye(3), (len(places), 3, 3)))


def turned(angles: Vector, axis: int) -> Vector:
    """Rotation matrices (S, 3, 3) about an axis, 0 to 2. angles: (S,) rad."""
    cos, sin, matrices = np.cos(angles), np.sin(angles), np.zeros((len(angles), 3, 3))
    one, other = (axis + 1) % 3, (axis + 2) % 3
    matrices[:, axis, axis] = 1
    matrices[:, one, one] = matrices[:, other, other] = cos
    matrices[:, other, one], matrices[:, one, other] = sin, -sin
    return matrices


def eased(share: Vector) -> Vector:
    """Minimum jerk from 0 to 1; shares outside are at the ends."""
    share = np.clip(share, 0, 1)
    return share**3 * (10 - 15 * share + 6 * share**2)
