"""Outputs of the published system's own classes (tests/golden), and checkpoints of its kind made from their weights."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from condfoley.published.layout import reading_order

GOLDEN = Path(__file__).parent / "golden"
HEADS = 4  # of the small transformer in gpt.safetensors


def tensors(name: str) -> dict[str, Tensor]:
    """All tensors of one golden file."""
    return load_file(GOLDEN / f"{name}.safetensors")


def weights(name: str) -> dict[str, Tensor]:
    """The weights in one golden file under their published names, float32 as the published code keeps them."""
    found = {k.removeprefix("weights/"): v for k, v in tensors(name).items() if k.startswith("weights/")}
    return {k: v.float() if v.is_floating_point() else v for k, v in found.items()}


def close(ours: Tensor, theirs: Tensor, tolerance: float = 1e-4) -> None:
    """Equal to `tolerance` relative to the expected maximum."""
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= tolerance * theirs.abs().max()


def transformer_state() -> dict[str, Tensor]:
    """A whole transformer checkpoint's state dict: the golden VQGAN, video network and transformer together."""
    order = torch.tensor(reading_order(5, 10))
    return {
        **{f"first_stage_model.{k}": v for k, v in weights("vqgan").items()},
        **weights("video_tiny"),
        **weights("gpt"),
        "first_stage_permuter.forward_shuffle_idx": order,
        "first_stage_permuter.backward_shuffle_idx": order.argsort(),
    }


def lengthened(state: dict[str, Tensor], columns: int = 12) -> dict[str, Tensor]:
    """The same for windows of another length, as the released 192-frame model has (5 x 12 codes, 180 positions)."""
    order, block = torch.tensor(reading_order(5, columns)), 60 + 2 * 5 * columns
    out = {**state, "first_stage_permuter.forward_shuffle_idx": order}
    out["first_stage_permuter.backward_shuffle_idx"] = order.argsort()
    pos = state["transformer.pos_emb"]
    out["transformer.pos_emb"] = torch.cat([pos, pos], 1)[:, :block].clone()
    return out | {k: torch.ones(1, 1, block, block).tril() for k in state if k.endswith("attn.mask")}


def layouts() -> dict[str, dict[str, list[int]]]:
    """Names and shapes of the full-size `transformer`, `vqgan` and `melgan` checkpoints."""
    return json.loads(gzip.decompress((GOLDEN / "layouts.json.gz").read_bytes()))


def full_size(frames: int, fill: Callable[[str, list[int]], Tensor]) -> dict[str, Tensor]:
    """The published transformer's 986 tensors for windows of `frames` spectrogram frames, its numbers from `fill`."""
    shapes = {k: v for k, v in layouts()["transformer"].items() if not k.endswith(("_idx", "mask"))}
    block = 60 + 10 * frames // 16
    state = {k: fill(k, [1, block, v[2]] if k == "transformer.pos_emb" else v) for k, v in shapes.items()}
    order = torch.tensor(reading_order(5, frames // 16))
    state["first_stage_permuter.forward_shuffle_idx"] = order
    state["first_stage_permuter.backward_shuffle_idx"] = order.argsort()
    masks = [k.replace("key.weight", "mask") for k in shapes if k.endswith("attn.key.weight")]
    return state | {k: torch.ones(1, 1, block, block).tril() for k in masks}


def frames01(uint8: Tensor) -> Tensor:
    """(..., H, W, 3) uint8 -> (..., 3, H, W) in [0, 1]."""
    return uint8.movedim(-1, -3) / 255.0
