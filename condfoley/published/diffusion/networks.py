"""The networks of these systems: which class of diffusers or transformers each is, built, written and read again."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from condfoley.errors import InputError
from condfoley.published.diffusion import joint
from condfoley.published.diffusion.layout import is_rebuilt
from condfoley.weights import part_entry, sha256, verified_file

DIFFUSERS = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL"}
TRANSFORMERS = {
    "hifigan": ("SpeechT5HifiGan", "SpeechT5HifiGanConfig"),
    "clip_vision": ("CLIPVisionModelWithProjection", "CLIPVisionConfig"),
    "clap_text": ("ClapTextModelWithProjection", "ClapTextConfig"),
}
SCHEDULERS = ("DDIMScheduler", "DDPMScheduler", "PNDMScheduler", "DPMSolverMultistepScheduler")


def build(name: str, config: Mapping[str, Any]) -> nn.Module:
    """A network by its name in the card, with values that do not count. Raises InputError for sizes that make none."""
    try:
        if name in DIFFUSERS:
            made: nn.Module = getattr(diffusers, DIFFUSERS[name]).from_config(dict(config))
        elif name in TRANSFORMERS:
            network, sizes = (getattr(transformers, word) for word in TRANSFORMERS[name])
            made = network(sizes.from_dict(dict(config)))
        elif name == "imagebind":
            made = joint.imagebind_network()
        else:
            made = nn.Linear(config["in_features"], config["out_features"])
    except InputError:
        raise
    except (TypeError, ValueError, KeyError, RuntimeError, AttributeError, ArithmeticError) as error:
        raise InputError(f"the sizes of part {name} make no network ({str(error).splitlines()[0]})") from None
    return made.eval()


def shapes_of(name: str, config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors of a network that is not built, by their names."""
    with torch.device("meta"):
        return {key: tuple(value.shape) for key, value in build(name, config).state_dict().items()}


def save(
    folder: Path, name: str, state: dict[str, Tensor], config: Mapping[str, Any], record: dict[str, Any]
) -> dict[str, Any]:
    """Writes a network's tensors, NAME.safetensors in float32; returns its entry for the card, with `record` in it."""
    path = folder / f"{name}.safetensors"
    save_file(state, path, {"config": json.dumps(dict(config))})
    count = sum(tensor.numel() for tensor in state.values())
    return {"file": path.name, "sha256": sha256(path), "parameters": count, "config": dict(config), **record}


def load(folder: Path, card: dict[str, Any], name: str, device: str = "cpu") -> nn.Module:
    """A network of a weights folder, without gradients. Raises InputError for a file that is missing or does not fit."""
    entry = part_entry(card, folder, name)
    path = verified_file(folder, entry)
    network = build(name, entry["config"])
    try:
        missing, odd = network.load_state_dict(load_file(path), strict=False)
        if wrong := [key for key in (*missing, *odd) if not is_rebuilt(key)]:
            raise RuntimeError(f"{wrong[0]} is missing or has no place")
    except (RuntimeError, SafetensorError) as error:
        raise InputError(f"weights file {path} does not fit its card: {str(error).splitlines()[0]}") from None
    return network.requires_grad_(False).to(device)


def tokenizer(vocabulary: Path, merges: Path) -> Any:
    """CLAP's tokenizer from its two files. Raises InputError for files that are none."""
    try:
        return transformers.RobertaTokenizer.from_pretrained(str(vocabulary.parent), model_max_length=512)
    except Exception as error:  # noqa: BLE001  (of the tokenizers' own kinds)
        raise InputError(f"{vocabulary} and {merges} are no tokenizer ({error}); import the checkpoint again") from None


def scheduler(config: Mapping[str, Any], kind: str = "") -> Any:
    """A scheduler of diffusers. kind: its class; "": the one that the settings name. Raises InputError for an unknown one."""
    name = kind or str(config.get("_class_name"))
    if name not in SCHEDULERS:
        raise InputError(f"the scheduler {name} is not known here; give one of {', '.join(SCHEDULERS)}")
    return getattr(diffusers, name).from_config({key: value for key, value in config.items() if key != "_class_name"})


def step(
    noise_schedule: Any, predicted: Tensor, time: Tensor, latents: Tensor, streams: list[torch.Generator]
) -> Tensor:
    """Latents (N, C, L, W) one step nearer to the sound. streams: of random numbers, one for each of the N."""
    takes = "generator" in inspect.signature(noise_schedule.step).parameters
    drawn = {"generator": streams} if takes else {}
    out: Tensor = noise_schedule.step(predicted, time, latents, **drawn).prev_sample
    return out
