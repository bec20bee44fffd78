"""Requirements of the shipped model, measured: `python -m benchmarks.model_card [--real DIR] [--out DIR] [--only PART,...]`.

simulated: timing, action and material on held-out simulated pairs, against onset transfer and the reconstruction.
pretext: cross-entropy of held-out codes with the true and with other videos' references and pictures.
real: timing and timbre on real clips. oneshots: the vocoder against Griffin-Lim. reranking: its gain, by number of
candidates.

OUT/simulated and OUT/real are report folders of `condfoley evaluate`: existing sounds are not generated again. Results of
parts that were run before with the same weights and sampling stay in the table.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.paper_table import cell_text
from benchmarks.scoring import Line, Lines
from condfoley.errors import InputError
from condfoley.evaluation.scores import MeanScore
from condfoley.files import write_json
from condfoley.results.tables import Table
from condfoley.weights import SHIPPED, read_card

NO_CLIPS = "real clips: not measured; --real gives a folder of videos with a manifest.csv, or a CSV of pairs"
SYSTEMS = "condfoley,onset-transfer,onset-transfer-strong,reconstruction"


def evaluation(o: argparse.Namespace, test: str, name: str, systems: str = SYSTEMS) -> Any:
    """Options of an evaluation whose report folder is OUT/name."""
    from condfoley.evaluation.options import EvaluateOptions

    return EvaluateOptions(
        test=test, out=str(o.out / name), systems=systems, weights=o.weights, candidates=o.candidates, seed=o.seed,
        device=o.device,
    )  # fmt: skip


def test_set(o: argparse.Namespace) -> str:
    """The simulated pairs, as `condfoley evaluate --test` takes them."""
    return str(o.simulated) if o.simulated else f"simulated:{o.pairs}"


def simulated(o: argparse.Namespace) -> Lines:
    """Timing, action and material of our sounds, beside onset transfer's and the reconstruction's."""
    from benchmarks import held_out_pairs

    return held_out_pairs.lines(evaluation(o, test_set(o), "simulated"))


def pretext(o: argparse.Namespace) -> Lines:
    """Cross-entropy with true and with exchanged conditions; the intervals should not overlap."""
    from benchmarks import held_out_pairs
    from condfoley.evaluation import held_out

    clips = o.simulated or held_out.ensure_folder(o.pairs)
    return held_out_pairs.pretext_lines(Path(o.weights or SHIPPED), clips, o.out / "features", o.pairs, o.seed)


def real(o: argparse.Namespace) -> Lines:
    """Timing and timbre on real clips."""
    from benchmarks import footage

    return footage.lines(evaluation(o, str(o.real), "real")) if o.real else ([], [NO_CLIPS])


def oneshots(o: argparse.Namespace) -> Lines:
    """The vocoder against Griffin-Lim."""
    from benchmarks import resynthesis
    from condfoley.evaluation.run import load_classifiers
    from condfoley.foley import Foley

    classifiers = load_classifiers(evaluation(o, "", "oneshots"))
    assert classifiers  # part of the shipped weights
    return resynthesis.vocoder_lines(Foley.load(o.weights, o.device), classifiers, o.oneshots, o.seed)


def reranking(o: argparse.Namespace) -> Lines:
    """The gain of choosing among candidates."""
    from benchmarks import reranking
    from condfoley.evaluation import testsets
    from condfoley.foley import Foley

    pairs = testsets.load_pairs(test_set(o), o.out / "clips")[: o.rerank_pairs]
    return reranking.lines(Foley.load(o.weights, o.device), pairs, o.counts, o.seed)


PARTS: dict[str, Callable[[argparse.Namespace], Lines]] = {
    "simulated": simulated, "pretext": pretext, "real": real, "oneshots": oneshots, "reranking": reranking,
}  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.model_card", description=__doc__.splitlines()[0])
    p.add_argument("--weights", help="folder with other weights than the shipped ones")
    p.add_argument("--only", default=",".join(PARTS), help=f"parts to run, of {','.join(PARTS)}")
    p.add_argument("--pairs", type=int, default=200, help="held-out simulated pairs")
    p.add_argument("--simulated", type=Path, help="folder of held-out simulated clips (default: made once and kept)")
    p.add_argument("--real", type=Path, help="folder of real clips with a manifest.csv, or a CSV of pairs")
    p.add_argument("--oneshots", type=Path, help="folder of recorded one-shots (default: the package's held-out ones)")
    p.add_argument("--rerank-pairs", type=int, default=20, help="of the simulated pairs, for the part reranking")
    p.add_argument("--counts", type=counts, default=(8, 32, 100), help="candidates that re-ranking chooses from")
    p.add_argument("--candidates", type=int, default=8, help="candidates of each soundtrack")
    p.add_argument("--seed", type=int, default=0, help="seed of the first candidate")
    p.add_argument("--device", default="cpu", help="where to compute: cpu, cuda, cuda:1, mps")
    p.add_argument("--out", type=Path, default=Path("runs/model_card"), help="folder for table and sounds")
    return p


def counts(words: str) -> tuple[int, ...]:
    """Comma-separated numbers, each 1 or more. Raises ValueError, which argparse reports."""
    found = tuple(int(word) for word in words.split(","))
    if min(found) < 1:
        raise ValueError
    return found


def run(o: argparse.Namespace) -> dict[str, Any]:
    """Runs the chosen parts and writes the card after each; returns it. Raises InputError for unusable input."""
    names = o.only.split(",")
    if unknown := [name for name in names if name not in PARTS]:
        raise InputError(f"--only {unknown[0]!r} is no part; choose from {', '.join(PARTS)}")
    if min(o.pairs, o.rerank_pairs, o.candidates) < 1:
        raise InputError("--pairs, --rerank-pairs and --candidates must be 1 or more")
    if missing := [path for path in (o.simulated, o.real, o.oneshots) if path and not path.exists()]:
        raise InputError(f"there is no {missing[0]}")
    given = read_card(Path(o.weights or SHIPPED))
    hashes = {k: v["sha256"] for k, v in given["parts"].items()}
    identity = {"weights": hashes, "sampling": given.get("sampling", {})}
    card = {"name": given["name"], **identity, "parts": {}}
    kept = o.out / "model_card.json"
    old = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    if all(old.get(name) == value for name, value in identity.items()):
        card = old
    o.out.mkdir(parents=True, exist_ok=True)
    for name in names:
        lines, notes = PARTS[name](o)
        settings = {k: str(v) for k, v in vars(o).items() if v is not None and k != "only"}
        card["parts"][name] = {"settings": settings, "lines": [*map(dataclasses.asdict, lines)], "notes": notes}
        write_json(kept, card)
        (o.out / "model_card.md").write_text(markdown(card), encoding="utf-8")
    return card


def found(card: dict[str, Any]) -> tuple[list[Line], list[str]]:
    """Lines and notes of all parts that were run, in the order of PARTS."""
    parts = [card["parts"][name] for name in PARTS if name in card["parts"]]
    lines = [Line(**line | {"value": MeanScore(**line["value"])}) for part in parts for line in part["lines"]]
    reached = (
        f"{sum(line.reached for line in lines)} of {len(lines)} lines reached; means with 95 % bootstrap intervals"
    )
    return lines, [reached, *(note for part in parts for note in part["notes"])]


def markdown(card: dict[str, Any]) -> str:
    """The card as a pipe table."""
    lines, notes = found(card)
    head = ("on", "measure", "at least", "measured", "n", "reached", "beside")
    rows = [
        (x.on, x.measure, x.required, cell_text(x.value), str(x.value.n), "yes" if x.reached else "no", x.beside)
        for x in lines
    ]
    return Table(f"What {card['name']} shows", head, tuple(rows), tuple(notes)).markdown() + "\n"


def text(card: dict[str, Any]) -> str:
    """The card for a terminal, several rows for each line of the card."""
    lines, notes = found(card)
    blocks = [
        f"{'reached' if x.reached else 'MISSED '}  {x.on}: {x.measure}\n"
        f"         {cell_text(x.value)}, n = {x.value.n}; at least: {x.required}\n         beside: {x.beside}"
        for x in lines
    ]
    return "\n".join([f"What {card['name']} shows", *blocks, *notes])


def main(words: Sequence[str] | None = None) -> int:
    """Prints the table; 0, or 2 when the input cannot be used."""
    try:
        card = run(parser().parse_args(words))
    except (InputError, OSError) as error:
        print(f"model_card: {error}", file=sys.stderr)
        return 2
    print(text(card))
    return 0


if __name__ == "__main__":
    sys.exit(main())
