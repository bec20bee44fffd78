"""Plans the actions of a video: hits, scratches, misses and rests, with timing like that of people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from condfoley.data.events import Event
from condfoley.data.simulation.scene import Scene, Thing
from condfoley.data.simulation.timing import BEFORE, Timing, loose

Rng = np.random.Generator
Vector = NDArray[np.float64]
Probe = Callable[[Vector], "Vector | None"]  # aim -> the surface point that a swing at it hits; None: it hits nothing
# Impact speeds (hit) and sliding speeds (scratch) that have strength 0 and 1, in picture widths per second.
HIT_SPEEDS, SCRATCH_SPEEDS = (0.8, 14.0), (0.12, 2.5)
HIGHEST = 0.7  # m of a swing


@dataclass(frozen=True)
class Action:
    """One action of a tool. Lengths in m, times in s.

    time: of the contact (of the turning point, for a miss). tool: index. aim: (3,) expected position of the surface.
    height: amplitude of the swing. fall: duration of the downward swing. power: exponent of its acceleration, 1
    uniform .. 3 late. stop: distance kept from the surface, 0 for contact. stay: continues the previous scratch
    without lifting. duration, slide: of a scratch; (3,) its path. rise, rest: duration and height of the rebound, the
    latter as a share of `height`. dwell: time at the surface after a hit or a landing (a contact too soft to be heard).
    """

    kind: Literal["hit", "scratch", "miss", "rest", "landing"]
    time: float
    tool: int
    aim: Vector
    height: float
    fall: float = 0.1
    power: float = 2.0
    stop: float = 0.0
    stay: bool = False
    duration: float = 0.0
    slide: Vector = field(default_factory=lambda: np.zeros(3))
    rise: float = 0.15
    rest: float = 0.7
    dwell: float = 0.0

    @property
    def end(self) -> float:
        """Time in s at which the tool leaves the surface."""
        return self.time + (self.duration if self.kind == "scratch" else self.dwell)


@dataclass(frozen=True)
class Style:
    """How a person hits. approach: (3,) unit vector away from the surface, opposite to the swing.
    hand: (3,) unit vector from the contact towards the hand. wrist: 0 moves the arm .. 1 turns the wrist.
    height: m, typical amplitude of a swing. fall: s, its duration. power: see `Action`. dwelling: s, typical `dwell`.
    scratchy, missing, landing: shares of scratches, misses and soft landings. wandering: probability to change the
    place in each second. idle: m, amplitude of the hand's drift."""

    approach: Vector
    hand: Vector
    wrist: float
    height: float
    fall: float
    power: float
    dwelling: float
    scratchy: float
    missing: float
    wandering: float
    idle: float
    landing: float = 0.0

    @classmethod
    def draw(cls, rng: Rng, scene: Scene) -> Style:
        """A random style that fits the scene: from above, or from the side for a high object."""
        main = scene.things[0] if scene.things else None
        lean = abs(rng.normal(0, 0.35 if not scene.wall else 0.25))
        if main is not None and main.half[2] > 0.12 * scene.view and rng.random() < 0.2:
            lean = rng.uniform(1.1, 1.5)  # from the side
        around = rng.uniform(0, 2 * np.pi)
        lean = min(lean, 1.5)
        approach = np.array([np.sin(lean) * np.cos(around), np.sin(lean) * np.sin(around), np.cos(lean)])
        height = float(np.clip(scene.view * np.exp(rng.uniform(np.log(0.09), np.log(0.65))), 0.04, 0.6))
        return cls(
            approach=approach,
            hand=_hand_direction(rng, approach, scene.tools[0].tilt),
            wrist=float(rng.uniform(0, 1)),
            height=height,
            fall=float(rng.uniform(0.06, 0.12) * (1 + height)),
            power=float(rng.uniform(1.5, 3)),
            dwelling=float(rng.choice([0.0, 0.03, 0.08, 0.2])),
            scratchy=float(rng.uniform(0.3, 1)) if rng.random() < 0.28 else 0.0,
            missing=float(rng.uniform(0.03, 0.35)) if rng.random() < 0.45 else 0.0,
            wandering=float(rng.choice([0.05, 0.2, 0.6])),
            idle=float(scene.view * rng.uniform(0.0, 0.04)),
        )


