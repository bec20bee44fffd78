"""GPT-2 decoding step by step: all candidates continue one prefix, whose keys and values are cached once.

The prefix is the same for all candidates of a guidance term: each step reads it once, as one product with the queries
of all candidates. The cache of the generated codes is allocated in advance; nothing is copied. The blocks are those of
the library transformers; what its GPT2Model does around them at each step (masks, caches, positions) takes as long as
the blocks themselves, and is left out here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import GPT2Model

# (index of a block, its queries, keys and values, each (B, heads, F, d)) -> output of the attention (B, heads, F, d).
Attention = Callable[[int, Tensor, Tensor, Tensor], Tensor]


class PrefixDecoder:
    """Key-value cache of R prefixes and of the codes that N candidates generate after each of them.

    Rows are R * N: all candidates of the first prefix, then those of the next. `hidden`: (R * N, n_embd), last hidden
    states, from which the next code is predicted.
    """

    def __init__(self, gpt2: GPT2Model, prefix: Tensor, candidates: int, max_new: int):
        """prefix: (R, P, n_embd), run at once. candidates: N. max_new: largest number of codes after a prefix."""
        self.positions, self.final_norm = gpt2.wpe.weight, gpt2.ln_f
        self.blocks: list[Any] = [*gpt2.h]
        self.prefixes = len(prefix)
        self.heads = gpt2.config.n_head
        self.scale = (prefix.shape[2] // self.heads) ** -0.5
        self.prefix_kv: list[
            tuple[Tensor, Tensor]
        ] = []  # for each block: keys (R, heads, d, P), values (R, heads, P, d)
        self.prefix_length, self.new_length = prefix.shape[1], 0
        self.hidden = self.prefill(prefix).repeat_interleave(candidates, 0)
        self.rows, (_, values) = self.prefixes * candidates, self.prefix_kv[0]
        shape = (len(self.prefix_kv), self.rows, self.heads, max_new, values.shape[3])
        self.keys, self.values = values.new_empty(shape), values.new_empty(shape)

    def prefill(self, prefix: Tensor) -> Tensor:
        """Fills the cache of the prefixes (R, P, n_embd); returns their last hidden states (R, n_embd)."""
        return self._run(prefix, 0, self._attend_prefix)

    def step(self, codes: Tensor) -> None:
        """Runs F further codes of each row; `hidden` is then the state after them.

        codes: their embeddings, (R * N, F, n_embd).
        """
        self.hidden = self._run(codes, self.prefix_length + self.new_length, self.attend_cached)
        self.new_length += codes.shape[1]

    def _run(self, x: Tensor, position: int, attend: Attention) -> Tensor:
        """Last hidden states, (B, n_embd), of GPT-2 for x (B, F, n_embd), whose first element is at `position`."""
        x = x + self.positions[position : position + x.shape[1]]
        for i, block in enumerate(self.blocks):
            qkv = block.attn.c_attn(block.ln_1(x)).unflatten(2, (3, self.heads, -1))  # (B, F, 3, heads, d)
            attn = attend(i, *qkv.permute(2, 0, 3, 1, 4).unbind())  # (B, heads, F, d)
            x = x + block.attn.c_proj(attn.transpose(1, 2).flatten(2))
            x = x + block.mlp(block.ln_2(x))
        last: Tensor = self.final_norm(x[:, -1])
        return last

    def _attend_prefix(self, block: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Causal attention within the prefix, (R, heads, P, d); caches its keys (transposed) and values."""
        self.prefix_kv.append((key.transpose(2, 3).contiguous(), value.contiguous()))
        return F.scaled_dot_product_attention(query, key, value, is_causal=True)

    def attend_cached(self, block: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attention of F new codes to the shared prefix and to each row's own codes, the new ones included.

        query, key, value: (R * N, heads, F, d) of the new codes; key and value are added to the cache.
        Returns (R * N, heads, F, d).
        """
        rows, heads, new, d = query.shape
        begin, end = self.new_length, self.new_length + new
        self.keys[block, :, :, begin:end], self.values[block, :, :, begin:end] = key, value
        own_keys, own_values = self.keys[block, :, :, :end], self.values[block, :, :, :end]
        prefix_keys, prefix_values = self.prefix_kv[block]
        query = query * self.scale
        self_scores = query @ own_keys.transpose(2, 3)  # (R * N, heads, F, end)
        if new > 1:
            causal_mask = torch.full((new, end), -torch.inf, device=self_scores.device).triu(begin + 1)
            self_scores = self_scores + causal_mask
        prefix_scores = self._split(self._merge(query) @ prefix_keys, new)  # (R * N, heads, F, P)
        weights = torch.cat([prefix_scores, self_scores], 3).softmax(3)
        prefix_weights, self_weights = weights.split([self.prefix_length, end], 3)
        return self._split(self._merge(prefix_weights) @ prefix_values, new) + self_weights @ own_values

    def _merge(self, x: Tensor) -> Tensor:
        """Joins the candidates of each prefix in one row: (R * N, heads, F, ...) -> (R, heads, N * F, ...)."""
        return x.unflatten(0, (self.prefixes, -1)).transpose(1, 2).flatten(2, 3)

    def _split(self, x: Tensor, new: int) -> Tensor:
        """The inverse of `_merge`: (R, heads, N * F, ...) -> (R * N, heads, F, ...), F = `new`."""
        return x.unflatten(2, (-1, new)).transpose(1, 2).flatten(0, 1)
