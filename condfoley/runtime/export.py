"""ONNX graphs of the networks, without their weights, for `runtime/onnx.py`.

Each graph is one function of a network, traced by PyTorch; its initializers keep the names of the network's tensors and
are declared as stored elsewhere: the engine feeds them from the safetensors file. Constants of the trace, such as
indices, stay inside. Needs the packages torch and onnx.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condfoley.networks.flow import to_columns
from condfoley.networks.vocoder import ResidualLayer
from condfoley.runtime.export_transformer import transformer_graphs
from condfoley.runtime.export_video import encoder_graph
from condfoley.runtime.graph_files import GRAPHS
from condfoley.runtime.trace import Call, Graph, trace
from condfoley.weights import add_graphs, card_geometry, load_part, read_card


def graphs_of(name: str, network: Any, code_rows: int, frame_size: int) -> dict[str, Graph]:
    """All graphs of a part of the weights, in eval mode: name -> graph; {} for a part that neither `generate` nor `find` runs."""
    if name == "tokenizer":
        return _tokenizer(network, code_rows)
    if name == "video_encoder":
        return _video_encoder(network, frame_size)
    if name == "transformer":
        return transformer_graphs(network)
    builders = {
        "flow": _flow,
        "vocoder": _vocoder,
        "sync": _sync,
        "events": _events,
        "contact": _contact,
        "bind": _bind,
    }
    return builders[name](network) if name in builders else {}


def _tokenizer(network: Any, code_rows: int) -> dict[str, Graph]:
    c = network.config
    rows, columns = network.latent(torch.zeros(1, 1, 80, c.resolution)).shape[2:]
    specs, codes = torch.randn(2, 1, 80, c.resolution), torch.zeros(2, rows * columns, dtype=torch.long)

    def encode(spec: Tensor) -> Tensor:
        return network.nearest(network.latent(spec)).transpose(1, 2).flatten(1)

    def decode(codes: Tensor) -> Tensor:
        return network.decode(codes, code_rows)[:, 0]

    def latents(spec: Tensor) -> Tensor:
        return to_columns(network.latent(spec))

    def decode_latents(latents: Tensor) -> Tensor:
        batch, columns = latents.shape[:2]  # as sizes that vary: `from_columns` would fix them in the graph
        vectors = latents.reshape(batch, columns, code_rows, c.embed_dim).permute(0, 3, 2, 1)
        return network.decoder(network.post_quant_conv(vectors))[:, 0]

    varying = {0: "batch", 3: "frames"}, {0: "batch", 1: "codes"}
    raw, by_column, made = (
        torch.randn(2, columns, rows * c.embed_dim),
        {0: "batch", 1: "columns"},
        {0: "batch", 2: "frames"},
    )
    return {
        "latents": Graph(Call(network, latents), {"specs": (specs, varying[0])}, {"latents": by_column}),
        "decode_latents": Graph(Call(network, decode_latents), {"latents": (raw, by_column)}, {"specs": made}),
        "encode": Graph(Call(network, encode), {"specs": (specs, varying[0])}, {"codes": varying[1]}),
        "decode": Graph(Call(network, decode), {"codes": (codes, varying[1])}, {"specs": made}),
    }


def _video_encoder(network: Any, size: int) -> dict[str, Graph]:
    c = network.config
    out = {"encode": encoder_graph(network, size)}
    if c.neck:
        tokens = torch.randn(2, 20, c.dim)
        out["events"] = Graph(Call(network, network.event_logits), {"tokens": (tokens, BT)}, {"logits": BT})
    return out


BT = {0: "batch", 1: "frames"}


def _events(network: Any) -> dict[str, Graph]:
    tokens = torch.randn(2, 20, network.config.feature_dim)
    return {"events": Graph(network, {"tokens": (tokens, BT)}, {"logits": BT})}


def _contact(network: Any) -> dict[str, Graph]:
    c = network.config
    frames = torch.zeros(2, c.frames, c.size, c.size, 3, dtype=torch.uint8)
    return {"locate": Graph(network, {"frames": (frames, {0: "batch"})}, {"logits": {0: "batch"}})}


def _bind(network: Any) -> dict[str, Graph]:
    c = network.config
    specs, tokens = torch.rand(2, c.n_mels, 40), torch.randn(2, 20, c.feature_dim)
    each = {"vectors": {0: "batch"}}
    return {
        "embed_sound": Graph(Call(network, network.embed_sound), {"specs": (specs, {0: "batch", 2: "frames"})}, each),
        "embed_picture": Graph(Call(network, network.embed_picture), {"tokens": (tokens, BT)}, each),
    }


def _flow(network: Any) -> dict[str, Graph]:
    """`Flow.encode_reference` of one reference and `Flow.denoise` of any number of rows, both with whole windows."""
    c, batch = network.config, {0: "batch"}
    sound, picture, drop = torch.randn(2, c.tokens, c.dim), torch.randn(2, c.frames, c.feature_dim), torch.zeros(2) > 0
    reference: dict[str, tuple[Tensor, dict[int, str]]] = {
        "reference": (sound[:1], {}),
        "reference_tokens": (picture[:1], {}),
        "no_reference": (drop[:1], {}),
        "no_reference_picture": (drop[1:], {}),
    }
    target = {
        "noisy": (sound, batch),
        "known": (torch.zeros(2, c.tokens), batch),
        "time": (torch.rand(2), batch),
        "target_tokens": (picture, batch),
        "no_picture": (drop, batch),
        "context": (torch.randn(c.depth, 2, 1, c.heads, c.tokens, c.width // c.heads), {}),
    }
    return {
        "reference": Graph(Call(network, network.encode_reference), reference, {"context": {}}),
        "clean": Graph(Call(network, network.denoise), target, {"clean": batch}),
    }


def _vocoder(network: Any) -> dict[str, Graph]:
    def vocode(specs: Tensor) -> Tensor:
        return _one_dimensional(network.model, specs).flatten(1)

    inputs = {"specs": (torch.rand(2, network.config.n_mels, 32), {0: "batch", 2: "frames"})}
    return {"vocode": Graph(Call(network, vocode), inputs, {"wav": {0: "batch", 1: "samples"}})}


def _one_dimensional(layer: nn.Module, x: Tensor) -> Tensor:
    """The vocoder's layers as they are, without the memory format that is faster in PyTorch: (B, C, N) -> (B, C', N')."""
    if isinstance(layer, nn.Sequential):
        for part in layer:
            x = _one_dimensional(part, x)
        return x
    if isinstance(layer, ResidualLayer):
        return _one_dimensional(layer.block, x) + _one_dimensional(layer.shortcut, x)
    if isinstance(layer, nn.LeakyReLU):
        return F.leaky_relu(x, layer.negative_slope)
    out: Tensor = layer(x)
    return out


