"""Which clips are trained on and which are held out, in each fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from condfoley.data.sources.listing import hash_fraction
from condfoley.errors import InputError
from condfoley.results.tables import Table
from condfoley.training.finetuning.examine import ExaminedClip, left_out
from condfoley.training.finetuning.parts import FEW, Recipe

FOLDS = 5
HELD_OUT = 0.2  # share of the clips that is held out where there are more
MIN_RECORDINGS = 3
LEAST = 10  # recordings below which all clips are held out in turn: a fifth of them could be one


@dataclass(frozen=True)
class Fold:
    """One training: names of the clips that are trained on and of those that are held out."""

    train: tuple[str, ...]
    held_out: tuple[str, ...]


def used_recordings(rows: Sequence[ExaminedClip], folder: str) -> dict[str, str]:
    """The recording of each clip that is used. Raises InputError when they are of too few recordings."""
    used = {row.clip: row.recording for row in rows if row.used}
    count = len(set(used.values()))
    if count >= MIN_RECORDINGS:
        return used
    without = f" (left out: {left_out(rows)})" if len(used) < len(rows) else ""
    hint = "; if they are of more, say so in groups.csv there (columns clip and recording)" if len(used) > count else ""
    raise InputError(
        f"{folder} has {len(used)} usable clip{'s' * (len(used) != 1)} of {count} recording{'s' * (count != 1)}{without}; "
        f"give clips of {MIN_RECORDINGS} recordings or more{hint}; `condfoley finetune {folder} --check` lists them"
    )


def make_folds(recordings: Mapping[str, str]) -> tuple[Fold, ...]:
    """Folds in which no recording is on both sides.

    recordings: of each clip. Fewer than FEW clips, or than LEAST recordings: every clip is held out once; else one fold, with a
    fifth of the clips held out.
    """
    sizes = Counter(recordings.values())
    few = len(recordings) < FEW or len(sizes) < LEAST
    count = min(FOLDS, len(sizes)) if few else round(1 / HELD_OUT)
    content: list[set[str]] = [set() for _ in range(count)]
    loads = [0] * count
    for name in sorted(sizes, key=lambda name: (-sizes[name], hash_fraction(name))):
        smallest = loads.index(min(loads))
        content[smallest].add(name)
        loads[smallest] += sizes[name]
    kept = [held for held in content if held]
    if not few:
        kept = [max(kept, key=len)]  # of two recordings or more: the step for one is chosen by the others
    return tuple(_fold(recordings, held) for held in kept)


def _fold(recordings: Mapping[str, str], held: set[str]) -> Fold:
    names = sorted(recordings)
    return Fold(
        tuple(name for name in names if recordings[name] not in held),
        tuple(name for name in names if recordings[name] in held),
    )


def plan_table(recordings: Mapping[str, str], folds: Sequence[Fold], recipe: Recipe, steps: int, learned: str) -> Table:
    """What fine-tuning will do, before it starts. recordings: of each clip that is used. learned: what is trained, in words."""
    held = "each is held out in turn" if len(folds) > 1 else f"{len(folds[0].held_out)} are held out"
    kept = f", weight of the start {recipe.keep_init:g}" if recipe.keep_init else ""
    kept += f", {recipe.init_share:.0%} of the start's weights" if recipe.init_share else ""
    rows = (
        ("clips", f"{len(recordings)} of {len(set(recordings.values()))} recordings; {held}"),
        ("trainings", f"{len(folds)} of at most {steps} steps" + (", and one on all clips" if len(folds) > 1 else "")),
        ("trained", f"{learned}, learning rate {recipe.lr:g}{kept}"),
    )
    return Table("Fine-tuning", ("", ""), rows)
