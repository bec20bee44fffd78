"""A complete system of toy sizes with random weights, for tests that need every part but no quality."""

from pathlib import Path

import torch

from condfoley.geometry import Geometry
from condfoley.networks.bind import Bind
from condfoley.networks.contact import ContactMap
from condfoley.networks.event_head import EventHead
from condfoley.networks.flow import Flow
from condfoley.networks.sync import Sync
from condfoley.networks.tokenizer import Tokenizer
from condfoley.networks.transformer import Transformer
from condfoley.networks.video_encoder import VideoEncoder
from condfoley.networks.vocoder import Vocoder
from condfoley.sizes import (
    BindConfig,
    ContactConfig,
    EventsConfig,
    FlowConfig,
    SyncConfig,
    TokenizerConfig,
    TransformerConfig,
    VideoEncoderConfig,
    VocoderConfig,
)
from condfoley.weights import drop_part, save_part

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
BIND = BindConfig(feature_dim=24, width=8, dim=4)
CONTACT = ContactConfig(frames=5, size=32, width=4)


FLOWS = {
    "latents": FlowConfig(dim=40, tokens=20, patch=0, width=16, depth=2, heads=2, feature_dim=24, steps=3),
    "patches": FlowConfig("patches", 320, 40, 4, width=16, depth=2, heads=2, feature_dim=24, steps=3),
}


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
        "contact": ContactMap(CONTACT),
        "bind": Bind(BIND),
    }
    with torch.no_grad():  # a fresh codebook is so small that all codes sound alike
        parts["tokenizer"].quantize.embedding.weight.mul_(300)
    for name, part in parts.items():
        save_part(folder, name, part, GEOMETRY, {})
    return folder


def write_tiny_flow(folder: Path, space: str = "patches", transformer: bool = True) -> Path:
    """The same with a flow over `space`, beside the transformer or in its place."""
    write_tiny_weights(folder)
    torch.manual_seed(1)
    flow = Flow(FLOWS[space])
    with torch.no_grad():  # a fresh one says the same of everything
        for p in flow.parameters():
            p.add_(0.1 * torch.randn_like(p))
        flow.mean.fill_(-0.3)
        flow.std.fill_(0.4)
    save_part(folder, "flow", flow, GEOMETRY, {}, half=False)
    if not transformer:
        drop_part(folder, "transformer")
    return folder
