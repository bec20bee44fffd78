"""The transformer's graphs: everything before the first code (`prefill`), codes that are given (`extend`), one more code.

The same as networks/prefix_decoder.py, but the keys and values of the candidates' own codes are kept by who runs the
graphs. `step` runs as often as there are codes: candidates stay apart from the windows that they share in all shapes,
(P, N, ...), so that no shape need be computed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from condfoley.networks.transformer import Transformer
from condfoley.runtime.trace import Call, Graph


def transformer_graphs(network: Transformer) -> dict[str, Graph]:
    """`prefill`, `extend` and `step` of a transformer in eval mode."""
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
    return {"prefill": prefill, "extend": _extend_graph(network, given, kv), "step": _step_graph(network, given, kv)}


def _shared_inputs(network: Transformer, given: list[str], prefix_kv: list[str]) -> dict[str, Any]:
    """What `prefill` gives and the other graphs take."""
    c, prefixes = network.config, {0: "prefixes"}
    d = c.n_embd // c.n_head
    inputs: dict[str, Any] = {name: (torch.randn(2, c.codes, c.n_embd), prefixes) for name in given}
    for i, name in enumerate(prefix_kv):
        shape = (2, c.n_head, c.prefix, d) if i % 2 else (2, c.n_head, d, c.prefix)
        inputs[name] = (torch.randn(shape), prefixes)
    return inputs


def _extend_graph(network: Transformer, given: list[str], prefix_kv: list[str]) -> Graph:
    codes = torch.zeros(2, 2, 3, dtype=torch.long)
    inputs: dict[str, Any] = {"codes": (codes, {0: "prefixes", 1: "candidates", 2: "new"})}
    inputs |= _shared_inputs(network, given, prefix_kv)
    rows = {0: "prefixes", 2: "candidates", 3: "new"}
    outputs = {"logits": {0: "prefixes", 1: "candidates"}}
    outputs |= {name.replace("prefix", "new"): rows for name in prefix_kv}
    return Graph(Call(network, lambda *x: _extend(network, bool(given), *x)), inputs, outputs)


def _step_graph(network: Transformer, given: list[str], prefix_kv: list[str]) -> Graph:
    c, rows = network.config, {0: "prefixes", 1: "candidates"}
    inputs: dict[str, Any] = {
        "codes": (torch.zeros(2, 2, dtype=torch.long), rows),
        "place": (torch.tensor([3]), {}),
        "mask": (torch.zeros(5), {0: "room"}),
    }
    inputs |= _shared_inputs(network, given, prefix_kv)
    own = torch.randn(2, c.n_head, 2, 5, c.n_embd // c.n_head)
    for name in prefix_kv:
        inputs[name.replace("prefix", "own")] = (own, {0: "prefixes", 2: "candidates", 3: "room"})
    new = {name.replace("prefix", "new"): {0: "prefixes", 2: "candidates"} for name in prefix_kv}
    return Graph(Call(network, lambda *x: _step(network, bool(given), *x)), inputs, {"logits": rows, **new})


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


def _extend(network: Transformer, aligned: bool, codes: Tensor, *rest: Tensor) -> list[Tensor]:
    """Logits (P, N, V) after the first F codes of each row, and their keys and values, (P, heads, N, F, d).

    codes: (P, N, F), repeated for each guidance term. rest: `alignment` (P, codes, n_embd) where there is one, the
    prefixes' keys and values (P, ...) of each block.
    """
    c = network.config
    alignment, shared = (rest[0], rest[1:]) if aligned else (None, rest)
    prefixes, candidates, new = codes.shape
    places = torch.arange(new)
    x = network.tok_emb(codes)  # (P, N, F, n_embd)
    if c.aligned:
        x = x + network.row_emb[places % c.code_rows]
    x = network._add_segment(x, 3)
    if alignment is not None:
        x = x + alignment[:, places + 1][:, None]
    mask = torch.where(places > places[:, None], -torch.inf, 0.0)  # (F, F)
    kept: list[Tensor] = []

    def attend(block: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        per_row = (prefixes, candidates, c.n_head, new, -1)
        query, key, value = (part.reshape(per_row).transpose(1, 2) for part in (query, key, value))
        kept.extend([key, value])  # (P, heads, N, F, d)
        near = query @ key.transpose(3, 4) + mask
        far = (query.flatten(2, 3) @ shared[2 * block]).unflatten(2, (candidates, new))  # (P, heads, N, F, prefix)
        weights = torch.cat([far, near], 4).softmax(4)
        far = (weights[..., : c.prefix].flatten(2, 3) @ shared[2 * block + 1]).unflatten(2, (candidates, new))
        return (far + weights[..., c.prefix :] @ value).transpose(1, 2).flatten(0, 1)  # (P * N, heads, F, d)

    hidden = _blocks(network, x.flatten(0, 1), network.gpt2.wpe.weight[c.prefix + places], attend)
    return [network.head(hidden).unflatten(0, (prefixes, candidates)), *kept]


def _step(
    network: Transformer, aligned: bool, codes: Tensor, place: Tensor, mask: Tensor, *rest: Tensor
) -> list[Tensor]:
    """Logits (P, N, V) after one more code of each row, and its keys and values, (P, heads, N, 1, d).

    codes: (P, N), repeated for each guidance term. place: (1,), number of codes before. mask: (L,), 0 where a row's own
    keys and values, (P, heads, N, L, d), are filled in, else -inf. rest: as for `_extend`, then the rows' own.
    """
    c = network.config
    alignment, rest = (rest[0], rest[1:]) if aligned else (None, rest)
    shared, own = rest[: 2 * c.n_layer], rest[2 * c.n_layer :]
    x = network.tok_emb(codes)  # (P, N, n_embd)
    if c.aligned:
        x = x + network.row_emb[place % c.code_rows]
    x = network._add_segment(x, 3)
    if alignment is not None:
        x = x + alignment[:, place + 1]  # (P, 1, n_embd)
    kept: list[Tensor] = []

    def attend(block: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        query, key, value = (part.unsqueeze(3) for part in (query, key, value))  # (P, heads, N, 1, d)
        kept.extend([key, value])
        far = query.squeeze(3) @ shared[2 * block]  # (P, heads, N, prefix)
        near = (query @ own[2 * block].transpose(3, 4)).squeeze(3) + mask  # (P, heads, N, L)
        new = (query * key).sum(4)  # (P, heads, N, 1)
        weights = torch.cat([far, new, near], 3).softmax(3)
        far, new, near = weights[..., : c.prefix], weights[..., c.prefix : c.prefix + 1], weights[..., c.prefix + 1 :]
        before = (near.unsqueeze(3) @ own[2 * block + 1]).squeeze(3)
        return far @ shared[2 * block + 1] + before + new * value.squeeze(3)  # (P, heads, N, d)

    x = x + network.gpt2.wpe.weight[c.prefix + place]
    for i, block in enumerate(_gpt2(network).h):
        x = _block(network, i, block, x, attend)
    return [network.head(_gpt2(network).ln_f(x)), *kept]


def _blocks(network: Transformer, x: Tensor, positions: Tensor, attend: Any) -> Tensor:
    """GPT-2 on embeddings (B, F, n_embd): last hidden state, (B, n_embd). Queries are scaled."""
    x = x + positions
    for i, block in enumerate(_gpt2(network).h):
        x = _block(network, i, block, x, attend)
    last: Tensor = _gpt2(network).ln_f(x[:, -1])
    return last


def _block(network: Transformer, index: int, block: Any, x: Tensor, attend: Any) -> Tensor:
    """One block of GPT-2 on embeddings (B, F, n_embd)."""
    heads = network.config.n_head
    scale = (network.config.n_embd // heads) ** -0.5
    qkv = _affine(block.attn.c_attn, block.ln_1(x)).split(network.config.n_embd, 2)  # (B, F, n_embd) each
    query, key, value = (SplitHeads.apply(part, heads).transpose(1, 2) for part in qkv)
    attn = attend(index, query * scale, key, value)  # (B, heads, F, d)
    x = x + _affine(block.attn.c_proj, JoinHeads.apply(attn.transpose(1, 2)))
    hidden = block.mlp.act(_affine(block.mlp.c_fc, block.ln_2(x)))
    out: Tensor = x + _affine(block.mlp.c_proj, hidden)
    return out


def _affine(layer: Any, x: Tensor) -> Tensor:
    """GPT-2's linear layer, without what it computes of shapes: (..., D) -> (..., D')."""
    out: Tensor = x @ layer.weight + layer.bias
    return out


def _gpt2(network: Transformer) -> Any:
    return network.gpt2


class SplitHeads(torch.autograd.Function):
    """(B, F, heads * d) -> (B, F, heads, d), in ONNX without a computed shape."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, heads: int) -> Tensor:
        """See the class."""
        return x.unflatten(2, (heads, -1))

    @staticmethod
    def symbolic(g: Any, x: Any, heads: int) -> Any:
        """In ONNX, 0 keeps a length."""
        return g.op("Reshape", x, g.op("Constant", value_t=torch.tensor([0, 0, heads, -1])))


class JoinHeads(torch.autograd.Function):
    """The inverse of `SplitHeads`: (B, F, heads, d) -> (B, F, heads * d)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """See the class."""
        return x.flatten(2)

    @staticmethod
    def symbolic(g: Any, x: Any) -> Any:
        """In ONNX, 0 keeps a length."""
        return g.op("Reshape", x, g.op("Constant", value_t=torch.tensor([0, 0, -1])))
