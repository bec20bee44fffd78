"""The paper's tables on held-out simulated pairs: `python -m benchmarks.paper_table [--pairs 200] [--out DIR]`.

Timbre (accuracy of action and material, for references of the same and of another action) and onsets, for the shipped
model and all baselines, and the differences pair by pair. The published system's Greatest Hits numbers are printed
below where they have a source. They are not comparable: another data set, and a faulty scorer.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from condfoley.errors import InputError
from condfoley.evaluation.metrics import METRICS
from condfoley.evaluation.options import EvaluateOptions
from condfoley.evaluation.run import Result, evaluate
from condfoley.evaluation.scores import MeanScore, PairScores, mean_scores, paired_differences
from condfoley.results.tables import Table, interval, number

TIMBRE = ("action", "material", "timbre")
ONSET = ("count", "f1_100", "f1_50", "ap_100", "published_count", "published_accuracy", "published_ap", "offset")
PAIRED = ("f1_100", "f1_50", "action", "material")
OURS = "condfoley"
SUBSETS = (("same action", True), ("different action", False))
NOTES = (
    "classifiers: against true labels; a reference of another action should not change the action of the target",
    "published ...: CondFoleyGen's scorer, which gives silence an AP of 1",
)

PUBLISHED = Table(
    "Greatest Hits, NOT COMPARABLE: other data, other classifiers, the published scorer",
    ("CondFoleyGen as reported by", "onset accuracy"),
    (("the highest of three papers", "0.68"), ("the second", "0.47"), ("the third", "0.39")),
    ("three papers report different numbers of the same system",),
)


def subset(rows: Sequence[PairScores], same_action: bool) -> list[PairScores]:
    """The scores of pairs whose reference has the target's kinds of action, or of the other pairs."""
    return [row for row in rows if row.same_action is same_action]


def cell_text(cell: MeanScore | None, digits: int = 2) -> str:
    """`0.52 (0.47 .. 0.56)`, or a dash."""
    if cell is None:
        return "-"
    mean = number(cell.mean, digits)
    return mean if cell.low is None else f"{mean} ({interval(cell.low, cell.high or 0.0, digits)})"


def timbre_table(result: Result) -> Table:
    """Timbre by system, for references of the same and of another action, with the classifiers' own accuracy as notes."""
    parts = {name: mean_scores(subset(result.scores, same)) for name, same in SUBSETS}
    head = ["system", *(f"{METRICS[m].title}, {name}" for name, _ in SUBSETS for m in TIMBRE)]
    rows = [
        (e.name, *(cell_text(parts[name].get(e.name, {}).get(m)) for name, _ in SUBSETS for m in TIMBRE))
        for e in result.systems
    ]
    own = [
        f"the {name} classifier itself: {number(found['accuracy'])} right on {found['n']} true sounds"
        for name, found in result.judges.items()
    ]
    counts = ", ".join(f"{len({r.pair for r in subset(result.scores, same)})} {name}" for name, same in SUBSETS)
    return Table(f"Timbre ({counts})", tuple(head), tuple(rows), (*own, NOTES[0], *result.notes))


def onset_table(result: Result) -> Table:
    """Onset metrics by system."""
    head = ("system", *(METRICS[m].title for m in ONSET))
    rows = [(e.name, *(cell_text(result.means[e.name].get(m)) for m in ONSET)) for e in result.systems]
    return Table(f"Onsets ({len(result.pairs)} pairs)", head, tuple(rows), (NOTES[1],))


def paired_table(result: Result) -> Table:
    """Mean difference of `condfoley` to each other system, pair by pair."""
    found = paired_differences(result.scores, OURS)
    head = ("condfoley minus", *(METRICS[m].title for m in PAIRED))
    rows = [(e.name, *(cell_text(found[e.name].get(m), 3) for m in PAIRED)) for e in result.systems if e.name != OURS]
    return Table("Pair by pair", head, tuple(rows), ())


def compare_with_transfer(result: Result) -> str:
    """A sentence that lists the metrics in which onset transfer is better than the model."""
    ours, lost = result.means.get(OURS, {}), []
    for name in ("onset-transfer", "onset-transfer-strong"):
        theirs = result.means.get(name, {})
        for metric in ("f1_100", "ap_100", "timbre", "action", "material"):
            if metric in ours and metric in theirs and theirs[metric].mean > ours[metric].mean:
                lost.append(f"{METRICS[metric].title} ({name} {number(theirs[metric].mean)})")
    return (
        f"condfoley loses to onset transfer in: {', '.join(lost)}" if lost else "condfoley loses to no onset transfer"
    )


def main(words: Sequence[str] | None = None) -> int:
    """Prints the tables; 0, or 2 when the input cannot be used."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.paper_table", description=__doc__.splitlines()[0])
    p.add_argument("--test", help="another test set, as `condfoley evaluate --test` takes it")
    p.add_argument("--pairs", type=int, default=200, help="held-out simulated targets")
    p.add_argument("--systems", default="all", help="as `condfoley evaluate --systems`")
    p.add_argument("--weights", help="folder with other weights than the shipped ones")
    p.add_argument("--judges", help="weights folder with the judges")
    p.add_argument("--candidates", type=int, default=8, help="candidates of each soundtrack")
    p.add_argument("--seed", type=int, default=0, help="seed of the first candidate")
    p.add_argument("--out", type=Path, default=Path("runs/paper_table"), help="folder for the report and its sounds")
    given = p.parse_args(words)
    try:
        options = EvaluateOptions(
            test=given.test or f"simulated:{given.pairs}", out=str(given.out), systems=given.systems,
            weights=given.weights, judges=given.judges, candidates=given.candidates, seed=given.seed,
        )  # fmt: skip
        result = evaluate(options)
        from condfoley.evaluation.report import write_report

        write_report(result, given.out, options.sample)
    except InputError as error:
        print(f"paper_table: {error}", file=sys.stderr)
        return 2
    tables = [timbre_table(result), onset_table(result)]
    if OURS in result.means:
        tables.append(paired_table(result))
    (given.out / "paper_table.md").write_text(
        "\n\n".join([*(t.markdown() for t in tables), compare_with_transfer(result), PUBLISHED.markdown()]) + "\n",
        encoding="utf-8",
    )
    print("\n\n".join([*(t.text() for t in tables), compare_with_transfer(result), PUBLISHED.text()]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
