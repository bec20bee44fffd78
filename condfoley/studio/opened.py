"""A result of the command line as a project of the page: it stays where it is, and so do its clips."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from condfoley.errors import InputError
from condfoley.project.find_inputs import find_input
from condfoley.project.layers import reference_key
from condfoley.project.model import Project
from condfoley.project.store import read_project
from condfoley.studio.clips import ClipLimits, link_file
from condfoley.studio.record import Record, read_record, write_record
from condfoley.studio.workspace import Workspace, keys_in


def open_project(workspace: Workspace, folder: Path, limits: ClipLimits) -> str:
    """Id of a result's folder among the user's projects, which a link there leads to.

    Its studio.json names the clips, as far as their files are found. Raises InputError where it is no result.
    """
    folder = folder.resolve()
    project = read_project(folder)
    former = read_record(folder)
    layers = {layer.name: layer.reference or reference_key(layer.name) for layer in project.layers}
    references = {name: _linked(workspace, folder, project, key, limits) for name, key in layers.items()}
    several = [key for layer in project.layers if layer.several for key in layer.references]
    inputs = {key: clip for key in several if (clip := _linked(workspace, folder, project, key, limits))}
    target = _linked(workspace, folder, project, "target", limits)
    written = project.revision if former.written is None else former.written
    write_record(folder, Record(former.name or folder.name, target, references, written, inputs))
    for key in keys_in(workspace.projects):
        if (workspace.projects / key).resolve() == folder:
            return key
    key = secrets.token_hex(8)
    try:
        os.symlink(folder, workspace.projects / key, target_is_directory=True)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be linked into {workspace.projects} ({error.strerror}); copy it to {workspace.projects / key}"
        ) from None
    return key


def _linked(workspace: Workspace, folder: Path, project: Project, key: str, limits: ClipLimits) -> str | None:
    """Id of an input as a clip; None where it has none, or its file is gone."""
    if key not in project.inputs:
        return None
    try:
        return link_file(workspace, find_input(folder, project, key), limits).id
    except InputError:
        return None
