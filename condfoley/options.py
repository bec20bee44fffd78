"""What the command line lets a user choose: one dataclass per command.

The attribute docstrings are the help texts, the defaults are the defaults, and the types are what is
accepted. Light on purpose (no torch), so that `--help` is instant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from condfoley.errors import InputError

SAMPLING = ("temperature", "top_k", "top_p", "guidance", "picture_guidance")
MATCHING = ("eq_match", "decay_match", "texture_match", "dynamics")


def at_least(option: str, value: float, lowest: float) -> None:
    """Raises InputError, naming the option, for a number below `lowest`, for infinity and for nan."""
    if not lowest <= value < float("inf"):
        raise InputError(f"--{option.replace('_', '-')} is {value:g}; give {lowest:g} or more")


@dataclass(kw_only=True)
class SoundOptions:
    """How soundtracks are made, whichever command makes them."""

    weights: str | None = None
    """Folder with other weights than those that ship with condfoley."""
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
    mode: Literal["corrected", "published"] = "corrected"
    """published: do as the published script does, with its sampling and its faults (docs/published.md)."""
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
        at_least("candidates", self.candidates, 1)
        at_least("seed", self.seed, 0)
        at_least("tolerance", self.tolerance, 0)
        for name in ("top_k", "guidance", "picture_guidance", "reference_start"):
            if (value := getattr(self, name)) is not None:
                at_least(name, value, 0)
        if self.temperature is not None and not 0 < self.temperature < float("inf"):
            raise InputError(f"--temperature is {self.temperature:g}; give a number above 0")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise InputError(f"--top-p is {self.top_p:g}; give a number above 0, at most 1")
        for name in MATCHING:
            if (value := getattr(self, name)) is not None and not 0 <= value <= 1:
                raise InputError(f"--{name.replace('_', '-')} is {value:g}; give a number from 0 to 1")
        for name in (*SAMPLING, *MATCHING):
            if self.mode == "published" and getattr(self, name) is not None:
                raise InputError(f"--mode published has its own --{name.replace('_', '-')}; leave one of the two out")


@dataclass(kw_only=True)
class GenerateOptions(SoundOptions):
    """Write the sound the target video would make if its action happened in the reference's world."""

    reference: str
    """Clip whose sound gives the material and timbre, with its picture or without."""
    target: str
    """Video to write a soundtrack for; sound it may already have is not looked at."""
    out: str
    """Folder for the results; made when it does not exist."""
    hits: str | None = None
    """File with the times at which the target strikes, in place of what the picture shows: hits.txt of an earlier result,
    edited (a time in seconds a line, or Audacity's labels)."""
    json: bool = False
    """Print one JSON object on stdout in place of the result paths."""

    def __post_init__(self) -> None:
        """Raise InputError for options that cannot be meant."""
        super().__post_init__()
        for unused, why in (
            (self.mode == "published", "--mode published follows no hits"),
            (not self.rerank, "--no-rerank takes the first candidate as it is"),
            (not self.comp, "--no-comp takes a candidate whole"),
        ):
            if self.hits is not None and unused:
                raise InputError(f"{why}; leave out one of the two, it or --hits")


@dataclass(kw_only=True)
class TimelineOptions:
    """Write a result's picture, soundtrack and candidates as a timeline for Resolve, Premiere and other editors."""

    force: bool = False
    """Replace the timelines that are there."""


@dataclass(kw_only=True)
class BatchOptions(SoundOptions):
    """Write the soundtracks of many targets; run again to go on where it stopped."""

    out: str
    """Folder for the results: one folder a pair, and failed.csv when a pair could not be used."""
    pairs: str | None = None
    """CSV file with the columns reference and target, and, if you like, name and hits (see `generate --hits`); paths are
    relative to the file."""
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
        at_least("workers", self.workers, 1)
        if (self.pairs is None) == (self.targets is None):
            raise InputError("give either --pairs FILE.csv, or --targets FOLDER with --reference CLIP")
        if (self.reference is None) != (self.targets is None):
            raise InputError("--reference and --targets go together; with --pairs the file names the references")


@dataclass(kw_only=True)
class ImportOptions:
    """Turn a checkpoint of CondFoleyGen into a weights folder; every tensor is accounted for, and no code is run."""

    checkpoint: str
    """Transformer (its tokenizer and video network are inside), VQGAN, MelGAN, or the action judge."""
    out: str
    """Folder for the weights; must not exist yet."""
    vocoder: str | None = None
    """MelGAN to go with a transformer: its file, or a folder with best_netG.pt (default: the shipped vocoder)."""
    heads: int = 16
    """Attention heads of the transformer: the one size that a checkpoint does not tell (published: 16)."""
    licence: str = "unknown"
    """Licence of the checkpoints, for the card."""
    material_judge: str | None = None
    """The material judge, when the checkpoint is the action judge; for `evaluate --judges`."""
    statistics: str | None = None
    """Mean and deviation of each band of the judges' spectrograms: the published train_means_stds_....txt."""

    def __post_init__(self) -> None:
        """Raise InputError for a number that cannot be meant."""
        at_least("heads", self.heads, 1)
        if self.statistics and not self.material_judge:
            raise InputError("--statistics goes with --material-judge")
        if self.vocoder and self.material_judge:
            raise InputError("--vocoder goes with a transformer, not with judges")


@dataclass(kw_only=True)
class ExportOptions:
    """Write a weights folder of published sizes as a checkpoint that CondFoleyGen's own code can load."""

    weights: str
    """Weights folder; its tokenizer, video encoder and transformer go into one file."""
    out: str
    """Checkpoint to write; must not exist yet."""
    vocoder: str | None = None
    """Also write the vocoder, as a MelGAN file."""


@dataclass(kw_only=True)
class FinetuneOptions:
    """Teach the shipped model your own recordings: its transformer learns from a folder of clips."""

    out: str
    """Folder of the new weights, for `generate --weights`; a stopped run in it goes on."""
    weights: str | None = None
    """Folder with other weights to start from than those that ship with condfoley."""
    whole: bool = False
    """Train all weights of the transformer in place of low-rank adapters (LoRA): for many clips."""
    steps: int = 400
    """Training steps."""
    batch_size: int = 16
    """Pairs a step."""
    seed: int = 0
    """Same seed, same result."""
    force: bool = False
    """Begin anew where --out holds an earlier fine-tuning."""

    def __post_init__(self) -> None:
        """Raise InputError for a number that cannot be meant."""
        at_least("steps", self.steps, 1)
        at_least("batch-size", self.batch_size, 1)
        at_least("seed", self.seed, 0)
