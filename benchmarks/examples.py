"""A page with players for the example clips: `python -m benchmarks.examples [--out out/examples]`.

Reference, silent target, the target with its soundtrack, and with another one after editing hits.txt; the overview, and all
candidates with their scores. The page is plain HTML beside its files: open it from the disk, or copy the folder to a
web server.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from benchmarks.demo_result import REFERENCE, TARGET
from condfoley.cli.main import main as condfoley
from condfoley.hits import read_hits, write_hits

PAGE = "index.html"
GENERATED, EDITED = "generated", "edited"  # folders of the two results
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
.clips { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 1rem; }
figure { margin: 0; } figcaption { font-weight: 600; }
video, img { width: 100%; border-radius: 4px; } audio { width: 100%; min-width: 14rem; }
td, th { padding: .15rem .6rem; text-align: left; } .taken { font-weight: 600; }
"""


@dataclass(frozen=True)
class CandidateRow:
    """A line of scores.csv. chosen: it gives most of the soundtrack."""

    file: str
    agreement: str
    offset: str
    confidence: str
    chosen: bool


def main(words: Sequence[str] | None = None) -> int:
    """Generates both results and writes the page; returns the exit code of `condfoley generate`."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.examples", description=__doc__.splitlines()[0])
    p.add_argument("--out", type=Path, default=Path("out/examples"), help="folder to write to (default: out/examples)")
    p.add_argument("--weights", help="folder of other weights (default: those that ship with condfoley)")
    p.add_argument("--candidates", type=int, default=8, help="number of candidates (default: 8)")
    p.add_argument("--force", action="store_true", help="replace an earlier page")
    options = p.parse_args(words)
    out: Path = options.out
    if (out / PAGE).exists() and not options.force:
        print(f"{out / PAGE} exists; give --force to replace it", file=sys.stderr)
        return 2
    common = ["--reference", str(REFERENCE), "--target", str(TARGET), "--candidates", str(options.candidates)]
    common += ["--force", "--quiet", *(["--weights", options.weights] if options.weights else [])]
    if code := condfoley(["generate", *common, "--out", str(out / GENERATED)]):
        return code
    edits = edit_hits(out / GENERATED / "hits.txt", out / "hits.txt")
    if code := condfoley(["generate", *common, "--out", str(out / EDITED), "--hits", str(out / "hits.txt")]):
        return code
    for clip in (REFERENCE, TARGET):
        shutil.copyfile(clip, out / clip.name)
    (out / PAGE).write_text(render_page(out, edits), encoding="utf-8")
    print(out / PAGE)
    return 0


def edit_hits(source: Path, edited: Path) -> str:
    """Writes hits.txt without its second line (or with one at 1 s where it has fewer), and says what was changed."""
    hits = read_hits(source)
    if len(hits.times) < 2:
        edited.write_text("1.0\n", encoding="utf-8")
        return "one impact at 1 s"
    keep = [i for i in range(len(hits.times)) if i != 1]
    write_hits(edited, type(hits)(hits.times[keep], hits.strengths[keep]))
    return f"the line at {hits.times[1]:.2f} s was removed from hits.txt"


def read_scores(path: Path) -> list[CandidateRow]:
    """The candidates of a result, best first."""
    with open(path, newline="", encoding="utf-8") as file:
        return [
            CandidateRow(r["file"], r["agreement"], r["offset_s"], r["confidence"], r["chosen"] == "1")
            for r in csv.DictReader(file)
        ]


def render_page(out: Path, edits: str) -> str:
    """The page of a folder that has both results. edits: what was changed in hits.txt."""
    clips = [
        video("Reference", REFERENCE.name),
        video("Silent target", TARGET.name),
        video("Target with its soundtrack", result_video(out, GENERATED)),
        video(f"After editing: {edits}", result_video(out, EDITED)),
    ]
    rows = [candidate_row(row) for row in read_scores(out / GENERATED / "candidates" / "scores.csv")]
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>condfoley: examples</title>
<style>{STYLE}</style>
<h1>condfoley: examples</h1>
<p>The soundtrack of the silent target is timed to its action and sounds like the reference.</p>
<div class="clips">
{"".join(clips)}</div>
<h2>Overview</h2>
<p><img src="{GENERATED}/overview.png" alt="Reference, target, soundtrack and candidates"></p>
<h2>Candidates, best first</h2>
<p>The soundtrack is put together from these; the one that gives most of it is bold.</p>
<table>
<tr><th>file<th>sound<th>agreement with cues<th>offset, s<th>confidence</tr>
{"".join(rows)}</table>
<p>The clips are footage of the Greatest Hits data set (A. Owens and others, CVPR 2016), stated CC BY 4.0.</p>
</html>
"""


def result_video(out: Path, folder: str) -> str:
    """Path of a result's video, relative to the page."""
    return f"{folder}/{next(iter(sorted((out / folder).glob('target_with_sound.*')))).name}"


def video(caption: str, source: str) -> str:
    """A player with its caption."""
    return (
        f"<figure><figcaption>{escape(caption)}</figcaption>"
        f'<video controls preload="metadata" src="{escape(source)}"></video></figure>\n'
    )


def candidate_row(row: CandidateRow) -> str:
    """A candidate as a row of the table."""
    mark = ' class="taken"' if row.chosen else ""
    player = f'<audio controls preload="none" src="{GENERATED}/candidates/{escape(row.file)}"></audio>'
    return (
        f"<tr{mark}><td>{escape(row.file)}<td>{player}<td>{row.agreement or '-'}<td>{row.offset}<td>{row.confidence}\n"
    )


if __name__ == "__main__":
    raise SystemExit(main())
