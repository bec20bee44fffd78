"""Feet that walk, run and jump."""

from __future__ import annotations

import numpy as np

from condfoley.data.simulation.scene import STEPS_PER_SECOND, Scene
from condfoley.data.simulation.tools import SKINS, Tool, capsule, rgba, solid
from condfoley.data.simulation.worlds.world import Contact, Path, Rng, Vector, World, eased, turned

HEEL_LIFT, TOE_LIFT = 0.6, 0.35  # rad, before a foot leaves the floor, and where it meets it


def feet(rng: Rng, times: Vector) -> World:
    """Two shoes: on the spot, to and fro, or with a camera that goes along."""
    view = float(np.exp(rng.uniform(np.log(0.8), np.log(2.2))))
    style = str(rng.choice(["on the spot", "to and fro", "followed", "jumping"], p=[0.25, 0.3, 0.3, 0.15]))
    period = float(np.exp(rng.uniform(np.log(0.28), np.log(0.75))))  # s from one step to the next
    stride = {"on the spot": 0.0, "jumping": 0.0}.get(style, rng.uniform(0.2, 0.7) * min(1, 0.5 / period))
    strikes = _strikes(rng, times, period, together=style == "jumping")
    ways = _course(rng, strikes, stride, view, back_and_forth=style == "to and fro")
    lift = float(np.clip(rng.uniform(0.03, 0.15), 0, 0.6 * period))
    apart = rng.uniform(0.06, 0.14)
    paths, contacts = [], []
    for foot, side in enumerate((-apart, apart)):
        mine = [(time, way, size) for time, way, size, which in ways if which == foot]
        path, found = _steps(rng, times, mine, side, lift, period)
        paths.append(path)
        contacts += found
    contacts.sort(key=lambda contact: contact.time)
    mean = (paths[0].places + paths[1].places) / 2
    follow = mean - mean[0] if style == "followed" else None
    if follow is not None:
        follow = np.column_stack([_smooth(follow[:, 0]), np.zeros((len(times), 2))])
    seen = np.array([[*mean[0, :2], 0.0]] if follow is not None else [c.point for c in contacts] or [np.zeros(3)])
    scene = Scene.furnished(rng, view, False, (), _shoes(rng))
    return World(scene, tuple(paths), tuple(contacts), seen, 2 * lift + 0.05, style, follow)


def _strikes(rng: Rng, times: Vector, period: float, together: bool) -> list[tuple[float, float, int]]:
    """Times in s, relative lifts, and which foot meets the floor, in order of time. together: both at once."""
    found, now, foot = [], times[0] + rng.uniform(0.1, 0.6), 0
    jitter, pausing = rng.uniform(0.01, 0.08), rng.choice([0.0, 0.06, 0.15])
    while now < times[-1]:
        size = float(np.exp(rng.normal(0, 0.25)))
        for which in (0, 1) if together else (foot,):
            found.append((float(now), size, which))
        foot = 1 - foot
        now += period * float(np.exp(rng.normal(0, jitter))) * (2 if together else 1)
        now += rng.uniform(0.5, 2.0) if rng.random() < pausing else 0.0
    return found


def _course(
    rng: Rng, strikes: list[tuple[float, float, int]], stride: float, view: float, back_and_forth: bool
) -> list[tuple[float, float, float, int]]:
    """The strikes with where on their way in m they are: (time, way, size, foot)."""
    found, way, ahead = [], 0.0, 1.0
    for time, size, foot in strikes:
        found.append((time, way, size, foot))
        if back_and_forth and abs(way) > 0.3 * view and way * ahead > 0:
            ahead = -ahead
        way += ahead * stride * float(np.exp(rng.normal(0, 0.1)))
    return found


def _steps(
    rng: Rng, times: Vector, strikes: list[tuple[float, float, float]], side: float, lift: float, period: float
) -> tuple[Path, list[Contact]]:
    """Path and contacts of one foot, which stands between its steps. strikes: (time, way, size)."""
    places, pitch = np.zeros((len(times), 3)), np.zeros(len(times))
    places[:, 1] = side
    contacts, before, free = [], 0.0, times[0]
    for time, way, size in strikes:
        swinging = min(rng.uniform(0.7, 0.95) * period, time - free - 0.03)
        if swinging > 0.08:
            height = min(lift * size, 2.2 * swinging * 0.5)
            start = time - swinging
            share = np.clip((times - start) / swinging, 0, 1)
            inside = (times >= start) & (times < time)
            places[inside, 0] = before + (way - before) * eased(share[inside])
            places[inside, 2] = 4 * height * share[inside] * (1 - share[inside])
            pitch[inside] = HEEL_LIFT * (1 - eased(share[inside] * 2.5)) - TOE_LIFT * eased(share[inside] * 1.5 - 0.5)
            lifting = (times >= start - 0.12) & (times < start)
            pitch[lifting] = HEEL_LIFT * eased((times[lifting] - start + 0.12) / 0.12)
            landing = (times >= time) & (times < time + 0.07)
            pitch[landing] = -TOE_LIFT * (1 - eased((times[landing] - time) / 0.07))
            contacts.append(Contact(time, 4 * height / swinging, np.array([way, side, 0.0])))
        places[times >= time, 0] = way
        before, free = way, time + 0.1
    return Path(places, turned(pitch, 1)), contacts


def _shoes(rng: Rng) -> list[Tool]:
    """A pair: soles at the origin's height, the toes towards +x, with legs. +pitch lifts the heel."""
    shoe, trouser = rgba(rng.uniform(0.03, 0.9, 3)), rgba(rng.uniform(0.05, 0.8) + rng.normal(0, 0.1, 3))
    skin = rgba(SKINS[rng.integers(len(SKINS))] * rng.uniform(0.85, 1.1))
    bare, ankle = rng.random() < 0.15, rng.uniform(0.1, 0.35)
    lean = rng.uniform(-0.06, 0.02)
    geoms = solid("ellipsoid", (0.06, 0, 0.035), (0.1, 0.042, 0.035), skin if bare else shoe)
    geoms += solid("box", (-0.03, 0, 0.03), (0.06, 0.033, 0.03), skin if bare else shoe)
    geoms += capsule((-0.05, 0, 0.07), (-0.05 + lean / 2, 0, ankle), 0.034, skin)
    geoms += capsule((-0.05 + lean / 2, 0, ankle), (-0.05 + lean, 0, 0.45), 0.055, trouser)
    geoms += capsule((-0.05 + lean, 0, 0.45), (-0.02, 0, 0.95), 0.075, trouser)
    return [Tool("foot", geoms, 0.0, 0.0, (0.0, 0.0))] * 2


def _smooth(values: Vector) -> Vector:
    """A camera's way along with a walker: the mean over a second."""
    width = STEPS_PER_SECOND
    return np.convolve(np.pad(values, width // 2, mode="edge"), np.ones(width) / width, "valid")[: len(values)]
