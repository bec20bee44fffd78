"""ONNX graphs of the networks, without their weights, for `runtime/onnx.py`.

Each graph is one function of a network, traced by PyTorch; its initializers keep the names of the network's tensors and
are declared as stored elsewhere: the engine feeds them from the safetensors file. Constants of the trace, such as
indices, stay inside. Needs the packages torch and onnx.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condfoley.networks.transformer import Transformer
from condfoley.networks.video_encoder import ClipNorm
from condfoley.networks.vocoder import ResidualLayer
from condfoley.runtime.graph_files import GRAPHS, INITIALIZERS_ELSEWHERE
from condfoley.weights import add_graphs, card_geometry, load_part, read_card

OPSET = 17
NETWORK = "network."  # what the names of a wrapper's tensors begin with


@dataclass
class Graph:
    """What a graph computes, and an example of its inputs to trace it with.

    inputs: name -> (example, names of the axes whose length varies). outputs: name -> names of the axes likewise.
    """

    module: nn.Module
    inputs: dict[str, tuple[Tensor, dict[int, str]]]
    outputs: dict[str, dict[int, str]]


class Call(nn.Module):
    """A function of a network as a module."""

    def __init__(self, network: nn.Module, function: Callable[..., Any]):
        super().__init__()
        self.network, self.function = network, function

    def forward(self, *inputs: Tensor) -> Any:
        """The function's result."""
        return self.function(*inputs)


def graphs_of(name: str, network: Any, code_rows: int, frame_size: int) -> dict[str, Graph]:
    """All graphs of a part of the weights, in eval mode: name -> graph; {} for a part that `generate` does not run."""
    if name == "tokenizer":
        return _tokenizer(network, code_rows)
    if name == "video_encoder":
        return _video_encoder(network, frame_size)
    if name == "transformer":
        return _transformer(network)
    builders = {"vocoder": _vocoder, "sync": _sync, "events": _events}
    return builders[name](network) if name in builders else {}


def _tokenizer(network: Any, code_rows: int) -> dict[str, Graph]:
    c = network.config
    rows, columns = network.latent(torch.zeros(1, 1, 80, c.resolution)).shape[2:]
    specs, codes = torch.randn(2, 1, 80, c.resolution), torch.zeros(2, rows * columns, dtype=torch.long)

    def encode(spec: Tensor) -> Tensor:
        return network.nearest(network.latent(spec)).transpose(1, 2).flatten(1)

    def decode(codes: Tensor) -> Tensor:
        return network.decode(codes, code_rows)[:, 0]

    varying = {0: "batch", 3: "frames"}, {0: "batch", 1: "codes"}
    return {
        "encode": Graph(Call(network, encode), {"specs": (specs, varying[0])}, {"codes": varying[1]}),
        "decode": Graph(Call(network, decode), {"codes": (codes, varying[1])}, {"specs": {0: "batch", 2: "frames"}}),
    }


def _video_encoder(network: Any, size: int) -> dict[str, Graph]:
    c = network.config
    if c.batch_statistics or c.prior_frames:
        _replace_norms(network)
    frames = torch.randn(1, 6 if c.motion else 3, 20, size, size)

    def encode(frames: Tensor) -> Tensor:  # as `VideoEncoder.encode`, without the memory format
        tokens = network.model(frames)
        if c.neck:
            tokens = torch.cat([tokens, network.neck(tokens.transpose(1, 2)).transpose(1, 2)], 2)
        return tokens

    axes = {2: "frames", 3: "height", 4: "width"}
    out = {"encode": Graph(Call(network, encode), {"frames": (frames, axes)}, {"tokens": {1: "frames"}})}
    if c.neck:
        tokens = torch.randn(2, 20, c.dim)
        out["events"] = Graph(Call(network, network.event_logits), {"tokens": (tokens, BT)}, {"logits": BT})
    return out


BT = {0: "batch", 1: "frames"}


class ClipStatisticsNorm(nn.Module):
    """A BatchNorm that uses the statistics of its input, in part (`ClipNorm`) or alone (`batch_statistics`).

    Written in operators that ONNX has, with the names of the tensors that it uses.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, norm: nn.BatchNorm3d):
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        self.prior_frames = norm.prior_frames if isinstance(norm, ClipNorm) else 0
        if self.prior_frames:
            self.register_buffer("running_mean", norm.running_mean)
            self.register_buffer("running_var", norm.running_var)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised features of one clip: (1, C, T, H, W) -> (1, C, T, H, W)."""
        mean = x.mean((0, 2, 3, 4))  # (C,)
        var = (x - mean[:, None, None, None]).square().mean((0, 2, 3, 4))
        if self.prior_frames:
            frames = torch.as_tensor(x.shape[2]).to(x.dtype)
            weight = frames / (frames + self.prior_frames)
            mean = self.running_mean + weight * (mean - self.running_mean)
            var = self.running_var + weight * (var - self.running_var)
        gain = self.weight / (var + self.eps).sqrt()
        return x * gain[:, None, None, None] + (self.bias - mean * gain)[:, None, None, None]


