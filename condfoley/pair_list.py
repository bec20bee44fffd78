"""A CSV file of pairs, as batch, evaluation and study read it: columns reference, target and, if you like, name."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from condfoley.errors import InputError


@dataclass(frozen=True)
class Listed:
    """One pair. where: file and line, for complaints. name: empty when none is given. row: all columns of the line."""

    where: str
    name: str
    reference: Path
    target: Path
    row: dict[str, str]


def read_pairs(path: Path) -> list[Listed]:
    """The pairs that a file lists; paths in it are relative to it.

    Raises InputError when it cannot be read, lists nothing, or a line lacks reference or target.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {path} ({error}); give a CSV file with reference and target") from None
    if not rows:
        raise InputError(f"{path} lists no pairs; it needs a header with reference and target, and a line a pair")
    return [_listed(path, number, row) for number, row in enumerate(rows, start=2)]


def _listed(path: Path, number: int, row: dict[str, str]) -> Listed:
    where = f"{path}, line {number}"
    if not row.get("reference") or not row.get("target"):
        raise InputError(f"{where}: reference or target is missing")
    return Listed(where, row.get("name") or "", path.parent / row["reference"], path.parent / row["target"], row)
