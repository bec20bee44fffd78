"""Low-rank adapters (LoRA, Hu et al. 2021) for the transformer, by `peft`; merged into the weights before export."""

from __future__ import annotations

import copy
import warnings
from typing import Any

from torch import nn

from condfoley.errors import require_extra
from condfoley.networks.transformer import Transformer

TARGETS = ["c_attn", "c_proj", "c_fc", "head"]  # attention and MLP of each GPT-2 block, and the output layer


def add_adapters(model: Transformer, rank: int, dropout: float = 0.0) -> Any:
    """Adds adapters of a rank to the model, in place; in the returned wrapper only they are trained.

    dropout: share of the adapters' inputs that is dropped in training. Raises InputError when peft is not installed.
    """
    require_extra("train", "lora", ("peft",), "set lora=0")
    from peft import LoraConfig, get_peft_model

    settings = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=TARGETS, lora_dropout=dropout)
    with warnings.catch_warnings():
        # targets are GPT-2's Conv1D and a Linear; peft detects the layout of each itself, and warns about it
        warnings.filterwarnings("ignore", "fan_in_fan_out")
        return get_peft_model(model, settings)


def merge_adapters(adapted: Any) -> nn.Module:
    """A copy of the model with the adapters merged into its weights; the original is unchanged."""
    merged: nn.Module = copy.deepcopy(adapted).merge_and_unload()
    return merged
