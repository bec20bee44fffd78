"""What a cue file says of each cue, checked cell by cell: the same for CSV, JSON and labels."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, cast, get_args

from condfoley.errors import InputError

MAIN = "main"
"""Name of the layer that `--reference` makes."""
Kind = Literal["impact", "slide"]
KINDS: tuple[Kind, ...] = get_args(Kind)
COLUMNS = (
    "id", "time", "strength", "kind", "duration", "confidence", "layer", "gain", "pan", "locked", "muted", "reference_at",
    "reference",
)  # fmt: skip
RANGES = {
    "time": (0.0, math.inf, "one from 0 s on"),
    "strength": (0.0, 1.0, "from 0 to 1"),
    "duration": (0.0, math.inf, "0 s or more"),
    "confidence": (0.0, 1.0, "from 0 to 1"),
    "gain": (-60.0, 60.0, "from -60 to 60 dB"),
    "pan": (-1.0, 1.0, "from -1 (left) to 1 (right)"),
    "reference_at": (0.0, math.inf, "one from 0 s on"),
}
SWITCHES = {"": None, "0": False, "no": False, "false": False, "1": True, "yes": True, "true": True, "x": True}
NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?|[-+]?(nan|inf|infinity)", re.IGNORECASE)
COMMA = re.compile(r"[-+]?[0-9]*,[0-9]+")
TOGETHER = 0.03
"""s: a cue nearer than that to the one before is the same hit. Two so near sound like one."""


@dataclass(frozen=True)
class CueRow:
    """What a file says of one cue; None: it does not say. Fields and units as of `project.model.Cue`. where: for messages."""

    time: float
    id: int | None = None
    strength: float | None = None
    kind: Kind | None = None
    duration: float | None = None
    confidence: float | None = None
    layer: str | None = None
    gain: float | None = None
    pan: float | None = None
    locked: bool | None = None
    muted: bool | None = None
    reference_at: float | None = None
    reference: str | None = None
    where: str = field(default="", compare=False, repr=False)


class CueList(NamedTuple):
    """rows: ascending in time. columns: those that the file has, also where they are empty. notes: one line each."""

    rows: tuple[CueRow, ...]
    columns: frozenset[str]
    notes: tuple[str, ...] = ()


def ordered(rows: Sequence[CueRow], columns: Collection[str], notes: Sequence[str], name: str) -> CueList:
    """The rows as a list, sorted, which a note says. Raises InputError where two have one id."""
    at: dict[int, CueRow] = {}
    for row in rows:
        if row.id is not None and (first := at.setdefault(row.id, row)) is not row:
            raise InputError(f"{row.where}: the id {row.id} is taken ({first.where}); leave a new cue's id empty")
    sorted_rows = tuple(sorted(rows, key=lambda row: row.time))
    notes = list(notes)
    if sorted_rows != tuple(rows):
        notes.append(f"{name}: the cues were not in the order of their times; they were sorted")
    return CueList(sorted_rows, frozenset(columns), tuple(notes))


def row_of_cells(cells: Mapping[str, Any], where: str, notes: list[str]) -> CueRow:
    """One cue of texts, numbers, booleans or None by the names of columns. Raises InputError, `where` first."""
    texts = {name: "" if value is None else str(value).strip() for name, value in cells.items()}
    time = required_time(texts.get("time", ""), where, "seconds from the beginning, such as 3.25")
    values: dict[str, Any] = {
        name: _ranged(name, text, where) for name, text in texts.items() if name in RANGES and name != "time"
    }
    values |= {name: _switch(name, texts[name], where) for name in ("locked", "muted") if name in texts}
    kind, layer = _kind(texts.get("kind", ""), where), texts.get("layer") or None
    if kind is None and values.get("duration"):
        kind = "slide"
    if kind == "impact" and values.get("duration"):
        notes.append(f"{where}: an impact lasts no time, so its duration was left out; write slide where it is one")
    if kind != "slide" or not values.get("duration"):
        values["duration"] = None
    values["reference"] = texts.get("reference") or None
    return CueRow(time=time, id=_id(texts.get("id", ""), where), kind=kind, layer=layer, where=where, **values)


def required_time(text: str, where: str, needed: str) -> float:
    """A cell as a time, s. Raises InputError, which says what is `needed`."""
    if number(text, "time", where) is None:
        raise InputError(f"{where}: {text!r} is no time; it needs {needed}")
    return cast(float, _ranged("time", text, where))


def number(text: str, what: str, where: str) -> float | None:
    """None for what is no number. Raises InputError for one with a comma."""
    if COMMA.fullmatch(text):
        raise InputError(f"{where}: the {what} has a comma; write {text.replace(',', '.')}, not {text}")
    return float(text) if NUMBER.fullmatch(text) else None


def suggestion(word: str, known: Collection[str]) -> str:
    """`did you mean ...?`, or what there is."""
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"


def require_usable(
    rows: Sequence[CueRow],
    duration: float,
    layers: Collection[str] = (MAIN,),
    as_they_are: Collection[CueRow] = (),
) -> None:
    """Raises InputError for cues that a target of `duration` s with these layers cannot have.

    Those are: past its end, of another layer, or of one layer and overlapping: nearer than TOGETHER, or during a slide.
    rows: ascending in time. as_they_are: those that the project has already, about which alone nobody is told.
    """
    before: dict[str, CueRow] = {}
    for row in rows:
        layer, known = row.layer or MAIN, row in as_they_are
        if row.time >= duration and not known:
            raise InputError(f"{row.where}: {row.time:g} s is past the end of the target ({duration:.2f} s)")
        if layer not in layers:
            raise InputError(f"{row.where}: there is no layer {layer}; {suggestion(layer, layers)}")
        last = before.get(layer)
        near = last is not None and row.time < last.time + max(last.duration or 0.0, TOGETHER) - 1e-6
        if last and near and not (known and last in as_they_are):
            what, more = ("the slide", ", or shorten the slide") if last.duration else ("the cue", "")
            raise InputError(
                f"{row.where}: {row.time:g} s overlaps {what} at {last.time:g} s ({last.where}); "
                f"move or remove one{more}"
            )
        before[layer] = row


def _ranged(name: str, text: str, where: str) -> float | None:
    """A number in the range of its column; None where the cell is empty."""
    if not text:
        return None
    lowest, highest, allowed = RANGES[name]
    value, what = number(text, name, where), name.replace("_", " ")
    if value is None or not lowest <= value <= highest or math.isinf(value):
        raise InputError(f"{where}: the {what} {text} is not {allowed}")
    return value


def _switch(name: str, text: str, where: str) -> bool | None:
    if text.lower() not in SWITCHES:
        raise InputError(f"{where}: {name} is {text!r}; write 1 for yes, 0 for no")
    return SWITCHES[text.lower()]


def _kind(text: str, where: str) -> Kind | None:
    if text and text.lower() not in KINDS:
        raise InputError(f"{where}: there is no kind {text}; {suggestion(text.lower(), KINDS)}")
    return cast(Kind, text.lower()) if text else None


def _id(text: str, where: str) -> int | None:
    if text and not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0):
        raise InputError(f"{where}: the id {text} is no whole number from 1 on; leave a new cue's id empty")
    return int(text) if text else None
