"""A random scene as MJCF (MuJoCo's XML): a floor or a wall, objects to hit, clutter, tools, lights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from condfoley.data.simulation.surfaces import SIZE, Image, surface
from condfoley.data.simulation.tools import Tool

Rng = np.random.Generator
Vector = NDArray[np.float64]
STEPS_PER_SECOND = 240  # of the physics
PLANE_GRID = 12  # m, spacing of the plane's cells; few cells render fastest
SHAPES = {"box": 0.42, "slab": 0.18, "cylinder": 0.18, "ellipsoid": 0.1, "sphere": 0.05, "rail": 0.07}


@dataclass(frozen=True)
class Thing:
    """An object that can be hit. centre, half: (3,) m, centre and half size. mount: fixed, springy or free."""

    shape: str
    centre: Vector
    half: Vector
    mount: str


@dataclass(frozen=True)
class Scene:
    """A scene. view: m, width of the picture at the place of action. things: the objects; the first is the main one.
    wall: the base plane (z = 0) is a wall whose "up" is +y; else it is a floor.
    xml, surfaces: the MJCF and the texture images, by index. distractor: an object moves without sound."""

    view: float
    wall: bool
    things: tuple[Thing, ...]
    tools: tuple[Tool, ...]
    distractor: bool
    xml: str
    surfaces: tuple[Image, ...]

    @property
    def moves(self) -> bool:
        """Whether some object moves when it is hit."""
        return any(thing.mount != "fixed" for thing in self.things)

    @classmethod
    def draw(cls, rng: Rng, distractor: bool = False) -> Scene:
        """A random scene: objects, tools, surfaces and view; always with a silent moving object if `distractor`."""
        view = float(np.exp(rng.uniform(np.log(0.4), np.log(1.5))))
        wall = bool(rng.random() < 0.25)
        count = int(
            rng.choice([0, 1, 2, 3, 4], p=[0.25, 0.35, 0.25, 0.1, 0.05] if wall else [0.06, 0.44, 0.3, 0.14, 0.06])
        )
        things: list[Thing] = []
        for index in range(count):
            things.append(_thing(rng, view, wall, main=index == 0, others=things))
        tools = [Tool.draw(rng)]
        if rng.random() < (0.4 if tools[0].kind in ("palm", "fist", "mallet", "stick") else 0):
            tools.append(Tool.draw(rng, tools[0].kind))
        distractor = bool(rng.random() < 0.15) or distractor
        return cls.furnished(rng, view, wall, things, tools, distractor)

    @classmethod
    def furnished(
        cls, rng: Rng, view: float, wall: bool, things: Sequence[Thing], tools: Sequence[Tool], distractor: bool = False
    ) -> Scene:
        """A scene of these things and tools, with random surfaces, lamps and clutter."""
        surfaces = tuple(surface(rng) for _ in range(len(things) + 3))
        xml = _compose(rng, view, wall, things, tools, distractor, len(surfaces))
        return cls(view, wall, tuple(things), tuple(tools), distractor, xml, surfaces)


def _thing(rng: Rng, view: float, wall: bool, main: bool, others: list[Thing]) -> Thing:
    shape = str(rng.choice(list(SHAPES), p=list(SHAPES.values())))
    half = view * np.exp(rng.uniform(np.log(0.1), np.log(0.42), 3)) * (1 if main else 0.7)
    if shape == "slab":
        half[2] = view * rng.uniform(0.01, 0.05)
    elif shape == "cylinder":
        half[1] = half[0]
    elif shape == "sphere":
        half[:] = half[0] * 0.7
    elif shape == "rail":
        half[:] = view * rng.uniform(0.015, 0.04)
        half[rng.integers(2)] = view * rng.uniform(0.3, 0.8)
    if wall:
        half[2] *= 0.4
    # On the base plane, the main object in the middle, others beside it.
    centre = np.array([*rng.normal(0, 0.05 if main else 0.35, 2) * view, half[2] + 0.001])
    for _ in range(6):
        if all(np.any(np.abs(centre - other.centre)[:2] > (half + other.half)[:2]) for other in others):
            break
        centre[:2] = rng.normal(0, 0.55, 2) * view
    mount = str(rng.choice(["fixed", "springy", "free"], p=[0.6, 0.4, 0] if wall else [0.4, 0.25, 0.35]))
    return Thing(shape, centre, half, mount)


def _compose(
    rng: Rng, view: float, wall: bool, things: Sequence[Thing], tools: Sequence[Tool], distractor: bool, textures: int
) -> str:
    gravity = "0 -9.81 0" if wall else "0 0 -9.81"
    assets = "".join(_material(rng, index) for index in range(textures))
    bodies = "".join(_body(rng, thing, index) for index, thing in enumerate(things))
    for index, tool in enumerate(tools):
        bodies += f'<body name="tool{index}" mocap="true" pos="0 0 5">{tool.geoms}</body>'
    bodies += _clutter(rng, view, len(things) + 1)
    plane = f'type="plane" size="12 12 {PLANE_GRID}" material="m{len(things)}" contype="2" conaffinity="2"'
    if distractor:
        size = " ".join(f"{v:.3f}" for v in view * rng.uniform(0.03, 0.15, 3))
        shape = rng.choice(["box", "ellipsoid"])
        geom = f'<geom type="{shape}" size="{size}" {_scenery(len(things) + 1)}/>'
        bodies += f'<body name="distractor" mocap="true" pos="0 0 9">{geom}</body>'
    backdrop = f'<geom type="box" size="0.05 8 8" {_scenery(len(things) + 2)}/>'
    ambient, glow = rng.uniform(0.15, 0.5), rng.uniform(0, 0.4)
    return f"""<mujoco>
