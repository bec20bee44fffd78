"""What an edit that failed has written into a project's folder, and no project has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from condfoley.files import write_json
from condfoley.project.store import CODES, SOUNDS, read_project
from condfoley.results.folder import CANDIDATES

HOMES = (SOUNDS, CANDIDATES, CODES)
UNFINISHED = ".unfinished.json"
"""List of the sounds and codes from before an edit, as long as that runs."""


@contextmanager
def only_if_finished(folder: Path) -> Iterator[None]:
    """Removes the sounds and codes that were written meanwhile, where an error or an interruption leaves the project without
    them; before, those that an edit has left that was killed. The project must be locked (`store.editing`)."""
    note = folder / UNFINISHED
    with suppress(OSError, ValueError, TypeError):  # there is none, or it was cut off
        _remove_unused(folder, {folder / name for name in json.loads(note.read_text(encoding="utf-8"))})
    before = _written(folder)
    write_json(note, sorted(path.relative_to(folder).as_posix() for path in before))
    try:
        yield
    except BaseException:
        _remove_unused(folder, before)
        raise
    finally:
        note.unlink(missing_ok=True)


def _remove_unused(folder: Path, before: set[Path]) -> None:
    """Removes the sounds and codes that are not among those from before and that the project does not use."""
    project = read_project(folder)
    used = {folder / sound.file for sound in project.sounds.values()}
    used |= {folder / layer.codes for layer in project.layers if layer.codes}
    for path in _written(folder) - before - used:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # others are there
            if path.parent.parent != folder:
                path.parent.rmdir()


def _written(folder: Path) -> set[Path]:
    """All files of sounds and codes, those of other revisions too."""
    return {path for home in HOMES for path in (folder / home).rglob("*") if path.is_file()}