def _replace_norms(network: nn.Module) -> None:
    """Replaces the BatchNorms that use a clip's statistics, under the same names."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm3d):
                setattr(module, name, ClipStatisticsNorm(child))


def _events(network: Any) -> dict[str, Graph]:
    tokens = torch.randn(2, 20, network.config.feature_dim)
    return {"events": Graph(network, {"tokens": (tokens, BT)}, {"logits": BT})}


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


def _transformer(network: Transformer) -> dict[str, Graph]:
    c = network.config
    picture = torch.randn(1, c.frames, c.feature_dim)
    drops = torch.zeros(2, dtype=torch.bool)
    prefixes, layers = {0: "prefixes"}, range(c.n_layer)
    inputs: dict[str, tuple[Tensor, dict[int, str]]] = {
        "reference_frames": (picture, {}),
        "reference_codes": (torch.zeros(1, c.codes, dtype=torch.long), {}),
        "target_frames": (picture.repeat(2, 1, 1), prefixes),
        "no_picture": (drops, prefixes),
        "no_reference": (drops, prefixes),
        "no_target": (drops, prefixes),
    }
    kv = [f"prefix_{kind}_{i}" for i in layers for kind in ("keys", "values")]
    given = ["alignment"] if c.aligned else []
    outputs = {name: prefixes for name in ["logits", *given, *kv]}
    prefill = Graph(Call(network, lambda *x: _prefill(network, *x)), inputs, outputs)
    return {"prefill": prefill, "step": _step_graph(network, given, kv)}


def _step_graph(network: Transformer, given: list[str], prefix_kv: list[str]) -> Graph:
    c = network.config
    d, rows = c.n_embd // c.n_head, {0: "rows"}
    cached = {0: "rows", 2: "cached"}
    step_inputs: dict[str, tuple[Tensor, dict[int, str]]] = {
        "codes": (torch.zeros(4, 3, dtype=torch.long), {0: "rows", 1: "new"}),
    }
    if given:
        step_inputs["alignment"] = (torch.randn(2, c.codes, c.n_embd), {0: "prefixes"})
    for i, name in enumerate(prefix_kv):
        shape = (2, c.n_head, c.prefix, d) if i % 2 else (2, c.n_head, d, c.prefix)
        step_inputs[name] = (torch.randn(shape), {0: "prefixes"})
    own = [name.replace("prefix", "own") for name in prefix_kv]
    for name in own:
        step_inputs[name] = (torch.randn(4, c.n_head, 2, d), cached)
    outputs = {"logits": rows, **{f"next_{name}": cached for name in own}}
    return Graph(Call(network, lambda *x: _step(network, bool(given), *x)), step_inputs, outputs)


def _prefill(
    network: Transformer,
    reference: Tensor,
    codes: Tensor,
    target: Tensor,
    no_picture: Tensor,
    no_reference: Tensor,
    no_target: Tensor,
) -> list[Tensor]:
    """Logits (P, V), `alignment` (P, codes, n_embd) where there is one, and each block's keys and values.

    target: (P, frames, feature_dim). The reference is one for all P prefixes.
    """
    count = target.shape[0]
    reference, codes = reference.expand(count, -1, -1), codes.expand(count, -1)
    x = network.prefix(reference, target, codes, no_picture, no_reference, no_target)
    alignment = network.alignment(target, no_target)
    if alignment is not None:
        x = torch.cat([x[:, :-1], x[:, -1:] + alignment[:, :1]], 1)
    places = torch.arange(x.shape[1])
    mask = torch.where(places > places[:, None], -torch.inf, 0.0)  # (P, P)
    kept: list[Tensor] = []

    def attend(block: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        keys = key.transpose(2, 3)
        kept.extend([keys, value])
        return (query @ keys + mask).softmax(3) @ value

    hidden = _blocks(network, x, network.gpt2.wpe.weight[: network.config.prefix], attend)
    return [network.head(hidden), *([] if alignment is None else [alignment]), *kept]


def _step(network: Transformer, aligned: bool, codes: Tensor, *rest: Tensor) -> list[Tensor]:
    """Logits (rows, V) after F more codes of each row, and the rows' own keys and values with the new ones.

    codes: (R * S * N, F), repeated for each guidance term. rest: `alignment` (R * S, codes, n_embd) where there is one,
    the prefixes' keys and values (R * S, ...) of each block, and the rows' own, (R * S * N, heads, t, d).
    """
    c = network.config
    alignment, rest = (rest[0], rest[1:]) if aligned else (None, rest)
    shared, own = rest[: 2 * c.n_layer], rest[2 * c.n_layer :]
    new, begin, rows, prefixes = codes.shape[1], own[0].shape[2], own[0].shape[0], shared[0].shape[0]
    places = begin + torch.arange(new)
    x = network.tok_emb(codes)
    if c.aligned:
        x = x + network.row_emb[places % c.code_rows]
    x = network._add_segment(x, 3)
    if alignment is not None:
        following = alignment[:, places + 1]  # (R * S, F, n_embd)
        x = (x.reshape(prefixes, -1, new, c.n_embd) + following[:, None]).reshape(rows, new, c.n_embd)
    mask = torch.where(torch.arange(begin + new) > places[:, None], -torch.inf, 0.0)  # (F, t + F)
    kept: list[Tensor] = []

    def attend(block: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        keys = torch.cat([own[2 * block], key], 2)  # (rows, heads, t + F, d)
        values = torch.cat([own[2 * block + 1], value], 2)
        kept.extend([keys, values])
        near = query @ keys.transpose(2, 3) + mask
        far = _split(_merge(query, prefixes) @ shared[2 * block], rows, new)
        weights = torch.cat([far, near], 3).softmax(3)
        far, near = weights[..., : c.prefix], weights[..., c.prefix :]
        return _split(_merge(far, prefixes) @ shared[2 * block + 1], rows, new) + near @ values

    hidden = _blocks(network, x, network.gpt2.wpe.weight[c.prefix + places], attend)
    return [network.head(hidden), *kept]


def _blocks(network: Transformer, x: Tensor, positions: Tensor, attend: Any) -> Tensor:
    """GPT-2 on embeddings (B, F, n_embd): last hidden state, (B, n_embd). Queries are scaled."""
    gpt2: Any = network.gpt2
    heads = network.config.n_head
    scale = (network.config.n_embd // heads) ** -0.5
    x = x + positions
    for i, block in enumerate(gpt2.h):
        qkv = block.attn.c_attn(block.ln_1(x)).split(network.config.n_embd, 2)  # (B, F, n_embd) each
        query, key, value = (part.reshape(*part.shape[:2], heads, -1).transpose(1, 2) for part in qkv)
        attn = attend(i, query * scale, key, value)  # (B, heads, F, d)
        x = x + block.attn.c_proj(attn.transpose(1, 2).flatten(2))
        x = x + block.mlp(block.ln_2(x))
    last: Tensor = gpt2.ln_f(x[:, -1])
    return last


def _merge(x: Tensor, prefixes: Any) -> Tensor:
    """Joins the candidates of each prefix: (R * N, heads, F, d) -> (R, heads, N * F, d)."""
    _, heads, new, d = x.shape
    return x.reshape(prefixes, -1, heads, new, d).transpose(1, 2).reshape(prefixes, heads, -1, d)


def _split(x: Tensor, rows: Any, new: Any) -> Tensor:
    """The inverse of `_merge`: (R, heads, N * F, d) -> (R * N, heads, F, d)."""
    prefixes, heads, _, d = x.shape
    return x.reshape(prefixes, heads, -1, new, d).transpose(1, 2).reshape(rows, heads, new, d)


@torch.no_grad()
def trace(graph: Graph, config: dict[str, Any]) -> bytes:
    """The graph's file: an ONNX model whose initializers are stored elsewhere. config: of the part, kept inside."""
    import onnx

    names = [*graph.inputs, *graph.outputs]
    axes = {name: axes for name, (_, axes) in graph.inputs.items()} | graph.outputs
    examples = tuple(example for example, _ in graph.inputs.values())
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about sizes that do not vary
        torch.onnx.export(
            graph.module.eval(),
            examples,
            out,  # type: ignore[arg-type]
            dynamo=False,
            export_params=False,
            do_constant_folding=False,
            opset_version=OPSET,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_axes={name: axes[name] for name in names if axes[name]},
        )
    model = onnx.load_from_string(out.getvalue())
    _move_weights_out(model, set(graph.inputs))
    onnx.helper.set_model_props(model, {"config": json.dumps(config)})
    return bytes(model.SerializeToString(deterministic=True))


def _move_weights_out(model: Any, inputs: set[str]) -> None:
    """The network's tensors, inputs of the traced graph, become initializers whose data are stored elsewhere."""
    from onnx import TensorProto

    graph, names = model.graph, {}
    for value in [value for value in graph.input if value.name not in inputs]:
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        names[value.name] = value.name.removeprefix(NETWORK)
        tensor = TensorProto(name=names[value.name], data_type=value.type.tensor_type.elem_type, dims=shape)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=INITIALIZERS_ELSEWHERE)
        graph.initializer.append(tensor)
        graph.input.remove(value)
    del graph.value_info[:]
    for node in graph.node:
        node.doc_string = node.name = ""
        for i, name in enumerate(node.input):
            node.input[i] = names.get(name, name)


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
