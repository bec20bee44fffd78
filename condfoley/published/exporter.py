"""Writes our weights in CondFoleyGen's layout, so that its tools can load models trained here."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from condfoley.errors import InputError
from condfoley.files import atomic_file, make_folder
from condfoley.geometry import Geometry
from condfoley.networks.mel import filterbank
from condfoley.published.layout import CHILDREN, PERMUTER, PERMUTER_INVERSE, map_names, reading_order
from condfoley.weights import card_geometry, load_part, read_card

# Settings of each part that the published networks support with one value only.
FIXED: dict[str, dict[str, Any]] = {
    "tokenizer": {"row_fold": 1},
    "video_encoder": {"midplanes": "published", "motion": False, "normalise": "imagenet", "pool": "mean", "neck": 0},
    "transformer": {"aligned": False, "aligned_reference": False, "segments": False},
    "vocoder": {"match_passes": 0, "carrier": "network"},
}
LIGHTNING_VERSION = "1.2.10"  # the one the published code pins (published_facts.md, section 17)


def export_checkpoint(folder: str | Path, out: str | Path, vocoder: str | Path | None = None) -> list[str]:
    """Writes `out`, a transformer checkpoint with its VQGAN and video network, and returns messages for the user.

    vocoder: file to write the MelGAN to. Raises InputError when the published layout does not support the weights, or
    when a file exists already.
    """
    folder = Path(folder)
    card = read_card(folder)
    names = [*CHILDREN, *(["vocoder"] if vocoder else [])]
    for part in names:
        require_published(part, card["parts"].get(part, {}).get("config", {}))
    parts = {part: load_part(folder, part) for part in names}
    tensors = published_state(parts, card_geometry(card))
    messages = [f"{out}: {len(tensors)} tensors", *list_differences(parts)]
    wrapper = {"epoch": 0, "global_step": 0, "pytorch-lightning_version": LIGHTNING_VERSION}
    files: dict[Path, dict[str, Any]] = {Path(out): {**wrapper, "state_dict": tensors}}
    if vocoder:
        files[Path(vocoder)] = _published_names("vocoder", parts["vocoder"], "")
        messages.append(f"{vocoder}: {len(files[Path(vocoder)])} tensors")
    _write(files)
    return messages


def require_published(part: str, config: dict[str, Any]) -> None:
    """Raises InputError for a part with an architecture that the published code does not have."""
    for name, value in FIXED[part].items():
        if name in config and config[name] != value:
            raise InputError(
                f"the {part.replace('_', ' ')} has {name} {config[name]}, for which the published layout has no place "
                f"(only {value}); train a model of the published sizes, or export an imported one"
            )


def list_differences(parts: dict[str, nn.Module]) -> list[str]:
    """Messages for the user: in what the published code will differ from the model here."""
    out = []
    transformer, encoder = parts["transformer"], parts["video_encoder"]
    if any(bool(getattr(transformer, name).any()) for name in ("null_frames", "null_codes")):
        out.append("left out: the tokens that stand for a missing reference (guidance, sound-only references)")
    if not encoder.config.batch_statistics:  # type: ignore[union-attr]
        out.append(
            "beware: the published code normalises each clip by its own statistics; this model was not trained for that"
        )
    return out


def published_state(parts: dict[str, nn.Module], geometry: Geometry) -> dict[str, Tensor]:
    """The published transformer's whole state dict: three children, the permuter, masks and mel front ends.

    parts: tokenizer, video_encoder and transformer.
    """
    state: dict[str, Tensor] = {}
    for part, prefix in CHILDREN.items():
        state |= _published_names(part, parts[part], prefix)
    order = torch.tensor(reading_order(geometry.code_rows, geometry.code_columns))
    state |= {PERMUTER: order, PERMUTER_INVERSE: order.argsort()}
    block = state[CHILDREN["transformer"] + "pos_emb"].shape[1]
    for name in [name for name in state if name.endswith("attn.key.weight") and "blocks" in name]:
        state[name.replace("key.weight", "mask")] = torch.ones(1, 1, block, block).tril()
    window, bank = torch.hann_window(geometry.n_fft), filterbank(geometry).T.contiguous()
    for place, (first, second) in {"": (2, 3), CHILDREN["tokenizer"]: (0, 1)}.items():
        state[f"{place}wav_transforms.{first}.window"] = window.clone()
        state[f"{place}wav_transforms.{second}.fb"] = bank.clone()
    return state


def _published_names(part: str, module: nn.Module, prefix: str) -> dict[str, Tensor]:
    ours = module.state_dict()
    if part == "transformer":  # the published transformer does not normalise the picture's tokens
        mean, std = ours["feature_mean"], ours["feature_std"]
        weight = ours["embedder.weight"] / std[None, :, None]
        ours["embedder.bias"] = ours["embedder.bias"] - weight[..., 0] @ mean
        ours["embedder.weight"] = weight
    out: dict[str, Tensor] = {}
    for entry in map_names(part, ours, prefix):
        out |= entry.split(ours[entry.ours])
    return out


def _write(files: dict[Path, dict[str, Any]]) -> None:
    for path in files:
        if path.exists():
            raise InputError(f"{path} is there already; choose another name")
    with ExitStack() as all_or_none:
        for path, content in files.items():
            make_folder(path.parent)
            torch.save(content, all_or_none.enter_context(atomic_file(path, (OSError, RuntimeError))))
