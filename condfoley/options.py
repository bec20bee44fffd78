"""What the command line lets a user choose: one dataclass per command.

The attribute docstrings are the help texts, the defaults are the defaults, and the types are what is
accepted. Light on purpose (no torch), so that `--help` is instant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from condfoley.errors import InputError


@dataclass(kw_only=True)
class SoundOptions:
    """How soundtracks are made, whichever command makes them."""

    weights: str | None = None
    """Folder with other weights than those that ship with condfoley."""
    candidates: int = 8
    """How many soundtracks to write; the one that fits the picture best is chosen."""
    seed: int = 0
    """Seed of the first candidate; the same seed gives the same sound."""
    temperature: float = 0.9
    """Variety of the sound: below 1 is safer, above 1 is wilder."""
    top_k: int = 0
    """Draw each code from the K likeliest only (0: from all)."""
    top_p: float = 0.9
    """Draw each code from the likeliest that together have this probability (1: from all)."""
    guidance: float = 1.0
    """How strongly to follow the reference (1: as trained; higher: closer to the reference)."""
    picture_guidance: float = 1.0
    """How strongly to follow the target's picture (1: as trained; higher: more strictly timed to it)."""
    rerank: bool = True
    """Choose by how well the sound fits the picture; otherwise the first candidate is chosen."""
    tolerance: float = 0.2
    """Candidates this many seconds worse in time than the best one may still be chosen."""
    reference_start: float | None = None
    """Where in the reference to listen, in seconds (default: where its events are clearest)."""
    codec: Literal["aac", "pcm"] = "aac"
    """Sound in the finished video: aac plays anywhere, pcm loses nothing."""
    device: str = "cpu"
    """Where to compute: cpu, cuda, cuda:1, mps."""
    force: bool = False
    """Replace the results of an earlier run in the output folder."""
    quiet: bool = False
    """Show no progress."""

    def __post_init__(self) -> None:
        """Raise InputError for a number that cannot be meant."""
        _at_least("candidates", self.candidates, 1)
        _at_least("seed", self.seed, 0)
        _at_least("top-k", self.top_k, 0)
        _at_least("guidance", self.guidance, 0)
        _at_least("picture-guidance", self.picture_guidance, 0)
        _at_least("tolerance", self.tolerance, 0)
        if not 0 < self.temperature < float("inf"):
            raise InputError(f"--temperature is {self.temperature:g}; give a number above 0")
        if not 0 < self.top_p <= 1:
            raise InputError(f"--top-p is {self.top_p:g}; give a number above 0, at most 1")
        if self.reference_start is not None:
            _at_least("reference-start", self.reference_start, 0)


@dataclass(kw_only=True)
class GenerateOptions(SoundOptions):
    """Write the sound the target video would make if its action happened in the reference's world."""

    reference: str
    """Clip whose sound gives the material and timbre, with its picture or without."""
    target: str
    """Video to write a soundtrack for; sound it may already have is not looked at."""
    out: str
    """Folder for the results; made when it does not exist."""
    json: bool = False
    """Print one JSON object on stdout in place of the result paths."""


@dataclass(kw_only=True)
class BatchOptions(SoundOptions):
    """Write the soundtracks of many targets; run again to go on where it stopped."""

    out: str
    """Folder for the results: one folder a pair, and failed.csv when a pair could not be used."""
    pairs: str | None = None
    """CSV file with the columns reference and target, and, if you like, name; paths are relative to the file."""
    reference: str | None = None
    """One reference for all targets, in place of --pairs."""
    targets: str | None = None
    """Folder of the targets, with --reference."""
    engine: Literal["local", "ray"] = "local"
    """local: this machine; ray: a Ray cluster that can read the same files."""
    workers: int = 1
    """Processes, each with its own copy of the model; one already uses all cores of a machine."""

    def __post_init__(self) -> None:
        """Raise InputError for settings that do not go together."""
        super().__post_init__()
        _at_least("workers", self.workers, 1)
        if (self.pairs is None) == (self.targets is None):
            raise InputError("give either --pairs FILE.csv, or --targets FOLDER with --reference CLIP")
        if (self.reference is None) != (self.targets is None):
            raise InputError("--reference and --targets go together; with --pairs the file names the references")


def _at_least(option: str, value: float, lowest: float) -> None:
    if not lowest <= value < float("inf"):  # also refuses nan
        raise InputError(f"--{option} is {value:g}; give {lowest:g} or more")
