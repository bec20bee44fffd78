"""Edits in words, as the command line has them: `2.5,strength=0.8`, `7:time=3.25,gain=-3`, `7=2`, `main=-3`."""

from __future__ import annotations

from collections.abc import Sequence

from condfoley.cues.rows import COLUMNS, CueList, ordered, row_of_cells, suggestion
from condfoley.errors import InputError
from condfoley.project.cue_format import cells_of
from condfoley.project.model import Project

SET = "an id and what to change, such as 7:time=3.25,gain=-3"
ADD = "a time in seconds, such as 2.5 or 2.5,strength=0.8"


def cue_list_of_words(project: Project, add: Sequence[str], set_: Sequence[str], remove: Sequence[str]) -> CueList:
    """The project's list of cues with the changes that the words say. Raises InputError for those that are none."""
    rows = {cue.id: cells_of(cue) for cue in project.cues}
    for words in remove:
        rows.pop(_cue_id(project, words, "--remove", "the id of a cue"), None)  # given twice: removed once
    for words in set_:
        key, colon, columns = words.partition(":")
        if not colon or not columns:
            raise InputError(f"--set {words} is not understood; give {SET}")
        number = _cue_id(project, key, f"--set {words}", SET)
        if number not in rows:
            raise InputError(f"--set {words}: cue {number} is removed by --remove; leave out one of the two")
        rows[number] = rows[number] | _columns(columns, f"--set {words}", SET)
        _without_duration(rows[number])
    notes: list[str] = []
    found = [row_of_cells(cells, f"cue {key}", notes) for key, cells in rows.items()]
    for words in add:
        time, _, columns = words.partition(",")
        cells = {"time": time} | (_columns(columns, f"--add {words}", ADD) if columns else {})
        found.append(row_of_cells(cells, f"--add {words}", notes))
    return CueList(ordered(found, COLUMNS, (), "").rows, frozenset(COLUMNS), tuple(notes))


def _without_duration(cells: dict[str, str]) -> None:
    if cells.get("kind") == "impact":
        cells["duration"] = ""


def _columns(text: str, where: str, needed: str) -> dict[str, str]:
    out = {}
    for part in text.split(","):
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals:
            raise InputError(f"{where} is not understood; give {needed}")
        if name not in COLUMNS or name == "id":
            raise InputError(f"{where}: there is no column {name}; {suggestion(name, COLUMNS[1:])}")
        out[name] = value
    return out


def _cue_id(project: Project, text: str, where: str, needed: str) -> int:
    if not _is_whole(text):
        raise InputError(f"{where}: {text!r} is no id; give {needed}")
    return project.cue(int(text)).id


def _is_whole(text: str) -> bool:
    return text.strip().isascii() and text.strip().isdecimal() and len(text.strip()) < 10


def choices(project: Project, words: Sequence[str]) -> list[tuple[int, int]]:
    """(cue, number) of words such as 7=2. Raises InputError."""
    out = []
    for word in words:
        key, _, number = word.partition("=")
        if not _is_whole(number):
            raise InputError(f"--choose {word} is not understood; give an id and a number, such as 7=2")
        out.append((_cue_id(project, key, f"--choose {word}", "an id and a number, such as 7=2"), int(number)))
    return out


def gains(words: Sequence[str]) -> dict[str, float]:
    """Layer -> dB of words such as main=-3. Raises InputError."""
    out = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            out[name.strip()] = float(value)
        except ValueError:
            raise InputError(f"--gain {word} is not understood; give a layer and dB, such as main=-3") from None
    return out
