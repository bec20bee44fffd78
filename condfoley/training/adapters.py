"""Low-rank adapters (LoRA, Hu et al. 2021) on the transformer, through `peft`; merged again before anything is written."""

from __future__ import annotations

import copy
import warnings
from typing import Any

from torch import nn

from condfoley.networks.transformer import Transformer

TARGETS = ["c_attn", "c_proj", "c_fc", "head"]  # attention and MLP of every GPT-2 block, and the codes' logits


def add_adapters(model: Transformer, rank: int) -> Any:
    """Puts adapters of a rank into the model, in place; the returned wrapper trains nothing but them.

    Raises InputError when peft is not installed.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError:
        from condfoley.errors import InputError

        raise InputError("lora needs peft; install it with `pip install 'condfoley[train]'`, or set lora=0") from None
    with warnings.catch_warnings():
        # the targets are GPT-2's Conv1D and a Linear; peft finds out itself which way each of them is laid out, and says so
        warnings.filterwarnings("ignore", "fan_in_fan_out")
        return get_peft_model(model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=TARGETS))


def merged_adapters(adapted: Any) -> nn.Module:
    """A copy of the model with the adapters added into its weights; the original stays as it is."""
    merged: nn.Module = copy.deepcopy(adapted).merge_and_unload()
    return merged
