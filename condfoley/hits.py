"""Cues as a text file, hits.txt: a label track of Audacity, which other editors read and write too.

The impacts that are detected in the picture may be wrong; users move, remove and add lines and pass the file back.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from condfoley.errors import InputError

FORMAT = "a time in seconds a line, or start, end and how hard (0 to 1) with tabs between, as Audacity's labels"
NONE = "# no impacts were detected in the picture; write their times here, in seconds, one a line\n"
TOGETHER = 0.03
"""s: a hit nearer than that to the one before is the same hit. Two so near sound like one, and matching each would silence
the other."""
NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?|[-+]?(nan|inf|infinity)", re.IGNORECASE)
COMMA = re.compile(r"[-+]?[0-9]*,[0-9]+")


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
    """The hits that a file lists, in any order; those nearer than TOGETHER are one hit, as hard as the hardest.

    A line is a time in s, or start, end and label with tabs between. What counts is the start, and a label that is a
    number: how hard. Any other label is a name. Raises InputError naming the line that cannot be understood.
    """
    return parse_hits(_text(path), str(path))


def parse_hits(text: str, name: str) -> Hits:
    """The hits that a text lists, see `read_hits`; name: what the text is called in messages."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith(("#", "\\")):  # a comment; a label's range of frequencies
            found.append(_hit(line, f"{name}, line {number}"))
    if not found:
        raise InputError(f"{name} lists no hits; it needs {FORMAT}")
    return _together(sorted(found))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file of hits; check the path") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder; give a file of hits: {FORMAT}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text file; it needs {FORMAT}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); change its permissions or copy it") from None


def _hit(line: str, where: str) -> tuple[float, float]:
    """Time and strength of one line."""
    first, *rest = (cell.strip() for cell in line.split("\t"))
    time = _number(first, "time", where)
    if time is None:
        raise InputError(f"{where}: {first!r} is no time; it needs {FORMAT}")
    if not 0 <= time < math.inf:
        raise InputError(f"{where}: the time {first} is not one from 0 s on")
    label = rest[1] if len(rest) > 1 else ""
    strength = _number(label, "strength", where)
    if strength is not None and not 0 <= strength <= 1:
        raise InputError(f"{where}: the strength {label} is not from 0 to 1; a label may also be a name, or left out")
    return time, math.nan if strength is None else strength


def _number(cell: str, what: str, where: str) -> float | None:
    """None for what is no number. Raises InputError for one with a comma."""
    if COMMA.fullmatch(cell):
        raise InputError(f"{where}: the {what} has a comma; write {cell.replace(',', '.')}, not {cell}")
    return float(cell) if NUMBER.fullmatch(cell) else None


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
