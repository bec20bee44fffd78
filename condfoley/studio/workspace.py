"""A user's folder: uploaded clips and projects, each in a folder of its own that is named by a random id."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from condfoley.errors import InputError
from condfoley.files import make_folder

KEY = re.compile(r"[0-9a-f]{16}")
"""Of the ids of clips and projects. Nothing else from a client becomes a part of a path."""

REMOVED = ".removed-"
"""Begins the name of a project's folder while that is being removed."""


class UnknownKey(InputError):
    """There is no clip or project of that id."""


@dataclass(frozen=True)
class Workspace:
    """root: the user's folder, which nobody else's ids lead into. name: of the user."""

    root: Path
    name: str = "local"

    @property
    def clips(self) -> Path:
        """Folder of the clips' folders."""
        return self.root / "clips"

    @property
    def projects(self) -> Path:
        """Folder of the projects' folders, each with a `project.json`."""
        return self.root / "projects"

    def clip(self, key: str) -> Path:
        """Folder of a clip. Raises UnknownKey."""
        return _existing(self.clips, key, "clip")

    def project(self, key: str) -> Path:
        """Folder of a project. Raises UnknownKey."""
        return _existing(self.projects, key, "project")


def new_folder(home: Path) -> Path:
    """A new empty folder in `home`, named by a new id. Raises InputError when it cannot be made."""
    folder = home / secrets.token_hex(8)
    make_folder(folder)
    return folder


def keys_in(home: Path) -> list[str]:
    """Ids of the folders in `home`, the latest changed first."""
    if not home.is_dir():
        return []
    found = [path for path in home.iterdir() if KEY.fullmatch(path.name) and path.is_dir()]
    return [path.name for path in sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)]


def _existing(home: Path, key: str, what: str) -> Path:
    folder = home / key
    if not KEY.fullmatch(key) or not folder.is_dir():
        raise UnknownKey(f"there is no such {what}; it may have been removed")
    return folder