def _sync(network: Any) -> dict[str, Graph]:
    """As `Sync.forward`, with lengths that vary: pooling by given indices, diagonals by one gathering."""
    c = network.config

    def logits(tokens: Tensor, specs: Tensor, pool_index: Tensor, pool_weight: Tensor) -> Tensor:
        from condfoley.networks.sync import _standardise

        level = specs * 2 - 1
        rise = F.pad(level[..., 1:] - level[..., :-1], (1, 0)) * 3
        x = network.sound_in(torch.cat([level, rise], 1))  # (B, width, M)
        x = F.pad(x, (round(c.mel_per_frame / 2), 1))[..., pool_index]  # (B, width, T, K); the last is padding
        sound = network.sound(torch.cat([(x * pool_weight).sum(3), x.amax(3)], 1))
        picture = network.picture(((tokens - network.feature_mean) / network.feature_std).transpose(1, 2))
        pair = _standardise(picture).transpose(1, 2) @ _standardise(sound) / c.dim**0.5  # (B, T, T)
        frames = tokens.shape[1]
        shifts = torch.arange(2 * c.max_shift + 1)
        index = torch.arange(frames)[:, None] + shifts  # (T, shifts), into what is padded by max_shift
        diagonals = F.pad(pair, (c.max_shift, c.max_shift)).gather(2, index.expand(specs.shape[0], -1, -1)).sum(1)
        length = torch.as_tensor(frames).to(pair.dtype)
        counts = torch.maximum(length - (shifts - c.max_shift).abs(), length / 2)
        offsets = diagonals / counts.sqrt() * network.scale
        none = network.judge(offsets.topk(2 * c.max_shift + 1, 1).values)
        return torch.cat([offsets, none], 1)

    frames, mel = 20, round(20 * c.mel_per_frame)
    inputs = {
        "tokens": (torch.randn(2, frames, c.feature_dim), BT),
        "specs": (torch.rand(2, c.n_mels, mel), {0: "batch", 2: "mel"}),
        "pool_index": (torch.zeros(frames, 7, dtype=torch.long), {0: "frames", 1: "pool"}),
        "pool_weight": (torch.ones(frames, 7), {0: "frames", 1: "pool"}),
    }
    return {"score": Graph(Call(network, logits), inputs, {"logits": {0: "batch"}})}


def write_graphs(folder: Path, names: Iterable[str] = GRAPHS) -> list[Path]:
    """Writes the graphs of a weights folder's parts beside them and enters them in its card; returns the files.

    names: of the parts; those that the folder lacks are left out. Raises InputError for bad weights.
    """
    folder, out = Path(folder), []
    card = read_card(folder)
    geometry = card_geometry(card)
    for name in (name for name in names if name in GRAPHS and name in card["parts"]):
        network = load_part(folder, name)
        graphs = graphs_of(name, network, geometry.code_rows, geometry.frame_size)
        files = {key: trace(graph, asdict(network.config)) for key, graph in graphs.items()}
        out += add_graphs(folder, name, files)
    return out


def write_graphs_if_possible(folder: Path, names: Sequence[str]) -> None:
    """The same where the package onnx is installed; without it the weights stay without graphs, and torch runs them."""
    if find_spec("onnx") is not None:
        write_graphs(folder, names)
