"""Which networks the tensors of each checkpoint file make. Pure, but for the networks' names and shapes."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from condfoley.errors import InputError
from condfoley.published.diffusion import infer, layout, networks
from condfoley.published.diffusion.layout import UNUSED, Wanted
from condfoley.published.infer import shapes
from condfoley.published.mapping import ImportReport

PREFIXES = {
    "unet": "unet.",
    "clip_vision": "vid_fea_extractor.clip_vision.",
    "projection": "vid_fea_extractor.linear_layer.",
}
FIRST_STAGE, VOCODER, SCALE = "first_stage_model.", "first_stage_model.vocoder.", "scale_factor"
VOCODER_DEFAULTS = {"mean": 0.0, "scale": 1.0}  # of spectrograms that are standardised, as these are not

Mapped = tuple[dict[str, tuple[dict[str, Tensor], dict[str, Any]]], ImportReport]
"""Tensors and settings of each network by its name, and how the file's tensors were used."""


def vta_networks(tensors: dict[str, Tensor]) -> Mapped:
    """UNet, CLIP's vision and the projection between them, of pytorch_model_2.bin. Raises InputError for another file's."""
    found = {part: shapes(tensors, prefix) for part, prefix in PREFIXES.items()}
    if missing := [part for part, inside in found.items() if not inside]:
        raise InputError(f"its part {PREFIXES[missing[0]].rstrip('.')} is missing")
    linear = found["projection"].get("weight", (0, 0))
    sizes = {
        "unet": infer.unet(found["unet"]),
        "clip_vision": infer.clip_vision(found["clip_vision"]),
        "projection": {"in_features": linear[-1], "out_features": linear[0]},
    }
    if (linear[-1], linear[0]) != (sizes["clip_vision"]["projection_dim"], sizes["unet"]["cross_attention_dim"]):
        raise InputError(f"its projection of {linear} does not fit CLIP and the UNet")
    wanted = {part: Wanted(networks.shapes_of(part, sizes[part]), layout.plain(PREFIXES[part]), {}) for part in sizes}
    states, report = layout.take(tensors, wanted, UNUSED["vta"] | UNUSED["folder"])
    return {part: (states[part], sizes[part]) for part in sizes}, report


def ldm_sound(tensors: dict[str, Tensor]) -> Mapped:
    """VAE and vocoder of audioldm-s-full.ckpt. Raises InputError for another file's."""
    if SCALE not in tensors or tensors[SCALE].numel() != 1:
        raise InputError(f"its {SCALE} is missing")
    vae = {name: s for name, s in shapes(tensors, FIRST_STAGE).items() if not name.startswith(("vocoder.", "loss."))}
    vocoder = shapes(tensors, VOCODER)
    sizes = {"vae": infer.vae(vae, float(tensors[SCALE])), "hifigan": infer.vocoder(vocoder)}
    infer.require_vocoder(sizes["hifigan"])
    wanted = {
        "vae": Wanted(
            networks.shapes_of("vae", sizes["vae"]),
            layout.ldm_vae(FIRST_STAGE, len(sizes["vae"]["block_out_channels"])),
            {},
        ),
        "hifigan": Wanted(
            networks.shapes_of("hifigan", sizes["hifigan"]), layout.ldm_vocoder(VOCODER), VOCODER_DEFAULTS
        ),
    }
    scale = {SCALE: "number by which latents are scaled, in the VAE's settings"}
    states, report = layout.take(tensors, wanted, scale | UNUSED["audioldm.ckpt"])
    return {part: (states[part], sizes[part]) for part in sizes}, report


def imagebind_tensors(tensors: dict[str, Tensor]) -> Mapped:
    """ImageBind's networks for picture, text and sound. Raises InputError for another file's, and without its package."""
    wanted = {"imagebind": Wanted(networks.shapes_of("imagebind", {}), layout.plain(), {})}
    states, report = layout.take(tensors, wanted, UNUSED["imagebind"])
    return {"imagebind": (states["imagebind"], {})}, report


def folder_network(part: str, config: dict[str, Any], tensors: dict[str, Tensor]) -> Mapped:
    """One network of a folder of diffusers', by its settings there."""
    default = VOCODER_DEFAULTS if part == "hifigan" and "mean" not in tensors else {}
    own = {name: shape for name, shape in networks.shapes_of(part, config).items() if not layout.is_rebuilt(name)}
    states, report = layout.take(tensors, {part: Wanted(own, layout.older(tensors), default)}, UNUSED["folder"])
    return {part: (states[part], config)}, report
