"""What a project holds: `project.json` as dataclasses. Every edit is a function from a project to another one.

A soundtrack is a sum of layers; a layer is a sequence of excerpts of the project's sounds, one for each of its cues,
each placed so that its onset is at the cue's time. Places in sounds and targets are whole samples at `Project.rate`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from condfoley.cues.rows import MAIN, Kind
from condfoley.errors import InputError
from condfoley.settings import CEILING_DBTP, FLOW_SAMPLING, MATCHING, SAMPLING, Bits, Room, Settings, Way

VERSION = 1
"""Of project.json. A higher one is refused; keys that a version does not know are kept as they are."""
AMBIENCE = "ambience"
"""Name of the bed's layer."""
COLOURS = 6
"""In which layers can be shown."""
Origin = Literal["soundtrack", "candidate", "redrawn", "ambience"]


@dataclass(frozen=True)
class Taken:
    """A moment of a reference, s. reference: key of the input."""

    at: float
    reference: str


@dataclass(frozen=True)
class Excerpt:
    """Part [begin, end) of a sound, in its samples. onset: the sample that is heard at the cue's time.

    taken: the moment of a reference whose own samples it is made of; None where the model made it, or of many of them. way: how
    it was made where the reference's own samples are wanted; None: not known.
    """

    sound: str
    begin: int
    end: int
    onset: int
    taken: Taken | None = None
    way: Way | None = None

    @property
    def lead(self) -> int:
        """Samples before the onset."""
        return self.onset - self.begin


@dataclass(frozen=True)
class Tail:
    """What a cue sounds like from some moment on, where only a part of its sound was drawn anew.

    begin: samples behind the cue's time. excerpt: of the other sound, as a whole; its part from there on is heard, after a
    crossfade of `fade` samples.
    """

    begin: int
    excerpt: Excerpt
    fade: int


@dataclass(frozen=True)
class Sound:
    """A sound file of the project, which never changes.

    key: names it. file: relative to the project's folder. layer: whose reference it was generated from. start: sample of
    the target at which it was generated to begin. length: samples. channels: 1 or 2. seed: of the candidate, where it is
    one. quiet_db:
    RMS of its quiet parts, dBFS. onsets: (E,) samples, and levels: (E,) dB, of its impacts.
    """

    key: str
    file: str
    origin: Origin
    layer: str
    start: int
    length: int
    seed: int | None = None
    channels: int = 1
    quiet_db: float = -90.0
    onsets: tuple[int, ...] = ()
    levels: tuple[float, ...] = ()


@dataclass(frozen=True)
class Cue:
    """One event of the soundtrack.

    time: s, when it is heard. strength: in [0, 1]. duration: s, of a slide. confidence: in [0, 1], of what the picture
    shows. gain: dB. pan: from -1 (left) to 1 (right). locked: its sound is not drawn again. reference_at: s, the moment
    of the reference that it is to sound like, or that its sound was taken from; reference: key of the input where the layer has
    several. seen: s, when the picture shows it, or when it was given. excerpt: what is
    heard; None: nothing of its own. tails: what is heard in its place later on, ascending. alternatives: other excerpts for
    it, to choose from.
    """

    id: int
    time: float
    strength: float | None = None
    kind: Kind = "impact"
    duration: float | None = None
    confidence: float | None = None
    layer: str = MAIN
    gain: float = 0.0
    pan: float = 0.0
    locked: bool = False
    muted: bool = False
    reference_at: float | None = None
    reference: str | None = None
    seen: float | None = None
    excerpt: Excerpt | None = None
    tails: tuple[Tail, ...] = ()
    alternatives: tuple[Excerpt, ...] = ()

    @property
    def pinned(self) -> Taken | None:
        """The moment that it is to be taken from, if that is another one than its sound was taken from."""
        taken = self.excerpt.taken if self.excerpt else None
        if self.reference_at is None:
            return None
        same = taken and abs(taken.at - self.reference_at) < 1e-4 and self.reference in (None, taken.reference)
        return None if same else Taken(self.reference_at, self.reference or (taken.reference if taken else ""))

    def with_taken(self, several: bool) -> Cue:
        """The cue whose `reference_at` is the moment that its sound was taken from; None where it was not."""
        taken = self.excerpt.taken if self.excerpt else None
        reference = taken.reference if taken and several else None
        return dataclasses.replace(self, reference_at=taken.at if taken else None, reference=reference)


@dataclass(frozen=True)
class LayerTake:
    """From `start`, s, until the next one the layer was generated as the sound `sound`, `moved` s later."""

    start: float
    sound: str
    moved: float = 0.0


@dataclass(frozen=True)
class Opening:
    """What is heard from `start` on, a sample of the target, until the first cue behind it.

    fade: samples before it over which it is crossfaded with another opening.
    """

    start: int
    excerpt: Excerpt
    fade: int = 0


