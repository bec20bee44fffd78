"""Which of a project's sounds a cue gets that has none of its own: an impact of its layer, as loud as it is to be."""

from __future__ import annotations

import math

import numpy as np

from condfoley.matching.dynamics import LEVEL_PER_STRENGTH, MAX_GAIN_DB, MIN_STRENGTH
from condfoley.project.model import Cue, Excerpt, Project, Sound

NEAR = 0.1  # s around a cue, in which a candidate may have an impact of its own
MAX_RAISE = 6.0  # dB by which an impact may be weaker than wanted and still be better than another cue's
LEAD = 0.01  # s before an onset with which an excerpt begins
RECENT = 2  # cues on either side whose sound is not taken again where there are others


def choose_excerpt(
    project: Project, layer: str, time: float, strength: float | None, cue: int | None = None
) -> tuple[Excerpt | None, float]:
    """An excerpt of a layer for a cue at `time`, s, and its gain, dB; None where the layer has no impact at all.

    Best is an impact that a candidate has near that time by itself, the one that is alone for longest; those that would
    have to be made much louder are left out. Else it is the sound of another cue: of those that are as strong, one that
    is not heard just before or after; without any, an impact of a candidate at another time. strength: in [0, 1]; None: as
    loud as most. cue: id, where the project has it already.
    """
    others = [other for other in project.cues_of(layer) if other.excerpt and other.id != cue]
    wanted = wanted_level(project, others, strength)
    least = -math.inf if wanted is None else wanted - MAX_RAISE
    found = (
        _near(project, layer, time, NEAR, least)
        or _of_cue(others, time, strength)
        or _near(project, layer, time, math.inf, -math.inf)
    )
    if not found:
        return None, 0.0
    level = level_of(project, found)
    if level is None or wanted is None:
        return found, 0.0
    return found, round(float(np.clip(wanted - level, -MAX_GAIN_DB, MAX_GAIN_DB)), 4)


def _near(project: Project, layer: str, time: float, reach: float, least: float) -> Excerpt | None:
    """The impact within `reach` of a time, s, that is alone for longest, of those of candidates of at least `least` dB."""
    place, best, longest = round(time * project.rate), None, 0
    for key in project.layer(layer).candidates:
        sound = project.sounds[key]
        for i, (onset, level) in enumerate(zip(sound.onsets, sound.levels)):
            if abs(sound.start + onset - place) <= reach * project.rate and level >= least:
                excerpt = impact(sound, i, project.rate)
                if excerpt.end - excerpt.onset > longest:
                    best, longest = excerpt, excerpt.end - excerpt.onset
    return best


def impact(sound: Sound, index: int, rate: int) -> Excerpt:
    """One of a sound's impacts, until the next one begins."""
    onset, lead = sound.onsets[index], round(LEAD * rate)
    following = sound.onsets[index + 1] - lead if index + 1 < len(sound.onsets) else sound.length
    return Excerpt(sound.key, max(0, onset - lead), max(onset, following), onset)


def _of_cue(others: list[Cue], time: float, strength: float | None) -> Excerpt | None:
    """Another cue's sound: of those not next to the time, where there are some, the one that is nearest in strength."""
    others = sorted(others, key=lambda other: abs(other.time - time))
    usable = others[RECENT:] or others
    if not usable:
        return None
    if strength is None:
        return usable[0].excerpt
    return min(usable, key=lambda other: abs((other.strength or 0.0) - strength)).excerpt


def level_of(project: Project, excerpt: Excerpt) -> float | None:
    """Level of an excerpt's impact in its sound, dB; None where it has none."""
    sound = project.sounds[excerpt.sound]
    for onset, level in zip(sound.onsets, sound.levels):
        if excerpt.begin <= onset < max(excerpt.end, excerpt.onset + 1) and abs(onset - excerpt.onset) <= 1:
            return level
    return None


def wanted_level(project: Project, others: list[Cue], strength: float | None) -> float | None:
    """How loud a cue is to be, dB: as its strength is to those of others of its layer; None without any."""
    found = [(cue, level_of(project, cue.excerpt)) for cue in others if cue.excerpt]
    known = [(cue, level + cue.gain) for cue, level in found if level is not None]
    rated = [level - _decibels(cue.strength) for cue, level in known if cue.strength is not None]
    if strength is not None and rated:
        return float(np.median(rated)) + _decibels(strength)
    return float(np.median([level for _, level in known])) if known else None


def _decibels(strength: float) -> float:
    return float(LEVEL_PER_STRENGTH * 20 * np.log10(max(strength, MIN_STRENGTH)))