def plan_actions(
    rng: Rng, scene: Scene, style: Style, duration: float, probe: Probe, timing: Timing = loose
) -> list[Action]:
    """All actions from BEFORE s before the video to AFTER s after it, in order of time.

    duration: s. probe: finds surface points in the initial scene. timing: draws the times of the actions.
    """
    actions: list[Action] = []
    spots = [_spot(rng, scene) for _ in scene.tools]
    times = timing(rng, duration)
    for index, time in enumerate(times):
        tool = int(index % len(scene.tools) if rng.random() < 0.85 else rng.integers(len(scene.tools)))
        before = next((a for a in reversed(actions) if a.tool == tool), None)
        free = time - (before.end if before else -BEFORE - 0.4)
        if free < 0.12:
            continue
        if before is None or rng.random() < style.wandering * min(free, 1):
            spots[tool] = _spot(rng, scene)
        following = times[index + 1] if index + 1 < len(times) else time + 1.0
        action = _action(rng, scene, style, tool, time, free, spots[tool], following - time)
        surface = probe(action.aim)
        action = action if surface is None else replace(action, aim=surface)
        if action.stay and (before is None or before.kind != "scratch" or free > 0.3):
            action = replace(action, stay=False)
        if action.stay and before is not None:
            action = replace(action, aim=before.aim + before.slide, slide=_return_stroke(rng, before.slide))
        if before is not None and free > 1.0 and rng.random() < 0.5:
            actions.append(_rest(rng, scene, style, before, time))
        actions.append(action)
    return actions


def plan_events(rng: Rng, scene: Scene, style: Style, events: Sequence[Event], probe: Probe) -> list[Action]:
    """Actions that make contact when events say so, at no other time, and about as fast; in order of time.

    events: in order of time, of which only time, kind, duration and strength count. probe: finds surface points in the scene, in
    which nothing moves. Swings are lower than strengths ask for where there is no time for them.
    """
    actions: list[Action] = []
    spots = [_spot(rng, scene) for _ in scene.tools]
    for index, event in enumerate(events):
        tool = index % len(scene.tools)
        before = next((a for a in reversed(actions) if a.tool == tool), None)
        free = event.time - (before.end if before else -BEFORE - 0.4)
        if before is None or rng.random() < style.wandering * min(free, 1):
            spots[tool] = _spot(rng, scene)
        aim = probe(spots[tool] + rng.normal(0, 0.015, 3) * scene.view)
        if aim is None:  # beyond the edge of a thing that stands by itself
            aim = probe(np.zeros(3))
        if aim is None:
            continue
        following = events[index + 1].time if index + 1 < len(events) else event.time + 1.0
        if before is not None and free > 1.0 and rng.random() < 0.5:
            actions.append(_rest(rng, scene, style, before, event.time))
        actions.append(_event_action(rng, scene, style, event, tool, aim, free, following - event.time))
    return actions


def _event_action(
    rng: Rng, scene: Scene, style: Style, event: Event, tool: int, aim: Vector, free: float, gap: float
) -> Action:
    """The action of an event. free: s since the tool left the surface. gap: s until the next event."""
    low, high = HIT_SPEEDS if event.kind == "hit" else SCRATCH_SPEEDS
    speed = scene.view * low * (high / low) ** event.strength  # m/s, see `impact_speed`
    common: dict[str, Any] = {"time": event.time, "tool": tool, "aim": aim, "power": style.power}
    common["rest"] = float(rng.uniform(0.3, 1))
    if event.kind == "scratch":
        way = _slide(rng, scene, style, aim, event.duration)
        length = float(np.clip(speed * event.duration, 0.1 * scene.view, 0.6 * scene.view))
        slide = way / max(float(np.linalg.norm(way)), 1e-6) * length
        fall, rise = min(rng.uniform(0.1, 0.3), 0.45 * free), min(rng.uniform(0.1, 0.3), 0.4 * (gap - event.duration))
        height = min(style.height, 2.2 * free)
        return Action("scratch", height=height, fall=fall, rise=rise, duration=event.duration, slide=slide, **common)
    fall = min(style.fall, 0.45 * free)
    height = min(speed * fall / style.power, 2.2 * free, HIGHEST)
    fall = min(fall, max(0.02, height * style.power / speed))
    return Action("hit", height=height, fall=fall, rise=min(fall * rng.uniform(0.8, 2.5), 0.4 * gap), **common)


