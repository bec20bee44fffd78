"""Cues as times and strengths, and as a text file, hits.txt: a label track of Audacity, which other editors read too.

The impacts that are detected in the picture may be wrong; users move, remove and add lines and pass the file back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from condfoley.cues.files import FORMAT, parse_cues, read_text
from condfoley.cues.rows import TOGETHER, CueRow
from condfoley.errors import InputError

NONE = "# no impacts were detected in the picture; write their times here, in seconds, one a line\n"


class Hits(NamedTuple):
    """times: (K,) s, ascending. strengths: (K,) in [0, 1], how hard; nan where that is not known."""

    times: np.ndarray
    strengths: np.ndarray

    @classmethod
    def of(cls, times: ArrayLike) -> Hits:
        """Hits at (K,) s in any order; those nearer than TOGETHER are one. How hard they are is not known.

        Raises InputError for a time that is none: below 0, nan or infinite.
        """
        found = np.sort(np.asarray(times, float).ravel())
        if not (np.isfinite(found) & (found >= 0)).all():
            raise InputError("hits has a time that is below 0 s or no number; give times in seconds from the beginning")
        return _together([(float(time), math.nan) for time in found])

    def require_within(self, duration: float, whose: str = "the hits") -> None:
        """Raises InputError where one lies behind a target's end, `duration` s."""
        if len(self.times) and self.times[-1] >= duration:
            raise InputError(
                f"{whose}: {self.times[-1]:g} s is past the end of the target ({duration:.2f} s); are these its hits?"
            )


def read_hits(path: Path) -> Hits:
    """The hits that a file of cues lists, in any order; those nearer than TOGETHER are one hit, as hard as the hardest.

    A line is a time in s, or start, end and label with tabs between, of which the start counts, and a label that is a
    number: how hard. cues.csv and cues.json are read too (`cues.files`), without cues that are muted.
    Raises InputError naming the line that cannot be understood.
    """
    return parse_hits(read_text(path, "hits"), str(path))


def parse_hits(text: str, name: str) -> Hits:
    """The hits that a text lists, see `read_hits`; name: what the text is called in messages."""
    hits = hits_of_rows(parse_cues(text, name).rows)
    if not len(hits.times):
        raise InputError(f"{name} lists no hits; it needs {FORMAT}")
    return hits


def hits_of_rows(rows: Iterable[CueRow]) -> Hits:
    """The hits that rows of a cue file list; those nearer than TOGETHER are one, and muted ones are none."""
    found = [row for row in rows if not row.muted]
    return _together(sorted((row.time, math.nan if row.strength is None else row.strength) for row in found))


def _together(found: list[tuple[float, float]]) -> Hits:
    """found: (time, strength), ascending."""
    times: list[float] = []
    strengths: list[float] = []
    for time, strength in found:
        if times and time - times[-1] < TOGETHER - 1e-9:
            strengths[-1] = float(np.fmax(strengths[-1], strength))
        else:
            times.append(time)
            strengths.append(strength)
    return Hits(np.array(times), np.array(strengths))


def format_hits(hits: Hits) -> str:
    """The hits as text of a label track, unknown strengths left empty; without hits, a comment that asks for some."""
    lines = [
        f"{time:.4f}\t{time:.4f}\t{'' if math.isnan(hard) else f'{hard:.2f}'}\n"
        for time, hard in zip(hits.times, hits.strengths, strict=True)
    ]
    return "".join(lines) or NONE


def write_hits(path: Path, hits: Hits) -> None:
    """Writes the hits as a label track (`format_hits`)."""
    path.write_text(format_hits(hits), encoding="utf-8")
