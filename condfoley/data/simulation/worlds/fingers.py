"""Fingers that type, tap and drum, each on its own."""

from __future__ import annotations

import numpy as np

from condfoley.data.simulation.motion import smooth_noise
from condfoley.data.simulation.scene import Scene, Thing
from condfoley.data.simulation.tools import GEOM, SKINS, Tool, capsule, rgba, solid
from condfoley.data.simulation.worlds.world import Contact, Rng, Vector, World, eased, upright

FINGERS = ((0.0, -0.033), (-0.012, -0.011), (-0.008, 0.011), (0.006, 0.033))  # m, tips from the middle of a hand
SHORTEST = 0.16  # s between two taps of one finger


def fingers(rng: Rng, times: Vector) -> World:
    """One or two hands above a table, a box or keys: 2 to 10 taps a second in runs, with pauses."""
    view = float(np.exp(rng.uniform(np.log(0.22), np.log(0.6))))
    style = str(rng.choice(["typing", "drumming", "tapping"], p=[0.45, 0.3, 0.25]))
    hands = 2 if style == "typing" and rng.random() < 0.6 else 1
    top, things = 0.0, []
    if rng.random() < 0.75:
        half = np.array([rng.uniform(0.25, 0.5), rng.uniform(0.4, 0.8), rng.uniform(0.02, 0.12)]) * view
        things, top = [Thing("slab", np.array([0.0, 0.0, half[2]]), half, "fixed")], 2 * half[2]
    taps = _taps(rng, times, style, 4 * hands)
    tools: list[Tool] = []
    paths, contacts = [], []
    skin = rgba(SKINS[rng.integers(len(SKINS))] * rng.uniform(0.85, 1.1))
    sleeve = rgba(rng.uniform(0.03, 0.9) + rng.normal(0, 0.12, 3))
    reach = rng.uniform(0.01, 0.03)
    for hand in range(hands):
        side = (hand - (hands - 1) / 2) * 0.13
        middle = _wandering(rng, times, style, side)
        tools.append(_back(rng, skin, sleeve))
        paths.append(upright(middle + [0, 0, top] + smooth_noise(rng, len(times), 3, 1.5) * 0.002))
        for finger, offset in enumerate(FINGERS):
            mine = [time for time, which in taps if which == 4 * hand + finger]
            lift, speeds = _lifts(rng, times, mine, reach)
            places = middle + np.array([*offset, 0.0])
            places = np.column_stack([places[:, :2], lift + top])
            tools.append(_finger(skin))
            paths.append(upright(places))
            for time, speed in zip(mine, speeds, strict=True):
                index = min(int(np.searchsorted(times, time)), len(times) - 1)
                contacts.append(Contact(time, speed, np.array([*places[index, :2], top])))
    contacts.sort(key=lambda contact: contact.time)
    seen = np.array([contact.point for contact in contacts] or [np.array([0.0, 0.0, top])])
    scene = Scene.furnished(rng, view, False, things, tools)
    return World(scene, tuple(paths), tuple(contacts), seen, 0.05, style, hand=np.array([1.0, 0.0, 0.0]))


def _taps(rng: Rng, times: Vector, style: str, count: int) -> list[tuple[float, int]]:
    """Times in s, and which finger taps then, in order of time. count: of fingers."""
    found: list[tuple[float, int]] = []
    last = np.full(count, -np.inf)
    now, rate = times[0] + rng.uniform(0, 0.8), float(np.exp(rng.uniform(np.log(2.5), np.log(9))))
    used = rng.permutation(count)[: 1 if style == "tapping" else count]
    while now < times[-1] - 0.05:
        if style == "drumming":  # a roll from one side to the other
            gap = rng.uniform(0.07, 0.14)
            for finger in range(count) if rng.random() < 0.8 else range(count - 1, -1, -1):
                found.append((float(now), finger))
                now += gap * float(np.exp(rng.normal(0, 0.1)))
            now += rng.uniform(0.1, 0.9)
            continue
        free = [finger for finger in used if now - last[finger] >= SHORTEST]
        if free:
            finger = int(rng.choice(free))
            last[finger] = now
            found.append((float(now), finger))
        now += max(0.09, float(np.exp(rng.normal(0, 0.08 if style == "tapping" else 0.35))) / rate)
        now += rng.uniform(0.4, 1.8) if rng.random() < 0.06 else 0.0
    return [(time, finger) for time, finger in found if time < times[-1] - 0.05]


def _lifts(rng: Rng, times: Vector, taps: list[float], reach: float) -> tuple[Vector, list[float]]:
    """Height of a fingertip above the surface in m, (S,), and the speed in m/s of each tap. reach: m, usual lift."""
    rest = reach * rng.uniform(0.15, 0.5)
    lift, speeds, free = np.full(len(times), rest), [], times[0]
    for time in taps:
        room = max(time - free, 0.06)
        fall, high = (
            min(rng.uniform(0.03, 0.06), 0.4 * room),
            min(reach * float(np.exp(rng.normal(0, 0.3))), 0.8 * room),
        )
        rise = min(rng.uniform(0.05, 0.15), 0.5 * room)
        down, up = (times >= time - fall) & (times < time), (times >= time - fall - rise) & (times < time - fall)
        lift[up] = lift[up] + (high - lift[up]) * eased((times[up] - time + fall + rise) / rise)
        lift[down] = high * (1 - ((times[down] - time + fall) / fall) ** 2)
        dwell = rng.uniform(0.02, 0.06)
        back = times >= time
        lift[back] = rest * eased((times[back] - time - dwell) / 0.1)
        speeds.append(2 * high / fall)
        free = time + dwell
    return lift + 0.0085, speeds


def _wandering(rng: Rng, times: Vector, style: str, side: float) -> Vector:
    """Middle of a hand's fingertips at each step, (S, 3) m, on the surface: it moves between places now and then."""
    places = np.zeros((len(times), 3))
    places[:, 1] = side
    now = times[0]
    while style == "typing" and now < times[-1]:
        goal = np.array([rng.normal(0, 0.012), side + rng.normal(0, 0.02), 0.0])
        start = places[min(int(np.searchsorted(times, now)), len(times) - 1)].copy()
        later = times >= now
        places[later] = start + (goal - start) * eased((times[later] - now) / 0.15)[:, None]
        now += rng.uniform(0.2, 0.9)
    return places


def _back(rng: Rng, skin: str, sleeve: str) -> Tool:
    """The back of a hand with its thumb and forearm; the origin is under the fingertips."""
    geoms = solid("ellipsoid", (0.08, 0, 0.055), (0.05, 0.042, 0.02), skin)
    geoms += capsule((0.09, 0.03, 0.05), (0.04, 0.06, 0.035), 0.011, skin)
    cuff, bend = rng.uniform(0.15, 0.3), rng.uniform(-0.06, 0.06)
    geoms += capsule((0.13, 0, 0.055), (cuff, bend * 0.3, 0.07), 0.028, skin)
    geoms += capsule((cuff, bend * 0.3, 0.07), (0.42, bend, 0.1), 0.04, sleeve)
    return Tool("hand", geoms, 0.0, 0.0, (0.0, 0.0))


def _finger(skin: str) -> Tool:
    """A bent finger, its tip at the origin."""
    geoms = f'<geom type="capsule" fromto="0.045 0 0.058 0.012 0 0.043" size="0.0095" {skin} {GEOM}/>'
    return Tool("finger", geoms + capsule((0.012, 0, 0.043), (0, 0, 0), 0.0085, skin), 0.0085, 0.0, (0.0, 0.0))
