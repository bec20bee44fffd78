"""Options of the commands, a dataclass for each; attribute docstrings are the help texts.

No heavy imports (no torch), so that `--help` is fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from condfoley.errors import InputError, flag, require_at_least, require_share
from condfoley.published.diffusion.systems import LICENCES
from condfoley.settings import CEILING_DBTP, PAN_WIDTH, Bits, Codec, EngineName, Room, Settings

MAX_GAIN_DB = 60.0  # either way
MASTER = ("bits", "true_peak", "loudness", "room", "room_gain")  # options that are fields of `model.Master`


@dataclass(kw_only=True)
class DeliveryOptions(Settings):
    """How a soundtrack is generated and delivered: what a user chooses of it wherever it is made."""

    codec: Codec = "aac"
    """Sound in the finished video: aac plays anywhere, pcm is lossless."""
    bits: Bits = "24"
    """Of the soundtrack's samples, and of pcm in the video: 24, 16 (with dither), or 32f, floating point."""
    true_peak: float = CEILING_DBTP
    """dBTP that the soundtrack has at most, between its samples, too."""
    loudness: float | None = None
    """LUFS of the whole soundtrack, such as -23 (default: impacts are as loud as the reference's)."""
    room: Room = "dry"
    """Room in which the soundtrack is heard, a stereo sound: booth, living (a living room), tiled (a bathroom), hall, street
    (between houses); dry: none but the reference's own."""
    room_gain: float = 0.0
    """dB by which the --room's echo is louder than it would be there."""
    pan: Literal["middle", "picture"] = "middle"
    """Where impacts are heard: in the middle; or where the picture shows them, between left and right."""
    pan_width: float = PAN_WIDTH
    """With --pan picture: how far to the side the edges of the picture are, from 0 (middle) to 1 (left or right alone)."""

    def __post_init__(self) -> None:
        """Raise InputError for invalid options."""
        super().__post_init__()
        require_width(self.pan_width, self.pan)
        if self.pan == "picture" and self.channels == 1:
            raise InputError("--pan picture needs two channels; leave out --channels 1")
        require_master(self)


@dataclass(kw_only=True)
class SoundOptions(DeliveryOptions):
    """Options of every command that generates soundtracks."""

    weights: str | None = None
    """Folder of another model's weights (default: the model that ships with condfoley)."""
    keep: Literal["candidates", "codes", "nothing"] = "candidates"
    """What the project keeps besides the soundtrack, to edit it later: candidates, as FLAC, and the transformer's codes of
    them; codes alone; or nothing."""
    stems: bool = False
    """Write stems too: a WAV in 32-bit float for each layer."""
    overview: bool = True
    """Draw overview.png. Without it, short targets take little more than half of the time."""
    device: str = "cpu"
    """Where to compute: cpu, cuda (an NVIDIA GPU), cuda:1 (the second one), mps (Apple)."""
    engine: EngineName = "auto"
    """What runs the networks: onnx (onnxruntime, on the CPU), torch (PyTorch, on any device), or auto: onnx where it can
    run the weights on the device, else torch."""
    force: bool = False
    """Replace the results of an earlier run in the output folder."""
    quiet: bool = False
    """Show no progress."""


@dataclass(kw_only=True)
class GenerateOptions(SoundOptions):
    """Write the soundtrack of a target video with the material and timbre of a reference clip."""

    reference: str | tuple[str, ...]
    """Clip whose sound gives material and timbre: a video with sound, or a sound file, of any length. May be given again, or
    be a folder: several recordings of one material, of which the model listens to the clearest window, and the soundtrack
    is made of all, unless --render is vocoder. Without --reference and --target, the example pair in the package is used."""
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
    start_from: str | None = None
    """Sound to start from, as long as the target: a temp track, another take, a sound that is pasted in. The generator flow
    changes it by --strength."""
    strength: float | None = None
    """How far the sound of --start-from is changed: 0, as it is but for the vocoder, to 1, not heard any more (default: 0.5)."""
    json: bool = False
    """Print one JSON object on stdout instead of the paths of the results."""

    def __post_init__(self) -> None:
        """Raise InputError for invalid options."""
        super().__post_init__()
        if isinstance(self.reference, tuple) and len(self.reference) == 1:
            self.reference = self.reference[0]
        require_gain("ambience_gain", self.ambience_gain, self.ambience is None)
        if self.strength is not None:
            require_share("strength", self.strength)
            if self.start_from is None:
                raise InputError("--strength is how far a sound is changed; give that sound with --start-from")
        if self.start_from is not None and self.layer:
            raise InputError("--start-from is of a soundtrack with one layer; leave out --layer")
        if self.start_from is not None and (self.generator == "transformer" or self.mode == "published"):
            raise InputError("--start-from needs the generator flow; leave out --generator transformer and --mode")
        if self.layer and self.mode == "published":
            raise InputError("--mode published follows no cues, so it has no layers; leave out one of the two")
        if self.hits is not None and self.perform is not None:
            raise InputError("--hits and --perform both say when impacts are; leave out one of the two")
        if self.perform_align and self.perform is None:
            raise InputError("--perform-align moves a performance; give it with --perform")
        if self.hits is not None or self.perform is not None or self.layer:
            self.require_hits_count("--perform" if self.perform is not None else "--hits" if self.hits else "--layer")

    @property
    def references(self) -> tuple[Path, ...]:
        """The files of --reference. Raises InputError for a folder without any."""
        from condfoley.references.files import reference_files

        return reference_files(self.reference)


