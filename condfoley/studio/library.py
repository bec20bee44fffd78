"""Files that the page offers besides uploads: those of a folder, and the example pair of the package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from condfoley import examples
from condfoley.errors import InputError
from condfoley.media.formats import SOUND_SUFFIXES, VIDEO_SUFFIXES
from condfoley.studio.workspace import UnknownKey

EXAMPLE = "example:"
EXAMPLES = {f"{EXAMPLE}{path.name}": path for path in (examples.REFERENCE, examples.TARGET)}
SUFFIXES = VIDEO_SUFFIXES | SOUND_SUFFIXES | {".mp3", ".m4a", ".aif", ".aiff", ".mxf", ".opus"}
MOST = 5000
"""Files of a folder that are listed."""


class Library:
    """The media files in a folder and its subfolders, by their path in it. Links that lead out of it are not followed.

    folder: None: only the examples. Raises InputError for a folder that is none.
    """

    def __init__(self, folder: Path | None) -> None:
        if folder is not None and not folder.is_dir():
            raise InputError(f"--library {folder} is no folder; give the one with your recordings")
        self.folder = None if folder is None else folder.resolve()

    def files(self) -> list[dict[str, Any]]:
        """Names and sizes, the examples first."""
        found = {name: path.stat().st_size for name, path in EXAMPLES.items() if path.is_file()}
        for home, folders, names in os.walk(self.folder) if self.folder else ():
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = Path(home) / name
                if self._is_offered(path) and len(found) < MOST:
                    assert self.folder
                    found[path.relative_to(self.folder).as_posix()] = path.stat().st_size
        return [{"name": name, "bytes": size} for name, size in found.items()]

    def find(self, name: str) -> Path:
        """The file of that name. Raises UnknownKey for all that is not offered."""
        if name in EXAMPLES:
            return EXAMPLES[name]
        if self.folder is not None and "\0" not in name:
            path = self.folder / name
            parts = Path(name).parts
            if ".." not in parts and not any(part.startswith(".") for part in parts) and self._is_offered(path):
                return path.resolve()
        raise UnknownKey("the library has no such file; it may have been renamed")

    def _is_offered(self, path: Path) -> bool:
        if self.folder is None or path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            return False
        try:
            real = path.resolve(strict=True)
        except (OSError, RuntimeError):
            return False
        return real.is_relative_to(self.folder) and real.is_file()
