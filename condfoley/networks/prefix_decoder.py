"""GPT-2, code by code: all candidates write behind one prefix, whose keys and values are kept once.

The prefix is the same for all candidates of a guidance term: it is read once a step, as one product with the queries of
all of them. What is written goes into memory taken beforehand; nothing is copied. The blocks are those of the library
transformers; what its GPT2Model does around them for each step (masks, caches, positions) takes as long as they do, and
is left out here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import GPT2Model

# Number of a block; its queries, keys and values (B, heads, F, d) -> what attention gives (B, heads, F, d).
Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]


class Writer:
    """Keys and values of R prefixes, and of the codes that N candidates write behind each of them.

    Rows are R * N: all candidates of one prefix, then of the next. `hidden`: (R * N, n_embd), last hidden states, from
    which the next code is read.
    """

    def __init__(self, gpt2: GPT2Model, prefix: Tensor, candidates: int, places: int):
        """Runs the prefixes (R, P, n_embd). places: how many codes are to be written behind them at most."""
        self.positions, self.last = gpt2.wpe.weight, gpt2.ln_f
        self.blocks: list[Any] = [*gpt2.h]
        self.prefixes = len(prefix)
        self.heads = gpt2.config.n_head
        self.scale = (prefix.shape[2] // self.heads) ** -0.5
        self.kept: list[tuple[Tensor, Tensor]] = []  # a block: keys (R, heads, d, P), values (R, heads, P, d)
        self.length, self.written = prefix.shape[1], 0
        self.hidden = self._run(prefix, 0, self._listen).repeat_interleave(candidates, 0)
        self.rows, (_, values) = self.prefixes * candidates, self.kept[0]
        room = (len(self.kept), self.rows, self.heads, places, values.shape[3])
        self.keys, self.values = values.new_empty(room), values.new_empty(room)

    def write(self, codes: Tensor) -> None:
        """Runs F further codes of each row; `hidden` is then the state after them.

        codes: their embeddings, (R * N, F, n_embd).
        """
        self.hidden = self._run(codes, self.length + self.written, self._recall)
        self.written += codes.shape[1]

    def _run(self, x: Tensor, position: int, attend: Attend) -> Tensor:
        """Last hidden states, (B, n_embd), of GPT-2 on x (B, F, n_embd), whose first place is `position`."""
        x = x + self.positions[position : position + x.shape[1]]
        for i, block in enumerate(self.blocks):
            asked = block.attn.c_attn(block.ln_1(x)).unflatten(2, (3, self.heads, -1))  # (B, F, 3, heads, d)
            heard = attend(i, *asked.permute(2, 0, 3, 1, 4).unbind())  # (B, heads, F, d)
            x = x + block.attn.c_proj(heard.transpose(1, 2).flatten(2))
            x = x + block.mlp(block.ln_2(x))
        last: Tensor = self.last(x[:, -1])
        return last

    def _listen(self, block: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Causal attention within the prefix, (R, heads, P, d); its keys and values are kept as steps read them."""
        self.kept.append((key.transpose(2, 3).contiguous(), value.contiguous()))
        return F.scaled_dot_product_attention(query, key, value, is_causal=True)

    def _recall(self, block: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attention, (R * N, heads, F, d), to the shared prefix and to each row's own codes, the last F being new."""
        rows, heads, new, d = query.shape
        begin, end = self.written, self.written + new
        self.keys[block, :, :, begin:end], self.values[block, :, :, begin:end] = key, value
        own_keys, own_values = self.keys[block, :, :, :end], self.values[block, :, :, :end]
        prefix_keys, prefix_values = self.kept[block]
        query = query * self.scale
        near = query @ own_keys.transpose(2, 3)  # (R * N, heads, F, end)
        if new > 1:
            near = near + torch.full((new, end), -torch.inf, device=near.device).triu(begin + 1)
        far = self._rows(self._together(query) @ prefix_keys, new)  # (R * N, heads, F, P)
        share = torch.cat([far, near], 3).softmax(3)
        far, near = share.split([self.length, end], 3)
        return self._rows(self._together(far) @ prefix_values, new) + near @ own_values

    def _together(self, x: Tensor) -> Tensor:
        """All candidates of a prefix in one row: (R * N, heads, F, ...) -> (R, heads, N * F, ...)."""
        return x.unflatten(0, (self.prefixes, -1)).transpose(1, 2).flatten(2, 3)

    def _rows(self, x: Tensor, new: int) -> Tensor:
        """The inverse of `_together`: (R, heads, N * F, ...) -> (R * N, heads, F, ...), F = `new`."""
        return x.unflatten(2, (-1, new)).transpose(1, 2).flatten(0, 1)
