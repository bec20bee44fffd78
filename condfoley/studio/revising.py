"""Writing a project's next revision, and going to another one: what the page's edits, undo and redo do.

Only project.json and its history are written, so that an edit takes as long as what it changes; soundtrack and video follow
when they are asked for (`downloads`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from condfoley.errors import InputError
from condfoley.project.master import brought_to
from condfoley.project.model import Project
from condfoley.project.store import editing, make_current, write_project
from condfoley.studio.mixing import with_changes
from condfoley.studio.operations import Operation, applied, brings_loudness
from condfoley.studio.playing import Opened, Version, next_version

Change = Callable[[Project], tuple[Project, list[str]]]
"""The project after an edit, and remarks."""


class Outdated(InputError):
    """The edit is of a revision that is not the current one."""


class Revised(NamedTuple):
    """version: the current one. changed: spans, s, in which it sounds otherwise than before."""

    version: Version
    notes: list[str]
    changed: list[tuple[float, float]]


def edited(opened: Opened, base: int, operations: Sequence[Operation]) -> Revised:
    """Applies operations to the revision `base`. Raises Outdated, InputError as `operations.applied`, BeingEdited."""
    return revised(opened, base, lambda project: applied(project, operations), brings_loudness(operations))


def revised(opened: Opened, base: int, change: Change, level: bool = False) -> Revised:
    """Writes the revision that follows `base`, unless the change changes nothing.

    level: whether it is brought to its master's loudness.

    Raises Outdated where that is not the current one, BeingEdited where another process or a job edits the project, and
    what `change` raises; then nothing is written.
    """
    with opened.lock, editing(opened.folder):
        require_current(opened.current(), base)
        before = opened.version()
        project, notes = change(before.project)
        if project == before.project and not level:
            return Revised(before, notes, [])
        version = next_version(opened.folder, project, before)  # before anything is written: a sound may be missing
        if level:
            version, more = _levelled(opened, version, before)
            notes = [*notes, *more]
        if version.project == before.project:
            return Revised(before, notes, [])
        opened.adopt(write_project(opened.folder, version.project, base), version)
        return Revised(version, notes, seconds(version))


def _levelled(opened: Opened, version: Version, before: Version) -> tuple[Version, list[str]]:
    """A version at its master's loudness, and what a user should know. before: the one that it differs from."""
    project, notes = brought_to(version.project, version.mix.raw[:, :])
    if project == version.project:
        return version, notes
    out = next_version(opened.folder, project, version)
    if out.mix.raw.shape[1] == before.mix.raw.shape[1]:
        out.mix = with_changes(out.mix, before.mix)
    return out, notes


def gone_to(opened: Opened, number: int) -> Revised:
    """Makes another revision the current one. Raises InputError where there is none of that number, BeingEdited."""
    with opened.lock, editing(opened.folder):
        before, project = opened.version(), opened.revision(number)
        if project is before.project:
            return Revised(before, [], [])
        version = next_version(opened.folder, project, before)
        make_current(opened.folder, project)
        opened.adopt(project, version)
        return Revised(version, [], seconds(version))


def require_current(project: Project, base: int) -> None:
    """Raises Outdated where `base` is not the project's revision."""
    if project.revision != base:
        raise Outdated(
            f"the project is at revision {project.revision} now, this change is of revision {base}; "
            "nothing was changed, look at it again"
        )


def seconds(version: Version) -> list[tuple[float, float]]:
    """Where a revision sounds otherwise than the one that it was made from: spans, s."""
    rate = version.project.rate
    return [(begin / rate, end / rate) for begin, end in version.mix.changed]
