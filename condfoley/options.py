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


@dataclass(kw_only=True)
class SoundOptions:
    """How soundtracks are made, whichever command makes them."""

    weights: str | None = None
    """Folder of another model's weights (default: the model that ships with condfoley)."""
    candidates: int = 8
    """Number of candidate soundtracks to write; the result is put together from them. More take longer."""
    seed: int = 0
    """Random seed of the first candidate, counting up for the others; the same seed gives the same sound again."""
    temperature: float | None = None
    """Variety of the sound: below 1 is safer, above 1 is wilder (default: the weights' own setting)."""
    top_k: int | None = None
    """Draw each code, a small piece of sound, from the K likeliest only; 0: from all (default: the weights' own
    setting)."""
    top_p: float | None = None
    """Draw each code from the likeliest that together reach this probability; 1: from all (default: the weights' own
    setting)."""
    guidance: float | None = None
    """How strongly to follow the reference: 1 is as trained; higher sounds more like it and is slower (default: the
    weights' own setting)."""
    picture_guidance: float | None = None
    """How strongly to follow the target's picture: 1 is as trained; higher is timed to it more strictly and is slower
    (default: the weights' own setting)."""
    eq_match: float | None = None
    """Equalise the sound towards the mean spectrum of the reference: 0 not at all, 1 all the way (default: 1)."""
    decay_match: float | None = None
    """Shape the attack and decay of each hit like those of the reference's hits: 0 not at all, 1 all the way
    (default: 1)."""
    texture_match: float | None = None
    """Give each hit the fine detail of the reference's recorded hits, at the model's timing and level: 0 not at all,
    1 all the way (default: 1)."""
    dynamics: float | None = None
    """Make each hit as loud as the picture shows it to be hard: 0 keeps the loudness that the model wrote, 1 all the
    way (default: 1)."""
    rerank: bool = True
    """Choose by how well the candidates fit the picture; --no-rerank takes the first candidate as it is."""
    comp: bool = True
    """Comping: take each moment from the candidate whose hits fit the picture there; --no-comp takes one candidate
    whole."""
    align: bool = True
    """Correct timing: shift each candidate by its median lag behind the picture (at most 0.1 s), each take by at most
    0.2 s more, each hit by at most 0.1 s; --no-align leaves the timing as it was written."""
    tolerance: float = 0.2
    """Seconds by which a candidate's offset may be above the smallest one and still count as in time; of those that fit
    the picture equally well, the most confident one in time is best."""
    reference_start: float | None = None
    """Where in the reference to listen, in seconds from its start (default: where its events are clearest)."""
    mode: Literal["corrected", "published"] = "corrected"
    """corrected: without the faults of the published system; published: just as its script does, faults included
    (docs/published.md)."""
    codec: Literal["aac", "pcm"] = "aac"
    """Sound in the finished video: aac plays anywhere, pcm is lossless."""
    device: str = "cpu"
    """Where to compute: cpu, cuda (an NVIDIA GPU), cuda:1 (the second one), mps (Apple)."""
    force: bool = False
    """Replace the results of an earlier run in the output folder."""
    quiet: bool = False
    """Show no progress."""

    def __post_init__(self) -> None:
        """Raise InputError for a number that cannot be meant."""
        _at_least("candidates", self.candidates, 1)
        _at_least("seed", self.seed, 0)
        _at_least("tolerance", self.tolerance, 0)
        for name in ("top_k", "guidance", "picture_guidance", "reference_start"):
            if (value := getattr(self, name)) is not None:
                _at_least(name.replace("_", "-"), value, 0)
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
    """Clip whose sound gives material and timbre: a video with sound, or a sound file."""
    target: str
    """Video to write a soundtrack for; sound that it already has is ignored."""
    out: str
    """Folder for the results; made when it does not exist."""
    hits: str | None = None
    """File with the times of the target's hits, followed instead of what the picture shows: hits.txt of an earlier
    result, edited (one time in seconds on each line, or Audacity labels)."""
    json: bool = False
    """Print one JSON object on stdout instead of the paths of the results."""

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
    """Replace the timelines of an earlier run."""


@dataclass(kw_only=True)
class BatchOptions(SoundOptions):
    """Write the soundtracks of many targets; run again to go on where it stopped."""

    out: str
    """Folder for the results: a folder for each pair, and failed.csv with the pairs that could not be used."""
    pairs: str | None = None
    """CSV file with the columns reference and target, and optionally name and hits (see `generate --hits`); paths are
    relative to the file."""
    reference: str | None = None
    """One reference for all --targets, instead of --pairs."""
    targets: str | None = None
    """Folder of target videos, with --reference."""
    engine: Literal["local", "ray"] = "local"
    """local: this machine; ray: a Ray cluster whose machines read the same files."""
    workers: int = 1
    """Number of processes, each with its own copy of the model; one already uses all cores of a machine."""

    def __post_init__(self) -> None:
        """Raise InputError for settings that do not go together."""
        super().__post_init__()
        _at_least("workers", self.workers, 1)
        if (self.pairs is None) == (self.targets is None):
            raise InputError("give either --pairs FILE.csv, or --targets FOLDER with --reference CLIP")
        if (self.reference is None) != (self.targets is None):
            raise InputError("--reference and --targets go together; with --pairs the file names the references")


@dataclass(kw_only=True)
class ImportOptions:
    """Turn a checkpoint of CondFoleyGen into a weights folder; every tensor is accounted for, and no code is run."""

    checkpoint: str
    """Checkpoint file: a transformer (its tokenizer and video network are inside), a VQGAN, a MelGAN, or the action
    judge."""
    out: str
    """Folder for the weights; must not exist yet."""
    vocoder: str | None = None
    """MelGAN that goes with a transformer: its file, or a folder with best_netG.pt (default: the shipped vocoder)."""
    heads: int = 16
    """Attention heads of the transformer, the one size that a checkpoint does not tell (published: 16)."""
    licence: str = "unknown"
    """Licence of the checkpoints, noted in the weights' card."""
    material_judge: str | None = None
    """Checkpoint file of the material judge, where the first one is the action judge; for `evaluate --judges`."""
    statistics: str | None = None
    """Text file with mean and deviation of each band of the judges' spectrograms: the published
    train_means_stds_....txt."""

    def __post_init__(self) -> None:
        """Raise InputError for a number that cannot be meant."""
        _at_least("heads", self.heads, 1)
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
    """Checkpoint file to write; must not exist yet."""
    vocoder: str | None = None
    """MelGAN file to write the vocoder to as well."""


@dataclass(kw_only=True)
class FinetuneOptions:
    """Teach the shipped model your own recordings: its transformer learns from a folder of clips."""

    out: str
    """Folder for the new weights, for `generate --weights`; a run that was stopped goes on there."""
    weights: str | None = None
    """Folder of the weights to start from (default: those that ship with condfoley)."""
    whole: bool = False
    """Train all weights of the transformer instead of low-rank adapters (LoRA); for many clips."""
    steps: int = 400
    """Number of training steps."""
    batch_size: int = 16
    """Pairs of windows in each step."""
    seed: int = 0
    """Random seed; the same seed gives the same result."""
    force: bool = False
    """Start again where --out holds an earlier fine-tuning."""

    def __post_init__(self) -> None:
        """Raise InputError for a number that cannot be meant."""
        _at_least("steps", self.steps, 1)
        _at_least("batch-size", self.batch_size, 1)
        _at_least("seed", self.seed, 0)


def _at_least(option: str, value: float, lowest: float) -> None:
    if not lowest <= value < float("inf"):  # also refuses nan
        raise InputError(f"--{option} is {value:g}; give {lowest:g} or more")
