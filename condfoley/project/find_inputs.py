"""A project's inputs, found again where they were moved."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from condfoley.errors import InputError
from condfoley.project.model import Input, Layer, Project
from condfoley.references.files import by_key
from condfoley.weights import sha256_of_input


def input_of(path: Path) -> Input:
    """A file as an input of a project, by its absolute path. Raises InputError when it cannot be read."""
    try:
        return Input(str(path.resolve()), path.stat().st_size, sha256_of_input(path))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path") from None


def inputs_of(references: Sequence[Path], key: str = "reference") -> dict[str, Input]:
    """Reference files as inputs of a project, named as `by_key` names them. Raises InputError."""
    return {name: input_of(path) for name, path in by_key(references, key).items()}


def find_references(folder: Path, project: Project, layer: Layer, given: str | Path | None = None) -> dict[str, Path]:
    """Where the references of a layer are, by their keys; see `find_input`.

    given: where one of them is now, or the folder in which all are. Raises InputError when one is nowhere.
    """
    homes = sorted(Path(given).iterdir()) if given is not None and Path(given).is_dir() else []
    out, used = {}, False
    for key in layer.sources:
        moved = next((path for path in homes if _same(path, project.inputs[key])), None)
        if given is not None and not homes and (len(layer.sources) == 1 or _same(Path(given), project.inputs[key])):
            moved = Path(given)
        used = used or moved is not None
        out[key] = find_input(folder, project, key, moved)
    if given is not None and not used:
        raise InputError(f"{given} is none of the references of this project; give one of them, or their folder")
    return out


def find_input(folder: Path, project: Project, key: str, given: str | Path | None = None) -> Path:
    """Where an input is: at its path, or a file with the same content beside it, beside the project, or here.

    key: of `Project.inputs`. given: where the user says that it is. Raises InputError when it is nowhere, or when what
    was given is another file.
    """
    wanted = project.inputs[key]
    name = "--target" if key == "target" else "--reference"
    if given is not None:
        path = Path(given)
        if not os.path.isfile(path):
            raise InputError(f"{path}: no such file; give {name} the {key} of this project")
        if not _same(path, wanted):
            raise InputError(f"{path} is another file than the {key} of this project ({Path(wanted.path).name})")
        return path
    there = Path(wanted.path)
    if os.path.isfile(there) and there.stat().st_size == wanted.bytes:  # not a file: also in a folder closed to us
        return there
    for home in (there.parent, folder, folder.resolve().parent, Path()):
        for path in _files(home):
            if _same(path, wanted):
                return path
    raise InputError(f"{there} was moved or changed, and is not beside the project either; say where it is with {name}")


def picture_of(folder: Path, project: Project, own: Path | None, given: str | Path | None = None) -> Path:
    """The file with the target's picture: the target, or where it is gone `own`, the project's video, which has a copy.

    Raises InputError when both are gone.
    """
    try:
        return find_input(folder, project, "target", given)
    except InputError:
        if own is None or given is not None:
            raise
        return own


def at_its_place(project: Project, key: str, path: Path) -> Project:
    """The project that knows where an input is now."""
    there = dataclasses.replace(project.inputs[key], path=str(path.resolve()))
    return dataclasses.replace(project, inputs=project.inputs | {key: there})


def _files(home: Path) -> list[Path]:
    try:
        return sorted(path for path in home.iterdir() if path.is_file())
    except OSError:
        return []


def _same(path: Path, wanted: Input) -> bool:
    try:
        return path.stat().st_size == wanted.bytes and sha256_of_input(path) == wanted.sha256
    except OSError:
        return False
