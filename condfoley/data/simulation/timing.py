"""Times of actions, with intervals like those of people."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Rng = np.random.Generator
Timing = Callable[[Rng, float], list[float]]  # (random generator, duration of the video in s) -> times of actions in s
BEFORE = 1.0  # s of action before the first frame, so that a video may start during a swing
AFTER = 0.8  # s of action after the last frame

# Greatest Hits annotations (977 videos): gaps of at least 0.2 s, median 0.6 s, quartiles 0.47 and 0.73 s,
# 1.16 events/s over all, pauses included; two hits to one scratch.
MIN_GAP, MEDIAN_GAP = 0.2, 0.6
RHYTHMS = ((1, 1, 2), (2, 1, 1), (1, 2), (2, 2, 1, 1), (1, 1, 1, 3), (2, 1, 1, 2, 2), (1, 1, 2, 2, 2))  # in beats


def loose(rng: Rng, duration: float) -> list[float]:
    """Irregular times of actions with pauses: s, ascending, at least MIN_GAP apart. duration: s."""
    usual_gap = _draw_gap(rng)
    jitter = 0.04 if rng.random() < 0.35 else rng.uniform(0.1, 0.4)
    pause_probability = rng.choice([0.0, 0.1, 0.3])
    time = rng.uniform(-BEFORE + 0.2, 0.9)
    times = []
    while time < duration + AFTER - 0.2:
        times.append(float(time))
        time += max(MIN_GAP, usual_gap * float(np.exp(rng.normal(0, jitter))))
        if rng.random() < pause_probability:
            time += rng.uniform(0.4, 2.2)
    return times


def steady(rng: Rng, duration: float) -> list[float]:
    """Times of actions that are as regular as in most recordings, sometimes with a rhythm; see `loose`.

    In the Greatest Hits annotations half of all intervals differ from the previous one by less than a tenth; the
    standard deviation of the intervals within 6 s is .13 of their mean (median over videos; docs/experiments, E17.3).
    """
    usual_gap = _draw_gap(rng)
    jitter = float(np.exp(rng.normal(np.log(0.06), 0.6)))
    break_probability = rng.choice([0.0, 0.05, 0.12])
    beats = RHYTHMS[int(rng.integers(len(RHYTHMS)))] if rng.random() < 0.15 else (1,)
    shortest = max(MIN_GAP, usual_gap / float(np.mean(beats)))
    time = rng.uniform(-BEFORE + 0.2, 0.9)
    times = []
    while time < duration + AFTER - 0.2:
        times.append(float(time))
        gap = shortest * beats[(len(times) - 1) % len(beats)] * float(np.exp(rng.normal(0, jitter)))
        if rng.random() < break_probability:
            gap *= rng.uniform(1.3, 3.0)
        time += max(MIN_GAP, gap)
        shortest *= float(np.exp(rng.normal(0, 0.01)))
    return times


def _draw_gap(rng: Rng) -> float:
    """A random typical interval in s, sometimes a short one."""
    usual = MEDIAN_GAP * float(np.exp(rng.normal(0, 0.25)))
    return rng.uniform(0.22, 0.36) if rng.random() < 0.07 else usual
