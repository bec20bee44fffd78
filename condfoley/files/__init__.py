"""Atomic writing: a file or folder is either complete or absent, even after a crash or with concurrent writers."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal

from condfoley.errors import InputError, UnwritableError
from condfoley.files.partial import owned_file, owned_folder, shortened

PART, SCRATCH = re.compile(r"\..*\.[0-9a-f]{8}\.part(\..+)?"), re.compile(r"\.partial-[0-9a-f]{8}")
"""Names of temporary files and folders."""


@contextmanager
def atomic_file(
    path: Path, failures: tuple[type[Exception], ...] = (OSError,), raises: type[Exception] = InputError
) -> Iterator[Path]:
    """Yields a temporary file to write to, which replaces `path` at the end and is removed after any failure.

    It is in the folder of `path` and has its suffix; those of `path` that killed processes left are removed. failures:
    exceptions by which the caller's writer reports that it cannot write. Raises `raises` in place of them, with a message
    that says what to do.
    """
    begin, end = f".{shortened(path.stem, 200 - len(path.suffix))}.", f".part{path.suffix}"
    try:
        with owned_file(path.parent, begin, end) as part:
            yield part
            os.replace(part, path)
    except failures as error:
        raise raises(_write_error(path, error)) from error


@contextmanager
def scratch_folder(home: Path) -> Iterator[Path]:
    """Yields a new temporary folder in `home`; at the end it is removed with all that was not moved out of it.

    `home` is created if it is missing; what killed processes left there is removed. Raises InputError, saying what to do,
    when it cannot be written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        with owned_folder(home, ".partial-") as work:
            yield work
    except OSError as error:
        raise InputError(_write_error(home, error)) from error


def remove_parts(home: Path, folders: Iterable[str] = ()) -> None:
    """Removes what `atomic_file` and `scratch_folder` left in a folder, and some within it, when they were killed.

    For those who know that nobody else is writing there now.
    """
    for place in (home, *(home / name for name in folders)):
        for path in place.glob(".*"):
            if SCRATCH.fullmatch(path.name) and path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif PART.fullmatch(path.name):
                with suppress(OSError):
                    path.unlink()


def make_folder(path: Path) -> None:
    """Creates a folder and its parents if they are missing. Raises InputError, saying what to do."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(_write_error(path, error)) from error


def _write_error(place: Path, error: Exception) -> str:
    root = error.__cause__ or error  # an UnwritableError has this very message: take its cause
    why = getattr(root, "strerror", None) or root
    return f"{place}: cannot be written ({why}); make room there or choose another place"


@contextmanager
def open_atomic(path: Path) -> Iterator[BinaryIO]:
    """Opens a temporary file for writing bytes that replaces `path` at the end; others may be reading the old one.

    For files of condfoley's own (caches, runs, weights). Raises UnwritableError.
    """
    with atomic_file(path, raises=UnwritableError) as part, open(part, "wb") as file:
        yield file


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as JSON with `open_atomic`. Raises UnwritableError."""
    content = json.dumps(value, indent=1) + "\n"
    with open_atomic(path) as file:
        file.write(content.encode())


def user_folder(kind: Literal["cache", "data"]) -> Path:
    """Where the system keeps what programs cache, or store, for this user."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / {"cache": "Caches", "data": "Application Support"}[kind]
    given = os.environ.get({"cache": "XDG_CACHE_HOME", "data": "XDG_DATA_HOME"}[kind])
    return Path(given or Path.home() / {"cache": ".cache", "data": ".local/share"}[kind])


def plain(value: Any) -> Any:
    """The same value in JSON's own types: numpy scalars as numbers, nan and infinity as null, paths as text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
