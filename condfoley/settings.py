"""How a soundtrack is made: what `Foley.generate` can be asked for, wherever it is asked from.

The attribute docstrings are the command line's help texts too. No torch is imported, so that `--help` is instant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from condfoley.errors import InputError, flag, require_at_least, require_share

EngineName = Literal["auto", "onnx", "torch"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)
Generator = Literal["transformer", "flow", "diffusion"]
"""What writes candidates; diffusion: imported weights of VTA-LDM or AudioLDM, which have no other."""
GeneratorName = Literal["auto", "transformer", "flow"]
Solver = Literal["euler", "heun"]
SOLVERS: tuple[Solver, ...] = get_args(Solver)
GENERATORS: tuple[Generator, ...] = ("transformer", "flow")  # of our own weights, by the names of their parts
Render = Literal["recorded", "vocoder"]
RENDERERS: tuple[Render, ...] = get_args(Render)
Way = Literal["recorded", "grains", "vocoder"]
"""How an impact was made: of one moment of the reference, of grains of it, or by the vocoder."""
Mode = Literal["corrected", "published"]
MODES: tuple[Mode, ...] = get_args(Mode)
CODE_SAMPLING = ("temperature", "top_k", "top_p")  # of the transformer alone
SAMPLING = (*CODE_SAMPLING, "guidance", "picture_guidance")
FLOW_SAMPLING = ("steps", "solver", "guidance", "picture_guidance")
Codec = Literal["aac", "pcm"]
Bits = Literal["16", "24", "32f"]
Room = Literal["dry", "booth", "living", "tiled", "hall", "street"]
ROOMS: tuple[Room, ...] = get_args(Room)
PAN_WIDTH = 0.6  # pan of the edges of the picture, by default
CEILING_DBTP = -1.0  # true peak that a soundtrack has at most, by default
LOWEST_RATE, HIGHEST_RATE = 8000, 192_000  # Hz, of a soundtrack
MOST_STEPS = 1000
SEEDS = 2**63  # torch takes twice as many; those of later candidates and windows are higher
MATCHING = ("eq_match", "decay_match", "texture_match", "dynamics")


@dataclass(kw_only=True)
class Settings:
    """What can be chosen about a soundtrack."""

    candidates: int = 8
    """Number of candidate soundtracks to generate; the result is put together from them. More take longer."""
    seed: int = 0
    """Random seed of the first candidate, counting up for the others; the same seed gives the same sound again."""
    temperature: float | None = None
    """Variety of the sound: below 1 is safer, above 1 is wilder (default: the weights' own setting)."""
    top_k: int | None = None
    """Sample each code, a small piece of sound, from the K most probable only; 0: from all (default: the weights' own
    setting)."""
    top_p: float | None = None
    """Sample each code from the most probable that together reach this probability; 1: from all (default: the weights' own
    setting)."""
    guidance: float | None = None
    """How strongly to follow the reference: 1 is as trained; higher sounds more like it and takes longer (default: the
    weights' own setting)."""
    picture_guidance: float | None = None
    """How strongly to follow the target's picture: 1 is as trained; higher is timed to it more strictly and takes longer
    (default: the weights' own setting)."""
    generator: GeneratorName = "auto"
    """What writes the sound: transformer: code by code; flow: all at once, in steps from noise to sound; auto: what the
    weights are for."""
    steps: int | None = None
    """Steps of the generator flow, and of imported VTA-LDM and AudioLDM: more take longer (default: the weights' own
    setting)."""
    caption: str | None = None
    """What is to be heard, in English words: for imported weights of AudioLDM alone."""
    solver: Solver | None = None
    """How the generator flow steps: euler; or heun, which takes twice as long (default: euler)."""
    eq_match: float | None = None
    """Equalise the sound towards the mean spectrum of the reference: 0 not at all, 1 fully (default: 1)."""
    decay_match: float | None = None
    """Match the envelope of each impact, attack and decay, to the reference's impacts: 0 not at all, 1 fully
    (default: 1)."""
    texture_match: float | None = None
    """Give each impact the fine structure of the reference's recorded impacts, at the model's timing and level: 0 not at
    all, 1 fully (default: 1)."""
    dynamics: float | None = None
    """Make each impact as loud as the picture shows it to be hard: 0 keeps the level that the model generated, 1 fully
    (default: 1)."""
    rerank: bool = True
    """Rank the candidates by how well they fit the picture; --no-rerank takes the first candidate as it is."""
    comp: bool = True
    """Comping: at each moment take the candidate whose onsets fit the picture there; --no-comp takes one candidate whole."""
    align: bool = True
    """Correct timing: shift each candidate by its median lag behind the picture (at most 0.1 s), each take by at most
    0.2 s more, each impact by at most 0.1 s; --no-align keeps the timing as generated."""
    tolerance: float = 0.2
    """Seconds by which a candidate's offset may be above the smallest one and still count as in time; of those that fit
    the picture equally well, the most confident one in time is best."""
    reference_start: float | None = None
    """Where the used part of the reference begins, in seconds from its start (default: where its events are clearest)."""
    scene_cuts: bool = True
    """Find the target's scene cuts, and let nothing cross one; --no-scene-cuts: windows, takes and tails may cross cuts."""
    render: Render | None = None
    """What makes the sound: recorded: the reference's own samples where it has what the model wrote, at its rate and with its
    channels; vocoder: the model alone, mono, up to 7.6 kHz (default: recorded; with --mode published its own vocoder)."""
    rate: int | None = None
    """Hz of the soundtrack (default: the reference's; with --render vocoder the model's)."""
    channels: int | None = None
    """1 or 2 channels of the soundtrack (default: the reference's; with --render vocoder 1)."""
    mode: Mode = "corrected"
    """corrected: without the faults of the published system; published: as its script does, faults included
    (docs/published.md)."""

    def __post_init__(self) -> None:
        """Raise InputError for a number out of range."""
        for name, lowest in (("candidates", 1), ("seed", 0), ("tolerance", 0)):
            require_at_least(name, getattr(self, name), lowest)
        if self.seed >= SEEDS:
            raise InputError(f"--seed is {self.seed}; give one below {SEEDS}")
        for name in ("top_k", "guidance", "picture_guidance", "reference_start"):
            if (value := getattr(self, name)) is not None:
                require_at_least(name, value, 0)
        if self.temperature is not None and not 0 < self.temperature < float("inf"):
            raise InputError(f"--temperature is {self.temperature:g}; give a number above 0")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise InputError(f"--top-p is {self.top_p:g}; give a number above 0, at most 1")
        if self.steps is not None and not 1 <= self.steps <= MOST_STEPS:
            raise InputError(f"--steps is {self.steps}; give a number from 1 to {MOST_STEPS}")
        for name, known in (("generator", ("auto", *GENERATORS)), ("solver", (None, *SOLVERS))):
            if (chosen := getattr(self, name)) not in known:
                raise InputError(f"{flag(name)} is {chosen!r}; give {' or '.join(filter(None, known))}")
        for name, value in self.given(MATCHING).items():
            require_share(name, value)
        if self.render not in (None, *RENDERERS):
            raise InputError(f"--render is {self.render!r}; give {' or '.join(RENDERERS)}")
        if self.rate is not None and not LOWEST_RATE <= self.rate <= HIGHEST_RATE:
            raise InputError(f"--rate is {self.rate}; give one from {LOWEST_RATE} to {HIGHEST_RATE} Hz, such as 48000")
        if self.channels not in (None, 1, 2):
            raise InputError(f"--channels is {self.channels}; give 1 or 2")
        if self.mode == "published" and self.render == "recorded":
            raise InputError("--mode published has its own vocoder; leave out --render")
        if self.mode not in MODES:
            raise InputError(f"--mode is {self.mode!r}; give {' or '.join(MODES)}")
        if self.mode == "published" and self.generator == "flow":
            raise InputError("--mode published generates with the transformer; leave out --generator flow")
        if self.mode == "published" and (own := self.given((*SAMPLING, *FLOW_SAMPLING, *MATCHING))):
            raise InputError(f"--mode published has its own {flag(next(iter(own)))}; leave one of the two out")

    @property
    def renderer(self) -> Render:
        """What makes the sound, if nothing is asked for: the reference's own samples (E26.4), published mode's vocoder."""
        return self.render or ("vocoder" if self.mode == "published" else "recorded")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Settings:
        """Those of some values by name that are settings. Raises InputError for a number out of range."""
        names = {field.name for field in fields(Settings)}
        return Settings(**{name: value for name, value in values.items() if name in names})

    def given(self, names: Sequence[str]) -> dict[str, Any]:
        """Those of some settings that are not left to the weights."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def require_hits_count(self, option: str = "--hits") -> None:
        """Raises InputError where given hits would have no effect. option: which gives them."""
        for unused, why in (
            (self.mode == "published", "--mode published follows no hits"),
            (not self.rerank, "--no-rerank: the first candidate is taken as it is"),
            (not self.comp, "--no-comp: a candidate is taken whole"),
        ):
            if unused:
                raise InputError(f"{why}; leave out one of the two, it or {option}")
