"""The typed configuration of a training run: schema of configs/*.yaml and of the command line, with its help."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from condfoley.geometry import Geometry
from condfoley.parallel import Engine
from condfoley.sizes import (
    BindConfig,
    ContactConfig,
    EventsConfig,
    FlowConfig,
    JudgesConfig,
    SyncConfig,
    TokenizerConfig,
    TransformerConfig,
    VideoEncoderConfig,
    VocoderConfig,
)

StageName = Literal[
    "tokenizer", "vocoder", "video", "transformer", "flow", "sync", "events", "contact", "bind", "judges"
]
STAGES: tuple[StageName, ...] = get_args(StageName)
UNLIMITED = sys.float_info.max
BOUNDS = {  # minimum and maximum
    **dict.fromkeys(
        ("batch_size", "accumulate", "keep", "log_every", "evaluate_every", "checkpoint_every"), (1, UNLIMITED)
    ),
    **dict.fromkeys(("steps", "window", "warmup", "threads", "lora", "weight_decay", "clip_grad"), (0, UNLIMITED)),
    "loss.keep_init": (0, UNLIMITED),
    **dict.fromkeys(("lora_dropout", "data.rehearsed"), (0, 1)),
    **dict.fromkeys(("lr", "lr_disc"), (0, 1)),  # Adam changes a weight by about this in a step
    "seed": (0, 2**28 - 1),  # combined with step and position it must be below 2**64
    **dict.fromkeys(
        ("data.frame_size", "data.instruments", "data.views", "data.workers", "loss.disc_channels"), (1, UNLIMITED)
    ),
    **dict.fromkeys(("data.renderings", "data.loaders", "data.rms"), (0, UNLIMITED)),
    **dict.fromkeys(("loss.codebook", "loss.perceptual", "loss.adversarial", "loss.feature_matching"), (0, UNLIMITED)),
    **dict.fromkeys(("loss.stft", "loss.mel", "loss.feature_noise", "loss.onset_weight"), (0, UNLIMITED)),
    **dict.fromkeys(("loss.quantise_from", "loss.adversarial_from"), (0, UNLIMITED)),
    **dict.fromkeys(("loss.sound_sound", "loss.sound_picture"), (0, UNLIMITED)),
    **dict.fromkeys(("loss.reconstructed", "loss.drafts", "data.cuts"), (0, 1)),
    **dict.fromkeys(("loss.drop_reference", "loss.drop_all", "loss.drop_picture", "loss.drop_target"), (0, 1)),
    "loss.known": (0, 1),
}


@dataclass
class DataConfig:
    """Training data."""

    folder: str = ""
    """Output of `condfoley prepare` (folder, or URL of index.json), or any folder of videos (or sounds, for sound stages).
    Judges of impacts: a folder of recordings with a manifest.csv, beside the shipped ones."""
    cache: str | None = None
    """Folder for decoded frames, sounds and features; default: `.cache` inside the folder of clips."""
    frame_size: int = 80
    """Width and height of the cached frames in pixels; training crops from them."""
    renderings: int = 0
    """Simulated clips only: number of soundtracks rendered for each clip, with random instruments; 0: the clip's own sound."""
    instruments: int = 4000
    """Judges of impacts: number of simulated instruments, with a soundtrack of two seconds each."""
    validation: float = 0.04
    """Share of videos held out for validation, by the hash of their name, but never fewer than one video; a prepared data set
    has its own split."""
    pairing: Literal["in_video", "published"] = "in_video"
    """Transformer, flow: in_video: target and reference do not overlap; published: as the published loader, with its defects."""
    rms: float = 0.0
    """Transformer: RMS level to which a soundtrack's windows are normalised (published: 0.1); 0: unchanged."""
    views: int = 3
    """Number of views of each clip's picture that are encoded to tokens: plain, mirrored, the others augmented."""
    cuts: float = 0.0
    """Transformer: share of examples whose target is cut to another moment and view of the same video, picture and sound, as
    films are."""
    rehearse: str | None = None
    """Transformer: folder of clips like those that init was trained on, mixed in against forgetting."""
    rehearsed: float = 0.0
    """Transformer: share of examples that are of `rehearse`."""
    workers: int = 2
    """Processes that fill the cache with decoded clips and their features."""
    loaders: int = 0
    """Processes that draw batches while the GPU computes; 0: drawn between steps. The batches are the same either way."""
    engine: Engine = "local"
    """How the cache is filled: local processes, or a Ray cluster with access to the same folders."""


