"""Options of the commands, a dataclass for each; attribute docstrings are the help texts.

No heavy imports (no torch), so that `--help` is fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from condfoley.errors import InputError, flag, require_at_least
from condfoley.settings import Settings

MAX_GAIN_DB = 60.0  # either way


@dataclass(kw_only=True)
class SoundOptions(Settings):
    """Options of every command that generates soundtracks."""

    weights: str | None = None
    """Folder of another model's weights (default: the model that ships with condfoley)."""
    codec: Literal["aac", "pcm"] = "aac"
    """Sound in the finished video: aac plays anywhere, pcm is lossless."""
    keep: Literal["candidates", "codes", "nothing"] = "candidates"
    """What the project keeps besides the soundtrack, to edit it later: candidates, as FLAC, and their codes; codes alone;
    or nothing."""
    stems: bool = False
    """Write stems too: a WAV in 32-bit float for each layer."""
    device: str = "cpu"
    """Where to compute: cpu, cuda (an NVIDIA GPU), cuda:1 (the second one), mps (Apple)."""
    engine: Literal["auto", "onnx", "torch"] = "auto"
    """What runs the networks: onnx (onnxruntime, on the CPU), torch (PyTorch, on any device), or auto: onnx where it can
    run the weights on the device, else torch."""
    force: bool = False
    """Replace the results of an earlier run in the output folder."""
    quiet: bool = False
    """Show no progress."""


@dataclass(kw_only=True)
class GenerateOptions(SoundOptions):
    """Write the soundtrack of a target video with the material and timbre of a reference clip."""

    reference: str
    """Clip whose sound gives material and timbre: a video with sound, or a sound file. Without --reference and
    --target, the example pair in the package is used."""
    target: str
    """Video to write a soundtrack for; sound that it already has is ignored."""
    out: str
    """Folder for the results; made when it does not exist."""
    hits: str | None = None
    """File with the times of the target's hits, followed instead of what the picture shows: hits.txt of an earlier
    result, edited (one time in seconds on each line, or Audacity labels), or a table, cues.csv or cues.json."""
    perform: str | None = None
    """Recording of claps, taps or a voice made while watching the target: when and how hard its impacts are, instead of
    --hits."""
    perform_align: bool = False
    """Move the performance, by at most 0.5 s as a whole, to where the picture shows impacts."""
    layer: tuple[str, ...] = ()
    """Another reference with cues of its own, as NAME=CLIP: those that --hits names so; as NAME=CLIP@0:5: those from 0 to 5
    s; or as NAME=CLIP@slide: those of a kind (impact or slide). All others are of --reference. May be given again."""
    ambience: str | None = None
    """A bed beneath the impacts, a layer of its own: auto: from the quiet parts of the reference; or a file that is one."""
    ambience_gain: float = 0.0
    """dB by which the bed is louder than it was recorded."""
    json: bool = False
    """Print one JSON object on stdout instead of the paths of the results."""

    def __post_init__(self) -> None:
        """Raise InputError for invalid options."""
        super().__post_init__()
        require_gain("ambience_gain", self.ambience_gain, self.ambience is None)
        if self.layer and self.mode == "published":
            raise InputError("--mode published follows no cues, so it has no layers; leave out one of the two")
        if self.hits is not None and self.perform is not None:
            raise InputError("--hits and --perform both say when impacts are; leave out one of the two")
        if self.perform_align and self.perform is None:
            raise InputError("--perform-align moves a performance; give it with --perform")
        if self.hits is not None or self.perform is not None or self.layer:
            self.require_hits_count("--perform" if self.perform is not None else "--hits" if self.hits else "--layer")


@dataclass(kw_only=True)
class DemoOptions(SoundOptions):
    """Generate a soundtrack for the example pair that lies inside the package."""

    out: str = "condfoley_demo"
    """Folder for the results; made when it does not exist."""


