"""scores.csv: every candidate with its scores, best first; and which takes a soundtrack consists of."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from condfoley.comping.ranking import in_time, rank_candidates

if TYPE_CHECKING:
    from condfoley.soundtrack import Soundtrack

COLUMNS = ("rank", "file", "seed", "agreement", "offset_s", "confidence", "chosen")


@dataclass(frozen=True)
class ScoreRow:
    """One line of scores.csv: `agreement` and `confidence` in [0, 1], `offset` in seconds (positive: late), or None."""

    rank: int
    file: str
    seed: int
    agreement: float | None
    offset: float | None
    confidence: float | None
    chosen: bool


def score_table(soundtrack: Soundtrack) -> list[ScoreRow]:
    """One row a candidate; file names number them in order of generation.

    The candidate that the soundtrack mostly consists of leads, the others follow as they rank
    (`comping.ranking.rank`), or in order of generation where re-ranking was off.
    """
    candidates, settings, chosen = soundtrack.candidates, soundtrack.settings, soundtrack.chosen
    ranked: list[int] = list(range(len(candidates)))
    if settings.get("rerank", True):
        ranked = rank_candidates(candidates, float(settings.get("tolerance", 0.0)))
    order = [chosen, *(index for index in ranked if index != chosen)]
    return [
        ScoreRow(
            rank=place,
            file=candidate_name(index, candidates[index].seed),
            seed=candidates[index].seed,
            agreement=known(candidates[index].agreement),
            offset=known(candidates[index].offset),
            confidence=known(candidates[index].confidence),
            chosen=index == chosen,
        )
        for place, index in enumerate(order, start=1)
    ]


def timely(rows: list[ScoreRow], tolerance: float) -> list[bool]:
    """Whether each row's candidate is in time, as its ranking took it; rows without an offset are not."""
    offsets = [row.offset for row in rows if row.offset is not None]
    flags = iter(in_time(offsets, tolerance).tolist())
    return [row.offset is not None and next(flags) for row in rows]


def known(value: float | None) -> float | None:
    """The score; None where it was not computed (None or nan)."""
    return None if value is None or math.isnan(value) else float(value)


def take_list(soundtrack: Soundtrack) -> list[dict[str, Any]]:
    """The soundtrack's takes as JSON values: `start` (s), the candidate's `file`, and how late it is `moved` (s)."""
    names = [candidate_name(i, candidate.seed) for i, candidate in enumerate(soundtrack.candidates)]
    return [{"start": take.start, "file": names[take.candidate], "moved": take.moved} for take in soundtrack.takes]


def candidate_name(index: int, seed: int) -> str:
    """File name of a candidate: its number from 1, and its seed; `01_<seed>.flac` is the first."""
    return f"{index + 1:02d}_{seed}.flac"


def write_scores(path: Path, soundtrack: Soundtrack) -> None:
    """Writes the table as CSV (offset in seconds)."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for row in score_table(soundtrack):
            scores = ("" if x is None else f"{x:.4f}" for x in (row.agreement, row.offset, row.confidence))
            table.writerow([row.rank, row.file, row.seed, *scores, int(row.chosen)])
