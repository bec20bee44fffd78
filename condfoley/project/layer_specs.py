"""Which layers are asked for, and which cues are theirs: `steps=boots.wav`, `steps=boots.wav@0:5`, `drag=chair.wav@slide`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from condfoley.cues.rows import KINDS, MAIN, CueRow, Kind, suggestion
from condfoley.errors import InputError
from condfoley.project.model import AMBIENCE

FORMS = "NAME=CLIP, NAME=CLIP@0:5 for the cues of a span, or NAME=CLIP@slide for those of a kind"
NAME = re.compile(r"[\w-]+")
SPAN = re.compile(r"([0-9.]*):([0-9.]*)")
STEM = re.compile(r".+_(cue_\d+|before)", re.IGNORECASE)  # so the stems of a layer's cues are called


@dataclass(frozen=True)
class LayerSpec:
    """A layer that is asked for.

    reference: path of its clip. span: begin and end, s, and kind: of the cues that are its own besides those that name it.
    """

    name: str
    reference: str
    span: tuple[float, float] | None = None
    kind: Kind | None = None

    @property
    def chooses(self) -> bool:
        """Whether it takes cues that do not name it."""
        return self.span is not None or self.kind is not None

    def takes(self, row: CueRow) -> bool:
        """Whether a cue that names no layer is its own."""
        if self.span is not None:
            return self.span[0] <= row.time < self.span[1]
        return self.kind is not None and (row.kind or "impact") == self.kind


def parse_layers(words: Sequence[str], taken: Iterable[str] = (), option: str = "--layer") -> list[LayerSpec]:
    """The layers that some words ask for. taken: names of others. Raises InputError for what cannot be meant."""
    specs = [_parse(word, option) for word in words]
    names = {name.casefold(): name for name in (*taken, MAIN)}
    for spec in specs:
        require_name(spec.name, option)
        if other := names.get(spec.name.casefold()):
            raise InputError(f"{option} {spec.name}: there is a layer {other} already; choose another name")
        names[spec.name.casefold()] = spec.name
    return specs


def _parse(word: str, option: str) -> LayerSpec:
    name, equals, rest = word.partition("=")
    if not equals or not rest:
        raise InputError(f"{option} {word} is not understood; give {FORMS}")
    path, at, which = rest.rpartition("@")
    if at and which in KINDS:
        return LayerSpec(name.strip(), path, kind=which)
    if at and (match := SPAN.fullmatch(which)):
        try:
            begin, end = float(match[1] or 0), float(match[2] or "inf")
        except ValueError:
            raise InputError(f"{option} {word}: {which} is no span; give seconds, such as @0:5") from None
        if not begin < end:
            raise InputError(f"{option} {word}: the span {which} is empty; its end comes after its beginning")
        return LayerSpec(name.strip(), path, (begin, end))
    return LayerSpec(name.strip(), rest)


def require_name(name: str, option: str) -> None:
    """Raises InputError for what cannot name a layer. option: what gives it, for the message."""
    if name == AMBIENCE:
        raise InputError(f"{option} {name}: the bed has that name; choose another one")
    if not NAME.fullmatch(name):
        what = "is empty" if not name else "has other characters than letters, digits, - and _"
        raise InputError(f"{option} {name}: the layer's name {what}; it names files, choose another one")
    if STEM.fullmatch(name):
        raise InputError(f"{option} {name}: files of a cue are called so; choose another name")


def assign(rows: Sequence[CueRow], specs: Sequence[LayerSpec]) -> dict[str, list[CueRow]]:
    """Each layer's cues, MAIN first: a cue belongs to the layer that it names, else to the first one that takes it, else
    to MAIN.

    Raises InputError for a cue that names no layer that there is, and for a layer without cues.
    """
    out: dict[str, list[CueRow]] = {name: [] for name in (MAIN, *(spec.name for spec in specs))}
    for row in rows:
        if row.layer is not None and row.layer not in out:
            raise InputError(f"{row.where}: there is no layer {row.layer}; {suggestion(row.layer, list(out))}")
        taking = [spec.name for spec in specs if spec.takes(row)]
        out[row.layer or next(iter(taking), MAIN)].append(row)
    for spec in specs:
        if not out[spec.name]:
            how = (
                "none is in its span or of its kind; give another one, or name the layer in --hits"
                if spec.chooses
                else f"no cue of --hits names it; name it there, or give {FORMS}"
            )
            raise InputError(f"--layer {spec.name} has no cues: {how}")
    return out
