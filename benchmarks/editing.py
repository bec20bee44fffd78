"""Editing of a soundtrack: `python -m benchmarks.editing [--pairs 20] [--only exact,latency,drift]`.

On held-out simulated pairs: samples that change elsewhere, cue times after edits, sums of stems, joins of redone spans;
latency of whole processes on targets of 10 s and 60 s; drift of picture and sound after two hours at each frame rate.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import speed
from benchmarks.start import demo_command, run_process
from condfoley.errors import InputError
from condfoley.results.tables import Table, number

PARTS = ("exact", "latency", "drift")
CUE, DRIFT, LEVEL = 0.01, 1e-3, 0.05  # s; s; of the tests of joins


def exact_table(test: str, candidates: int, seed: int) -> Table:
    """What edits change, pair by pair, and together. Raises InputError."""
    from benchmarks.editing_measures import measured
    from condfoley.evaluation.testsets import load_pairs
    from condfoley.foley import Foley
    from condfoley.project.joins import pooled

    foley, found = Foley.load(), []
    with tempfile.TemporaryDirectory() as home:
        pairs = load_pairs(test, Path(home) / "clips")
        for k, pair in enumerate(pairs):
            folder = Path(home) / f"{k:03d}"
            folder.mkdir()
            found.append(measured(folder, pair, foley, candidates, seed + k))
    errors = np.concatenate([one.errors for one in found])
    joins = pooled([one.joins for one in found])
    near = float((np.abs(errors) <= CUE).mean())  # nan, an onset that is not heard, is not
    rows = (
        ("samples changed beyond the neighbours of moved cues", str(sum(one.edit_outside for one in found)), "0"),
        (f"moved cues heard within {1000 * CUE:.0f} ms [%]", number(100 * near, 1), "100"),
        ("of those heard, greatest error [ms]", number(1000 * float(np.nanmax(np.abs(errors))), 1), "10"),
        ("samples changed outside a redone span", str(sum(one.redo_outside for one in found)), "0"),
        ("energy at joins against inside, p", number(joins.p_energy, 3), f"above {LEVEL}"),
        ("spectral flux at joins against inside, p", number(joins.p_flux, 3), f"above {LEVEL}"),
        ("error of the sum of stems", f"{max(one.stems for one in found):g}", "0"),
    )
    notes = (
        f"{len(errors)} moved cues; {len(joins.energy)} joins against {len(joins.inside_energy)} places without one, as far "
        "from an impact; two-sided Mann-Whitney tests",
        f"median at joins and inside: level {median(joins.energy):.1f} and {median(joins.inside_energy):.1f} dB, "
        f"flux {median(joins.flux):.1f} and {median(joins.inside_flux):.1f} dB",
    )
    return Table(f"Edits of {len(found)} soundtracks ({test})", ("", "measured", "required"), rows, notes)


def second_cue(folder: Path) -> float:
    """Time of the project's cue 2, s."""
    from condfoley.project.store import read_project

    return read_project(folder).cue(2).time


def commands(folder: str, time: float) -> dict[str, Callable[[int], list[str]]]:
    """What is timed: name -> words of run k. time: of cue 2, s, which each run moves elsewhere."""
    return {
        "edit, one cue moved": lambda k: ["edit", folder, "--set", f"2:kind=impact,time={time + 0.01 * (k + 1):.6f}"],
        "undo": lambda k: ["undo", folder, *(["--forward"] if k % 2 else [])],
        "redo, one cue": lambda k: ["redo", folder, "--cue", "2"],
        "stems": lambda k: ["stems", folder],
    }


def latency_table(lengths: Sequence[float], repeats: int) -> Table:
    """Seconds of whole processes, medians. Raises InputError when one fails."""
    rows = []
    with tempfile.TemporaryDirectory() as home:
        for seconds in lengths:
            out = Path(home) / f"{seconds:g}"
            run_process(demo_command(out, speed.stretched(seconds, Path(home) / f"{seconds:g}.mp4")))
            for name, words in commands(str(out), second_cue(out)).items():
                times = [run_process([sys.executable, "-m", "condfoley", *words(k)]) for k in range(repeats)]
                cells = (number(median(t.seconds for t in times), 1), number(median(t.cpu for t in times), 1))
                rows.append((f"{name}, {seconds:g} s target", *cells))
    notes = (speed.machine(), f"medians of {repeats} whole processes, the start of Python included")
    return Table("Latency of edits", ("", "s", "of processors, s"), tuple(rows), notes)


def drift_table() -> Table:
    """Drift at each rate. Raises InputError without OpenTimelineIO."""
    from benchmarks.editing_measures import drifts
    from condfoley.errors import require_extra

    require_extra("studio", "benchmarks.editing --only drift", ("opentimelineio",))
    rows = tuple((rate, number(1000 * seconds, 4), f"under {1000 * DRIFT:g}") for rate, seconds in drifts().items())
    notes = (
        "in the OpenTimelineIO file, sound at 48 kHz; the greatest of start timecodes 0, 10 h and, drop-frame, 1 h",
    )
    return Table("Picture against sound after two hours", ("frames a second", "drift [ms]", "required"), rows, notes)


def main(words: Sequence[str] | None = None) -> int:
    """Prints the tables; 0, or 2 when something cannot be used."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.editing", description="Edits of a soundtrack.")
    p.add_argument("--pairs", type=int, default=20, help="held-out simulated targets (default: 20)")
    p.add_argument("--test", help="another test set, as `condfoley evaluate --test` takes it")
    p.add_argument("--candidates", type=int, default=8, help="candidates of each soundtrack (default: 8)")
    p.add_argument("--seed", type=int, default=0, help="seed of the first candidate, and of the moves (default: 0)")
    p.add_argument("--repeats", type=int, default=5, help="runs of each process (default: 5)")
    p.add_argument("--lengths", default="10,60", help="of the targets of the latency, s (default: 10,60)")
    p.add_argument("--only", default=",".join(PARTS), help=f"parts: {','.join(PARTS)}")
    given = p.parse_args(words)
    parts = given.only.split(",")
    if unknown := set(parts) - set(PARTS):
        p.error(f"there is no part {sorted(unknown)[0]}; there are {', '.join(PARTS)}")
    make = {
        "exact": lambda: exact_table(given.test or f"simulated:{given.pairs}", given.candidates, given.seed),
        "latency": lambda: latency_table([float(text) for text in given.lengths.split(",")], given.repeats),
        "drift": drift_table,
    }
    try:
        for part in parts:
            print(make[part]().text() + "\n")
    except InputError as error:
        print(f"editing: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
