"""Motion of a tool: from planned actions to a position and an orientation at each time step."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from condfoley.data.simulation.plan import Action, Probe, Style
from condfoley.data.simulation.scene import STEPS_PER_SECOND
from condfoley.data.simulation.timing import AFTER, BEFORE
from condfoley.data.simulation.tools import Tool

Rng = np.random.Generator
Vector = NDArray[np.float64]

RUB_EASE = 0.12  # share of a stroke in which it accelerates, and in which it slows down


class Hand:
    """Moves one tool through its actions.

    The swing (distance from the surface) is computed in advance; the position of the surface is found by probing the
    scene when a swing starts, because objects move when they are hit.
    contacts: index of the action -> (3,) surface point that was hit; None when nothing was there.
    """

    def __init__(self, rng: Rng, tool: Tool, style: Style, actions: Sequence[Action], duration: float) -> None:
        self.tool, self.style, self.actions = tool, style, list(actions)
        self.contacts: dict[int, Vector | None] = {}
        self.times = np.arange(round((BEFORE + duration + AFTER) * STEPS_PER_SECOND)) / STEPS_PER_SECOND - BEFORE
        self.swing = _swing(self.times, self.actions, style.height)
        calm = np.clip(self.swing / max(0.5 * style.height, 1e-3), 0, 1)[:, None]
        self.drift = smooth_noise(rng, len(self.times), 3, 0.9) * style.idle * calm
        self.yaw = smooth_noise(rng, len(self.times), 1, 1.2)[:, 0] * rng.uniform(0, 0.12)
        up = style.approach - style.hand * (style.approach @ style.hand)
        self._up = up / np.linalg.norm(up)
        self._side = np.cross(self._up, style.hand)
        self._place = self.actions[0].aim + style.hand * 0.1 if self.actions else np.zeros(3)
        self._current = 0
        self._start = self._place

    def pose(self, step: int, probe: Probe) -> tuple[Vector, Vector]:
        """Position (3,) of the tool's origin and its rotation matrix (9,); to be called in order of `step`."""
        time = self.times[step]
        while self._current < len(self.actions) and time > self.actions[self._current].end:
            self._place = self._target(self.actions[self._current], 1.0, probe)
            self._start = self._place
            self._current += 1
        point = self._point(time, probe)
        return self._attitude(point + self.drift[step], self.swing[step], self.yaw[step])

    def _point(self, time: float, probe: Probe) -> Vector:
        """The point at which the swing aims; between contacts it moves from one to the next."""
        if self._current >= len(self.actions):
            return self._place
        action = self.actions[self._current]
        if time >= action.time:
            share = (time - action.time) / action.duration if action.duration else 0.0
            return self._target(action, share, probe)
        swing_start = action.time - (0.0 if action.stay or action.kind == "rest" else action.fall)
        before = self.actions[self._current - 1].end if self._current else -BEFORE
        if time < swing_start:
            share = min_jerk((time - before) / max(swing_start - before, 1e-3))
            return self._start + (action.aim - self._start) * share
        contact = self._contact(action, probe)
        share = (time - swing_start) / max(action.time - swing_start, 1e-3)
        return action.aim + (contact - action.aim) * share

    def _contact(self, action: Action, probe: Probe) -> Vector:
        if action.kind == "rest":
            return action.aim
        if self._current not in self.contacts:
            self.contacts[self._current] = probe(action.aim)
        hit = self.contacts[self._current]
        return action.aim if hit is None else hit

    def _target(self, action: Action, share: float, probe: Probe) -> Vector:
        contact = self._contact(action, probe)
        if action.kind != "scratch":
            return contact
        aim = contact + action.slide * stroke_progress(share)
        hit = probe(aim)
        out = self.style.approach
        # Beyond an edge, or blocked by a higher object: continue at the same height.
        if hit is None or abs((hit - aim) @ out) > 0.25 * np.linalg.norm(action.slide) + 0.01:
            return aim
        return hit

    def _attitude(self, point: Vector, swing: float, yaw: float) -> tuple[Vector, Vector]:
        style, pivot = self.style, self.tool.pivot
        turn = min(max(style.wrist * swing, 0.0) / pivot, 1.8)
        lift = swing - pivot * math.sin(turn)
        yaw *= min(turn, 1.0)  # none at the surface, where the tip must be at the point of contact
        hand = style.hand * math.cos(yaw) + self._side * math.sin(yaw)
        across = self._side * math.cos(yaw) - style.hand * math.sin(yaw)
        joint = point + style.approach * (self.tool.reach + lift) + hand * pivot
        along = hand * math.cos(turn) - self._up * math.sin(turn)
        high = self._up * math.cos(turn) + hand * math.sin(turn)
        return joint - along * pivot, np.stack([along, across, high], axis=1).reshape(9)


