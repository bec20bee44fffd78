"""Keys and values of a prefix that all candidates share, and of the codes that each of them writes.

The prefix is the same for all candidates of a guidance term: it is kept once and read once a step, as one product
with the queries of all of them. What is written goes into memory taken beforehand; nothing is copied.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.cache_utils import Cache, CacheLayerMixin
from transformers.integrations.sdpa_attention import sdpa_attention_forward

SHARED_PREFIX = "shared_prefix"  # GPT2Config's attn_implementation


class SharedPrefixLayer(CacheLayerMixin):
    """One block's cache: the first `update` is the prefix of R terms; those after `branch` are of R * N candidates."""

    keys: Tensor  # (R, heads, P, d) of the prefix
    values: Tensor
    written_keys: Tensor  # (R * N, heads, places, d), of which the first `written` count
    written_values: Tensor
    written = 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Take the prefix."""
        self.keys, self.values, self.is_initialized = key_states, value_states, True

    def branch(self, candidates: int, places: int) -> None:
        """Make room for `places` codes of `candidates` a term, and lay the prefix out as each step reads it."""
        terms, heads, _, d = self.keys.shape
        self.keys = self.keys.transpose(2, 3).contiguous().transpose(2, 3)  # d rows of P in memory
        self.values = self.values.contiguous()
        self.written_keys = self.keys.new_empty(terms * candidates, heads, places, d)
        self.written_values = self.values.new_empty(terms * candidates, heads, places, d)

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """(B, heads, F, d) of what is new -> those of the prefix, or of all that was written since."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            return key_states, value_states
        begin, self.written = self.written, self.written + key_states.shape[2]
        self.written_keys[:, :, begin : self.written] = key_states
        self.written_values[:, :, begin : self.written] = value_states
        return self.written_keys[:, :, : self.written], self.written_values[:, :, : self.written]

    def get_seq_length(self) -> int:
        """Prefix and written codes."""
        return self.keys.shape[2] + self.written if self.is_initialized else 0

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Asked by masks, which `attend` makes itself."""
        return self.get_seq_length() + query_length, 0

    def get_max_length(self) -> int:
        """Of the sequence; -1: no limit of its own."""
        return -1


class SharedPrefixCache(Cache):
    """Run the prefix through it, `branch`, then pass it as GPT2Model's cache and its `blocks` as `shared`."""

    def __init__(self, layers: int):
        self.blocks = [SharedPrefixLayer() for _ in range(layers)]
        super().__init__(layers=[*self.blocks])

    def branch(self, candidates: int, places: int) -> None:
        """From here on: `candidates` a term, all of one term, then of the next; `places` codes each."""
        for layer in self.blocks:
            layer.branch(candidates, places)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    shared: list[SharedPrefixLayer] | None = None,
    scaling: float = 1.0,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention of (R * N, heads, F, d) queries to a shared prefix and to the codes written so far, the last F theirs.

    key, value: (R * N, heads, S, d), the written codes. Without `shared`: plain causal attention.
    Returns (R * N, F, heads, d).
    """
    if shared is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    assert isinstance(module.layer_idx, int)
    layer = shared[module.layer_idx]
    terms, heads, prefix, d = layer.keys.shape
    rows, _, new, _ = query.shape
    query = query * scaling
    asked = query.unflatten(0, (terms, -1)).transpose(1, 2).reshape(terms, heads, -1, d)  # (R, heads, N * F, d)
    near = query @ key.transpose(2, 3)  # (R * N, heads, F, S)
    if new > 1:
        near = near + torch.full(near.shape[2:], -torch.inf, device=near.device).triu(near.shape[3] - new + 1)
    far = (asked @ layer.keys.transpose(2, 3)).view(terms, heads, -1, new, prefix).transpose(1, 2)
    share = torch.cat([far.reshape(rows, heads, new, prefix), near], 3).softmax(3).to(value.dtype)
    far, near = share.split([prefix, near.shape[3]], 3)
    far = far.unflatten(0, (terms, -1)).transpose(1, 2).reshape(terms, heads, -1, prefix)
    heard = (far @ layer.values).view(terms, heads, -1, new, d).transpose(1, 2)  # (R, N, heads, F, d)
    return (heard.reshape(rows, heads, new, d) + near @ value).transpose(1, 2), None


AttentionInterface.register(SHARED_PREFIX, attend)
