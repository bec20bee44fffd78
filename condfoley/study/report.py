"""The analysis as files: index.html (all of it, self-contained), one CSV a table, the figure."""

from __future__ import annotations

import base64
import csv
import io
import os
from pathlib import Path
from typing import Any

import jinja2

from condfoley.errors import InputError
from condfoley.files import scratch_folder
from condfoley.results.tables import Table
from condfoley.study import analysis, crowd, exclusion, results
from condfoley.study.analysis import Preference
from condfoley.study.options import AnalyseOptions

PAGE, FIGURE, ASSIGNMENTS = "index.html", "preferences.png", "assignments.csv"


def analyse(path: Path, key: dict[str, Any], out: Path, options: AnalyseOptions) -> Path:
    """Analyse the results at `path` and write the report into `out`; returns its page.

    Raises InputError when there is nothing to analyse or `out` holds a report already.
    """
    if (out / PAGE).exists() and not options.force:
        raise InputError(f"{out} already holds an analysis; give another --out or --force to replace it")
    loaded = results.load(path, key)
    verdicts = exclusion.verdicts(loaded.sessions, key, options)
    data = {question: analysis.judgements(verdicts, key, question) for question in key["questions"]}
    rows = analysis.preferences(data, key)
    tables = [
        analysis.preference_table(rows),
        analysis.ranking_table(data, key),
        analysis.check_table(data, key),
        analysis.exclusion_table(verdicts),
        Table("Refused", ("where", "why"), tuple(loaded.refused)),
        analysis.target_table(data, key),
        analysis.power_table(),
    ]
    shown = [table for table in tables if table is not None and table.rows]
    files: dict[str, bytes] = {f"{table.title.lower()}.csv": _csv(table) for table in shown}
    if rows:
        files[FIGURE] = _figure(rows)
    if options.mturk:
        files[ASSIGNMENTS] = _assignments(Path(options.mturk), verdicts, key).encode()
    files[PAGE] = _page(shown, verdicts, key, files.get(FIGURE)).encode()
    _write(out, files)
    return out / PAGE


def _csv(table: Table) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([table.header, *(map(_harmless, row) for row in table.rows)])
    return out.getvalue().encode()


def _harmless(cell: str) -> str:
    """A spreadsheet takes a cell that begins like this for a formula; numbers are none."""
    try:
        float(cell)
    except ValueError:
        return "'" + cell if cell.startswith(("=", "+", "-", "@")) and len(cell) > 1 else cell
    return cell


def _assignments(path: Path, verdicts: list[exclusion.Verdict], key: dict[str, Any]) -> str:
    sessions = [verdict.session for verdict in verdicts]
    codes = {crowd.completion_code(key["secret"], s.name): s.name for s in sessions if s.finished}
    submitted = {s.assignment: s.name for s in sessions if s.assignment}
    excluded = {verdict.session.name: verdict.reason for verdict in verdicts if verdict.reason}
    return crowd.approvals(crowd.read_table(path), codes, submitted, excluded)


def _page(tables: list[Table], verdicts: list[exclusion.Verdict], key: dict[str, Any], figure: bytes | None) -> str:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.get_template("report.html").render(
        tables=tables,
        figure=base64.b64encode(figure).decode() if figure else "",
        study=key["study"],
        method=key["method"],
        kept=sum(not verdict.reason for verdict in verdicts),
        left_out=sum(bool(verdict.reason) for verdict in verdicts),
    )


def _figure(rows: list[Preference]) -> bytes:
    """Every preference with its crossed interval where there is one, and the published one as a thin line."""
    from matplotlib.figure import Figure

    choices = rows[0].p is not None
    factor = 100.0 if choices else 1.0
    figure = Figure(figsize=(7, 0.9 + 0.42 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(reversed(rows)):
        if row.crossed:
            ends = [factor * row.crossed.low, factor * row.crossed.high]
            axes.plot(ends, [place, place], color="#0b63c5", lw=4, alpha=0.45)
        axes.plot([factor * row.published.low, factor * row.published.high], [place, place], color="#0b4a94", lw=1.2)
        axes.plot(factor * row.published.mean, place, "o", color="#0b4a94", ms=5)
    names = [f"{row.question}: {row.system}" + (f" over {row.opponent}" if row.opponent else "") for row in rows]
    axes.set_yticks(range(len(rows)), names[::-1], parse_math=False)
    axes.set_xlabel("chosen, %" if choices else "mean score")
    if choices:
        axes.axvline(50, color="#8a9099", ls="--", lw=1)
        axes.set_xlim(0, 100)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.spines[["top", "right"]].set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=130)
    return out.getvalue()


def _write(out: Path, files: dict[str, bytes]) -> None:
    """All files or none: made in a folder of their own first."""
    with scratch_folder(out) as work:
        for name, content in files.items():
            (work / name).write_bytes(content)
        for name in files:
            os.replace(work / name, out / name)
