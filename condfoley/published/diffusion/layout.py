"""Names of the published tensors and of ours, which are diffusers' and transformers', and how all are accounted for. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from condfoley.errors import InputError
from condfoley.published.mapping import ImportReport

# AudioLDM's own names of the layers of its VAE (autoencoder.py:26-50), by diffusers' names of them.
_VAE_LAYERS = {
    ".mid_block.resnets.0.": ".mid.block_1.",
    ".mid_block.resnets.1.": ".mid.block_2.",
    ".mid_block.attentions.0.group_norm.": ".mid.attn_1.norm.",
    ".mid_block.attentions.0.to_q.": ".mid.attn_1.q.",
    ".mid_block.attentions.0.to_k.": ".mid.attn_1.k.",
    ".mid_block.attentions.0.to_v.": ".mid.attn_1.v.",
    ".mid_block.attentions.0.to_out.0.": ".mid.attn_1.proj_out.",
    ".resnets.": ".block.",
    ".downsamplers.0.": ".downsample.",
    ".upsamplers.0.": ".upsample.",
    ".conv_shortcut.": ".nin_shortcut.",
    ".conv_norm_out.": ".norm_out.",
}
# Names in folders that an older diffusers wrote, by its present ones.
_OLDER = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}

UNUSED = {
    "vta": {r"vid_fea_extractor\.clip_text\..*": "text encoder, which a video is not encoded with"},
    "audioldm.ckpt": {
        r"first_stage_model\.loss\..*": "networks of the VAE's training loss",
        r"(?!first_stage_model\.|scale_factor$).*": "AudioLDM's own diffusion, which VTA-LDM replaces",
    },
    "folder": {r".*\.(position_ids|token_type_ids)": "numbers of places, rebuilt"},
    "imagebind": {r"modality_\w+\.(depth|thermal|imu)\..*": "kinds of input that are not used"},
}
"""Published tensors that are not used, and why; of `audioldm-s-full.ckpt` all but the VAE, its vocoder and its scale."""


@dataclass(frozen=True)
class Wanted:
    """Tensors of one of our networks. shapes: by our names. theirs: our name -> the published one. default: values of those
    that no checkpoint has."""

    shapes: Mapping[str, tuple[int, ...]]
    theirs: Callable[[str], str]
    default: Mapping[str, float]

    def names(self) -> dict[str, str]:
        """Ours -> theirs, of those that the checkpoint must have."""
        return {name: self.theirs(name) for name in self.shapes if name not in self.default}


def plain(prefix: str = "") -> Callable[[str], str]:
    """Names that are the same, after a prefix."""
    return lambda name: prefix + name


def ldm_vae(prefix: str, levels: int) -> Callable[[str], str]:
    """AudioLDM's names of the tensors of a VAE with so many levels, after a prefix: it counts its decoder's from below."""

    def theirs(name: str) -> str:
        name = re.sub(r"\.down_blocks\.", ".down.", name)
        name = re.sub(r"\.up_blocks\.(\d+)\.", lambda block: f".up.{levels - 1 - int(block[1])}.", name)
        for layer, their_layer in _VAE_LAYERS.items():
            name = name.replace(layer, their_layer)
        return prefix + name

    return theirs


def ldm_vocoder(prefix: str) -> Callable[[str], str]:
    """AudioLDM's names of a vocoder's tensors, after a prefix."""
    return lambda name: prefix + re.sub(r"^upsampler\.", "ups.", name)


def older(present: Mapping[str, Tensor]) -> Callable[[str], str]:
    """Names in a folder of diffusers', of this version or an older one."""

    def theirs(name: str) -> str:
        if name in present:
            return name
        for new, old in _OLDER.items():
            if new in name and name.replace(new, old) in present:
                return name.replace(new, old)
        return name

    return theirs


def is_rebuilt(name: str) -> bool:
    """Whether a tensor of ours holds numbers of places, which its network makes itself."""
    return any(re.fullmatch(pattern, name) for pattern in UNUSED["folder"])


def take(
    tensors: Mapping[str, Tensor], wanted: Mapping[str, Wanted], unused: Mapping[str, str]
) -> tuple[dict[str, dict[str, Tensor]], ImportReport]:
    """The tensors of each of our networks, by its name, and how all of a checkpoint's were used.

    unused: pattern of published names -> why they are not needed. Raises InputError when anything is missing, unexplained
    or of another shape.
    """
    names = {part: network.names() for part, network in wanted.items()}
    needed = [theirs for table in names.values() for theirs in table.values()]
    report = ImportReport(
        used=len(set(needed) & set(tensors)), missing=[name for name in needed if name not in tensors]
    )
    for name in sorted(set(tensors) - set(needed)):
        why = next((reason for pattern, reason in unused.items() if re.fullmatch(pattern, name)), "")
        if why:
            report.ignored.setdefault(why, []).append(name)
        else:
            report.unexpected.append(name)
    report.require_complete()
    return {part: _state(network, names[part], tensors) for part, network in wanted.items()}, report


def _state(network: Wanted, names: Mapping[str, str], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    state = {name: torch.full(network.shapes[name], value) for name, value in network.default.items()}
    for name, theirs in names.items():
        tensor, shape = tensors[theirs], network.shapes[name]
        if tuple(tensor.shape) == (*shape, 1, 1) or tuple(tensor.shape) == (*shape, 1):  # a convolution of 1 as a layer
            tensor = tensor.reshape(shape)
        if tuple(tensor.shape) != shape:
            raise InputError(f"{theirs} has the shape {tuple(tensor.shape)}, which does not fit the other tensors")
        state[name] = tensor.float().contiguous() if tensor.is_floating_point() else tensor.contiguous()
    return state
