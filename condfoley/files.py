"""Files and folders that are whole or not there, however a run ends and whoever else writes them."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from condfoley.errors import InputError, UnwritableError


@contextmanager
def atomic_file(
    path: Path, failures: tuple[type[Exception], ...] = (OSError,), raises: type[Exception] = InputError
) -> Iterator[Path]:
    """A file to write to that becomes `path` when it is complete, and is gone after any failure.

    It lies beside `path` and has its suffix. failures: what its writer raises when it cannot write, which some have
    errors of their own for. Raises `raises` then, saying what to do.
    """
    part = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        part.touch()
        yield part
        os.replace(part, path)
    except failures as error:
        raise raises(_complaint(path, error)) from error
    finally:
        with suppress(OSError):
            part.unlink()


@contextmanager
def scratch_folder(home: Path) -> Iterator[Path]:
    """A new folder in `home`, which is made too, for what belongs together; what is not moved out of it is removed.

    Raises InputError, saying what to do, when it cannot be written.
    """
    work = home / f".partial-{secrets.token_hex(4)}"
    try:
        work.mkdir(parents=True)
        yield work
    except OSError as error:
        raise InputError(_complaint(home, error)) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def make_folder(path: Path) -> None:
    """Makes a folder, and those above it, where there is none. Raises InputError, saying what to do."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(_complaint(path, error)) from error


def _complaint(place: Path, error: Exception) -> str:
    root = error.__cause__ or error  # of an UnwritableError, whose own words say what is said here
    why = getattr(root, "strerror", None) or root
    return f"{place}: cannot be written ({why}); make room there or choose another place"


@contextmanager
def open_atomic(path: Path) -> Iterator[BinaryIO]:
    """A file of ours to write to that becomes `path` when it is complete: another run may be reading the one there.

    Raises UnwritableError.
    """
    with atomic_file(path, raises=UnwritableError) as part, open(part, "wb") as file:
        yield file


def write_json(path: Path, value: Any) -> None:
    """Writes JSON with `open_atomic`."""
    content = json.dumps(value, indent=1) + "\n"
    with open_atomic(path) as file:
        file.write(content.encode())
