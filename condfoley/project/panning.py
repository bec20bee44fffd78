"""Cues panned to where the picture shows them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from condfoley.project.model import AMBIENCE, Project
from condfoley.runtime.contacts import pans
from condfoley.settings import PAN_WIDTH


def panned(project: Project, find: Callable[[list[float]], np.ndarray], width: float = PAN_WIDTH) -> Project:
    """The project with its cues panned by the picture; locked ones and those of the bed stay where they are.

    find: places, (K, 2), of impacts at K moments, s (`runtime.contacts.contact_places`). width: pan of the picture's edges.
    """
    free = [cue for cue in project.cues if not cue.locked and cue.layer != AMBIENCE]
    moments = [cue.time if cue.seen is None else cue.seen for cue in free]
    found: list[float] = pans(find(moments), width).tolist() if free else []
    where = {cue.id: round(value, 3) for cue, value in zip(free, found, strict=True)}
    return project.with_cues([dataclasses.replace(cue, pan=where.get(cue.id, cue.pan)) for cue in project.cues])


def centred(project: Project) -> Project:
    """The project with all cues in the middle, but locked ones."""
    return project.with_cues([cue if cue.locked else dataclasses.replace(cue, pan=0.0) for cue in project.cues])
