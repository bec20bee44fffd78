"""What happens when something goes wrong? `python -m benchmarks.faults` damages what is read and counts how it ends.

Each case runs in a process of its own with 2 GB of memory and 60 s of the processor. Results are appended to OUT/KIND.jsonl, so a
run that was stopped goes on; inputs that were not handled are kept beside it. The same seed gives the same cases.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults_run import FAULTS, Outcome

KINDS = {"media": 2000, "weights": 500, "texts": 500, "http": 300, "kill": 200, "resources": 45}
"""Kinds of faults, each a module benchmarks.faults_KIND with a function `run`, and how many cases there are."""


def run_kind(kind: str, cases: int, seed: int, out: Path) -> Path:
    """Runs the cases of a kind that were not run yet; returns the file with a line of JSON for each reading."""
    store = out / kind
    store.mkdir(parents=True, exist_ok=True)
    path = out / f"{kind}.jsonl"
    known = {(row["seed"], row["case"]) for row in read_rows(path)}
    module = importlib.import_module(f"benchmarks.faults_{kind}")
    began = time.monotonic()
    for number in range(cases):
        if (seed, number) in known:
            continue
        found = module.run(number, np.random.default_rng([seed, number]), store)
        written(path, seed, number, found)
        bad = [(what, how, o.verdict, o.said) for what, how, o in found if o.verdict in FAULTS]
        for fault in bad:
            print(f"{kind} {number}:", *fault, file=sys.stderr)
        if number % 100 == 99:
            print(f"{kind}: {number + 1} cases, {time.monotonic() - began:.0f} s", file=sys.stderr)
    return path


def written(path: Path, seed: int, number: int, found: Sequence[tuple[str, str, Outcome]]) -> None:
    """Appends the readings of a case to a file: what was done, how it was read, and how that ended."""
    with path.open("a", encoding="utf-8") as file:
        if file.tell() and not path.read_bytes().endswith(b"\n"):
            file.write("\n")  # behind a line that was cut off
        for what, how, outcome in found:
            file.write(json.dumps({"seed": seed, "case": number, "what": what, "how": how, **vars(outcome)}) + "\n")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The readings of earlier runs; a last line that was cut off is left out."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def table(rows: dict[str, list[dict[str, Any]]]) -> str:
    """Rows of all kinds as a Markdown table."""
    lines = ["| kind | cases | runs | done | refused | " + " | ".join(FAULTS) + " | most memory, MB | longest, s |"]
    lines.append("|" + "---|" * (lines[0].count("|") - 1))
    for kind, found in rows.items():
        count = Counter(row["verdict"] for row in found)
        cells = [kind, len({(row["seed"], row["case"]) for row in found}), len(found)]
        cells += [count[verdict] for verdict in ("done", "refused", *FAULTS)]
        cells += [max(row["peak"] for row in found) >> 20, f"{max(row['seconds'] for row in found):.1f}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def _kind(name: str) -> str:
    if name not in KINDS:
        raise argparse.ArgumentTypeError(f"there is no kind {name}; give of {', '.join(KINDS)}")
    return name


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 1 where a case ended as none may."""
    parser = argparse.ArgumentParser("python -m benchmarks.faults", description=__doc__)
    parser.add_argument("kind", nargs="*", type=_kind, help=f"of {', '.join(KINDS)} (default: all)")
    parser.add_argument("--cases", type=int, help="of each kind (default: " + json.dumps(KINDS) + ")")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/faults"))
    options = parser.parse_args(argv)
    rows = {}
    for kind in options.kind or KINDS:
        cases = KINDS[kind] if options.cases is None else options.cases
        rows[kind] = read_rows(run_kind(kind, cases, options.seed, options.out))
    print(table(rows))
    return int(any(row["verdict"] in FAULTS for found in rows.values() for row in found))


if __name__ == "__main__":
    sys.exit(main())