@dataclass
class LossConfig:
    """Weights of the losses; each stage uses its own."""

    reconstruction: Literal["l1", "mse", "both"] = "l1"
    """Tokenizer: distance between spectrograms."""
    codebook: float = 1.0
    """Tokenizer: weight of the codebook loss."""
    codebook_update: Literal["gradient", "ema"] = "gradient"
    """Tokenizer: train the codebook by its loss (published), or by moving averages with replacement of unused codes."""
    decoder_only: bool = False
    """Tokenizer: train only the decoder (see init); codes do not change, so later parts stay valid."""
    quantise_from: int = 0
    """Tokenizer: first step with quantisation; before it, it is a plain autoencoder."""
    perceptual: float = 1.0
    """Tokenizer: weight of the perceptual distance (needs perceptual_weights), or 0."""
    perceptual_weights: str | None = None
    """Tokenizer: safetensors file of the VGG-like network of the perceptual distance (published: VGGSound features)."""
    adversarial: float = 0.8
    """Tokenizer, vocoder: weight of the discriminator's loss."""
    adversarial_from: int = 30001
    """Tokenizer, vocoder: first step with the discriminator."""
    feature_matching: float = 0.0
    """Tokenizer, vocoder: weight of the distance between the discriminator's features of true and generated examples."""
    stft: float = 0.0
    """Vocoder: weight of the multi-resolution STFT loss."""
    mel: float = 0.0
    """Vocoder: weight of the mel spectrogram's L1 error."""
    disc_channels: int = 64
    """Tokenizer, vocoder: channels of the discriminator's first layer."""
    reconstructed: float = 0.0
    """Vocoder, sync: share of examples whose spectrogram is reconstructed by the tokenizer."""
    drafts: float = 0.0
    """Sync: share of examples whose sound was generated for the picture; their label is the agreement of their onsets with
    the events, so that the confidence learns to tell good candidates from bad ones."""
    drop_reference: float = 0.0
    """Transformer, flow: share of examples whose reference is replaced by null tokens."""
    drop_all: float = 0.0
    """Transformer, flow: share of examples without reference and target's picture, for guidance on the picture."""
    drop_picture: float = 0.0
    """Transformer, flow: share of examples whose reference picture is replaced by null tokens."""
    drop_target: float = 0.0
    """Flow: share of examples without the target's picture whose reference stays."""
    known: float = 0.0
    """Flow: share of examples in which a part of the target is known: the left part, or both sides of a range."""
    sound_sound: float = 1.0
    """Bind: weight of telling which sound is of another moment of the same video."""
    sound_picture: float = 1.0
    """Bind: weight of telling which sound and which picture are of the same video."""
    feature_noise: float = 0.0
    """Transformer, flow, sync, events, bind: standard deviation of noise added to the standardised picture tokens."""
    keep_init: float = 0.0
    """Transformer, events: weight of the divergence from init's predictions for the same examples, to forget less."""
    onset_weight: float = 3.0
    """Video, events: weight of frames with an onset relative to frames without."""


