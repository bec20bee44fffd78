"""Balls that are dropped, dribbled, or thrown through the picture."""

from __future__ import annotations

import numpy as np

from condfoley.data.simulation.motion import smooth_noise
from condfoley.data.simulation.scene import STEPS_PER_SECOND, Scene
from condfoley.data.simulation.tools import Tool, rgba, solid
from condfoley.data.simulation.worlds.world import GRAVITY, Contact, Path, Rng, Vector, World, eased, turned, upright

QUIET = 0.6  # picture widths per second; slower bounces are not heard, and end in rolling
PARKED = np.array([0.0, 0.0, -9.0])  # under the floor


def balls(rng: Rng, times: Vector) -> World:
    """One ball that a hand drops or dribbles, or up to three that fly in from the side, bounce and roll away."""
    view = float(np.exp(rng.uniform(np.log(0.5), np.log(2.5))))
    style = str(rng.choice(["dropped", "dribbled", "thrown"], p=[0.4, 0.25, 0.35]))
    radius = view * rng.uniform(0.03, 0.09)
    if style == "thrown":
        flights = [_thrown(rng, times, view, radius) for _ in range(rng.integers(1, 4))]
        tools = [_ball(rng, radius) for _ in flights]
        paths = [path for path, _ in flights]
        contacts = [contact for _, found in flights for contact in found]
    else:
        move = _dropped if style == "dropped" else _dribbled
        path, contacts, hand = move(rng, times, view, radius)
        tools, paths = [_ball(rng, radius), Tool.draw(rng, "palm")], [path, hand]
    seen = np.array([contact.point for contact in contacts] or [np.zeros(3)])
    scene = Scene.furnished(rng, view, False, (), tools)
    return World(scene, tuple(paths), tuple(contacts), seen, float(paths[0].places[:, 2].max()) * 0.5, style)


def _ball(rng: Rng, radius: float) -> Tool:
    """A ball with a band, by which it is seen to turn; reach: its radius in m."""
    colours = [rgba(colour) for colour in rng.uniform(0.05, 0.95, (2, 3))]
    geoms = solid("ellipsoid", (0, 0, 0), (radius,) * 3, colours[0])
    geoms += solid("cylinder", (0, 0, 0), (radius * 1.01, radius * rng.uniform(0.1, 0.3)), colours[1])
    return Tool("ball", geoms, radius, 0.0, (0.0, 0.0))


def _bounces(height: float, bounce: float, slowest: float) -> list[tuple[float, float]]:
    """Times after the release in s, and impact speeds in m/s, of all contacts; the last one is slower than `slowest`.

    height: m above the floor from which it falls. bounce: share of the speed that is left.
    """
    speed = float(np.sqrt(2 * GRAVITY * height))
    found = [(speed / GRAVITY, speed)]
    while found[-1][1] > slowest:
        rising = found[-1][1] * bounce
        found.append((found[-1][0] + 2 * rising / GRAVITY, rising))
    return found


def _heights(since: Vector, height: float, bounce: float, contacts: list[tuple[float, float]]) -> Vector:
    """Height above the floor in m at times (N,) since the release."""
    out = np.maximum(height - GRAVITY * since**2 / 2, 0)
    for (begin, speed), (end, _) in zip(contacts, contacts[1:], strict=False):
        inside = (since >= begin) & (since < end)
        after = since[inside] - begin
        out[inside] = speed * bounce * after - GRAVITY * after**2 / 2
    out[since >= contacts[-1][0]] = 0
    return np.maximum(out, 0)


def _dropped(rng: Rng, times: Vector, view: float, radius: float) -> tuple[Path, list[Contact], Path]:
    """Dropped again and again; a hand picks it up, carries it and lets it go: path, contacts, path of the hand."""
    bounce, places = rng.uniform(0.45, 0.88), np.zeros((len(times), 3))
    held, contacts = np.ones(len(times)), []
    now, ground = times[0] + rng.uniform(0, 0.8), rng.normal(0, 0.08, 2) * view
    places[:, :2] = ground
    places[:, 2] = height = view * rng.uniform(0.25, 0.7)
    while now < times[-1]:
        hits = _bounces(height, bounce, QUIET * view)
        drift = rng.normal(0, 0.06, 2) * view
        pick = now + hits[-1][0] + rng.uniform(0.1, 1.5)
        again = pick + rng.uniform(0.4, 0.9)
        flying = (times >= now) & (times < pick)
        since = times[flying] - now
        places[flying, 2] = _heights(since, height, bounce, hits)
        places[flying, :2] = ground + drift * np.minimum(since, hits[-1][0])[:, None]
        held[flying] = 0
        for after, speed in hits[:-1]:
            contacts.append(Contact(now + after, speed, np.array([*(ground + drift * after), 0.0])))
        lying = ground + drift * hits[-1][0]
        ground, height = rng.normal(0, 0.08, 2) * view, view * rng.uniform(0.25, 0.7)
        later = times >= pick
        share = eased((times[later] - pick) / (again - pick))[:, None]
        places[later, :2] = lying + (ground - lying) * share
        places[later, 2] = height * share[:, 0]
        now = again + rng.uniform(0, 0.6)
    places[:, 2] += radius
    hand = _carrying(times, places, held, view, radius)
    return _rolling(rng, times, places, radius), contacts, hand