@dataclass(frozen=True)
class Layer:
    """Sounds of one reference.

    reference: key of the input; None without one. references: keys of all where there are several, `reference` the one that
    the model listens to. reference_start: s, where its used part begins. gain: dB. openings:
    what is heard before the first cue, of all and behind each scene cut. codes: file of the candidates' codes
    (`store.read_codes`); None where they were dropped. candidates: keys of sounds, in order of generation. seed: the
    next one that was not used yet. colour: index of the colour in which it is shown, of COLOURS; None: that of its place.
    """

    name: str
    reference: str | None = None
    references: tuple[str, ...] = ()
    reference_start: float | None = None
    gain: float = 0.0
    muted: bool = False
    openings: tuple[Opening, ...] = ()
    codes: str | None = None
    candidates: tuple[str, ...] = ()
    takes: tuple[LayerTake, ...] = ()
    seed: int = 0
    colour: int | None = None

    @property
    def several(self) -> bool:
        """Whether its sounds are of several references."""
        return len(self.references) > 1

    @property
    def sources(self) -> tuple[str, ...]:
        """Keys of all inputs that its sounds are of."""
        return self.references or ((self.reference,) if self.reference else ())


@dataclass(frozen=True)
class Master:
    """What becomes of the sum of all layers.

    gain: dB of all of it, and loudness: LUFS that it was chosen for; None: for none. true_peak: dBTP, the ceiling. bits: of
    the WAV file's samples. room: in which all but the bed is heard, room_gain: dB by which its echo is louder than it
    is there.
    """

    gain: float = 0.0
    loudness: float | None = None
    true_peak: float = CEILING_DBTP
    bits: Bits = "24"
    room: Room = "dry"
    room_gain: float = 0.0


@dataclass(frozen=True)
class Input:
    """A file that the project was made from, found again by its hash where it was moved."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Project:
    """All of it.

    duration: of the target, s. rate: Hz, of all sounds. inputs: `target`, and the layers' references. cues: ascending in
    time. master: what becomes of their sum. settings: with which it was generated (`Settings`). weights, engine: what
    generated it. scene_cuts: s, which no sound crosses. revision: counts the edits; `store.write_project` sets it.
    other: unknown keys of project.json, kept.
    """

    duration: float
    rate: int
    inputs: dict[str, Input]
    layers: tuple[Layer, ...]
    cues: tuple[Cue, ...]
    sounds: dict[str, Sound]
    master: Master = field(default_factory=Master)
    settings: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, Any] = field(default_factory=dict)
    engine: dict[str, str] = field(default_factory=dict)
    scene_cuts: tuple[float, ...] = ()
    version: int = VERSION
    revision: int = 0
    other: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def samples(self) -> int:
        """Of the soundtrack."""
        return round(self.duration * self.rate)

    @property
    def next_id(self) -> int:
        """An id that no cue has."""
        return max((cue.id for cue in self.cues), default=0) + 1

    @property
    def channels(self) -> int:
        """2 where a sound has two, a cue is panned, or all is heard in a room, else 1."""
        panned = self.master.room != "dry" or any(cue.pan for cue in self.cues)
        return 2 if panned or any(s.channels == 2 for s in self.sounds.values()) else 1

    @cached_property
    def generated_with(self) -> Settings:
        """The settings with which it was generated; where they do not say what makes the sound, that was the vocoder.

        Mode published has sampling and matching of its own, which are recorded, but cannot be asked for.
        """
        own = (*SAMPLING, *FLOW_SAMPLING, *MATCHING) if self.settings.get("mode") == "published" else ()
        asked = {name: value for name, value in self.settings.items() if name not in own}
        return Settings.of({"render": "vocoder", **asked})

    @property
    def is_recorded(self) -> bool:
        """Whether its sounds are the reference's own samples."""
        return self.generated_with.render == "recorded"

    def layer(self, name: str) -> Layer:
        """The layer of that name. Raises InputError when there is none."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = ", ".join(layer.name for layer in self.layers)
        raise InputError(f"there is no layer {name}; the project has {names}")

    def cue(self, key: int) -> Cue:
        """The cue of that id. Raises InputError when there is none."""
        for cue in self.cues:
            if cue.id == key:
                return cue
        raise InputError(f"there is no cue {key}; cues.csv lists them")

    def telling(self, cue: Cue) -> Cue:
        """A cue with another sound, which tells where in a reference that was taken from, if it is the reference's own."""
        return cue.with_taken(self.layer(cue.layer).several) if self.is_recorded else cue

    def cues_of(self, layer: str) -> list[Cue]:
        """A layer's cues, ascending in time."""
        return [cue for cue in self.cues if cue.layer == layer]

    def with_cues(self, cues: list[Cue] | tuple[Cue, ...]) -> Project:
        """The same project with other cues, in any order."""
        return dataclasses.replace(self, cues=tuple(sorted(cues, key=lambda cue: (cue.time, cue.id))))

    def with_layer(self, layer: Layer) -> Project:
        """The same project with a layer more, or with another one of the same name."""
        names = [known.name for known in self.layers]
        if layer.name not in names:
            return dataclasses.replace(self, layers=(*self.layers, layer))
        return dataclasses.replace(
            self, layers=tuple(layer if known.name == layer.name else known for known in self.layers)
        )

    def with_sounds(self, *sounds: Sound) -> Project:
        """The same project with more sounds."""
        return dataclasses.replace(self, sounds=self.sounds | {sound.key: sound for sound in sounds})
