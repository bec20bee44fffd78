"""A model of ours in CondFoleyGen's layout, so that its tools can load what was trained here."""

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
from condfoley.published.layout import CHILDREN, ORDER, ORDER_BACK, entries, reading_order
from condfoley.weights import card_geometry, load_part, read_card

# What the published networks cannot do, by part: settings and the only value of theirs that has a place there.
FIXED: dict[str, dict[str, Any]] = {
    "tokenizer": {"row_fold": 1},
    "video_encoder": {"midplanes": "published", "motion": False, "normalise": "imagenet", "pool": "mean", "neck": 0},
    "transformer": {"aligned": False, "aligned_reference": False, "segments": False},
    "vocoder": {"match_passes": 0, "carrier": "network"},
}
LIGHTNING_VERSION = "1.2.10"  # the one the published code pins (published_facts.md, section 17)


def export_checkpoint(folder: str | Path, out: str | Path, vocoder: str | Path | None = None) -> list[str]:
    """Writes `out`, a transformer checkpoint with its VQGAN and video network, and returns what to tell the user.

    vocoder: also write the MelGAN there. Raises InputError when the weights cannot be said in the published layout, or
    when a file is there already.
    """
    folder = Path(folder)
    card = read_card(folder)
    wanted = [*CHILDREN, *(["vocoder"] if vocoder else [])]
    for part in wanted:
        require_published(part, card["parts"].get(part, {}).get("config", {}))
    parts = {part: load_part(folder, part) for part in wanted}
    tensors = published_state(parts, card_geometry(card))
    told = [f"{out}: {len(tensors)} tensors", *losses(parts)]
    wrapper = {"epoch": 0, "global_step": 0, "pytorch-lightning_version": LIGHTNING_VERSION}
    files: dict[Path, dict[str, Any]] = {Path(out): {**wrapper, "state_dict": tensors}}
    if vocoder:
        files[Path(vocoder)] = _renamed("vocoder", parts["vocoder"], "")
        told.append(f"{vocoder}: {len(files[Path(vocoder)])} tensors")
    _write(files)
    return told


def require_published(part: str, config: dict[str, Any]) -> None:
    """Raises InputError for a part whose architecture the published code does not have."""
    for name, value in FIXED[part].items():
        if name in config and config[name] != value:
            raise InputError(
                f"the {part.replace('_', ' ')} has {name} {config[name]}, for which the published layout has no place "
                f"(only {value}); train one of the published sizes, or export an imported one"
            )


def losses(parts: dict[str, nn.Module]) -> list[str]:
    """Lines for the user: what the published code will not do as the model does here."""
    out = []
    transformer, encoder = parts["transformer"], parts["video_encoder"]
    if any(bool(getattr(transformer, name).any()) for name in ("null_frames", "null_codes")):
        out.append("left out: the tokens that stand for a missing reference (guidance, sound-only references)")
    if not encoder.config.batch_statistics:  # type: ignore[union-attr]
        out.append(
            "beware: the published code normalises each clip by its own statistics; this model was trained not to"
        )
    return out


def published_state(parts: dict[str, nn.Module], geometry: Geometry) -> dict[str, Tensor]:
    """The published transformer's whole state dict: three children, the permuter, masks and mel front ends.

    parts: tokenizer, video_encoder and transformer.
    """
    state: dict[str, Tensor] = {}
    for part, prefix in CHILDREN.items():
        state |= _renamed(part, parts[part], prefix)
    order = torch.tensor(reading_order(geometry.code_rows, geometry.code_columns))
    state |= {ORDER: order, ORDER_BACK: order.argsort()}
    block = state[CHILDREN["transformer"] + "pos_emb"].shape[1]
    for name in [name for name in state if name.endswith("attn.key.weight") and "blocks" in name]:
        state[name.replace("key.weight", "mask")] = torch.ones(1, 1, block, block).tril()
    window, bank = torch.hann_window(geometry.n_fft), filterbank(geometry).T.contiguous()
    for place, (first, second) in {"": (2, 3), CHILDREN["tokenizer"]: (0, 1)}.items():
        state[f"{place}wav_transforms.{first}.window"] = window.clone()
        state[f"{place}wav_transforms.{second}.fb"] = bank.clone()
    return state


def _renamed(part: str, module: nn.Module, prefix: str) -> dict[str, Tensor]:
    ours = module.state_dict()
    if part == "transformer":  # the published one sees the picture's tokens as they are
        mean, std = ours["feature_mean"], ours["feature_std"]
        weight = ours["embedder.weight"] / std[None, :, None]
        ours["embedder.bias"] = ours["embedder.bias"] - weight[..., 0] @ mean
        ours["embedder.weight"] = weight
    out: dict[str, Tensor] = {}
    for entry in entries(part, ours, prefix):
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
