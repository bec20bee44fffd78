"""Does fine-tuning help, or harm? `python -m benchmarks.finetuning [--out DIR] [--clips DIR] [--world DIR] [--check DIR ...]`.

clips: a folder of real clips, on which `condfoley finetune` runs as a user would run it; its report is in DIR/clips.
world: a folder of clips that the weights have not seen, such as `condfoley simulate` of held-out instruments. For each of
--counts, and --seeds times for the smallest one, that many clips are drawn from it; 40 others measure what is written, the
same for all. A refusal writes nothing, so it changes nothing. OUT/world/lines.csv has all such lines that were ever run there.
check: folders whose clips measure the checks: shifted by half a second, cut, copied.
Runs are resumed by the same command; a line that has not been run is not in the table.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.finetuning_checks import checks_table
from condfoley.cli.options import FinetuneOptions
from condfoley.data.sources.folder import find, with_notes
from condfoley.data.store import ClipStore
from condfoley.errors import InputError
from condfoley.media.formats import VIDEO_SUFFIXES
from condfoley.results.tables import Table, interval, number
from condfoley.training.finetune import build_fold, finetune
from condfoley.training.finetuning.choice import mean_interval
from condfoley.training.finetuning.parts import LEARNERS
from condfoley.training.finetuning.plan import Fold
from condfoley.training.finetuning.report import REPORT, RESULT
from condfoley.training.finetuning.settings import finetune_config
from condfoley.training.finetuning.stage import EVALUATIONS, F1
from condfoley.weights import SHIPPED

OTHERS = 40  # clips of the world that measure, at most half of it
LINES = "lines.csv"
COLUMNS = ("part", "clips", "draw", "written", "before", "after", "gain", "low", "high", "f1_before", "f1_after")


@dataclass(frozen=True)
class Line:
    """A row of the table: clips trained on, seed, whether weights were written, held-out values before and after.

    f1: of the picture's onsets, before and after, where the event head is what learns.
    """

    clips: int
    seed: int
    better: bool
    before: float
    after: float
    gain: tuple[float, float, float]
    f1: tuple[float, float] | None = None

    def cells(self, name: str) -> tuple[str, ...]:
        """The row's cells."""
        low, high = self.gain[1:]
        written = "yes" if self.better else "no"
        values = number(self.before, 3), number(self.after, 3), f"{self.gain[0]:+.3f} ({interval(low, high, 3)})"
        f1 = tuple(number(value, 2) for value in self.f1) if self.f1 else ("", "")
        return name, str(self.clips), str(self.seed), written, *values, *f1

    def row(self, part: str) -> dict[str, str]:
        """The row's values by COLUMNS; empty where there is none."""
        f1 = [f"{value:.4f}" for value in self.f1] if self.f1 else ["", ""]
        values = [f"{value:.4f}" for value in (self.before, self.after, *self.gain)]
        return dict(
            zip(COLUMNS, (part, str(self.clips), str(self.seed), str(int(self.better)), *values, *f1), strict=True)
        )


def note_lines(path: Path, part: str, lines: Sequence[Line]) -> None:
    """Adds lines to a CSV file, in place of earlier ones of the same part, number of clips and draw; sorted."""
    rows: list[dict[str, str]] = []
    if path.is_file():
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    known = {(row["part"], int(row["clips"]), int(row["draw"])): row for row in rows}
    known |= {(part, line.clips, line.seed): line.row(part) for line in lines}
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(row for _, row in sorted(known.items()))


def fine_tuned(clips: Path, out: Path, seed: int, listen: int, options: argparse.Namespace) -> dict[str, Any]:
    """The result of `condfoley finetune` on a folder; of an earlier run where it is finished. Raises InputError."""
    result = out / REPORT / RESULT
    if not result.is_file():
        given = FinetuneOptions(out=str(out), part=options.part, seed=seed, listen=listen, steps=options.steps)
        finetune(str(clips), given)
    found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return found


def real_line(options: argparse.Namespace) -> tuple[Line, list[str]]:
    """The row of the real clips, by the cross-validation of the command itself, and notes on what was generated."""
    home = Path(options.out) / f"clips-{options.part}"
    told = fine_tuned(Path(options.clips), home, options.seed, options.listen, options)
    gain = (told["gain"], *told["gain_interval"])
    line = Line(len(told["recordings"]), options.seed, told["better"], told["before"], told["after"], gain, _pair(told))
    notes = []
    for name, heard in (("onset F1", "f1"), ("agreement of candidates", "agreement")):
        pairs = [h[heard] for h in told["heard"] if None not in h[heard]]
        if pairs:
            before, after = np.mean(pairs, 0)
            notes.append(f"real clips, {name} of {len(pairs)} held-out clips: {before:.2f} before, {after:.2f} after")
    return line, notes