def impact_speed(action: Action) -> float:
    """Speed at contact in m/s; for a scratch, the mean sliding speed."""
    if action.kind == "scratch":
        return float(np.linalg.norm(action.slide)) / max(action.duration, 1e-3)
    return (action.height - action.stop) * action.power / max(action.fall, 1e-3)


def stroke_progress(share: float) -> float:
    """Fraction of a stroke's path after the fraction `share` of its time: uniform, with a short ramp at both ends."""
    ease = RUB_EASE
    share = min(max(share, 0.0), 1.0)
    if share < ease:
        done = share * share / (2 * ease)
    elif share > 1 - ease:
        done = 1 - ease - (1 - share) ** 2 / (2 * ease)
    else:
        done = share - ease / 2
    return done / (1 - ease)


def min_jerk(share: float) -> float:
    """Fraction of the path after the fraction `share` of the time, for a free hand movement (minimum jerk)."""
    share = min(max(share, 0.0), 1.0)
    return share**3 * (10 - 15 * share + 6 * share**2)


def smooth_noise(rng: Rng, length: int, channels: int, hertz: float) -> NDArray[np.float64]:
    """Slow random motion of about unit amplitude, at STEPS_PER_SECOND: (length, channels). hertz: its bandwidth."""
    knots = max(int(length / STEPS_PER_SECOND * hertz * 2) + 4, 5)
    places = np.linspace(1, knots - 2.001, length)
    values = rng.normal(0, 1, (knots, channels))
    index = places.astype(int)
    share = (places - index)[:, None]
    share = share * share * (3 - 2 * share)
    return values[index] * (1 - share) + values[index + 1] * share


def gesture(rng: Rng, length: int) -> NDArray[np.float64]:
    """Quick strokes that stop abruptly, and pauses, of about unit amplitude, at STEPS_PER_SECOND: (length, 1)."""
    out, place, step = np.empty((length, 1)), float(rng.normal()), 0
    while step < length:
        stroke, pause = (round(s * STEPS_PER_SECOND) for s in (rng.uniform(0.1, 0.5), rng.uniform(0, 0.6)))
        goal, power = float(rng.normal()), rng.uniform(1, 3)
        share = np.clip(np.arange(1, stroke + pause + 1) / stroke, 0, 1)[: length - step] ** power
        out[step : step + len(share), 0] = place + (goal - place) * share
        place, step = goal, step + len(share)
    return out


def _swing(times: NDArray[np.float64], actions: Sequence[Action], usual: float) -> NDArray[np.float64]:
    """Distance of the tool from the surface at each time step: (T,) m. usual: m, distance before and after."""
    keys: list[tuple[float, float, str, float]] = [(-BEFORE - 1.0, usual, "smooth", 1.0)]
    for index, action in enumerate(actions):
        following = actions[index + 1] if index + 1 < len(actions) else None
        if action.kind == "rest":
            keys.append((action.time, action.height, "smooth", 1.0))
            continue
        if not action.stay:
            keys.append((action.time - action.fall, action.height, "smooth", 1.0))
        gently = action.stay or action.kind == "landing"
        keys.append((action.time, action.stop, "smooth" if gently else "fall", action.power))
        keys.append((action.end, action.stop, "smooth", 1.0))
        if following is None or not following.stay:
            room = (following.time - following.fall - action.end) if following else 1.0
            rise = max(min(action.rise, 0.9 * room), 0.01)
            keys.append((action.end + rise, action.stop + action.height * action.rest, "rise", 1.0))
    keys.append((times[-1] + 2.0, usual, "smooth", 1.0))
    swing = np.empty(len(times))
    for (start, low, _, _), (end, high, ease, power) in itertools.pairwise(keys):
        inside = (times >= start) & (times <= end)
        share = (times[inside] - start) / max(end - start, 1e-6)
        if ease == "fall":
            share = share**power
        elif ease == "rise":
            share = 1 - (1 - share) ** 2
        else:
            share = share**3 * (10 - 15 * share + 6 * share**2)  # minimum jerk
        swing[inside] = low + (high - low) * share
    return swing
