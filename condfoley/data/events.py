"""What happens in a video, simulated or annotated: hits and scratches, with their times."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["hit", "scratch"]
KINDS: tuple[Kind, ...] = ("hit", "scratch")


@dataclass(frozen=True)
class Event:
    """One sounding contact.

    time: s from the first picture frame, the instant of contact.   duration: s, 0 for a hit.
    strength: 0..1, follows the speed of the impact (hit) or of the stroke (scratch).
    x, y: point of contact in the picture at that instant, (0, 0) top left, (1, 1) bottom right;
    it may lie outside the picture or be hidden by something.
    material: what is struck, in the data set's word.   reaction: what it does then (Greatest Hits: static,
    deform, ...); both "" where nobody said.
    labelled: whether somebody said that it is a `kind`; if not, it is an onset, and `kind` only its likeliest.
    """

    time: float
    kind: Kind
    duration: float = 0.0
    strength: float = 1.0
    x: float = 0.5
    y: float = 0.5
    material: str = ""
    reaction: str = ""
    labelled: bool = True

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"an event is a hit or a scratch, not {self.kind!r}")
        if self.duration < 0 or (self.kind == "hit" and self.duration != 0):
            raise ValueError(f"a {self.kind} cannot last {self.duration} s")
        if not 0 <= self.strength <= 1:
            raise ValueError(f"strength {self.strength} is outside 0..1")

    def to_dict(self) -> dict[str, Any]:
        """The event as plain JSON values; what only data sets know is left out where it says nothing."""
        said = asdict(self)
        for name, nothing in (("material", ""), ("reaction", ""), ("labelled", True)):
            if said[name] == nothing:
                del said[name]
        return said

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Event:
        """The inverse of `to_dict`; ValueError or TypeError when the values are not an event's."""
        return cls(**values)
