"""Names of CondFoleyGen's tensors and of ours (published_facts.md, section 1), for import and export. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

# Prefix of each part in a transformer checkpoint. A codebook checkpoint is a tokenizer without prefix.
CHILDREN = {
    "tokenizer": "first_stage_model.",
    "video_encoder": "cond_stage_model.",
    "transformer": "transformer.",
}
PERMUTER = "first_stage_permuter.forward_shuffle_idx"
PERMUTER_INVERSE = "first_stage_permuter.backward_shuffle_idx"

# Published tensors without counterpart in our parts, and why they are not needed.
IGNORED = {
    r"(first_stage_model\.)?wav_transforms\..*": "mel front end, rebuilt from the geometry",
    r"transformer\.blocks\.\d+\.attn\.mask": "causal mask, rebuilt",
    r"first_stage_permuter\.(forward|backward)_shuffle_idx": "order of the codes, compared with ours",
    r"(first_stage_model\.)?loss\..*": "networks of the training loss",
}
# Our tensors without counterpart in the published system, and the value with which they have no effect.
WITHOUT_COUNTERPART = {
    "gpt2.wte.weight": 0.0,  # required by GPT2Model, but never used, since its input is vectors
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
class TensorNames:
    """Name of one of our tensors, and of the published ones that it concatenates along their first axis.

    form: `same`; `transposed`: as GPT-2 stores its linear layers; `leading`: the published one has a first axis of 1.
    """

    ours: str
    theirs: tuple[str, ...]
    form: Literal["same", "transposed", "leading"] = "same"

    def join(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Our tensor, from the published ones. Raises RuntimeError when they cannot be concatenated."""
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


def map_names(part: str, names: Iterable[str], prefix: str) -> list[TensorNames]:
    """Published names, with `prefix`, of a part's tensors (`names`, ours), without those in WITHOUT_COUNTERPART."""
    kept = [name for name in names if not (part == "transformer" and name in WITHOUT_COUNTERPART)]
    found = [_transformer(name) if part == "transformer" else TensorNames(name, (_plain(name),)) for name in kept]
    return [TensorNames(e.ours, tuple(prefix + name for name in e.theirs), e.form) for e in found]


def _plain(name: str) -> str:
    """Published name of a tensor of any part but the transformer: the same, with the older names of weight norm."""
    for new, old in _WEIGHT_NORM.items():
        name = name.replace(new, old)
    return name


def _transformer(name: str) -> TensorNames:
    """Published names of a transformer's tensor: minGPT splits query, key and value, and transposes linear layers."""
    if name == "gpt2.wpe.weight":
        return TensorNames(name, ("pos_emb",), "leading")
    if block := re.fullmatch(r"gpt2\.h\.(\d+)\.(\w+(?:\.\w+)?)\.(weight|bias)", name):
        number, layer, kind = block.groups()
        theirs = tuple(f"blocks.{number}.{there}.{kind}" for there in _BLOCK[layer])
        return TensorNames(name, theirs, "transposed" if kind == "weight" and "." in layer else "same")
    return TensorNames(name, (name.removeprefix("gpt2."),))


def ignored(name: str) -> str:
    """Why a published tensor is not needed; empty for a tensor that is needed."""
    return next((reason for pattern, reason in IGNORED.items() if re.fullmatch(pattern, name)), "")


def reading_order(rows: int, columns: int) -> list[int]:
    """The published permuter: at k the row-major index of the k-th code (published_facts.md, section 6)."""
    return [row * columns + column for column in range(columns) for row in range(rows)]
