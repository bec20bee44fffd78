"""Timing, timbre and speed of the model: `python -m benchmarks.first_sound --clips DIR --out DIR`.

simulated: timing and material on held-out simulated pairs; real: timing on real clips; speed: time of one soundtrack.
All results but the speed depend on the weights, the inputs and the seed only.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from condfoley.errors import InputError
from condfoley.results.tables import Table

PARTS = ("simulated", "real", "speed")
SAMPLING = {
    "temperature": "sampling temperature",
    "top_p": "nucleus sampling: total probability of the codes to sample from",
    "guidance": "guidance scale of the reference",
    "picture_guidance": "guidance scale of the target's picture",
}
NO_CLIPS = "Real clips: not measured; --clips DIR gives videos with a manifest.csv (see benchmarks/real.py)."


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.first_sound", description=__doc__.splitlines()[0])
    p.add_argument("--clips", type=Path, help="folder of real videos with a manifest.csv (see benchmarks/real.py)")
    p.add_argument("--simulated", type=Path, help="folder of data_prep/simulate.py (default: made once and kept)")
    p.add_argument("--pairs", type=int, default=100, help="simulated targets")
    p.add_argument("--candidates", type=int, default=8, help="candidates of each soundtrack")
    p.add_argument("--seed", type=int, default=0, help="seed of pairs, candidates and controls")
    for name, text in SAMPLING.items():
        p.add_argument(f"--{name.replace('_', '-')}", type=float, help=f"{text} (default: the model's)")
    p.add_argument("--weights", help="folder with other weights than the shipped ones")
    p.add_argument("--out", type=Path, help="folder for first_sound.json and first_sound.md")
    p.add_argument("--only", default=",".join(PARTS), help=f"parts to run, of {','.join(PARTS)}")
    return p


class Sampled:
    """A `condfoley.foley.Foley` whose sampling differs from the defaults."""

    def __init__(self, foley: Any, sampling: dict[str, float]):
        self.foley, self.sampling = foley, sampling

    def generate(self, reference: str | Path, target: str | Path, *, candidates: int, seed: int, render: str) -> Any:
        """As `Foley.generate`."""
        given = {"candidates": candidates, "seed": seed, "render": render} | self.sampling
        return self.foley.generate(reference, target, **given)


def run(options: argparse.Namespace) -> tuple[dict[str, Any], list[Table]]:
    """Results and tables of the chosen parts. Raises InputError for a missing input or an invalid option."""
    parts = options.only.split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        raise InputError(f"--only {unknown[0]!r} is no part; choose from {', '.join(PARTS)}")
    if options.pairs < 1 or options.candidates < 1:
        raise InputError("--pairs and --candidates must be 1 or more")
    sampling = {k: v for k in SAMPLING if (v := options.__dict__[k]) is not None}
    counts = {k: options.__dict__[k] for k in ("pairs", "candidates", "seed")}
    results: dict[str, Any] = {"settings": counts | sampling}
    tables: list[Table] = []
    if "simulated" in parts or ("real" in parts and options.clips):
        from condfoley.foley import Foley

        measure_sound(Sampled(Foley.load(options.weights), sampling), parts, options, results, tables)
    if "speed" in parts:
        from benchmarks import speed

        results["speed"] = speed.measure(options.candidates, options.seed, options.weights, "vocoder")
        tables.append(speed.table(results["speed"]))
    return results, tables


def measure_sound(
    foley: Any,
    parts: Sequence[str],
    options: argparse.Namespace,
    results: dict[str, Any],
    tables: list[Table],
) -> None:
    """Runs the parts that generate sound, and adds to `results` and `tables`."""
    from benchmarks import real, simulated
    from condfoley.evaluation import held_out

    if "simulated" in parts:
        folder = options.simulated or held_out.ensure_folder(options.pairs)
        results["simulated"] = simulated.measure(foley, folder, options.pairs, options.candidates, options.seed)
        tables.append(simulated.table(results["simulated"]))
    if "real" in parts and options.clips:
        results["real"] = real.measure(foley, options.clips, options.candidates, options.seed)
        tables.append(real.table(results["real"]))


def write(out: Path, results: dict[str, Any], tables: Sequence[Table]) -> None:
    """first_sound.json and first_sound.md in a folder that is made when it does not exist."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "first_sound.json").write_text(json.dumps(results, indent=1) + "\n")
    (out / "first_sound.md").write_text("# First sound\n\n" + "\n\n".join(t.markdown() for t in tables) + "\n")


def main(words: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, or 2 when the user's input cannot be used."""
    options = parser().parse_args(words)
    try:
        results, tables = run(options)
        if options.out:
            write(options.out, results, tables)
    except (InputError, OSError) as error:
        print(f"first_sound: {error}", file=sys.stderr)
        return 2
    texts = [table.text() for table in tables]
    if "real" in options.only.split(",") and not options.clips:
        texts.append(NO_CLIPS)
    print("\n\n".join(texts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
