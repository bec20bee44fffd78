"""Sizes of every part: typed, documented, and light to import (no torch), so that the command line can show them.

Each class is a part's whole configuration; the weights' card stores it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from condfoley.geometry import Geometry, require_choices

GEOMETRY = Geometry()


@dataclass(frozen=True)
class TokenizerConfig:
    """Sizes of the tokenizer. Defaults: the published ones (published_facts.md, section 4)."""

    ch: int = 128
    """Channels of the first level."""
    ch_mult: tuple[int, ...] = (1, 1, 2, 2, 4)
    """Channel multiple of each level; each level but the last halves both axes."""
    num_res_blocks: int = 2
    """Residual blocks a level (one more in the decoder)."""
    decoder_res_blocks: int | None = None
    """Residual blocks a level of the decoder, if fewer; None: one more than in the encoder (published)."""
    decoder_ch_mult: tuple[int, ...] | None = None
    """Channel multiple of each level of the decoder, as many as in the encoder; None: the same (published)."""
    attn_resolutions: tuple[int, ...] = (10,)
    """Levels with self-attention, named by the time axis' length there."""
    resolution: int = 160
    """Spectrogram frames of a window; only used to find the levels with attention."""
    z_channels: int = 256
    """Channels between the encoder and the code layer."""
    embed_dim: int = 256
    """Length of a codebook row."""
    n_embed: int = 1024
    """Codebook rows."""
    beta: float = 0.25
    """Weight inside VectorQuantizer's loss (published value; published_facts.md, section 4)."""
    row_fold: int = 1
    """Neighbouring frequency rows merged into one code: 2 makes a 10 x 20 grid a 5 x 20 one. Published: 1."""


@dataclass(frozen=True)
class VideoEncoderConfig:
    """Sizes of the video encoder. Defaults: the published ones (published_facts.md, section 7)."""

    widths: tuple[int, ...] = (64, 128, 256, 512)
    """Channels of the four stages."""
    layers: tuple[int, ...] = (2, 2, 2, 2)
    """Residual blocks in each stage."""
    stem: tuple[int, int] = (45, 64)
    """Channels of the stem's spatial and temporal convolution."""
    stem_kernel: int = 7
    """Side of the stem's spatial kernel, pixels."""
    midplanes: Literal["published", "out"] = "published"
    """Channels between a block's spatial and temporal convolution: `published` formula, or `out` (cheaper)."""
    motion: bool = False
    """Frame differences as three further input channels."""
    normalise: Literal["imagenet", "clip"] = "imagenet"
    """`imagenet` mean and deviation (published) or those of the `clip` itself (no light or colour bias)."""
    pool: Literal["mean", "mean_max"] = "mean"
    """Spatial pooling: `mean` (published) or `mean_max` (both, joined)."""
    neck: int = 0
    """Channels of two temporal convolutions after pooling, joined to the tokens; 0: none (published)."""
    batch_statistics: bool = False
    """BatchNorm by the clip's own statistics even in eval mode: what the published code does."""
    prior_frames: int = 0
    """Weight of the BatchNorms' stored statistics in eval mode, in frames, beside those of the clip, which weigh as
    many frames as it has; 0: the stored ones alone (see `video_encoder.ClipNorm`)."""

    def __post_init__(self) -> None:
        require_choices(self)

    @property
    def dim(self) -> int:
        """Length of a token."""
        return self.widths[-1] * (2 if self.pool == "mean_max" else 1) + self.neck


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of the transformer. Defaults: the published ones (published_facts.md, section 8)."""

    feature_dim: int = 512
    """Length of a picture token."""
    n_embed: int = 1024
    """Number of codes."""
    n_layer: int = 24
    """Blocks."""
    n_head: int = 16
    """Attention heads."""
    n_embd: int = 1024
    """Width."""
    dropout: float = 0.0
    """Dropout everywhere in training."""
    frames: int = 30
    """Picture tokens of each clip."""
    codes: int = 50
    """Codes of each clip."""
    code_rows: int = 5
    """Codes in one time column."""
    aligned: bool = False
    """Add the target's picture tokens around the time of the next code to its input, and an embedding of each code's
    row (published: no)."""
    aligned_reach: int = 3
    """Frames before and after that time which `aligned` sees."""
    aligned_reference: bool = False
    """With `aligned`: add the reference's picture tokens to its own codes too, so that the code of a like moment of the
    reference is found in one look (published: no)."""
    segments: bool = False
    """A learned vector for each of the four parts of the sequence (published: none)."""

    @property
    def prefix(self) -> int:
        """Tokens before the first target code."""
        return 2 * self.frames + self.codes


@dataclass(frozen=True)
class FlowConfig:
    """Sizes of the flow-matching network, and the sampling that is recommended for it."""

    space: Literal["latents", "patches"] = "latents"
    """What a token is: a column of the tokenizer's `latents`, before quantisation, or some frames of the spectrogram
    (`patches`)."""
    dim: int = 320
    """Values of a token; follows from the tokenizer, or from `patch` and the mel bands."""
    tokens: int = 20
    """Tokens of a window; follows from the geometry and `patch`."""
    patch: int = 4
    """Spectrogram frames of a patch; 0 for latents."""
    width: int = 192
    """Width of the blocks."""
    depth: int = 6
    """Blocks."""
    heads: int = 4
    """Attention heads."""
    feature_dim: int = 288
    """Length of a picture token."""
    frames: int = GEOMETRY.window_frames
    """Picture tokens of a window."""
    steps: int = 8
    """Steps of sampling that are recommended."""
    guidance: float = 1.0
    """Guidance on the reference that is recommended; 1: none."""
    picture_guidance: float = 3.0
    """Guidance on the target's picture that is recommended; 1: none."""

    def __post_init__(self) -> None:
        require_choices(self)
        if self.width % self.heads:
            raise ValueError("heads must divide width")


