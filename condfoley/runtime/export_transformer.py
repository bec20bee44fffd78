"""The transformer's two graphs: everything before the first code (`prefill`), and the codes that follow (`step`).

The same as networks/prefix_decoder.py, with the keys and values of the candidates' own codes as inputs and outputs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from condfoley.networks.transformer import Transformer
from condfoley.runtime.trace import Call, Graph


def transformer_graphs(network: Transformer) -> dict[str, Graph]:
    """`prefill` and `step` of a transformer in eval mode."""
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
