"""Indexes of recordings on disk, each under the hash of its recording; the oldest ones make room for new ones."""

from __future__ import annotations

import os
import zipfile
import zlib
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.files import open_atomic, user_folder
from condfoley.references.index import ENVELOPE, VERSION, Index

VARIABLE = "CONDFOLEY_CACHE"
"""Folder of the cache in place of the platform's; `off`: without one."""
MOST_BYTES = 256 * 2**20


def cache_folder() -> Path | None:
    """Where indexes are; None: nowhere, by the user's wish."""
    if given := os.environ.get(VARIABLE):
        return None if given == "off" else Path(given)
    return user_folder("cache") / "condfoley" / "references"


def load(key: str) -> Index | None:
    """The index of a recording; None where there is none, or a damaged one. key: the recording's hash."""
    folder = cache_folder()
    if folder is None:
        return None
    path = folder / _name(key)
    try:
        with np.load(path, allow_pickle=False) as content:
            index = Index(float(content["duration"]), **{f.name: content[f.name] for f in fields(Index)[1:]})
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error):
        return None
    with suppress(OSError):
        os.utime(path)  # used now
    return index if _fits(index) else None


def _fits(index: Index) -> bool:
    """Whether all of an index is there."""
    count = len(index.times)
    each = (index.ends, index.rises, index.levels, index.decays, index.slides, index.powers)
    return all(len(part) == count for part in each) and index.powers.ndim == 3 and index.powers.shape[2] == ENVELOPE


def save(key: str, index: Index) -> None:
    """Keeps an index; where the folder cannot be written to, it is computed again next time."""
    folder = cache_folder()
    if folder is None:
        return
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with open_atomic(folder / _name(key)) as file:
            values: dict[str, Any] = {f.name: np.asarray(getattr(index, f.name)) for f in fields(Index)}
            np.savez_compressed(file, **values)
        _make_room(folder)


def _name(key: str) -> str:
    return f"{key}-v{VERSION}.npz"


def _make_room(folder: Path) -> None:
    """Removes the indexes that were not used for longest, until the others take no more than MOST_BYTES."""
    files = sorted(((p.stat().st_mtime_ns, p.stat().st_size, p) for p in folder.glob("*.npz")), reverse=True)
    total = 0
    for _, size, path in files:
        total += size
        if total > MOST_BYTES:
            path.unlink(missing_ok=True)
