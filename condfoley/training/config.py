"""A training run's whole configuration, typed: the schema of configs/*.yaml, the command line and its help."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from condfoley.geometry import Geometry
from condfoley.parallel import Engine
from condfoley.sizes import (
    EventsConfig,
    JudgesConfig,
    SyncConfig,
    TokenizerConfig,
    TransformerConfig,
    VideoEncoderConfig,
    VocoderConfig,
)

StageName = Literal["tokenizer", "vocoder", "video", "transformer", "sync", "events", "judges"]
STAGES: tuple[StageName, ...] = get_args(StageName)
ENDLESS = sys.float_info.max
BOUNDS = {  # least and highest value
    **dict.fromkeys(
        ("batch_size", "accumulate", "keep", "log_every", "evaluate_every", "checkpoint_every"), (1, ENDLESS)
    ),
    **dict.fromkeys(("steps", "window", "warmup", "threads", "lora", "weight_decay", "clip_grad"), (0, ENDLESS)),
    **dict.fromkeys(("lr", "lr_disc"), (0, 1)),  # Adam moves a weight by about so much a step
    "seed": (0, 2**28 - 1),  # with a step and a place it makes a seed of torch, below 2**64
    **dict.fromkeys(("data.frame_size", "data.views", "data.workers", "loss.disc_channels"), (1, ENDLESS)),
    **dict.fromkeys(("data.renderings", "data.loaders", "data.rms"), (0, ENDLESS)),
    **dict.fromkeys(("loss.codebook", "loss.perceptual", "loss.adversarial", "loss.feature_matching"), (0, ENDLESS)),
    **dict.fromkeys(("loss.stft", "loss.mel", "loss.feature_noise", "loss.onset_weight"), (0, ENDLESS)),
    **dict.fromkeys(("loss.quantise_from", "loss.adversarial_from"), (0, ENDLESS)),
    **dict.fromkeys(("loss.reconstructed", "loss.drafts"), (0, 1)),
    **dict.fromkeys(("loss.drop_reference", "loss.drop_all", "loss.drop_picture"), (0, 1)),
}


@dataclass
class DataConfig:
    """What is trained on."""

    folder: str = ""
    """Output of `condfoley prepare` (folder, or URL of index.json), or any folder of videos (or sounds, for sound stages)."""
    cache: str | None = None
    """Folder for decoded frames, sounds and features; default: `.cache` inside the folder of clips."""
    frame_size: int = 80
    """Side of the cached frames, pixels; training crops from them."""
    renderings: int = 0
    """Simulated clips only: sound each clip anew with this many random instruments; 0: the clip's own sound."""
    validation: float = 0.04
    """Share of videos held out for validation, by the hash of their name, but never fewer than one video; a prepared data set
    has its own split."""
    pairing: Literal["in_video", "published"] = "in_video"
    """Transformer: in_video: target and reference do not overlap; published: with the published loader's defects."""
    rms: float = 0.0
    """Transformer: level (root mean square) that a soundtrack's windows are brought to, as published 0.1; 0: as they are."""
    views: int = 3
    """Picture views of each clip that its tokens are made of: plain, mirrored, the rest augmented."""
    workers: int = 2
    """Processes that fill the cache with decoded clips and with what earlier parts make of them."""
    loaders: int = 0
    """Processes that draw batches while the GPU computes; 0: drawn between steps. The batches are the same."""
    engine: Engine = "local"
    """What fills the cache: processes of this machine, or a Ray cluster that sees the same folders."""


@dataclass
class LossConfig:
    """Weights of the losses; a stage reads those that are its own."""

    reconstruction: Literal["l1", "mse", "both"] = "l1"
    """Tokenizer: error of the spectrogram."""
    codebook: float = 1.0
    """Tokenizer: weight of the codebook loss."""
    codebook_update: Literal["gradient", "ema"] = "gradient"
    """Tokenizer: codebook by its loss (published), or by moving averages with restart of dead codes."""
    decoder_only: bool = False
    """Tokenizer: codes stay as they are (see init) and only the decoder learns; later parts stay valid."""
    quantise_from: int = 0
    """Tokenizer: first step with quantisation; before it, a plain autoencoder."""
    perceptual: float = 1.0
    """Tokenizer: weight of the perceptual distance (needs perceptual_weights), or 0."""
    perceptual_weights: str | None = None
    """Tokenizer: safetensors file of the VGG-like network whose features are compared (published: VGGSound features)."""
    adversarial: float = 0.8
    """Tokenizer, vocoder: weight of the discriminator's loss."""
    adversarial_from: int = 30001
    """Tokenizer, vocoder: first step with the discriminator."""
    feature_matching: float = 0.0
    """Tokenizer, vocoder: weight of the distance between the discriminator's features of true and made sound."""
    stft: float = 0.0
    """Vocoder: weight of the multi-resolution STFT loss."""
    mel: float = 0.0
    """Vocoder: weight of the mel spectrogram's L1 error."""
    disc_channels: int = 64
    """Tokenizer, vocoder: channels of the discriminator's first layer."""
    reconstructed: float = 0.0
    """Vocoder, sync: share of examples whose spectrogram went through the tokenizer first."""
    drafts: float = 0.0
    """Sync: share of examples whose sound the transformer wrote for the picture; they belong to it as far as they strike
    when something happens, so that the confidence learns to tell good candidates from bad ones."""
    drop_reference: float = 0.0
    """Transformer: share of examples whose reference is replaced by the null tokens."""
    drop_all: float = 0.0
    """Transformer: share of examples without reference and without the target's picture, for guidance on the latter."""
    drop_picture: float = 0.0
    """Transformer: share of examples whose reference picture is replaced by the null tokens."""
    feature_noise: float = 0.0
    """Transformer, sync, events: deviation of the noise added to standardised picture tokens."""
    onset_weight: float = 3.0
    """Video, events: weight of frames with an onset against frames without."""


