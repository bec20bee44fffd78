"""Reads the files of checkpoints: tensors and settings, without running code, with errors that name the file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from condfoley.errors import InputError, why
from condfoley.published.checkpoint import read_tensors
from condfoley.published.diffusion.mapping import Mapped, folder_network
from condfoley.published.diffusion.systems import IMAGEBIND_LICENCE, VTA_SCHEDULER_NAME
from condfoley.weights import sha256

CLASSES = {
    "unet": "UNet2DConditionModel",
    "vae": "AutoencoderKL",
    "hifigan": "SpeechT5HifiGan",
    "clap_text": "ClapTextModelWithProjection",
}
FILES = ("diffusion_pytorch_model.safetensors", "model.safetensors", "diffusion_pytorch_model.bin", "pytorch_model.bin")
LEFT_OUT = ("architectures", "torch_dtype")  # of settings


@dataclasses.dataclass
class Found:
    """What was read of a checkpoint. parts: tensors, settings and source of each network; record: of the card."""

    parts: dict[str, tuple[dict[str, Tensor], dict[str, Any], dict[str, Any]]]
    record: dict[str, Any]
    messages: list[str]
    copies: dict[str, Path] = dataclasses.field(default_factory=dict)


def folder_part(folder: Path, part: str) -> Found:
    """One network, by its name in the card, of a folder of diffusers'. Raises InputError for another network's."""
    path = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if path is None:
        raise InputError(f"there is none of {', '.join(FILES)} in {folder}; give a complete folder of cvssp/audioldm")
    config = read_settings(folder / "config.json")
    kind = config.get("_class_name") or next(iter(config.get("architectures") or [None]))
    if kind != CLASSES[part]:
        raise InputError(f"{folder}/config.json is of {kind}, not of {CLASSES[part]}; give a folder of cvssp/audioldm")
    kept = {key: value for key, value in config.items() if not key.startswith("_") and key not in LEFT_OUT}
    return named(path, "AudioLDM", partial(folder_network, part, kept))


def named(path: Path, system: str, read: Callable[[dict[str, Tensor]], Mapped]) -> Found:
    """What `read` makes of a checkpoint file's tensors. system: whose they are. Raises InputError, which names the file."""
    tensors = _tensors(path, system)
    try:
        made, report = read(tensors)
    except InputError as error:
        raise InputError(f"{path} cannot be imported: {error}; give a complete checkpoint of {system}") from None
    source: dict[str, Any] = {"source": {"system": system, "file": path.name, "sha256": sha256(path)}}
    source |= {"licence": IMAGEBIND_LICENCE} if system == "ImageBind" else {}
    first, *reasons = report.lines()
    where = f"{path.parent.name}/{path.name}" if path.name in FILES else path.name
    parts = {part: (state, config, source) for part, (state, config) in made.items()}
    return Found(parts, {}, [f"{where}: {len(tensors)} tensors, {first}", *reasons])


def _tensors(path: Path, system: str) -> dict[str, Tensor]:
    if path.suffix != ".safetensors":
        return read_tensors(path, system)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is damaged ({why(error)}); get a fresh copy") from None


def vta_settings(path: Path) -> dict[str, Any]:
    """The settings of the checkpoint's training. Raises InputError for those of another variant."""
    settings = read_settings(path, first_line=True)
    if other := next((name for name in ("ib", "lb", "jepa") if settings.get(name)), None):
        raise InputError(
            f"{path} is of a VTA-LDM with another picture encoder ({other}); give one with CLIP (clip4clip)"
        )
    if (task := settings.get("task", "video2audio")) != "video2audio":
        raise InputError(f"{path} is of the task {task}; give a checkpoint of video2audio")
    if (scheduler := settings.get("scheduler_name", VTA_SCHEDULER_NAME)) != VTA_SCHEDULER_NAME:
        raise InputError(f"{path} names the scheduler {scheduler}; only that of {VTA_SCHEDULER_NAME} is known here")
    return settings


def read_settings(path: Path, first_line: bool = False) -> dict[str, Any]:
    """An object from a JSON file, or from its first line. Raises InputError."""
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text.split("\n", 1)[0] if first_line else text)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path} ({why(error)}); give a complete checkpoint") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no settings by name; give a complete checkpoint")
    return content


def require_files(folder: Path, names: tuple[str, ...], system: str) -> Path:
    """The folder. Raises InputError where it, or one of the files in it, is missing."""
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give the folder of a checkpoint of {system}")
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise InputError(f"there is no {missing[0]} in {folder}; give a complete checkpoint of {system}")
    return folder
