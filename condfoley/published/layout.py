"""Names of CondFoleyGen's tensors beside ours (published_facts.md, section 1). Pure, and works both ways."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

# Where each part lives in a transformer checkpoint. A codebook checkpoint is a tokenizer without prefix.
CHILDREN = {
    "tokenizer": "first_stage_model.",
    "video_encoder": "cond_stage_model.",
    "transformer": "transformer.",
}
ORDER = "first_stage_permuter.forward_shuffle_idx"
ORDER_BACK = "first_stage_permuter.backward_shuffle_idx"

# Published tensors that none of our parts holds, and why nothing is lost.
IGNORED = {
    r"(first_stage_model\.)?wav_transforms\..*": "mel front end, rebuilt from the geometry",
    r"transformer\.blocks\.\d+\.attn\.mask": "causal mask, rebuilt",
    r"first_stage_permuter\.(forward|backward)_shuffle_idx": "order of the codes, compared with ours",
    r"(first_stage_model\.)?loss\..*": "networks of the training loss",
}
# Our tensors that the published system has nothing for, and the value that does nothing.
OURS_ALONE = {
    "gpt2.wte.weight": 0.0,  # GPT2Model insists on an embedding; it only ever sees vectors
    "null_frames": 0.0,
    "null_codes": 0.0,
    "feature_mean": 0.0,
    "feature_std": 1.0,
}
_BLOCK = {
    "ln_1": ("ln1",),
    "ln_2": ("ln2",),
    "attn.c_attn": ("attn.query", "attn.key", "attn.value"),
    "attn.c_proj": ("attn.proj",),
    "mlp.c_fc": ("mlp.0",),
    "mlp.c_proj": ("mlp.2",),
}
_WEIGHT_NORM = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}


@dataclass(frozen=True)
class Entry:
    """One of our tensors and the published ones that it joins along their first axis.

    form: `same`; `transposed`: as GPT-2 keeps its linear layers; `leading`: the published one has a first axis of 1.
    """

    ours: str
    theirs: tuple[str, ...]
    form: Literal["same", "transposed", "leading"] = "same"

    def joined(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Our tensor, from the published ones. Raises RuntimeError when they cannot be joined."""
        first = tensors[self.theirs[0]]
        whole = torch.cat([tensors[name] for name in self.theirs]) if len(self.theirs) > 1 else first
        if self.form == "leading":
            return whole.squeeze(0)
        return whole.T if self.form == "transposed" else whole

    def split(self, tensor: Tensor) -> dict[str, Tensor]:
        """The published tensors, from ours."""
        whole = tensor.T if self.form == "transposed" else tensor
        pieces = [whole[None]] if self.form == "leading" else whole.chunk(len(self.theirs)) if whole.ndim else [whole]
        return {name: piece.contiguous() for name, piece in zip(self.theirs, pieces, strict=True)}


def entries(part: str, names: Iterable[str], prefix: str) -> list[Entry]:
    """Published names, after `prefix`, of each of a part's tensors (`names`, ours), without those of OURS_ALONE."""
    kept = [name for name in names if not (part == "transformer" and name in OURS_ALONE)]
    found = [_transformer(name) if part == "transformer" else Entry(name, (_plain(name),)) for name in kept]
    return [Entry(e.ours, tuple(prefix + name for name in e.theirs), e.form) for e in found]


def _plain(name: str) -> str:
    """Published name of a tensor of any part but the transformer: the same, with weight norm's old-style names."""
    for new, old in _WEIGHT_NORM.items():
        name = name.replace(new, old)
    return name


def _transformer(name: str) -> Entry:
    """Published names of a transformer's tensor: minGPT splits query, key and value, and transposes linear layers."""
    if name == "gpt2.wpe.weight":
        return Entry(name, ("pos_emb",), "leading")
    if block := re.fullmatch(r"gpt2\.h\.(\d+)\.(\w+(?:\.\w+)?)\.(weight|bias)", name):
        number, layer, kind = block.groups()
        theirs = tuple(f"blocks.{number}.{there}.{kind}" for there in _BLOCK[layer])
        return Entry(name, theirs, "transposed" if kind == "weight" and "." in layer else "same")
    return Entry(name, (name.removeprefix("gpt2."),))


def ignored(name: str) -> str:
    """Why a published tensor is not needed; empty when there is no reason."""
    return next((reason for pattern, reason in IGNORED.items() if re.fullmatch(pattern, name)), "")


def reading_order(rows: int, columns: int) -> list[int]:
    """The published permuter: at k the row-major place of the k-th code (published_facts.md, section 6)."""
    return [row * columns + column for column in range(columns) for row in range(rows)]
