"""How a soundtrack is made: what `Foley.generate` can be asked for, wherever it is asked from.

The attribute docstrings are the command line's help texts too. Light on purpose (no torch), so that `--help` is instant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from condfoley.errors import InputError

Mode = Literal["corrected", "published"]
MODES: tuple[Mode, ...] = get_args(Mode)
SAMPLING = ("temperature", "top_k", "top_p", "guidance", "picture_guidance")
MATCHING = ("eq_match", "decay_match", "texture_match", "dynamics")


@dataclass(kw_only=True)
class Settings:
    """What can be chosen about a soundtrack."""

    candidates: int = 8
    """How many soundtracks to write and choose from."""
    seed: int = 0
    """Seed of the first candidate; the others follow it, and the same seed gives the same candidate."""
    temperature: float | None = None
    """Variety of the sound: below 1 is safer, above 1 is wilder (default: what the weights recommend, like the next 4)."""
    top_k: int | None = None
    """Draw each code from the K likeliest only (0: from all)."""
    top_p: float | None = None
    """Draw each code from the likeliest that together have this probability (1: from all)."""
    guidance: float | None = None
    """How strongly to follow the reference (1: as trained; higher: closer to the reference, and slower)."""
    picture_guidance: float | None = None
    """How strongly to follow the target's picture (1: as trained; higher: more strictly timed to it, and slower)."""
    eq_match: float | None = None
    """How far to equalise the sound towards the reference's mean spectrum, 0 to 1 (default: 1, all the way)."""
    decay_match: float | None = None
    """How far each hit of the soundtrack rings and fades as the reference's do, 0 to 1 (default: 1, all the way)."""
    texture_match: float | None = None
    """How far each hit of the soundtrack is made of the reference's own hits, finer than the model hears, 0 to 1 (default:
    1, all the way)."""
    dynamics: float | None = None
    """How far each hit is as loud as the picture shows it to be hard, 0 to 1 (default: 1, all the way)."""
    rerank: bool = True
    """Choose by how well the sound fits the picture; otherwise the first candidate is taken."""
    comp: bool = True
    """Take each moment from the candidate that hits when the picture does; otherwise one candidate is taken whole."""
    align: bool = True
    """Move each candidate by as much as its hits miss the picture's in the median, at most 0.1 s, each moment that is
    taken of it by up to 0.2 s more, and in the end each hit to where the picture shows it."""
    tolerance: float = 0.2
    """Candidates this many seconds worse in time than the best one may still be chosen."""
    reference_start: float | None = None
    """Where in the reference to listen, in seconds (default: where its events are clearest)."""
    mode: Mode = "corrected"
    """published: do as the published script does, with its sampling and its faults (docs/published.md)."""

    def __post_init__(self) -> None:
        """Raise InputError for a number that cannot be meant."""
        for name, lowest in (("candidates", 1), ("seed", 0), ("tolerance", 0)):
            require_at_least(name, getattr(self, name), lowest)
        for name in ("top_k", "guidance", "picture_guidance", "reference_start"):
            if (value := getattr(self, name)) is not None:
                require_at_least(name, value, 0)
        if self.temperature is not None and not 0 < self.temperature < float("inf"):
            raise InputError(f"temperature is {self.temperature:g}; give a number above 0")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise InputError(f"top_p is {self.top_p:g}; give a number above 0, at most 1")
        for name, value in self.given(MATCHING).items():
            if not 0 <= value <= 1:
                raise InputError(f"{name} is {value:g}; give a number from 0 to 1")
        if self.mode not in MODES:
            raise InputError(f"mode is {self.mode!r}; give {' or '.join(MODES)}")
        if self.mode == "published" and (own := self.given((*SAMPLING, *MATCHING))):
            raise InputError(f"mode published has its own {next(iter(own))}; leave one of the two out")

    def given(self, names: Sequence[str]) -> dict[str, Any]:
        """Those of some settings that are not left to the weights."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def require_hits_count(self) -> None:
        """Raises InputError where hits that are given would change nothing."""
        for unused, why in (
            (self.mode == "published", "mode published follows no hits"),
            (not self.rerank, "without rerank the first candidate is taken as it is"),
            (not self.comp, "without comp a candidate is taken whole"),
        ):
            if unused:
                raise InputError(f"{why}; leave out one of the two, it or the hits")


def require_at_least(name: str, value: float, lowest: float) -> None:
    """Raises InputError for a value below `lowest`, nan or infinity."""
    if not lowest <= value < float("inf"):
        raise InputError(f"{name} is {value:g}; give {lowest:g} or more")
