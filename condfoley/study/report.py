"""The analysis as files: index.html (self-contained), a CSV for each table, the figure."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from condfoley.errors import InputError
from condfoley.results.page import csv_bytes, data_uri, render, write_files
from condfoley.results.tables import Table
from condfoley.study import analysis, crowd, exclusion, results
from condfoley.study.analysis import Preference
from condfoley.study.options import AnalyseOptions

TEMPLATE = Path(__file__).with_name("report.html")
PAGE, FIGURE, ASSIGNMENTS = "index.html", "preferences.png", "assignments.csv"


def analyse(path: Path, key: dict[str, Any], out: Path, options: AnalyseOptions) -> Path:
    """Analyse the results at `path` and write the report into `out`; returns its page.

    Raises InputError when there is nothing to analyse or `out` contains a report already.
    """
    if (out / PAGE).exists() and not options.force:
        raise InputError(f"{out} already holds an analysis; give another --out or --force to replace it")
    loaded = results.load_results(path, key)
    reviews = exclusion.review_sessions(loaded.sessions, key, options)
    data = {question: analysis.judgements(reviews, key, question) for question in key["questions"]}
    rows = analysis.preferences(data, key)
    tables = [
        analysis.preference_table(rows),
        analysis.ranking_table(data, key),
        analysis.check_table(data, key),
        analysis.exclusion_table(reviews),
        Table("Refused", ("where", "why"), tuple(loaded.refused)),
        analysis.target_table(data, key),
        analysis.power_table(),
    ]
    shown = [table for table in tables if table is not None and table.rows]
    files: dict[str, bytes] = {f"{table.title.lower()}.csv": _table_csv(table) for table in shown}
    if rows:
        files[FIGURE] = _figure(rows)
    if options.mturk:
        files[ASSIGNMENTS] = _assignments(Path(options.mturk), reviews, key).encode()
    files[PAGE] = _page(shown, reviews, key, files.get(FIGURE)).encode()
    write_files(out, files)
    return out / PAGE


def _table_csv(table: Table) -> bytes:
    return csv_bytes(table.header, [[*map(_escape_formula, row)] for row in table.rows])


def _escape_formula(cell: str) -> str:
    """Quotes a text that a spreadsheet would run as a formula."""
    try:
        float(cell)
    except ValueError:
        return "'" + cell if cell.startswith(("=", "+", "-", "@")) and len(cell) > 1 else cell
    return cell


def _assignments(path: Path, reviews: list[exclusion.SessionReview], key: dict[str, Any]) -> str:
    sessions = [review.session for review in reviews]
    codes = {crowd.completion_code(key["secret"], s.name): s.name for s in sessions if s.finished}
    submitted = {s.assignment: s.name for s in sessions if s.assignment}
    excluded = {review.session.name: review.reason for review in reviews if review.reason}
    return crowd.approvals(crowd.read_table(path), codes, submitted, excluded)


def _page(
    tables: list[Table], reviews: list[exclusion.SessionReview], key: dict[str, Any], figure: bytes | None
) -> str:
    return render(
        TEMPLATE,
        tables=tables,
        figure=data_uri("image/png", figure) if figure else "",
        study=key["study"],
        method=key["method"],
        kept=sum(not review.reason for review in reviews),
        left_out=sum(bool(review.reason) for review in reviews),
    )


def _figure(rows: list[Preference]) -> bytes:
    """Every preference with its crossed interval, if there is one, and the normal interval as a thin line, as PNG."""
    from matplotlib.figure import Figure

    choices = rows[0].p is not None
    factor = 100.0 if choices else 1.0
    figure = Figure(figsize=(7, 0.9 + 0.42 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(reversed(rows)):
        if row.crossed:
            ends = [factor * row.crossed.low, factor * row.crossed.high]
            axes.plot(ends, [place, place], color="#0b63c5", lw=4, alpha=0.45)
        axes.plot([factor * row.normal.low, factor * row.normal.high], [place, place], color="#0b4a94", lw=1.2)
        axes.plot(factor * row.normal.mean, place, "o", color="#0b4a94", ms=5)
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