def _action(
    rng: Rng, scene: Scene, style: Style, tool: int, time: float, free: float, spot: Vector, gap: float
) -> Action:
    if style.landing and free > 0.5 and rng.random() < style.landing:
        return _landing(rng, style, tool, time, free, spot, gap)
    height = min(style.height * float(np.exp(rng.normal(0, 0.35))), 2.2 * free, 0.7)
    fall = min(style.fall * float(np.exp(rng.normal(0, 0.15))), 0.45 * free)
    common: dict[str, Any] = {
        "time": time, "tool": tool, "aim": spot + rng.normal(0, 0.015, 3) * scene.view,
        "height": height, "fall": fall, "power": float(np.clip(style.power + rng.normal(0, 0.2), 1.2, 3.5)),
        "rise": float(min(fall * rng.uniform(0.8, 2.5), 0.4 * gap)), "rest": float(rng.uniform(0.3, 1)),
    }  # fmt: skip
    if rng.random() < style.missing:
        stop = max(0.05, 0.07 * scene.view) * rng.uniform(1, 2.5)
        return Action(kind="miss", stop=float(stop), **{**common, "height": height + stop})
    if time > 0 and rng.random() < style.scratchy:
        length = float(np.clip(gap - rng.uniform(0.02, 0.3), 0.2, 1.5) * rng.uniform(0.6, 1))
        length = max(length, 0.2)
        if gap < 0.35:
            length = gap * 0.8
        stay = bool(rng.random() < 0.5)
        common["fall"] = float(min(rng.uniform(0.1, 0.3), 0.45 * free))
        common["rise"] = float(min(rng.uniform(0.1, 0.3), max(0.4 * (gap - length), 0.02)))
        slide = _slide(rng, scene, style, spot, length)
        return Action(kind="scratch", duration=length, slide=slide, stay=stay, **common)
    dwell = min(style.dwelling * rng.uniform(0.3, 1.5), 0.35 * gap)
    press = -0.004 if scene.moves else 0.0
    return Action(kind="hit", dwell=float(dwell), stop=press, **common)


def _landing(rng: Rng, style: Style, tool: int, time: float, free: float, spot: Vector, gap: float) -> Action:
    """The tool is put down gently and makes no sound."""
    fall = float(min(rng.uniform(0.3, 0.8), 0.8 * free))
    dwell, rise = float(rng.uniform(0.05, 0.5) * gap), float(rng.uniform(0.1, 0.4) * gap)
    height = style.height * rng.uniform(0.3, 1)
    return Action("landing", time, tool, spot, height, fall, dwell=dwell, rise=rise, rest=float(rng.uniform(0.3, 1)))


def _rest(rng: Rng, scene: Scene, style: Style, before: Action, time: float) -> Action:
    """The tool is withdrawn during a pause, sometimes out of the picture."""
    reach = rng.uniform(0.1, 0.9) * scene.view
    aim = before.aim + style.hand * reach + rng.normal(0, 0.08, 3) * scene.view
    height = style.height * rng.uniform(0.4, 1.2)
    middle = before.end + before.rise + (time - before.end - before.rise) * rng.uniform(0.4, 0.6)
    return Action("rest", float(middle), before.tool, aim, float(max(height, 0.05)))


def _spot(rng: Rng, scene: Scene) -> Vector:
    """A random position (3,) on an object, mostly the main one; rarely on the floor or wall."""
    if not scene.things or rng.random() < 0.06:
        return np.array([*rng.normal(0, 0.12, 2) * scene.view, 0.0])
    others = len(scene.things) > 1 and rng.random() < 0.15
    thing: Thing = scene.things[int(rng.integers(1, len(scene.things)))] if others else scene.things[0]
    return thing.centre + rng.uniform(-0.6, 0.6, 3) * thing.half


def _slide(rng: Rng, scene: Scene, style: Style, spot: Vector, duration: float) -> Vector:
    """Path (3,) of a stroke: perpendicular to the approach, from the spot towards another one on the same object."""
    speed = scene.view * np.exp(rng.uniform(np.log(0.25), np.log(2.2)))  # m/s
    length = float(np.clip(speed * duration, 0.15 * scene.view, 0.45 * scene.view))
    thing = min(scene.things, key=lambda thing: float(np.linalg.norm(thing.centre - spot)), default=None)
    goal = thing.centre + rng.uniform(-0.7, 0.7, 3) * thing.half if thing else rng.normal(0, 0.2, 3) * scene.view
    way = goal - spot
    way -= style.approach * (way @ style.approach)
    there = float(np.linalg.norm(way))
    # Not far beyond its edge, but always long enough to be visible.
    return way / max(there, 1e-6) * min(length, max(there * 1.3, 0.2 * scene.view))


def _return_stroke(rng: Rng, slide: Vector) -> Vector:
    """Path of the return stroke, slightly different."""
    return -slide * rng.uniform(0.8, 1.1) + rng.normal(0, 0.08, 3) * np.linalg.norm(slide)


def _hand_direction(rng: Rng, approach: Vector, tilts: tuple[float, float]) -> Vector:
    """Unit vector (3,) from the contact to the hand, not into the floor or wall. tilts: rad, range of its angle."""
    tilt = rng.uniform(*tilts)
    best = None
    for _ in range(12):
        across = np.cross(approach, rng.normal(0, 1, 3))
        across /= np.linalg.norm(across)
        hand = np.cos(tilt) * across + np.sin(tilt) * approach
        if best is None or hand[2] > best[2]:
            best = hand
        if hand[2] > 0.02:
            return hand
    assert best is not None
    return best
