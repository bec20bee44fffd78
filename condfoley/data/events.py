"""Ground truth events of a video, simulated or annotated: hits and scratches, with their times."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["hit", "scratch"]
KINDS: tuple[Kind, ...] = ("hit", "scratch")


@dataclass(frozen=True)
class Event:
    """One contact that makes a sound.

    time: s from the first picture frame to the contact. duration: s, 0 for a hit.
    strength: 0..1, increases with the speed of the impact (hit) or of the stroke (scratch).
    x, y: point of contact in the picture at that time, (0, 0) top left, (1, 1) bottom right; it may be outside the
    picture or hidden.
    material: of the struck object, as the data set calls it. reaction: of that object (Greatest Hits: static, deform,
    ...); both empty if unknown.
    labelled: whether the kind is annotated; if not, the event is a detected onset and `kind` a default.
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
        """The event as plain JSON values; material, reaction and labelled are left out at their defaults."""
        values = asdict(self)
        for name, default in (("material", ""), ("reaction", ""), ("labelled", True)):
            if values[name] == default:
                del values[name]
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Event:
        """The inverse of `to_dict`. Raises ValueError or TypeError when the values are not those of an event."""
        return cls(**values)
