"""The tools: sticks, mallets, hammers, knives, fists, palms, fingers, each with a forearm.

In a tool's own frame the part that makes contact is at the origin, +x points towards the arm and +z away from the
struck surface. Lengths in m.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Rng = np.random.Generator
GEOM = 'group="1" contype="1" conaffinity="0" mass="0.3" friction="0.3"'

# Skin colours from light to dark, estimated, RGB 0..1.
SKINS = np.array([[0.95, 0.78, 0.69], [0.87, 0.67, 0.54], [0.76, 0.55, 0.42], [0.55, 0.37, 0.27], [0.35, 0.23, 0.17]])
KIND_SHARES = {
    "stick": 0.34,
    "mallet": 0.1,
    "hammer": 0.1,
    "knife": 0.12,
    "fist": 0.1,
    "palm": 0.14,
    "fingers": 0.1,
}


@dataclass(frozen=True)
class Tool:
    """A tool. kind: a key of KIND_SHARES. geoms: MJCF. reach: m from the frame's origin to the surface at contact.
    pivot: m from the origin to the joint about which it turns. tilt: rad, range of its angle."""

    kind: str
    geoms: str
    reach: float
    pivot: float
    tilt: tuple[float, float]

    @classmethod
    def draw(cls, rng: Rng, kind: str | None = None) -> Tool:
        """A random tool; kind: a key of KIND_SHARES, None: random."""
        chosen = kind or str(rng.choice(list(KIND_SHARES), p=list(KIND_SHARES.values())))
        skin = SKINS[rng.integers(len(SKINS))] * rng.uniform(0.85, 1.1)
        build = _Builder(rng, rgba(skin), rgba(rng.uniform(0.03, 0.9) + rng.normal(0, 0.12, 3)))
        return getattr(build, chosen)()


def rgba(colour: np.ndarray) -> str:
    """MJCF colour attribute of (3,) values in 0..1."""
    return 'rgba="' + " ".join(f"{value:.3f}" for value in np.clip(colour, 0.02, 1)) + ' 1"'


def capsule(start: tuple[float, ...], end: tuple[float, ...], radius: float, look: str) -> str:
    """MJCF of a capsule between two points."""
    ends = " ".join(f"{value:.4f}" for value in (*start, *end))
    return f'<geom type="capsule" fromto="{ends}" size="{radius:.4f}" {look} {GEOM}/>'


def solid(kind: str, centre: tuple[float, ...], size: tuple[float, ...], look: str, turn: str = "") -> str:
    """MJCF of a box, ellipsoid or cylinder."""
    position, sizes = (" ".join(f"{value:.4f}" for value in values) for values in (centre, size))
    return f'<geom type="{kind}" pos="{position}" size="{sizes}" {turn} {look} {GEOM}/>'


class _Builder:
    """Shapes with one person's skin and sleeve."""

    def __init__(self, rng: Rng, skin: str, sleeve: str) -> None:
        self.rng, self.skin, self.sleeve = rng, skin, sleeve

    def arm(self, wrist: float, height: float = 0.0) -> str:
        """A forearm from the wrist at x = `wrist`, partly in a sleeve."""
        rng = self.rng
        bend, rise = rng.uniform(-0.2, 0.2), rng.uniform(-0.02, 0.1)
        elbow, middle = wrist + 0.28, wrist + rng.uniform(0.01, 0.2)
        share = (middle - wrist) / 0.28
        at = (middle, bend * share * 0.3, height + rise * share)
        end = (elbow, bend * 0.3, height + rise)
        upper = (elbow + 0.35, bend, height + rise + rng.uniform(-0.05, 0.3))
        return (
            capsule((wrist, 0, height), at, 0.03, self.skin)
            + capsule(at, end, rng.uniform(0.038, 0.05), self.sleeve)
            + capsule(end, upper, rng.uniform(0.05, 0.07), self.sleeve)
        )

    def grip(self, at: float, height: float = 0.0) -> str:
        """A closed hand around a handle at x = `at`: back of the hand and fingers."""
        hand = solid("ellipsoid", (at, 0, height + 0.005), (0.05, 0.035, 0.042), self.skin)
        for finger in range(4):
            x = at - 0.033 + finger * 0.02
            hand += capsule((x, -0.03, height + 0.01), (x, 0.012, height - 0.034), 0.0105, self.skin)
        return hand + capsule((at - 0.01, 0.03, height + 0.01), (at - 0.055, 0.012, height + 0.015), 0.011, self.skin)

    def handled(self, kind: str, head: str, length: float, radius: float, look: str, reach: float, z: float) -> Tool:
        """A head at the origin, a handle along +x at height z, and the hand that holds it."""
        hold = length * self.rng.uniform(0.75, 1)
        geoms = head + capsule((0, 0, z), (length, 0, z), radius, look)
        geoms += self.grip(hold, z) + self.arm(hold + 0.05, z)
        return Tool(kind, geoms, reach, hold + self.rng.choice([0.05, 0.3]), (0.03, 0.7))

    def handle_colour(self) -> str:
        """Colour of a handle: wood in three of five cases."""
        wood = np.array([0.8, 0.6, 0.38]) * self.rng.uniform(0.5, 1.2)
        return rgba(wood if self.rng.random() < 0.6 else self.rng.uniform(0.05, 0.95, 3))

    def stick(self) -> Tool:
        """A thin rod, held at its end."""
        radius = self.rng.uniform(0.006, 0.014)
        return self.handled("stick", "", self.rng.uniform(0.22, 0.6), radius, self.handle_colour(), radius, 0.0)

    def mallet(self) -> Tool:
        """A soft round head on a handle."""
        size = self.rng.uniform(0.015, 0.045)
        head = solid("ellipsoid", (0, 0, 0), (size, size, size * 0.95), rgba(self.rng.uniform(0.05, 0.95, 3)))
        return self.handled("mallet", head, self.rng.uniform(0.2, 0.45), 0.006, self.handle_colour(), size, 0.0)

    def hammer(self) -> Tool:
        """A steel head across a handle; its face makes contact."""
        half = self.rng.uniform(0.03, 0.06)
        steel = rgba(np.full(3, self.rng.uniform(0.15, 0.6)))
        head = solid("cylinder", (0, 0, 0), (self.rng.uniform(0.012, 0.025), half), steel)
        tool = self.handled("hammer", head, self.rng.uniform(0.22, 0.35), 0.012, self.handle_colour(), half, 0.0)
        return Tool("hammer", tool.geoms, half, tool.pivot, (0.0, 0.15))

    def knife(self) -> Tool:
        """A blade whose edge makes contact."""
        length, depth = self.rng.uniform(0.12, 0.28), self.rng.uniform(0.012, 0.03)
        steel = rgba(np.full(3, self.rng.uniform(0.5, 0.85)))
        blade = solid("box", (length / 2, 0, depth), (length / 2, 0.003, depth), steel)
        geoms = blade + capsule((length, 0, depth * 1.3), (length + 0.11, 0, depth * 1.3), 0.012, self.handle_colour())
        geoms += self.grip(length + 0.06, depth * 1.3) + self.arm(length + 0.11, depth * 1.3)
        return Tool("knife", geoms, 0.0, length + 0.35, (0.0, 0.25))

    def fist(self) -> Tool:
        """A closed hand on its forearm."""
        geoms = self.grip(0.02, 0.0) + solid("ellipsoid", (0.03, 0, 0.005), (0.055, 0.045, 0.042), self.skin)
        return Tool("fist", geoms + self.arm(0.07), 0.043, 0.35, (0.0, 0.6))

    def palm(self) -> Tool:
        """A flat hand."""
        geoms = solid("ellipsoid", (0.06, 0, 0), (0.052, 0.044, 0.016), self.skin)
        for finger in range(4):
            y, curl = -0.033 + finger * 0.022, self.rng.uniform(-0.012, 0.006)
            length = (0.065, 0.078, 0.074, 0.058)[finger]
            geoms += capsule((0.025, y, 0), (0.02 - length, y * 1.2, curl), 0.009, self.skin)
        geoms += capsule((0.08, 0.035, 0), (0.03, 0.075, 0.0), 0.011, self.skin)
        return Tool("palm", geoms + self.arm(0.11), 0.014, self.rng.choice([0.12, 0.38]), (-0.02, 0.3))

    def fingers(self) -> Tool:
        """A hand that taps with one to four fingertips."""
        geoms = solid("ellipsoid", (0.08, 0, 0.055), (0.05, 0.042, 0.02), self.skin)
        used = int(self.rng.integers(1, 5))
        for finger in range(4):
            y = -0.033 + finger * 0.022
            knuckle, bent = (0.035, y, 0.06), (0.005, y * 1.1, 0.045)
            tip = (-0.005, y * 1.1, 0.0) if finger < used else (0.04, y, 0.025)
            geoms += capsule(knuckle, bent, 0.0095, self.skin) + capsule(bent, tip, 0.0085, self.skin)
        geoms += capsule((0.09, 0.03, 0.05), (0.04, 0.06, 0.035), 0.011, self.skin)
        return Tool("fingers", geoms + self.arm(0.13, 0.055), 0.009, self.rng.choice([0.13, 0.4]), (0.0, 0.35))
