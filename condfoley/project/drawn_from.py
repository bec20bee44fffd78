"""What a new sound of a project has to fit: what is heard before it, and how loud its impacts are to be."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from condfoley.matching.dynamics import fill_levels
from condfoley.project.choose import level_of
from condfoley.project.model import Cue, Project
from condfoley.project.render import FADE_OUT, render
from condfoley.project.spans import Span
from condfoley.project.store import read_sound

BEFORE = 4.0  # s before a span in which cues matter for what is heard at its beginning
MIDDLE = 0.5  # strength of a cue of which nobody knows how hard it is


def wanted_levels(project: Project, span: Span) -> np.ndarray | None:
    """How loud the impacts of a span's cues are to be, (K,) dB: as they were; without one, as strong as the layer's others.

    None where no impact of the layer has a level.
    """
    cues = project.cues_of(span.layer)
    found = [level_of(project, cue.excerpt) if cue.excerpt else None for cue in cues]
    known = np.array([np.nan if level is None else level for level in found])
    levels = fill_levels(known, _known(strengths_of(cues)))
    wanted = np.array([level for cue, level in zip(cues, levels, strict=True) if cue.id in {c.id for c in span.cues}])
    return None if np.isnan(levels).any() else wanted


def strengths_of(cues: Sequence[Cue]) -> np.ndarray:
    """(K,) in [0, 1]; nan where it is not known."""
    return np.array([np.nan if cue.strength is None else cue.strength for cue in cues])


def _known(strengths: np.ndarray) -> np.ndarray:
    unknown = np.isnan(strengths)
    return np.where(unknown, MIDDLE if unknown.all() else np.median(strengths[~unknown]), strengths)


def layer_sound(folder: Path, project: Project, span: Span, until: int) -> np.ndarray:
    """What is heard of a span's layer, without the layer's gain, from the target's beginning: (until,) float32.

    What lies long before the span is left out. until: samples of the target.
    """
    layer, rate, earliest = project.layer(span.layer), project.rate, span.begin - round(BEFORE * project.rate)
    openings = [opening for opening in layer.openings if opening.start < until]
    recent = [opening for opening in openings if opening.start >= earliest] or openings[-1:]
    alone = dataclasses.replace(layer, gain=0.0, muted=False, openings=tuple(recent))
    cues = []
    for cue in project.cues_of(layer.name):
        time = round(cue.time * rate)
        if cue.excerpt and time >= earliest and time - cue.excerpt.lead < until:
            tails = tuple(tail for tail in cue.tails if time + tail.begin < until)
            cues.append(dataclasses.replace(cue, pan=0.0, tails=tails))
    end = until + round(FADE_OUT * rate)  # what is cut off there does not fade before
    part = dataclasses.replace(project, layers=(alone,), cues=tuple(cues), duration=end / rate)
    whole = render(part, lambda sound: read_sound(folder, sound, rate)).sum()
    return whole.mean(0)[:until]
