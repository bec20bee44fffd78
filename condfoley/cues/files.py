"""Reads cue lists: cues.csv, cues.json, and label tracks as Audacity and other editors write them.

Which one a file is shows in its content. `cue_format` writes them; docs/editing.md describes them.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable
from pathlib import Path

from condfoley.cues.rows import COLUMNS, NUMBER, CueList, number, ordered, required_time, row_of_cells
from condfoley.cues.rows import suggestion as suggest
from condfoley.errors import InputError

FORMAT = "a time in seconds a line, or start, end and how hard (0 to 1) with tabs between, as Audacity's labels"
BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
DECIMAL = re.compile(r"[0-9]*\.[0-9]+|[0-9]+\.")  # a strength beside a name: "steps 0.7", but not the name "hit 1"
IGNORED = ("frame",)
"""Columns that say where a time comes from (`condfoley label`); they are not read."""
COUNT = re.compile(r"0[0-9]+|[2-9]|[1-9][0-9]+")
LABELS = frozenset({"time", "strength", "kind", "duration", "layer"})
"""The columns that a label track has."""


def read_cues(path: Path, what: str = "cues") -> CueList:
    """The cues of a file. what: it lists, for messages. Raises InputError naming the line that cannot be understood."""
    return parse_cues(read_text(path, what), str(path))


def parse_cues(text: str, name: str) -> CueList:
    """The cues that a text lists; name: what the text is called in messages. Raises InputError, see `read_cues`."""
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith(("{", "[")) or name.lower().endswith(".json"):
        return _json(text, name)
    lines = [(i, line) for i, line in enumerate(text.splitlines(), start=1) if line.strip()]
    lines = [(i, line) for i, line in lines if not line.lstrip().startswith(("#", "\\"))]  # \: a range of frequencies
    if lines and _is_header(lines[0][1], name):
        return _csv(lines, name)
    return _labels(lines, name)


def read_text(path: Path, what: str) -> str:
    """A text file in UTF-8, or in UTF-16 with a byte order mark. Raises InputError, in the user's words."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file of {what}; check the path") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder; give a file of {what}: {FORMAT}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); change its permissions or copy it") from None
    encoding = next((code for mark, code in BOMS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise InputError(f"{path} is no text file; it needs {FORMAT}")
    return text


def _is_header(line: str, name: str) -> bool:
    """Whether a line names columns: one of them is the time, or the file is called a table and begins with no number."""
    names = _names(line)
    first = line.split("\t")[0].strip()
    table = name.lower().endswith(".csv") and not NUMBER.fullmatch(first) and len(names) > 1
    return "time" in names or (table and not NUMBER.fullmatch(names[0]))


def _separator(line: str) -> str:
    return next((mark for mark in (";", "\t", ",") if mark in line), ",")


def _names(line: str) -> list[str]:
    return [re.sub(r"[\s-]+", "_", cell.strip(' \t"').lower()) for cell in line.split(_separator(line))]


def _csv(lines: list[tuple[int, str]], name: str) -> CueList:
    """A table: its header names the columns, in any order."""
    (first, header), *body = lines
    columns, mark = _names(header), _separator(header)
    while columns and not columns[-1]:  # a spreadsheet's empty columns
        columns.pop()
    _known_columns(columns, f"{name}, line {first}")
    rows, notes = [], list[str]()
    for place, line in body:
        where = f"{name}, line {place}"
        try:
            cells = [cell.strip() for cell in next(csv.reader([line], delimiter=mark, strict=True))]
        except csv.Error as error:
            raise InputError(f"{where} cannot be read ({error}); write each cue in a line of its own") from None
        if not any(cells):
            continue
        if any(cells[len(columns) :]):
            raise InputError(
                f"{where} has {len(cells)} cells, the header {len(columns)}; write numbers with a point, such as 3.25"
            )
        rows.append(row_of_cells(dict(zip(columns, cells, strict=False)), where, notes))
    return ordered(rows, columns, notes, name)


def _known_columns(columns: Iterable[str], where: str) -> None:
    seen: set[str] = set()
    for column in columns:
        if column not in (*COLUMNS, *IGNORED):
            raise InputError(f"{where}: there is no column {column or '(empty)'}; {suggest(column, COLUMNS)}")
        if column in seen:
            raise InputError(f"{where}: the column {column} is there twice; leave one out")
        seen.add(column)
    if "time" not in seen:
        raise InputError(f"{where}: the column time is missing; the first line names the columns: {', '.join(COLUMNS)}")


def _json(text: str, name: str) -> CueList:
    """A list of cues as objects, or an object with it under "cues"."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        at = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(f"{name}{at}: this is no JSON; write it as cues.json of a result") from None
    items = content.get("cues") if isinstance(content, dict) else content
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise InputError(f'{name}: it needs a list of cues, such as {{"cues": [{{"time": 3.25}}]}}')
    rows, notes, columns = [], list[str](), set[str]()
    for place, item in enumerate(items, start=1):
        where = f"{name}, cue {place}"
        _known_columns(item, where)
        for key, value in item.items():
            if isinstance(value, list | dict):
                raise InputError(f"{where}: {key} is a {type(value).__name__}; write one number or text")
        columns |= set(item)
        rows.append(row_of_cells(item, where, notes))
    return ordered(rows, columns | {"time"}, notes, name)


def _labels(lines: list[tuple[int, str]], name: str) -> CueList:
    """A label track, or a time a line."""
    split = [(i, [cell.strip() for cell in line.split("\t")]) for i, line in lines]
    labels = [cells[2] for _, cells in split if len(cells) > 2]
    counted = any(COUNT.fullmatch(label) for label in labels)  # 2, 3, or 01: no strengths
    rows, notes = [], list[str]()
    for place, cells in split:
        where = f"{name}, line {place}"
        start = required_time(cells[0], where, FORMAT)
        end = number(cells[1], "end", where) if len(cells) > 1 else None
        duration = end - start if end is not None and start + 5e-5 < end < float("inf") else None
        label = cells[2] if len(cells) > 2 else ""
        strength, layer = ("", "") if counted and label.isdecimal() else _strength_and_layer(label, where)
        values = {"time": cells[0], "duration": duration, "strength": strength, "layer": layer}
        rows.append(row_of_cells(values, where, notes))
    if counted:
        notes.append(f"{name}: its labels count the cues and were not taken as strengths; write these as 0.7")
    return ordered(rows, LABELS, notes, name)


def _strength_and_layer(label: str, where: str) -> tuple[str, str]:
    """What a label says: a number is a strength, anything else the name of a layer, both may stand together."""
    if NUMBER.fullmatch(label):
        value = float(label)
        if not 0 <= value <= 1:
            raise InputError(
                f"{where}: the strength {label} is not from 0 to 1; a label may also be a name, or left out"
            )
        return label, ""
    number(label, "strength", where)
    first, _, rest = label.partition(" ")
    before, _, last = label.rpartition(" ")
    if before and DECIMAL.fullmatch(last) and float(last) <= 1:
        return last, before.strip()
    if rest and DECIMAL.fullmatch(first) and float(first) <= 1:
        return first, rest.strip()
    return "", label
