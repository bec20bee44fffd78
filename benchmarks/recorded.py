"""The reference's own samples against the vocoder and pasting: `python -m benchmarks.recorded [--pairs 200] [--out DIR]`.

Held-out simulated pairs, or another set of `condfoley evaluate --test`, each measured at its reference's rate: timing, action,
material and fine structure, how far its impacts are from the reference's over the full band, how much they repeat, and clicks;
and the same by a detector and a judge that nothing was chosen by. Rows are kept pair by pair in DIR, where a further run goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.paper_table import cell_text
from benchmarks.recorded_measures import measure, reference_of, statistics
from benchmarks.recorded_sounds import RATE, SYSTEMS, case_of
from condfoley.errors import InputError
from condfoley.evaluation.classifiers import Classifiers
from condfoley.evaluation.scores import MeanScore, mean_over_targets
from condfoley.evaluation.second_opinion import nearest_name, scale_of
from condfoley.evaluation.systems import SystemContext
from condfoley.evaluation.testsets import load_pairs
from condfoley.files import write_json
from condfoley.results.tables import Table

COLUMNS = {
    "f1_100": "F1 ±100 ms",
    "f1_50": "F1 ±50 ms",
    "action": "action",
    "action_other": "action, reference of another one",
    "material": "material",
    "material_as_heard": "material as heard in the reference",
    "fine_structure": "fine structure",
    "stft_nearest": "STFT distance, nearest impact",
    "stft_mean": "STFT distance, all impacts",
    "stft_high_nearest": "8 to 20 kHz, nearest",
    "stft_high_mean": "8 to 20 kHz, all",
    "repetition": "repetition",
    "repetition_over": "repetition over the reference's",
    "clicks": "clicks",
    "superflux_f1_100": "SuperFlux F1 ±100 ms",
    "superflux_f1_50": "SuperFlux F1 ±50 ms",
    "nearest_is_reference": "nearest of all references by cepstra is its own",
}
WORST = {"f1_100": 0.0, "f1_50": 0.0, "action": 0.0, "action_other": 0.0, "material": 0.0, "fine_structure": 0.0}


def rows_of(out: Path, context: SystemContext, systems: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of all pairs; those that are in `out` are read. Raises InputError."""
    foley, classifiers = context.foley, Classifiers.load(None)
    assert classifiers  # the package has them
    rows = []
    for pair in tqdm(context.pairs, desc="pairs", unit="pair", disable=None):
        path = out / f"{pair.name}.json"
        row = json.loads(path.read_text()) if path.is_file() else {"pair": pair.name, "systems": {}}
        missing = [name for name in systems if name not in row["systems"]]
        if missing:
            case = case_of(pair, foley, context, out)
            reference = reference_of(case, classifiers)
            row |= {
                "target": pair.target.path.name, "reference": pair.reference.path.name, "same_action": pair.same_action,
                "reference_rate": reference.rate, "reference_repetition": reference.repetition,
                "reference_clicks": reference.clicks, "reference_statistics": statistics((pair.reference.wav[None], RATE)),
            }  # fmt: skip
            for name in missing:
                sound = SYSTEMS[name](case)
                values = measure(case, sound, reference, classifiers)
                row["systems"][name] = {"values": values, "statistics": statistics(sound)}
            write_json(path, row)
        rows.append(row)
    return rows


def finished(rows: Sequence[dict[str, Any]]) -> None:
    """Adds the values that need all pairs, in place: the second judge's, and the action where the reference has another."""
    references = {row["reference"]: np.array(row["reference_statistics"]) for row in rows}
    scale = scale_of(list(references.values()))
    for row in rows:
        for found in row["systems"].values():
            values = found["values"]
            if values["mute"]:
                values |= {name: worst for name, worst in WORST.items() if values.get(name) is not None}
            name = nearest_name(np.array(found["statistics"]), references, scale)
            values["nearest_is_reference"] = float(name == row["reference"])
            values["action_other"] = values["action"] if row["same_action"] is False else None


def means(rows: Sequence[Mapping[str, Any]], system: str, seed: int = 0) -> dict[str, MeanScore]:
    """A system's mean of each column, over targets."""
    out = {}
    for name in COLUMNS:
        values: dict[str, list[float]] = {}
        for row in rows:
            if (value := row["systems"][system]["values"].get(name)) is not None:
                values.setdefault(row["target"], []).append(value)
        if values:
            out[name] = mean_over_targets(values, seed)
    return out


def table(rows: Sequence[dict[str, Any]], systems: Sequence[str]) -> Table:
    """A row for each measure, a column for each system."""
    found = {name: means(rows, name) for name in systems}
    body = [(title, *(cell_text(found[s].get(name), 3) for s in systems)) for name, title in COLUMNS.items()]
    clicking = {s: sum(row["systems"][s]["values"]["clicks"] > 0 for row in rows) for s in systems}
    body.append(("soundtracks with a click", *(str(clicking[s]) for s in systems)))
    quiet = [row for row in rows if not row["reference_clicks"]]
    clicking = {s: sum(row["systems"][s]["values"]["clicks"] > 0 for row in quiet) for s in systems}
    body.append((f"of the {len(quiet)} whose reference has none", *(str(clicking[s]) for s in systems)))
    own = [row["reference_repetition"] for row in rows if row["reference_repetition"] is not None]
    notes = [
        f"{len(rows)} pairs; {sum(row['same_action'] is False for row in rows)} with a reference of another action",
        f"repetition of the references themselves: {np.mean(own):.3f}" if own else "no reference has two impacts",
        f"references with a click of their own: {sum(row['reference_clicks'] > 0 for row in rows)}",
    ]
    return Table("The reference's own samples", ("", *systems), tuple(body), tuple(notes))


def main(words: Sequence[str] | None = None) -> int:
    """Prints the table; 0, or 2 when the input cannot be used."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.recorded", description=__doc__.splitlines()[0])
    p.add_argument("--test", help="another test set, as `condfoley evaluate --test` takes it")
    p.add_argument("--pairs", type=int, default=200, help="held-out simulated targets")
    p.add_argument("--systems", default=",".join(SYSTEMS), help="of " + ", ".join(SYSTEMS))
    p.add_argument("--candidates", type=int, default=8, help="candidates of each soundtrack")
    p.add_argument("--seed", type=int, default=0, help="seed of the first candidate")
    p.add_argument("--out", type=Path, default=Path("runs/recorded"), help="folder of the rows")
    given = p.parse_args(words)
    systems = given.systems.split(",")
    try:
        if unknown := [name for name in systems if name not in SYSTEMS]:
            raise InputError(f"--systems names {unknown[0]}; choose from {', '.join(SYSTEMS)}")
        given.out.mkdir(parents=True, exist_ok=True)
        test = given.test or f"simulated:{given.pairs}"
        pairs = load_pairs(test, given.out / "clips")
        context = SystemContext(pairs, candidates=given.candidates, seed=given.seed)
        rows = rows_of(given.out, context, systems)
    except InputError as error:
        print(f"recorded: {error}", file=sys.stderr)
        return 2
    finished(rows)
    made = table(rows, systems)
    (given.out / "recorded.md").write_text(made.markdown() + "\n", encoding="utf-8")
    print(made.text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