def _carrying(times: Vector, ball: Vector, held: Vector, view: float, radius: float) -> Path:
    """A hand above the ball while it is held; else it withdraws, and comes back 0.3 s before the ball is picked up."""
    width = round(0.3 * STEPS_PER_SECOND)
    kernel = np.hanning(2 * width + 1)
    near = np.clip(np.convolve(np.pad(held, width, mode="edge"), kernel / kernel.sum(), "valid") * 2, 0, 1)
    over = ball + [0, 0, radius + 0.016]
    away = over.copy()
    away[:, 2] = np.maximum.accumulate(np.full(len(times), ball[:, 2].max())) + 0.1 * view
    away[:, 0] += 0.5 * view
    share = near[:, None]
    return upright(away + (over - away) * share)


def _dribbled(rng: Rng, times: Vector, view: float, radius: float) -> tuple[Path, list[Contact], Path]:
    """Pushed down by a hand each time that it comes up, with pauses in which it is held."""
    height, period = view * rng.uniform(0.2, 0.55), rng.uniform(0.36, 0.85)
    falling = min(period * 0.42, float(np.sqrt(2 * height / GRAVITY)))
    push = height / falling - GRAVITY * falling / 2
    z, contacts = np.full(len(times), height), []
    sway = smooth_noise(rng, len(times), 2, 0.5) * view * 0.06
    now = times[0] + rng.uniform(0, 0.4)
    while now < times[-1] - falling:
        since = np.abs(times - now - falling)  # up is down in reverse
        flying = since < falling
        before = falling - since[flying]
        z[flying] = height - push * before - GRAVITY * before**2 / 2
        place = sway[min(round((now + falling - times[0]) * STEPS_PER_SECOND), len(times) - 1)]
        contacts.append(Contact(now + falling, push + GRAVITY * falling, np.array([*place, 0.0])))
        now += max(2 * falling + 0.03, period * float(np.exp(rng.normal(0, 0.08))))
        now += rng.uniform(0.4, 1.5) if rng.random() < 0.08 else 0.0
    places = np.column_stack([sway, z + radius])
    hand = places.copy()
    hand[:, 2] = np.maximum(places[:, 2], radius + height * rng.uniform(0.7, 0.9)) + radius + 0.016
    return _rolling(rng, times, places, radius), contacts, upright(hand)


def _thrown(rng: Rng, times: Vector, view: float, radius: float) -> tuple[Path, list[Contact]]:
    """It flies in from the side, bounces through the picture and out of it, and comes again."""
    bounce, places, contacts = rng.uniform(0.5, 0.85), np.tile(PARKED, (len(times), 1)), []
    now = times[0] + rng.uniform(0, 1.5)
    while now < times[-1]:
        height, pace = view * rng.uniform(0.2, 0.8), view * rng.uniform(0.45, 1.5)
        around = rng.uniform(0, 2 * np.pi)
        course = np.array([np.cos(around), np.sin(around)])
        aside = np.array([-course[1], course[0]]) * rng.normal(0, 0.2) * view
        hits, gone = _bounces(height, bounce, QUIET * view), 3.2 * view / pace
        flying = (times >= now) & (times < now + gone)
        since = times[flying] - now
        places[flying, :2] = aside + course * (pace * since - 1.6 * view)[:, None]
        places[flying, 2] = _heights(since, height, bounce, hits) + radius
        for after, speed in hits[:-1]:
            point = np.array([*(aside + course * (pace * after - 1.6 * view)), 0.0])
            if np.linalg.norm(point) < 0.55 * view:
                contacts.append(Contact(now + after, speed, point))
        now += gone + rng.uniform(0, 1)
    return _rolling(rng, times, places, radius), contacts


def _rolling(rng: Rng, times: Vector, places: Vector, radius: float) -> Path:
    """A ball that turns as it moves on."""
    steps = np.diff(places[:, :2], axis=0, prepend=places[:1, :2])
    way = np.minimum(np.linalg.norm(steps, axis=1), 0.2 * radius)
    angles = np.cumsum(way) / radius + times * rng.uniform(0, 2)
    return Path(places, turned(angles, int(rng.integers(2))))
