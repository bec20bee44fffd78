"""Options of the commands that work on a result, a dataclass for each; attribute docstrings are the help texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from condfoley.cli.options import require_master, require_width
from condfoley.errors import InputError, require_at_least, require_share
from condfoley.settings import PAN_WIDTH, Bits, Codec, EngineName, GeneratorName, Room


@dataclass(kw_only=True)
class EditOptions:
    """Change cues and layers of a result, and render it again; nothing else of it changes."""

    cues: str | None = None
    """Edited list of cues: cues.csv, cues.json or a label track of Audacity, whole: cues that it lacks are removed."""
    add: tuple[str, ...] = ()
    """Add a cue: TIME in seconds, or with more columns of cues.csv, as 2.5,strength=0.8. May be given again."""
    set: tuple[str, ...] = ()
    """Change a cue: its id and columns of cues.csv, as 7:time=3.25,gain=-3. May be given again."""
    remove: tuple[str, ...] = ()
    """Remove the cue of this id. May be given again."""
    choose: tuple[str, ...] = ()
    """Take one of a cue's alternatives: its id and the number of the alternative, as 7=2. May be given again."""
    perform: str | None = None
    """Recording of claps, taps or a voice made while watching the target: new times and strengths of the cues of main."""
    layer: tuple[str, ...] = ()
    """Add a layer with another reference, as NAME=CLIP@0:5 with the cues from 0 to 5 s, NAME=CLIP@slide with those of a
    kind, or NAME=CLIP with those that --cues names so. Generates its sound. May be given again."""
    ambience: str | None = None
    """Add a bed beneath the impacts: auto: from the quiet parts of the reference; a file that is one; or none: without."""
    pan: Literal["middle", "picture"] | None = None
    """Put all cues where the picture shows them, between left and right, or back into the middle."""
    pan_width: float = PAN_WIDTH
    """With --pan picture: how far to the side the edges of the picture are, from 0 (middle) to 1 (left or right alone)."""
    gain: tuple[str, ...] = ()
    """Level of a layer, as main=-3 in dB. May be given again."""
    mute: tuple[str, ...] = ()
    """Name of a layer that is not heard. May be given again."""
    unmute: tuple[str, ...] = ()
    """Name of a layer that is heard again. May be given again."""
    codec: Codec | None = None
    """Sound in the finished video (default: as before)."""
    bits: Bits | None = None
    """Of the soundtrack's samples: 24, 16 (with dither), or 32f, floating point (default: as before)."""
    true_peak: float | None = None
    """dBTP that the soundtrack has at most (default: as before)."""
    loudness: float | None = None
    """LUFS to which the whole soundtrack is brought now (default: the gain stays as it is)."""
    room: Room | None = None
    """Room in which the soundtrack is heard: dry, booth, living, tiled, hall, street (default: as before)."""
    room_gain: float | None = None
    """dB by which the room's echo is louder than it would be there (default: as before)."""
    target: str | None = None
    """Where the target is now, if it was moved and is not found."""
    weights: str | None = None
    """For --layer and --pan: folder of the weights that the project was generated with, if they are not the shipped ones."""
    device: str = "cpu"
    """For --layer and --pan: where to compute, see `condfoley generate --help`."""
    engine: EngineName = "auto"
    """For --layer and --pan: what runs the networks, see `condfoley generate --help`."""
    quiet: bool = False
    """Show no remarks."""

    def __post_init__(self) -> None:
        """Raise InputError for invalid options."""
        require_width(self.pan_width, self.pan)
        require_master(self)


@dataclass(kw_only=True)
class RedoOptions:
    """Draw a span or a cue of a project anew; all that is outside of it stays as it is, to the sample."""

    span: str | None = None
    """What is drawn anew: begin and end in seconds, such as 3.2:5. Its cues get other sounds; without cues, what sounds
    there."""
    cue: int | None = None
    """The cue that is drawn anew, by its number in cues.csv, in place of --span."""
    layer: str | None = None
    """The one layer of which a span is drawn anew (default: all that have cues in it)."""
    variations: int | None = None
    """Keep what is heard, and make as many alternatives of the --cue, to choose from with `condfoley edit`; previews are
    written to variations/."""
    seed: int | None = None
    """Random seed of the first candidate (default: the next one that the project has not used yet)."""
    candidates: int | None = None
    """Number of candidates to generate (default: as many as the project was generated with)."""
    generator: GeneratorName = "auto"
    """What draws: transformer; flow, which knows what is heard behind the span, too; auto: what the project was generated
    with."""
    strength: float | None = None
    """Start from what is heard in the span, and change it so far: 0, as it is but for the vocoder, to 1, not heard any more;
    with the generator flow (default: a new sound)."""
    reference: str | None = None
    """Where the reference is, if it was moved."""
    target: str | None = None
    """Where the target is, if it was moved."""
    weights: str | None = None
    """Folder of the weights that the project was generated with, if they are not those that ship with condfoley."""
    device: str = "cpu"
    """Where to compute: cpu, cuda (an NVIDIA GPU), cuda:1 (the second one), mps (Apple)."""
    engine: EngineName = "auto"
    """What runs the networks: see `condfoley generate --help`."""
    quiet: bool = False
    """Show no progress."""

    def __post_init__(self) -> None:
        """Raise InputError for options that contradict each other."""
        if (self.span is None) == (self.cue is None):
            raise InputError("give either --span BEGIN:END, in seconds, or --cue NUMBER of cues.csv")
        if self.variations is not None and self.cue is None:
            raise InputError("--variations are of one cue; give --cue NUMBER of cues.csv")
        if self.layer is not None and self.cue is not None:
            raise InputError("--layer goes with --span; a cue has its layer")
        for name in ("variations", "candidates"):
            if (value := getattr(self, name)) is not None:
                require_at_least(name, value, 1)
        if self.seed is not None:
            require_at_least("seed", self.seed, 0)
        if self.strength is not None:
            require_share("strength", self.strength)
            if self.generator == "transformer":
                raise InputError("--strength needs the generator flow; leave out --generator transformer")

    @property
    def seconds(self) -> tuple[float, float]:
        """Begin and end of --span. Raises InputError for what is no span."""
        begin, _, end = (self.span or "").partition(":")
        try:
            return float(begin), float(end)
        except ValueError:
            raise InputError(f"--span {self.span} is none; give begin and end in seconds, such as 3.2:5") from None


@dataclass(kw_only=True)
class UndoOptions:
    """Bring the former revision of a result back, as it was before the last edit."""

    forward: bool = False
    """Go forward again to the revision that was undone."""
    to: int | None = None
    """Go to this revision instead; --list shows them."""
    list: bool = False
    """List the revisions and what they have, and change nothing."""
    quiet: bool = False
    """Show no remarks."""


@dataclass(kw_only=True)
class StemsOptions:
    """Write a result's stems: WAV files in 32-bit float whose sum is the soundtrack."""

    each_cue: bool = False
    """A file for each cue, instead of one for each layer."""


@dataclass(kw_only=True)
class TimelineOptions:
    """Write a result's picture, layers, candidates and cues as a timeline for Resolve, Premiere, REAPER and other editors."""

    force: bool = False
    """Replace the timelines of an earlier run."""
    relative: bool = False
    """Name files relative to the result's folder, so that it can be moved together with them."""
    target: str | None = None
    """Where the target is now, if it was moved."""
