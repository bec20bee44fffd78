"""OUT/rejected.csv: the clips that a preparation left out, with reasons."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path

from condfoley.files import open_atomic

REJECTED = "rejected.csv"


def write(out: Path, rejected: list[tuple[str, str]], absent: list[tuple[str, str]]) -> None:
    """Writes (clip, reason) of all clips left out.

    absent: videos whose files are missing; they come last, so that a partial data set does not hide damaged files.
    Raises UnwritableError.
    """
    with open_atomic(out / REJECTED) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        csv.writer(text).writerows([("clip", "reason"), *sorted(set(rejected)), *sorted(set(absent))])


def read(out: Path) -> list[tuple[str, str]]:
    """Reads rejected.csv: (clip, reason) of all clips left out."""
    with open(out / REJECTED, encoding="utf-8", newline="") as file:
        return [(row["clip"], row["reason"]) for row in csv.DictReader(file)]


def by_reason(rejected: Iterable[tuple[str, str]]) -> list[tuple[int, str, str]]:
    """(number of clips, first clip, its reason) for each kind of reason, the most frequent first.

    Reasons are of the same kind when they only differ in file names and numbers.
    """
    kinds: dict[str, list[tuple[str, str]]] = {}
    for clip, reason in rejected:
        unnamed = re.sub(r"^.*\.\w+: ", "", reason)
        kinds.setdefault(re.sub(r"\S*[\d/.]\S*", "", unnamed), []).append((clip, reason))
    return sorted(((len(alike), *alike[0]) for alike in kinds.values()), key=lambda kind: -kind[0])
