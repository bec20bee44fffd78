"""What becomes of the sum of a project's layers: its level, ceiling, room and file."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.audio.loudness import integrated_loudness
from condfoley.errors import InputError
from condfoley.project.gain import Gain, master_gain
from condfoley.project.model import Master, Project
from condfoley.project.render import unmastered
from condfoley.project.store import read_sound

NEAR = 0.05  # LU, within which a loudness is reached
TRIES = 12
MAX_GAIN = 40.0  # dB, either way
SQUASHED = 6.0  # dB by which peaks are lowered that a user should know of


def with_master(folder: Path, project: Project, **wanted: Any) -> tuple[Project, list[str]]:
    """The project with some fields of its master changed, None: as before, and what a user should know.

    A loudness is brought about by the master's gain now, which later edits keep. Raises InputError.
    """
    given = {name: value for name, value in wanted.items() if value is not None}
    project = dataclasses.replace(project, master=dataclasses.replace(project.master, **given))
    if given.get("room_gain") and project.master.room == "dry":
        raise InputError("--room-gain is of an echo of a room, and the project has none; give it with --room")
    if project.master.room == "dry":
        project = dataclasses.replace(project, master=dataclasses.replace(project.master, room_gain=0.0))
    return to_loudness(folder, project) if "loudness" in given else (project, [])


def to_loudness(folder: Path, project: Project) -> tuple[Project, list[str]]:
    """The project with the gain by which it has its master's loudness, and what a user should know. Raises InputError."""
    return brought_to(project, unmastered(project, lambda sound: read_sound(folder, sound, project.rate)).sum())


def brought_to(project: Project, samples: np.ndarray) -> tuple[Project, list[str]]:
    """The same from the sum of all layers before the master, (C, N)."""
    master, gain, reached = levelled(samples, project.master, project.rate)
    notes = []
    wanted = master.loudness or 0.0
    if reached == -np.inf:
        notes.append("the soundtrack is silent, so it has no loudness; it stays as it is")
    elif abs(reached - wanted) > 0.5:
        notes.append(f"the soundtrack has {reached:.1f} LUFS: a ceiling of {master.true_peak:g} dBTP allows no more")
    if (lowered := master.gain - 20 * float(np.log10(gain.least))) > SQUASHED:
        notes.append(f"the highest peaks are lowered by {lowered:.0f} dB for that; a softer --loudness keeps them")
    return dataclasses.replace(project, master=master), notes


def levelled(samples: np.ndarray, master: Master, rate: int) -> tuple[Master, Gain, float]:
    """The master by whose gain a sum of layers, (C, N), has its loudness under its ceiling; its `master_gain`; and the LUFS
    that was reached."""
    out, best = dataclasses.replace(master, gain=0.0), -np.inf
    for _ in range(TRIES):
        gain = master_gain(samples, out, rate)
        best = integrated_loudness(gain.applied(samples), rate)
        missing = (master.loudness or 0.0) - best
        if abs(missing) <= NEAR or best == -np.inf:
            break
        raised = round(float(np.clip(out.gain + missing, -MAX_GAIN, MAX_GAIN)), 3)
        if raised == out.gain:
            break
        out = dataclasses.replace(out, gain=raised)
    else:  # the last one was not tried
        gain = master_gain(samples, out, rate)
    return out, gain, best
