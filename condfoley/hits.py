"""The hits that a soundtrack follows, as a text file: a label track of Audacity, which other editors read and write.

What the picture shows is a guess; who knows better moves, removes and adds lines and passes the file back.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from condfoley.errors import InputError

FORMAT = "a time in seconds a line, or start, end and how hard (0 to 1) with tabs between, as Audacity's labels"


class Hits(NamedTuple):
    """times: (K,) s, ascending. strengths: (K,) in [0, 1], how hard; nan where that is not known."""

    times: np.ndarray
    strengths: np.ndarray

    def require_within(self, duration: float, whose: str = "the hits") -> None:
        """Raises InputError where one lies behind a target's end, `duration` s."""
        if len(self.times) and self.times[-1] >= duration:
            raise InputError(
                f"{whose}: {self.times[-1]:g} s is past the end of the target ({duration:.2f} s); are these its hits?"
            )


def read_hits(path: Path) -> Hits:
    """The hits that a file lists, in any order. Raises InputError naming the line that cannot be understood."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path} ({error}); it needs {FORMAT}") from None
    found = []
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith(("#", "\\")):  # a comment; a label's range of frequencies
            found.append(_hit(line, f"{path}, line {number}"))
    if not found:
        raise InputError(f"{path} lists no hits; it needs {FORMAT}")
    times, strengths = np.array(sorted(found)).T
    return Hits(times, strengths)


def _hit(line: str, where: str) -> tuple[float, float]:
    """Time and strength of one line."""
    first, *rest = line.strip().split("\t")
    try:
        time, strength = float(first), float(rest[1]) if len(rest) > 1 and rest[1].strip() else math.nan
    except ValueError:
        raise InputError(f"{where}: {line.strip()!r} is no hit; it needs {FORMAT}") from None
    if not 0 <= time < math.inf or not (math.isnan(strength) or 0 <= strength <= 1):
        raise InputError(f"{where}: {line.strip()!r} has a time below 0 or a strength outside 0 to 1")
    return time, strength


def write_hits(path: Path, hits: Hits) -> None:
    """The hits as a label track; a strength that is not known is left empty."""
    lines = [
        f"{time:.4f}\t{time:.4f}\t{'' if math.isnan(hard) else f'{hard:.2f}'}\n"
        for time, hard in zip(hits.times, hits.strengths, strict=True)
    ]
    path.write_text("".join(lines), encoding="utf-8")
