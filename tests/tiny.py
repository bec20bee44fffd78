"""A complete system of toy sizes with random weights, for tests that need every part but no quality."""

from pathlib import Path

import torch

from condfoley.geometry import Geometry
from condfoley.networks.event_head import EventHead
from condfoley.networks.sync import Sync
from condfoley.networks.tokenizer import Tokenizer
from condfoley.networks.transformer import Transformer
from condfoley.networks.video_encoder import VideoEncoder
from condfoley.networks.vocoder import Vocoder
from condfoley.sizes import (
    EventsConfig,
    SyncConfig,
    TokenizerConfig,
    TransformerConfig,
    VideoEncoderConfig,
    VocoderConfig,
)
from condfoley.weights import save_part

GEOMETRY = Geometry(frame_size=32)
TOKENIZER = TokenizerConfig(
    ch=32,
    ch_mult=(1, 1, 1, 1),
    num_res_blocks=1,
    attn_resolutions=(),
    z_channels=8,
    embed_dim=8,
    n_embed=64,
    row_fold=2,
)
VIDEO = VideoEncoderConfig(
    widths=(4, 4, 8, 8), layers=(1, 1, 1, 1), stem=(4, 4), stem_kernel=3, midplanes="out", motion=True,
    normalise="clip", pool="mean_max", neck=8,
)  # fmt: skip
TRANSFORMER = TransformerConfig(
    feature_dim=24, n_embed=64, n_layer=2, n_head=2, n_embd=16, frames=28, codes=100, aligned=True, segments=True
)
VOCODER = VocoderConfig(ngf=2, n_residual_layers=1, match_passes=1)
SYNC = SyncConfig(feature_dim=24, width=8, dim=4)
EVENTS = EventsConfig(feature_dim=24, width=8)


def write_tiny_weights(folder: Path) -> Path:
    """Writes the toy system into `folder` and returns it."""
    torch.manual_seed(0)
    parts = {
        "tokenizer": Tokenizer(TOKENIZER),
        "video_encoder": VideoEncoder(VIDEO),
        "transformer": Transformer(TRANSFORMER),
        "vocoder": Vocoder(VOCODER),
        "sync": Sync(SYNC),
        "events": EventHead(EVENTS),
    }
    with torch.no_grad():  # a fresh codebook is so small that all codes sound alike
        parts["tokenizer"].quantize.embedding.weight.mul_(300)
    for name, part in parts.items():
        save_part(folder, name, part, GEOMETRY, {})
    return folder