<option timestep="{1 / STEPS_PER_SECOND}" gravity="{gravity}" integrator="implicitfast"
 iterations="12" ls_iterations="10"/>
<visual><headlight ambient="{ambient} {ambient} {ambient}" diffuse="{glow} {glow} {glow}"/>
<quality shadowsize="256" offsamples="{rng.choice([0, 4])}" numslices="16" numstacks="10"/>
<map znear="0.01" zfar="60" shadowclip="1.5"/>
<global offwidth="128" offheight="128"/></visual>
<statistic extent="{view}" center="0 0 {0.2 * view}"/><asset>{assets}</asset><worldbody>{_lights(rng)}
<geom {plane}/>
{bodies}<body name="backdrop" mocap="true" pos="0 0 -9">{backdrop}</body>
<camera name="eye" pos="0 0 2" fovy="45"/></worldbody></mujoco>"""


def _scenery(material: int) -> str:
    """MJCF attributes of scenery: visible, without collisions."""
    return f'material="m{material}" contype="0" conaffinity="0" group="2"'


def _material(rng: Rng, index: int) -> str:
    repeat = np.exp(rng.uniform(np.log(0.5), np.log(4)))
    uniform = "true" if rng.random() < 0.5 else "false"
    return (
        f'<texture name="t{index}" type="2d" builtin="flat" width="{SIZE}" height="{SIZE}"/>'
        f'<material name="m{index}" texture="t{index}" texuniform="{uniform}" '
        f'texrepeat="{repeat:.2f} {repeat * rng.uniform(0.7, 1.4):.2f}" '
        f'specular="{rng.uniform(0, 0.7):.2f}" shininess="{rng.random():.2f}" reflectance="0"/>'
    )


def _lights(rng: Rng) -> str:
    lights = ""
    for _ in range(rng.integers(1, 3)):
        tilt, around = rng.uniform(0.1, 1.1), rng.uniform(0, 2 * np.pi)
        away = np.array([np.sin(tilt) * np.cos(around), np.sin(tilt) * np.sin(around), np.cos(tilt)])
        colour = np.clip(rng.uniform(0.25, 0.8) * (1 + rng.normal(0, 0.08, 3)), 0, 1)
        position, direction, diffuse = (" ".join(f"{v:.3f}" for v in a) for a in (away * 3, -away, colour))
        lights += (
            f'<light type="directional" pos="{position}" dir="{direction}" diffuse="{diffuse}" '
            f'castshadow="{"true" if rng.random() < 0.6 else "false"}"/>'
        )
    return lights


def _body(rng: Rng, thing: Thing, index: int) -> str:
    position = " ".join(f"{value:.4f}" for value in thing.centre)
    shape = {"slab": "box", "rail": "box", "sphere": "ellipsoid"}.get(thing.shape, thing.shape)
    half = thing.half[[0, 2]] if shape == "cylinder" else thing.half
    mass = float(np.clip(np.prod(2 * thing.half) * 400, 0.3, 8))
    joint, touch = "", 'contype="2" conaffinity="2"'
    if thing.mount == "free":
        joint, touch = "<freejoint/>", 'contype="2" conaffinity="3" friction="0.8"'
    elif thing.mount == "springy":
        touch = 'contype="0" conaffinity="1"'
        pulse = 2 * np.pi * rng.uniform(2, 6)
        damping = rng.uniform(0.05, 0.4)
        if rng.random() < 0.5:
            joint = (
                f'<joint type="slide" axis="0 0 1" stiffness="{mass * pulse**2:.3f}" '
                f'damping="{2 * damping * mass * pulse:.4f}"/>'
            )
        else:
            inertia = mass * float(np.sum(thing.half**2))
            joint = (
                f'<joint type="ball" pos="0 0 {-thing.half[2]:.4f}" stiffness="{inertia * pulse**2:.4f}" '
                f'damping="{2 * damping * inertia * pulse:.5f}"/>'
            )
    return (
        f'<body pos="{position}" gravcomp="{0 if thing.mount == "free" else 1}">{joint}<geom type="{shape}" '
        f'size="{" ".join(f"{value:.4f}" for value in half)}" material="m{index}" mass="{mass:.3f}" {touch} '
        f'solref="{rng.uniform(0.012, 0.03):.4f} {rng.uniform(0.4, 1):.2f}"/></body>'
    )


def _clutter(rng: Rng, view: float, material: int) -> str:
    """Objects that are never hit."""
    clutter = ""
    for _ in range(rng.integers(0, 5)):
        half = view * rng.uniform(0.03, 0.3, 3)
        around, away = rng.uniform(0, 2 * np.pi), view * rng.uniform(0.8, 1.8)
        position = np.array([away * np.cos(around), away * np.sin(around), half[2]])
        numbers = [" ".join(f"{value:.4f}" for value in values) for values in (position, half)]
        colour = np.clip(rng.uniform(0.05, 0.95) + rng.normal(0, 0.15, 3), 0, 1)
        shape = rng.choice(["box", "ellipsoid"])
        clutter += (
            f'<geom type="{shape}" pos="{numbers[0]}" size="{numbers[1]}" {_scenery(material)} '
            f'rgba="{colour[0]:.2f} {colour[1]:.2f} {colour[2]:.2f} 1"/>'
        )
    return clutter
