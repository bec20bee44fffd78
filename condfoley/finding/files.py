"""The sounds of a folder and its subfolders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from condfoley.errors import InputError
from condfoley.references.files import may_hold_sound


def sounds_in(folder: Path) -> list[Path]:
    """Files of a folder and of its subfolders that can hold sound, by name; without hidden ones, and without links to
    folders. Raises InputError for one that is no folder or holds none."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise InputError(f"{folder} {what}; give the folder of your sounds")
    found = sorted(_walk(folder))
    if not found:
        raise InputError(f"{folder} holds no sounds or videos; give a folder of recordings")
    return found


def _walk(folder: Path) -> Iterator[Path]:
    for home, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(home, name)
            if may_hold_sound(path) and path.is_file():
                yield path