@dataclass(frozen=True)
class VocoderConfig:
    """Sizes of the generator. Defaults: the published ones (published_facts.md, section 3)."""

    n_mels: int = 80
    """Mel bands of the input."""
    ngf: int = 32
    """Channels of the last stage; the first has 16 times as many."""
    n_residual_layers: int = 3
    """Dilated residual layers a stage (dilations 1, 3, 9)."""
    ratios: tuple[int, ...] = (8, 8, 2, 2)
    """Upsampling of each stage; their product is the hop."""
    match_passes: int = 0
    """Passes of the post-filter that gives the waveform its spectrogram's levels (published: none)."""
    carrier: Literal["network", "noise"] = "network"
    """noise: white noise in the waveform's envelope takes the place of its fine structure, before the passes."""

    def __post_init__(self) -> None:
        require_choices(self)


@dataclass(frozen=True)
class SyncConfig:
    """Sizes of the offset model."""

    feature_dim: int = 288
    """Length of a picture token."""
    n_mels: int = GEOMETRY.n_mels
    """Mel bands."""
    mel_per_frame: float = GEOMETRY.sample_rate / GEOMETRY.hop / GEOMETRY.fps
    """Spectrogram frames in one picture frame."""
    width: int = 96
    """Channels of both branches."""
    dim: int = 32
    """Length of the compared embeddings."""
    max_shift: int = 30
    """Largest offset, picture frames each way: 30 is 2 s at 15 fps."""
    fps: float = GEOMETRY.fps
    """Picture frames a second: the grid's step is one frame."""
    dropout: float = 0.1
    """Dropout of both branches in training."""


@dataclass(frozen=True)
class EventsConfig:
    """Sizes of the recurrent event head."""

    feature_dim: int = 288
    """Length of a picture token."""
    width: int = 96
    """Channels, each way in time."""
    layers: int = 2
    """Recurrent layers."""
    dropout: float = 0.3
    """Dropout before, between and behind them in training."""
    veto: float = 0.0
    """Onsets within three frames that a second head, trained on more kinds of video, has to expect at least, or the first one's
    do not count; 0: there is no second head."""
    veto_around: float = 0.0
    """Onsets within three frames that the second head has to expect somewhere within a second of each of the first one's."""


@dataclass(frozen=True)
class BindConfig:
    """Sizes of the network that makes vectors of sounds and of pictures."""

    feature_dim: int = 288
    """Length of a picture token."""
    n_mels: int = GEOMETRY.n_mels
    """Mel bands."""
    width: int = 128
    """Channels of both branches."""
    dim: int = 64
    """Length of a vector."""
    dropout: float = 0.1
    """Dropout of both branches in training."""


@dataclass(frozen=True)
class ContactConfig:
    """Sizes of the network that finds the place of an impact in the picture."""

    frames: int = 9
    """Frames that it sees: that of the impact, and as many before as behind it."""
    size: int = 64
    """Width and height of the frames, in pixels; a multiple of 16."""
    width: int = 32
    """Channels at half the resolution; fourfold at the lowest."""


@dataclass(frozen=True)
class JudgesConfig:
    """Sizes of the two judges of an evaluation. Defaults: the published ones (published_facts.md, section 14)."""

    widths: tuple[int, ...] = (64, 128, 256, 512, 512)
    """Channels of each stage; between two stages both axes are halved."""
    depths: tuple[int, ...] = (2, 2, 3, 3, 3)
    """Convolutions of each stage."""
    grid: tuple[int, int] = (5, 10)
    """Frequency and time after pooling."""
    hidden: int = 4096
    """Width of the two hidden linear layers."""
    n_mels: int = GEOMETRY.n_mels
    """Mel bands."""
    actions: tuple[str, ...] = ("hit", "scratch")
    """Labels of the action judge."""
    materials: tuple[str, ...] = ()
    """Labels of the material judge; empty: those of the training data, in alphabetical order (published: 17)."""
    impact_frames: int = 0
    """Spectrogram frames of an impact for a second material judge, which hears one at a time; 0: there is none (published)."""
    impact_widths: tuple[int, ...] = (16, 32, 48, 64)
    """Channels of each stage of the second material judge; one convolution each."""
    impact_materials: tuple[str, ...] = ()
    """Labels of the second material judge: groups of materials; empty: those of the recordings."""
