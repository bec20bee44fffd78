"""Reads a CSV file of pairs for batch, evaluation and study: columns reference, target and optionally name."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from condfoley.errors import InputError, why


@dataclass(frozen=True)
class ListedPair:
    """One pair. where: file and line, for error messages. name: empty when not given. row: all columns of the line."""

    where: str
    name: str
    reference: Path
    target: Path
    row: dict[str, str]


def read_pairs(path: Path) -> list[ListedPair]:
    """The pairs of a file; paths in it are relative to the file.

    The delimiter is a comma, a semicolon or a tab; blanks around cells and the case of column names are ignored.
    Raises InputError when it cannot be read, lists nothing, or a line lacks reference or target.
    """
    text = _read_text(path)
    header, _, _ = text.partition("\n")
    delimiter = next((mark for mark in (",", ";", "\t") if mark in header), ",")
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(cells)]
    except csv.Error as error:
        raise InputError(f"{path} is no CSV file ({error}); give one with the columns reference and target") from None
    names = [name.lower() for name in lines[0][1]] if lines else []
    if lines and not {"reference", "target"} <= set(names):
        raise InputError(f"{path}: its header is {header.strip()!r}; it needs the columns reference and target")
    if len(lines) < 2:
        raise InputError(f"{path} lists no pairs; it needs a header with reference and target, and a line a pair")
    return [_pair_of_line(path, number, names, cells) for number, cells in lines[1:]]


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not in UTF-8; save it as CSV in UTF-8") from None
    except OSError as error:
        raise InputError(f"cannot read {path} ({why(error)}); give a CSV file with reference and target") from None


def _pair_of_line(path: Path, number: int, names: list[str], cells: list[str]) -> ListedPair:
    where = f"{path}, line {number}"
    if len(cells) > len(names):
        raise InputError(f"{where} has more cells than the header; put a path with a comma in quotes")
    row = dict(zip(names, cells, strict=False))
    if not row.get("reference") or not row.get("target"):
        raise InputError(f"{where}: reference or target is missing")
    return ListedPair(where, row.get("name") or "", path.parent / row["reference"], path.parent / row["target"], row)
