"""Writes cue lists: cues.csv, cues.json and label tracks; `cues.files` reads them again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from condfoley.cues.rows import COLUMNS, MAIN, CueRow
from condfoley.project.model import Cue


def write_cues(path: Path, cues: Iterable[Cue | CueRow]) -> None:
    """Writes cues as the file's suffix says: .csv, .json, any other: a label track."""
    form = {".csv": format_csv, ".json": format_json}.get(path.suffix.lower(), format_labels)
    path.write_text(form(cues), encoding="utf-8", newline="")


def cells_of(cue: Cue | CueRow) -> dict[str, str]:
    """A cue's fields as they are written, by column: numbers to 6 decimals (a microsecond), what is unknown empty."""
    return {name: _cell(getattr(cue, name)) for name in COLUMNS}


def differing(cue: Cue, row: CueRow, columns: Iterable[str] = COLUMNS) -> dict[str, Any]:
    """The fields in which a row of a file differs from the cue that was written: name -> the row's value.

    columns: those that the file has; of them only fields of which a cue always says something keep it where the row is
    empty (kind, layer, gain, pan, locked, muted).
    """
    optional = {"strength", "duration", "confidence", "reference_at", "reference"}
    theirs, ours = cells_of(row), cells_of(cue)
    wanted = [name for name in columns if name != "id" and (theirs[name] or name in optional)]
    return {name: getattr(row, name) for name in wanted if theirs[name] != ours[name]}


def format_csv(cues: Iterable[Cue | CueRow]) -> str:
    """Cues as a table with a header, all of COLUMNS."""
    out = io.StringIO()
    table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(cells_of(cue) for cue in cues)
    return out.getvalue()


def format_json(cues: Iterable[Cue | CueRow]) -> str:
    """Cues as `{"cues": [{"time": ...}, ...]}`, one a line, without what is unknown."""
    rows = [{name: getattr(cue, name) for name in COLUMNS} for cue in cues]
    plain = [
        {name: round(v, 6) if isinstance(v, float) else v for name, v in row.items() if v is not None} for row in rows
    ]
    return '{"cues": [\n' + ",\n".join(json.dumps(row, ensure_ascii=False) for row in plain) + "\n]}\n"


def format_labels(cues: Iterable[Cue | CueRow]) -> str:
    """Cues as a label track: start, end of a slide or the start again, and layer and strength where they are known."""
    lines = []
    for cue in cues:
        end = cue.time + (cue.duration or 0.0 if cue.kind == "slide" else 0.0)
        layer = cue.layer if cue.layer and cue.layer != MAIN else ""
        label = " ".join(word for word in (layer, "" if cue.strength is None else f"{cue.strength:.2f}") if word)
        lines.append(f"{cue.time:.4f}\t{end:.4f}\t{label}\n")
    return "".join(lines)


def _cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, int):  # a boolean too
        return str(int(value))
    return f"{value if abs(value) >= 5e-7 else 0.0:.6f}".rstrip("0").rstrip(".")
