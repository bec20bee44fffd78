"""Files that are whole or not there, however a run ends and whoever else writes them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def at_once(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that becomes `path` when it is complete: another run may be reading the one that was there.

    Raises OSError saying what to do when it cannot be written.
    """
    part = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        with open(part, "wb") as file:
            yield file
        os.replace(part, path)
    except OSError as error:
        why = error.strerror or error
        raise OSError(f"{path.parent} cannot be written ({why}); make room and run the same command again") from error
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON with `at_once`."""
    content = json.dumps(value, indent=1) + "\n"
    with at_once(path) as file:
        file.write(content.encode())