@dataclass
class TrainConfig:
    """One stage of training."""

    stage: StageName = "tokenizer"
    """Which part is trained."""
    out: str = "runs/new"
    """Folder of this run: checkpoint, metrics.jsonl, curves.png, samples."""
    weights: str = "runs/weights"
    """Weights folder: earlier parts are read from it, the trained part is written to it."""
    data: DataConfig = field(default_factory=DataConfig)
    """What is trained on."""
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
    sync: SyncConfig = field(default_factory=SyncConfig)
    """Sizes, stage sync."""
    events: EventsConfig = field(default_factory=EventsConfig)
    """Sizes, stage events."""
    judges: JudgesConfig = field(default_factory=JudgesConfig)
    """Sizes, stage judges."""
    loss: LossConfig = field(default_factory=LossConfig)
    """Weights of the losses."""
    steps: int = 1000
    """Training steps; 0: the part is only built (from init or pretrained) and written."""
    batch_size: int = 16
    """Examples a step, of all processes and accumulated parts together."""
    accumulate: int = 1
    """Parts that each process takes its share of a batch in, one after the other, to save memory."""
    window: int = 0
    """Length of an example: samples (vocoder) or picture frames (video, sync, events), shorter clips are filled up; 0: the
    geometry's window (sync, events: two)."""
    lr: float = 3e-4
    """Highest learning rate."""
    lr_disc: float = 2e-4
    """The discriminator's learning rate."""
    betas: tuple[float, float] = (0.9, 0.95)
    """Adam's."""
    weight_decay: float = 0.01
    """AdamW's."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """Learning rate after the warm-up."""
    warmup: int = 100
    """Steps of linear warm-up."""
    clip_grad: float = 1.0
    """Largest gradient norm; 0: no clipping."""
    ema: float = 0.0
    """Decay of the moving average of the weights, which is then what is validated and exported; 0: none."""
    precision: Literal["fp32", "bf16", "fp16", "auto"] = "fp32"
    """Arithmetic of the forward pass; fp16 needs a GPU. auto: bf16 where the processor computes in it, else fp32."""
    device: Literal["auto", "cpu"] = "auto"
    """auto: the GPU when there is one."""
    threads: int = 0
    """CPU threads; 0: torch's choice."""
    seed: int = 0
    """Same seed, same run."""
    init: str | None = None
    """Weights folder whose part of the same name training starts from."""
    adapt: bool = False
    """Start from it though it was trained with other earlier parts than those in weights: it learns the new ones."""
    init_share: float = 0.0
    """Share of init's weights in what is validated and exported, which then remembers more of what init knew."""
    pretrained: str | None = None
    """Video: file with torchvision's state dict of R(2+1)D-18 (Kinetics-400) to start from; nothing is downloaded."""
    teacher: str | None = None
    """Weights folder that is learned from. Transformer: what its transformer, guided as its card recommends, says: guidance
    is then built in, and one pass does what took several. Tokenizer, decoder only: what its decoder makes of the same codes,
    by one with fewer blocks."""
    from_guided: bool = False
    """Transformer: start from init's as it was before it learned its guidance (its part `guided`), and recommend that again."""
    lora: int = 0
    """Transformer: rank of low-rank adapters that learn in place of the weights; 0: the weights themselves."""
    resume: bool = True
    """Go on from the run folder's newest checkpoint when there is one."""
    dry_run: bool = False
    """Build everything, say how large it is, and train nothing."""
    log_every: int = 20
    """Steps between two lines of metrics.jsonl."""
    evaluate_every: int = 200
    """Steps between two validations (with a picture and a sound sample)."""
    checkpoint_every: int = 200
    """Steps between two checkpoints."""
    keep: int = 2
    """Checkpoints that are kept."""
    wandb: Literal["disabled", "offline", "online"] = "disabled"
    """Log to Weights & Biases too; online without an API key logs offline."""
    wandb_project: str = "condfoley"
    """Project there."""

    def __post_init__(self) -> None:
        """Raise ValueError for numbers that cannot be meant, and for settings that do not go together."""
        for name, (low, high) in BOUNDS.items():
            value: Any = self
            for step in name.split("."):
                value = getattr(value, step)
            if not low <= value <= high:  # nan neither
                most = "or more" if high == ENDLESS else f"to {high}"
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
        if self.init_share and not self.init:
            raise ValueError("init_share needs init, the weights that it is a share of")
        if self.loss.drafts and self.stage != "sync":
            raise ValueError("loss.drafts is for stage sync")
        if self.stage == "vocoder" and self.window:
            least, whole = self.geometry.hop, self.geometry.window_samples
            if not least <= self.window <= whole:
                raise ValueError(f"window must be {least} to {whole} samples (one window of the geometry), or 0")
        if self.lora and self.stage != "transformer":
            raise ValueError("lora is for stage transformer")
        if self.teacher and not (self.stage == "transformer" or (self.stage == "tokenizer" and self.loss.decoder_only)):
            raise ValueError("teacher is for stage transformer, or for stage tokenizer with loss.decoder_only=true")
        if self.teacher and self.stage == "tokenizer" and self.init:
            raise ValueError("stage tokenizer starts from its teacher; give either teacher or init")
        if self.teacher and Path(self.teacher).resolve() == Path(self.weights).resolve():
            raise ValueError("teacher must be another folder than weights, where the pupil goes; copy it first")
        if self.from_guided and (self.stage != "transformer" or not self.init):
            raise ValueError("from_guided is for stage transformer, and needs init")
        if self.pretrained and self.stage != "video":
            raise ValueError("pretrained is for stage video")
