"""Which of a project's cues each row of a list is about, and what the row says of it."""

from __future__ import annotations

import dataclasses

import numpy as np

from condfoley.cues.rows import COLUMNS, MAIN, CueList, CueRow
from condfoley.errors import InputError
from condfoley.project.model import Cue, Project

MATCH_SECONDS = 0.5  # within which a cue of a list without ids is taken for one that was moved
SAME_SECONDS = 6e-5  # what is lost where times are written with 4 decimals
SAME_STRENGTH = 0.0051  # what is lost where strengths are written with 2 decimals
FAR = 1e6  # a cost that no sum of squared distances within MATCH_SECONDS reaches


def paired(project: Project, cues: CueList) -> list[tuple[Cue | None, CueRow]]:
    """Each row with the cue that it is about; None: a new one.

    With ids in the list, they say it. Else it is the cue at the row's time, at that time in another layer, or the nearest
    one of the row's layer within MATCH_SECONDS. What a row does not say, or says with fewer digits, is as the cue has it.
    Raises InputError for an id that no cue has.
    """
    if "id" in cues.columns:
        known = {cue.id: cue for cue in project.cues}
        if unknown := [row for row in cues.rows if row.id is not None and row.id not in known]:
            raise InputError(f"{unknown[0].where}: there is no cue {unknown[0].id}; leave a new cue's id empty")
        found = [(known[row.id] if row.id is not None else None, row) for row in cues.rows]
        return [(cue, _of_layer(row, cue.layer if cue else MAIN)) for cue, row in found]
    taken = _same(project, cues)
    left = [i for i in range(len(cues.rows)) if i not in taken]
    free = [j for j in range(len(project.cues)) if j not in taken.values()]
    taken |= _nearest(project, cues, left, free)
    cue_of = [project.cues[taken[i]] if i in taken else None for i in range(len(cues.rows))]
    return [(cue, as_meant(cue, row) if cue else _of_layer(row, MAIN)) for cue, row in zip(cue_of, cues.rows)]


def as_meant(cue: Cue, row: CueRow) -> CueRow:
    """The row of a list without ids, with the cue's own values where it says nothing, or the same in fewer digits."""
    said = {name: value for name in COLUMNS if (value := getattr(row, name)) is not None}
    if abs(row.time - cue.time) <= SAME_SECONDS or _was_seen(cue, row):
        said["time"] = cue.time
    if row.strength is not None and cue.strength is not None:
        if row.strength == round(row.strength, 2) and abs(row.strength - cue.strength) <= SAME_STRENGTH:
            said["strength"] = cue.strength
    if row.duration is not None and cue.duration is not None and abs(row.duration - cue.duration) <= 2 * SAME_SECONDS:
        said["duration"] = cue.duration
    meant = {name: getattr(cue, name) for name in COLUMNS} | said
    return CueRow(**(meant | ({"duration": None} if meant["kind"] == "impact" else {})), where=row.where)


def _of_layer(row: CueRow, layer: str) -> CueRow:
    return row if row.layer else dataclasses.replace(row, layer=layer)


def _was_seen(cue: Cue, row: CueRow) -> bool:
    """Whether the row has the time at which the picture shows a cue, which `generate` writes to hits.txt."""
    return cue.seen is not None and abs(row.time - cue.seen) <= SAME_SECONDS


def _same(project: Project, cues: CueList) -> dict[int, int]:
    """Row -> cue of those at the same time: in the row's layer; where the picture shows it; in another layer."""
    taken: dict[int, int] = {}
    rules = (
        lambda row, cue: abs(row.time - cue.time) <= SAME_SECONDS and (row.layer or MAIN) == cue.layer,
        lambda row, cue: _was_seen(cue, row) and (row.layer or MAIN) == cue.layer,
        lambda row, cue: abs(row.time - cue.time) <= SAME_SECONDS,
    )
    for rule in rules:
        free = set(range(len(project.cues))) - set(taken.values())
        for i, row in enumerate(cues.rows):
            if i not in taken and (found := [j for j in sorted(free) if rule(row, project.cues[j])]):
                taken[i] = found[0]
                free.discard(found[0])
    return taken


def _nearest(project: Project, cues: CueList, rows: list[int], free: list[int]) -> dict[int, int]:
    """Row -> cue of as many pairs within MATCH_SECONDS as there can be, in the order of time, the nearest of them."""
    if not rows or not free:
        return {}
    from scipy.optimize import linear_sum_assignment

    apart = np.array([[_distance(cues.rows[i], project.cues[j]) for j in free] for i in rows])
    near = apart <= MATCH_SECONDS
    found = zip(*linear_sum_assignment(np.where(near, np.square(np.minimum(apart, MATCH_SECONDS)), FAR)))
    return {rows[i]: free[j] for i, j in found if near[i, j]}


def _distance(row: CueRow, cue: Cue) -> float:
    return abs(row.time - cue.time) if (row.layer or MAIN) == cue.layer else np.inf