@dataclass(kw_only=True)
class DemoOptions(SoundOptions):
    """Generate a soundtrack for the example pair that lies inside the package."""

    out: str = "condfoley_demo"
    """Folder for the results; made when it does not exist."""


def require_width(width: float, pan: str | None) -> None:
    """Raises InputError for a --pan-width out of range, and for one that --pan does not use."""
    if not 0 <= width <= 1:
        raise InputError(f"--pan-width is {width:g}; give a number from 0 (middle) to 1 (left or right alone)")
    if pan != "picture" and width != PAN_WIDTH:
        raise InputError("--pan-width is of panning by the picture; give it with --pan picture")


def require_master(options: Any) -> None:
    """Raises InputError for levels that no soundtrack can have. options: with those of `model.Master`, None: not given."""
    for name, unit, lowest, highest in (("true_peak", "dBTP", -30.0, 0.0), ("loudness", "LUFS", -60.0, -5.0)):
        if (value := getattr(options, name)) is not None and not lowest <= value <= highest:
            raise InputError(f"{flag(name)} is {value:g}; give one from {lowest:g} to {highest:g} {unit}")
    require_gain("room_gain", options.room_gain, options.room == "dry", "echo of a room; give it with --room")


def require_gain(name: str, gain: float | None, unused: bool, what: str = "bed; give it with --ambience") -> None:
    """Raises InputError for a gain, dB, that is out of range, and for one of something that there is not."""
    if gain and unused:
        raise InputError(f"{flag(name)} is of {'an' if what[0] == 'e' else 'a'} {what}")
    if gain is not None and not abs(gain) <= MAX_GAIN_DB:
        raise InputError(f"{flag(name)} is {gain:g}; give one from -60 to 60 dB")


@dataclass(kw_only=True)
class BatchOptions(SoundOptions):
    """Write the soundtracks of many targets; an interrupted run is resumed by the same command."""

    out: str
    """Folder for the results: a folder for each pair, and failed.csv with the pairs that could not be used."""
    pairs: str | None = None
    """CSV file with the columns reference and target, and optionally name, hits and start_from (see `generate --hits` and
    `--start-from`); paths are relative to the file. Several references of one pair are separated by |."""
    strength: float | None = None
    """How far the sounds of the column start_from are changed: 0, as they are but for the vocoder, to 1, not heard any more
    (default: 0.5)."""
    reference: str | tuple[str, ...] | None = None
    """One reference for all --targets, or several as in `generate --reference`, instead of --pairs."""
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
        if self.strength is not None:
            require_share("strength", self.strength)
        if (self.pairs is None) == (self.targets is None):
            raise InputError("give either --pairs FILE.csv, or --targets FOLDER with --reference CLIP")
        if self.strength is not None and self.pairs is None:
            raise InputError("--strength changes the sounds that --pairs names in its column start_from; leave it out")
        if (self.reference is None) != (self.targets is None):
            raise InputError("--reference and --targets go together; with --pairs the file names the references")


@dataclass(kw_only=True)
class LabelOptions:
    """Mark in a clip's frames when something is struck: sheets of its frames to look at, the marks as a cue file, a report."""

    out: str | None = None
    """Folder for sheets and contacts.csv (default: the clip's name with _label)."""
    contacts: str | None = None
    """Numbers of the frames that are the first to show a contact, such as 19,33,47: writes contacts.csv."""
    unsure: str | None = None
    """Likewise, of contacts that the frames do not show clearly: they count neither as right nor as wrong."""
    report: bool = False
    """Print the contacts beside the onsets of the clip's sound and the impacts that are detected."""
    begin: float = 0.0
    """Seconds from which on frames are drawn."""
    end: float = float("inf")
    """Seconds until which frames are drawn (default: the clip's end)."""
    width: int = 240
    """Pixels of each frame's width on the sheets."""
    weights: str | None = None
    """Folder of another model's weights, for --report (default: the model that ships with condfoley)."""
    force: bool = False
    """Replace sheets or contacts.csv that are there."""

    def __post_init__(self) -> None:
        """Raise InputError for invalid options."""
        if not 0 <= self.begin < self.end:
            raise InputError("--begin must be 0 or more, and --end later")
        if not 40 <= self.width <= 1920:
            raise InputError("--width must be between 40 and 1920 pixels")