def require_gain(name: str, gain: float | None, unused: bool) -> None:
    """Raises InputError for a gain, dB, that is out of range, and for one without a bed."""
    if gain and unused:
        raise InputError(f"{flag(name)} is of a bed; give it with --ambience")
    if gain is not None and not abs(gain) <= MAX_GAIN_DB:
        raise InputError(f"{flag(name)} is {gain:g}; give one from -60 to 60 dB")


@dataclass(kw_only=True)
class BatchOptions(SoundOptions):
    """Write the soundtracks of many targets; an interrupted run is resumed by the same command."""

    out: str
    """Folder for the results: a folder for each pair, and failed.csv with the pairs that could not be used."""
    pairs: str | None = None
    """CSV file with the columns reference and target, and optionally name and hits (see `generate --hits`); paths are
    relative to the file."""
    reference: str | None = None
    """One reference for all --targets, instead of --pairs."""
    targets: str | None = None
    """Folder of target videos, with --reference."""
    engine: Literal["auto", "onnx", "torch", "local", "ray"] = "auto"  # type: ignore[assignment]
    """What runs the networks: onnx (onnxruntime, on the CPU), torch (PyTorch, on any device), or auto: onnx where it can
    run the weights on the device, else torch. (local and ray are the earlier spelling of --pool.)"""
    pool: Literal["local", "ray"] = "local"
    """Where the processes run: local: on this machine; ray: on a Ray cluster whose machines read the same files."""
    workers: int = 1
    """Number of processes, each with its own copy of the model; one already uses all cores of a machine."""
    timeline: bool = False
    """Write the timelines of each result too, as `condfoley timeline` does."""

    def __post_init__(self) -> None:
        """Raise InputError for options that contradict each other."""
        super().__post_init__()
        if self.engine in ("local", "ray"):
            self.pool, self.engine = self.engine, "auto"
        require_at_least("workers", self.workers, 1)
        if (self.pairs is None) == (self.targets is None):
            raise InputError("give either --pairs FILE.csv, or --targets FOLDER with --reference CLIP")
        if (self.reference is None) != (self.targets is None):
            raise InputError("--reference and --targets go together; with --pairs the file names the references")


@dataclass(kw_only=True)
class ImportOptions:
    """Convert a checkpoint of CondFoleyGen into a weights folder; every tensor is accounted for, and no code is run."""

    checkpoint: str
    """Checkpoint file: a transformer (which contains its tokenizer and video network), a VQGAN, a MelGAN, or the action
    classifier."""
    out: str
    """Folder for the weights; must not exist yet."""
    vocoder: str | None = None
    """MelGAN that goes with a transformer: its file, or a folder with best_netG.pt (default: the shipped vocoder)."""
    heads: int = 16
    """Attention heads of the transformer, the one size that a checkpoint does not contain (published: 16)."""
    licence: str = "unknown"
    """Licence of the checkpoints, written into the weights' card."""
    material_judge: str | None = None
    """Checkpoint file of the material classifier, if the first one is the action classifier; for `evaluate --judges`."""
    statistics: str | None = None
    """Text file with mean and deviation of each band of the classifiers' spectrograms: the published
    train_means_stds_....txt."""

    def __post_init__(self) -> None:
        """Raise InputError for a number out of range."""
        require_at_least("heads", self.heads, 1)
        if self.statistics and not self.material_judge:
            raise InputError("--statistics goes with --material-judge")
        if self.vocoder and self.material_judge:
            raise InputError("--vocoder goes with a transformer, not with classifiers")


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
class ExportGraphsOptions:
    """Write the ONNX graphs of a weights folder, with which `generate` runs it by onnxruntime."""

    weights: str
    """Weights folder; the graphs are written into it, and entered in its card."""


@dataclass(kw_only=True)
class FinetuneOptions:
    """Fine-tune the shipped model's transformer on a folder of your own clips."""

    out: str
    """Folder for the new weights, for `generate --weights`; an interrupted run in it is resumed."""
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
        """Raise InputError for a number out of range."""
        require_at_least("steps", self.steps, 1)
        require_at_least("batch-size", self.batch_size, 1)
        require_at_least("seed", self.seed, 0)
