"""Infers the sizes of VTA-LDM's networks from the shapes of their tensors, as diffusers' and transformers' settings. Pure.

Three things no shape tells: the width of an attention head (64 in UNet and CLIP alike), the vocoder's rates, and the spread of
its dilated kernels. They are the published ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from condfoley.errors import InputError
from condfoley.published.diffusion.systems import HOP, RATE
from condfoley.published.infer import Shapes, count

HEAD = 64
RATES = (5, 4, 2, 2, 2)  # hifigan/utilities.py:9-39
RES_KERNELS = (3, 7, 11)
DILATIONS = (1, 3, 5)


def unet(found: Shapes) -> dict[str, Any]:
    """Settings of a UNet2DConditionModel. Raises InputError when a tensor that tells one is missing."""
    levels = count(found, r"down_blocks\.(\d+)\.")
    widths = [_size(found, f"down_blocks.{i}.resnets.0.conv1.weight", 0) for i in range(levels)]
    crossed = [f"down_blocks.{i}.attentions.0.proj_in.weight" in found for i in range(levels)]
    first = f"down_blocks.{crossed.index(True)}.attentions.0" if any(crossed) else "mid_block.attentions.0"
    if odd := [width for width in widths if width % HEAD]:
        raise InputError(f"a width of {odd[0]} is no multiple of {HEAD}, the width of an attention head")
    return {
        "in_channels": _size(found, "conv_in.weight", 1),
        "out_channels": _size(found, "conv_out.weight", 0),
        "block_out_channels": widths,
        "layers_per_block": count(found, r"down_blocks\.0\.resnets\.(\d+)\."),
        "down_block_types": ["CrossAttnDownBlock2D" if cross else "DownBlock2D" for cross in crossed],
        "up_block_types": ["CrossAttnUpBlock2D" if cross else "UpBlock2D" for cross in reversed(crossed)],
        "attention_head_dim": [width // HEAD for width in widths],  # diffusers' name for the number of heads
        "cross_attention_dim": _size(found, f"{first}.transformer_blocks.0.attn2.to_k.weight", 1),
        "use_linear_projection": len(found[f"{first}.proj_in.weight"]) == 2,
        "upcast_attention": True,
    }


def vae(found: Shapes, scale: float) -> dict[str, Any]:
    """Settings of an AutoencoderKL by AudioLDM's own names. scale: by which its latents are multiplied."""
    levels = count(found, r"encoder\.down\.(\d+)\.")
    return {
        "in_channels": _size(found, "encoder.conv_in.weight", 1),
        "out_channels": _size(found, "decoder.conv_out.weight", 0),
        "block_out_channels": [_size(found, f"encoder.down.{i}.block.0.conv1.weight", 0) for i in range(levels)],
        "layers_per_block": count(found, r"encoder\.down\.0\.block\.(\d+)\."),
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "latent_channels": _size(found, "post_quant_conv.weight", 1),
        "scaling_factor": scale,
    }


def vocoder(found: Shapes) -> dict[str, Any]:
    """Settings of a SpeechT5HifiGan by AudioLDM's own names. Raises InputError for one of another number of stages."""
    stages = count(found, r"ups\.(\d+)\.")
    if stages != len(RATES):
        raise InputError(f"the vocoder has {stages} stages where AudioLDM's has {len(RATES)}; give its own checkpoint")
    return {
        "model_in_dim": _size(found, "conv_pre.weight", 1),
        "sampling_rate": RATE,
        "upsample_initial_channel": _size(found, "conv_pre.weight", 0),
        "upsample_rates": list(RATES),
        "upsample_kernel_sizes": [_size(found, f"ups.{i}.weight", 2) for i in range(stages)],
        "resblock_kernel_sizes": list(RES_KERNELS),
        "resblock_dilation_sizes": [list(DILATIONS)] * len(RES_KERNELS),
        "normalize_before": False,
    }


def clip_vision(found: Shapes) -> dict[str, Any]:
    """Settings of a CLIPVisionModelWithProjection."""
    width, patch = (_size(found, "vision_model.embeddings.patch_embedding.weight", axis) for axis in (0, 2))
    places = _size(found, "vision_model.embeddings.position_embedding.weight", 0)
    if width % HEAD:
        raise InputError(f"CLIP's width of {width} is no multiple of {HEAD}, the width of an attention head")
    return {
        "hidden_size": width,
        "intermediate_size": _size(found, "vision_model.encoder.layers.0.mlp.fc1.weight", 0),
        "num_hidden_layers": count(found, r"vision_model\.encoder\.layers\.(\d+)\."),
        "num_attention_heads": width // HEAD,
        "projection_dim": _size(found, "visual_projection.weight", 0),
        "image_size": round((places - 1) ** 0.5) * patch,
        "patch_size": patch,
        "hidden_act": "quick_gelu",
    }


def require_vocoder(config: Mapping[str, Any]) -> None:
    """Raises InputError for a vocoder of another rate or hop than both systems'."""
    hop = 1
    for rate in config.get("upsample_rates", ()):
        hop *= rate
    if (config.get("sampling_rate"), hop) != (RATE, HOP):
        raise InputError(f"the vocoder makes no sound of {RATE} Hz from frames of {HOP} samples; give AudioLDM's own")


def _size(found: Shapes, name: str, axis: int) -> int:
    if name not in found or not axis < len(found[name]) or not found[name][axis]:
        raise InputError(f"{name} is missing or has an impossible shape")
    return found[name][axis]