@dataclass(kw_only=True)
class FindOptions:
    """Rank the sounds of a folder by how well they fit a target, the best first."""

    top: int = 10
    """Number of sounds to print."""
    by: Literal["auto", "picture", "sound"] = "auto"
    """What a sound has to fit: the target's own sound, such as a guide track, or its picture; auto: its sound if it has one."""
    weights: str | None = None
    """Folder of another model's weights, with a part bind (default: the model that ships with condfoley)."""
    device: str = "cpu"
    """Where to compute: cpu, cuda (an NVIDIA GPU), cuda:1 (the second one), mps (Apple)."""
    engine: EngineName = "auto"
    """What runs the networks: onnx (onnxruntime, on the CPU), torch (PyTorch, on any device), or auto: onnx where it can
    run the weights on the device, else torch."""
    json: bool = False
    """Print one JSON object on stdout: paths, scores, moments, and the files that were left out."""
    quiet: bool = False
    """Show no progress."""

    def __post_init__(self) -> None:
        """Raise InputError for a number out of range."""
        require_at_least("top", self.top, 1)


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
class ImportVtaLdmOptions:
    """Convert a checkpoint of VTA-LDM into a weights folder; every tensor is accounted for, and no code is run."""

    folder: str
    """Folder of the checkpoint: summary.jsonl, pytorch_model_2.bin and audioldm-s-full.ckpt."""
    out: str
    """Folder for the weights; must not exist yet."""
    licence: str = LICENCES["vta-ldm"]
    """Licence of the checkpoint, written into the weights' card (default: as published, which forbids paid work)."""


@dataclass(kw_only=True)
class ImportAudioLdmOptions:
    """Convert a folder of AudioLDM into a weights folder; every tensor is accounted for, and no code is run."""

    folder: str
    """Folder in the layout of diffusers, such as that of cvssp/audioldm-m-full."""
    out: str
    """Folder for the weights; must not exist yet."""
    imagebind: str | None = None
    """File of ImageBind's weights (imagebind_huge.pth), by which the sound is steered to the picture; they forbid paid work,
    too."""
    licence: str = LICENCES["audioldm"]
    """Licence of the folder, written into the weights' card (default: as published, which forbids paid work)."""


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
    """Fine-tune the shipped model on a folder of your own clips, if held-out clips get better by it."""

    out: str | None = None
    """Folder for the new weights, for `generate --weights`, and for report/index.html; an interrupted run in it is resumed."""
    part: Literal["transformer", "events", "tokenizer"] = "transformer"
    """What learns: transformer (what is heard), events (when the picture is seen to strike, by your clips' own sound), or
    tokenizer (its decoder: how codes sound, with --render vocoder)."""
    check: bool = False
    """Only say whether the clips are fit for it: impacts, sync, duplicates, what would be left out, and the settings."""
    weights: str | None = None
    """Folder of the weights to start from (default: those that ship with condfoley)."""
    keep_faulty: bool = False
    """Use clips that would be left out too (out of sync, without impacts, too short); copies are left out in any case."""
    rehearse: str | None = None
    """Folder of clips like those that the weights were trained on (`condfoley simulate`), half of the training against
    forgetting."""
    whole: bool = False
    """Train all weights of the transformer instead of low-rank adapters (LoRA); for many clips."""
    steps: int | None = None
    """Most training steps (default: follows the number of clips); the best state on held-out clips is kept."""
    batch_size: int = 8
    """Pairs of windows in each step."""
    listen: int = 4
    """Held-out clips that the report lets you hear before and after; 0: none, which is faster."""
    seed: int = 0
    """Random seed; the same seed gives the same result."""
    force: bool = False
    """Start again where --out holds an earlier fine-tuning."""

    def __post_init__(self) -> None:
        """Raise InputError for a number out of range, and without a folder to write to."""
        if self.steps is not None:
            require_at_least("steps", self.steps, 1)
        require_at_least("batch-size", self.batch_size, 1)
        require_at_least("seed", self.seed, 0)
        require_at_least("listen", self.listen, 0)
        if self.out is None and not self.check:
            raise InputError("missing: --out; give a folder for the new weights, or --check")
        if self.part != "transformer" and (self.whole or self.rehearse):
            option = "--whole" if self.whole else "--rehearse"
            raise InputError(f"{option} is for --part transformer, not for --part {self.part}; leave it out")
