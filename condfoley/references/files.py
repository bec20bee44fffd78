"""The files that `--reference` names: one, several, or all of a folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from condfoley.errors import InputError
from condfoley.media.formats import SOUND_SUFFIXES, VIDEO_SUFFIXES

T = TypeVar("T")
SUFFIXES = SOUND_SUFFIXES | VIDEO_SUFFIXES | {".mp3", ".m4a", ".aac", ".aif", ".aiff", ".opus", ".w64", ".caf", ".wma"}


def may_hold_sound(path: Path) -> bool:
    """Whether a file is a recording by its name; hidden ones are not."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def reference_files(given: str | Iterable[str]) -> tuple[Path, ...]:
    """The files, in the order given; those of a folder by name. Raises InputError for a folder without any, and for a file
    that is given twice."""
    out: list[Path] = []
    for path in map(Path, [given] if isinstance(given, str) else given):
        if not path.is_dir():
            out.append(path)
            continue
        try:
            found = sorted(p for p in path.iterdir() if may_hold_sound(p))
        except OSError as error:
            raise InputError(f"--reference {path} cannot be read ({error.strerror}); change its permissions") from None
        if not found:
            raise InputError(f"--reference {path} holds no sounds or videos; give a folder of recordings, or a file")
        out += found
    if twice := next((path for i, path in enumerate(out) if path in out[:i]), None):
        raise InputError(f"--reference {twice} is given twice; give each recording once")
    return tuple(out)


def by_key(paths: Sequence[T], key: str = "reference") -> dict[str, T]:
    """Files, or what stands for them, by the names that projects have for them: `reference`, `reference 2` and so on."""
    return {key if i == 0 else f"{key} {i + 1}": path for i, path in enumerate(paths)}
