"""What a preparation left out, and why: OUT/rejected.csv."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path

from condfoley.files import open_atomic

REJECTED = "rejected.csv"


def write(out: Path, rejected: list[tuple[str, str]], absent: list[tuple[str, str]]) -> None:
    """Writes (clip, reason) of all; absent videos last: a part of a data set lacks many, and damaged ones must be seen."""
    with open_atomic(out / REJECTED) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        csv.writer(text).writerows([("clip", "reason"), *sorted(set(rejected)), *sorted(set(absent))])


def read(out: Path) -> list[tuple[str, str]]:
    """(clip, reason) of all that a preparation left out."""
    with open(out / REJECTED, encoding="utf-8", newline="") as file:
        return [(row["clip"], row["reason"]) for row in csv.DictReader(file)]


def by_reason(rejected: Iterable[tuple[str, str]]) -> list[tuple[int, str, str]]:
    """(how many, the first of them, its reason) for each kind of reason, the most frequent first.

    Reasons are of one kind when they differ in names of files and in numbers only.
    """
    kinds: dict[str, list[tuple[str, str]]] = {}
    for clip, reason in rejected:
        unnamed = re.sub(r"^.*\.\w+: ", "", reason)
        kinds.setdefault(re.sub(r"\S*[\d/.]\S*", "", unnamed), []).append((clip, reason))
    return sorted(((len(alike), *alike[0]) for alike in kinds.values()), key=lambda kind: -kind[0])