def linked(files: Sequence[Path], folder: Path) -> Path:
    """A folder of links to clips and to the JSON files beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        for path in with_notes(file):
            if not (folder / path.name).exists():
                os.symlink(path.resolve(), folder / path.name)
    return folder


def world_lines(options: argparse.Namespace) -> list[Line]:
    """The rows of the unseen world. Raises InputError when it has too few clips."""
    files = find(Path(options.world), VIDEO_SUFFIXES)
    order = np.random.default_rng(options.seed).permutation(len(files))
    others = min(OTHERS, len(files) // 2)
    home = Path(options.out) / "world"
    measured = linked([files[i] for i in order[:others]], home / "others")
    spare = [files[i] for i in order[others:]]
    if max(options.counts) > len(spare):
        raise InputError(f"{options.world} has {len(files)} clips; {max(options.counts) + others} are needed")
    before = measures(measured, SHIPPED, options.part)
    lines = []
    for count in options.counts:
        for seed in range(options.seeds if count == min(options.counts) else 1):
            chosen = np.random.default_rng([seed, count]).choice(len(spare), count, replace=False)
            name = f"{options.part}-{count}-{seed}"
            clips = linked([spare[i] for i in chosen], home / f"clips-{name}")
            try:
                better = bool(fine_tuned(clips, home / f"model-{name}", seed, 0, options)["better"])
            except InputError as error:  # too few of the clips are of use
                print(f"{name}: {error}", file=sys.stderr)
                better = False
            after = measures(measured, home / f"model-{name}", options.part) if better else before
            gain = mean_interval(before[EVALUATIONS] - after[EVALUATIONS])
            means = float(before[EVALUATIONS].mean()), float(after[EVALUATIONS].mean())
            f1 = (float(before[F1].mean()), float(after[F1].mean())) if F1 in before else None
            lines.append(Line(count, seed, better, *means, gain, f1))
            note_lines(home / LINES, options.part, lines[-1:])
    return lines


def _pair(told: dict[str, Any]) -> tuple[float, float] | None:
    before, after = told.get("picture_f1", (None, None))
    return None if before is None or after is None else (before, after)


def measures(clips: Path, weights: Path, part: str) -> dict[str, np.ndarray]:
    """What fine-tuning of a part measures on each clip of a folder, under some weights: subfolder of a run -> (N,), by name."""
    config = finetune_config(str(clips), FinetuneOptions(weights=str(weights), out=str(clips / "none"), part=part))
    d = config.data
    store = ClipStore.open(
        d.folder, config.geometry, cache=d.cache, frame_size=d.frame_size, validation=0.2, workers=d.workers
    )
    names = tuple(sorted(clip.name for clip in store.train + store.validation))
    with torch.no_grad():
        measured = build_fold(config, store, Fold(names, names), 0).measure()
    return {kind: np.array([values[name] for name in names]) for kind, values in measured.items()}


def table(options: argparse.Namespace) -> Table:
    """The lines that were asked for. Raises InputError for what cannot be used."""
    learner = LEARNERS[options.part]
    rows, notes = [], [f"{learner.loss} of held-out clips, {learner.unit}; gain with Student's 95 % interval"]
    if options.clips:
        line, found = real_line(options)
        rows.append(line.cells("real clips, cross-validated"))
        notes += found
    if options.world:
        rows += [line.cells("unseen world, other clips of it") for line in world_lines(options)]
    header = ("", "clips", "seed", "weights written", "before", "after", "gain", "F1 before", "after")
    return Table(f"Fine-tuning of the {learner.name}", header, tuple(rows), tuple(notes))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.finetuning", description=__doc__.splitlines()[0])
    p.add_argument(
        "--out",
        default="runs/finetuning",
        help="folder for runs, weights and reports; may have those of an earlier call",
    )
    p.add_argument("--clips", help="folder of real clips")
    p.add_argument("--world", help="folder of clips that the weights have not seen")
    p.add_argument("--check", nargs="+", help="folders of clips that are in sync, of which no two have a common sound")
    p.add_argument("--part", choices=sorted(LEARNERS), default="transformer", help="what learns")
    p.add_argument("--counts", type=int, nargs="+", default=[5, 25, 50], help="clips of the world to train on")
    p.add_argument("--seeds", type=int, default=10, help="draws of the smallest count")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--steps", type=int, help="most steps of each training (default: those of the command)")
    p.add_argument("--listen", type=int, default=4, help="real clips that are generated before and after")
    return p


def main(words: Sequence[str] | None = None) -> int:
    """Run with command-line words; returns the exit code."""
    options = parser().parse_args(words)
    try:
        if not (options.clips or options.world or options.check):
            raise InputError("give --clips, --world or --check")
        if options.check:
            print(checks_table(options.check).text())
        if options.clips or options.world:
            print(table(options).text())
    except InputError as error:
        print(f"benchmarks.finetuning: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