@dataclass
class TrainConfig:
    """One stage of training."""

    stage: StageName = "tokenizer"
    """Part to train."""
    out: str = "runs/new"
    """Folder of this run: checkpoints, metrics.jsonl, curves.png, samples."""
    weights: str = "runs/weights"
    """Weights folder: earlier parts are read from it, the trained part is written to it."""
    data: DataConfig = field(default_factory=DataConfig)
    """Training data."""
    geometry: Geometry = field(default_factory=Geometry)
    """Rates and window sizes."""
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    """Sizes, stage tokenizer."""
    vocoder: VocoderConfig = field(default_factory=VocoderConfig)
    """Sizes, stage vocoder."""
    video: VideoEncoderConfig = field(default_factory=VideoEncoderConfig)
    """Sizes, stage video."""
    transformer: TransformerConfig = field(default_factory=TransformerConfig)
    """Sizes, stage transformer."""
    flow: FlowConfig = field(default_factory=FlowConfig)
    """Sizes, stage flow."""
    sync: SyncConfig = field(default_factory=SyncConfig)
    """Sizes, stage sync."""
    events: EventsConfig = field(default_factory=EventsConfig)
    """Sizes, stage events."""
    contact: ContactConfig = field(default_factory=ContactConfig)
    """Sizes, stage contact."""
    bind: BindConfig = field(default_factory=BindConfig)
    """Sizes, stage bind."""
    judges: JudgesConfig = field(default_factory=JudgesConfig)
    """Sizes, stage judges."""
    loss: LossConfig = field(default_factory=LossConfig)
    """Weights of the losses."""
    steps: int = 1000
    """Training steps; 0: the part is only built (from init or pretrained) and exported."""
    batch_size: int = 16
    """Examples in a step, of all processes and accumulated parts together."""
    accumulate: int = 1
    """Gradient accumulation: number of parts into which each process divides its share of a batch, to save memory."""
    window: int = 0
    """Length of an example: samples (vocoder) or picture frames (video, sync, events, bind); shorter clips are padded; 0:
    one window of the geometry (sync, events: two)."""
    lr: float = 3e-4
    """Maximum learning rate."""
    lr_disc: float = 2e-4
    """The discriminator's learning rate."""
    betas: tuple[float, float] = (0.9, 0.95)
    """Adam's beta1 and beta2."""
    weight_decay: float = 0.01
    """AdamW's weight decay."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """Schedule of the learning rate after the warm-up."""
    warmup: int = 100
    """Steps of linear warm-up."""
    clip_grad: float = 1.0
    """Maximum gradient norm; 0: no clipping."""
    ema: float = 0.0
    """Decay of the moving average of the weights, which is validated and exported in their place; 0: none."""
    precision: Literal["fp32", "bf16", "fp16", "auto"] = "fp32"
    """Precision of the forward pass; fp16 needs a GPU. auto: bf16 if the hardware supports it, else fp32."""
    device: Literal["auto", "cpu"] = "auto"
    """auto: the GPU if there is one."""
    threads: int = 0
    """CPU threads; 0: torch's default."""
    seed: int = 0
    """Random seed; the same seed gives the same run."""
    init: str | None = None
    """Weights folder whose part of the same name training starts from."""
    adapt: bool = False
    """Start from init even if its part was trained with other earlier parts than those in weights, to adapt it to them."""
    init_share: float = 0.0
    """Share of init's weights in the interpolated weights that are validated and exported, to forget less of init's training."""
    pretrained: str | None = None
    """Video: file with torchvision's state dict of R(2+1)D-18 (Kinetics-400) to start from; nothing is downloaded."""
    teacher: str | None = None
    """Weights folder of a teacher to distil. Transformer: learn its guided predictions (guidance as its card recommends), so
    that one pass replaces several. Flow: start from it and learn its guided estimates. Tokenizer with loss.decoder_only: learn
    the output of its decoder for the same codes, with a smaller decoder."""
    from_guided: bool = False
    """Transformer: start from init's transformer before guidance distillation (its part `guided`), and recommend its guidance."""
    lora: int = 0
    """Transformer: rank of low-rank adapters, trained in place of the weights; 0: train the weights themselves."""
    lora_dropout: float = 0.0
    """Transformer: dropout of the adapters' inputs."""
    resume: bool = True
    """Resume from the newest checkpoint in the run folder, if there is one."""
    dry_run: bool = False
    """Build everything and report its size, without training."""
    log_every: int = 20
    """Steps between two lines of metrics.jsonl."""
    evaluate_every: int = 200
    """Steps between two validations (with a picture and a sound sample)."""
    checkpoint_every: int = 200
    """Steps between two checkpoints."""
    keep: int = 2
    """Number of checkpoints that are kept."""
    wandb: Literal["disabled", "offline", "online"] = "disabled"
    """Also log to Weights & Biases; online without an API key logs offline."""
    wandb_project: str = "condfoley"
    """Project at Weights & Biases."""

    def __post_init__(self) -> None:
        """Raises ValueError for numbers out of range and for settings that do not go together."""
        for name, (low, high) in BOUNDS.items():
            value: Any = self
            for step in name.split("."):
                value = getattr(value, step)
            if not low <= value <= high:  # nan neither
                most = "or more" if high == UNLIMITED else f"to {high}"
                raise ValueError(f"{name} must be {low} {most}, not {value}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must be at least 0 and below 1, not {list(self.betas)}")
        for name, share in (
            ("ema", self.ema),
            ("init_share", self.init_share),
            ("data.validation", self.data.validation),
        ):
            if not 0 <= share < 1:
                raise ValueError(f"{name} must be at least 0 and below 1")
        if self.data.rehearsed and self.stage != "transformer":
            raise ValueError("data.rehearsed is for stage transformer")
        if self.loss.keep_init and self.stage not in ("transformer", "events"):
            raise ValueError("loss.keep_init is for stages transformer and events")
        if self.loss.keep_init and not self.init:
            raise ValueError("loss.keep_init needs init, whose predictions are kept")
        if bool(self.data.rehearsed) != bool(self.data.rehearse):
            raise ValueError("data.rehearse, a folder of clips, and data.rehearsed, their share, go together")
        if self.init_share and not self.init:
            raise ValueError("init_share needs init, whose weights it refers to")
        if self.loss.drafts and self.stage != "sync":
            raise ValueError("loss.drafts is for stage sync")
        if self.stage == "vocoder" and self.window:
            least, whole = self.geometry.hop, self.geometry.window_samples
            if not least <= self.window <= whole:
                raise ValueError(f"window must be {least} to {whole} samples (one window of the geometry), or 0")
        if self.lora and self.stage != "transformer":
            raise ValueError("lora is for stage transformer")
        distilled = self.stage in ("transformer", "flow") or (self.stage == "tokenizer" and self.loss.decoder_only)
        if self.teacher and not distilled:
            raise ValueError(
                "teacher is for stages transformer and flow, or for stage tokenizer with loss.decoder_only=true"
            )
        if self.teacher and self.stage in ("tokenizer", "flow") and self.init:
            raise ValueError(f"stage {self.stage} starts from its teacher; give either teacher or init")
        if self.teacher and Path(self.teacher).resolve() == Path(self.weights).resolve():
            raise ValueError("teacher must be another folder than weights, where the student is written; copy it first")
        if self.from_guided and (self.stage != "transformer" or not self.init):
            raise ValueError("from_guided is for stage transformer, and needs init")
        if self.pretrained and self.stage != "video":
            raise ValueError("pretrained is for stage video")
