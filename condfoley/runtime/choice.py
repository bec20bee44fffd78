"""Which engine runs a weights folder: onnxruntime or PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from condfoley.errors import InputError
from condfoley.runtime.engine import OPTIONAL, Engine, generating_parts, over_latents
from condfoley.runtime.graph_files import missing_graphs, runtime_fault
from condfoley.settings import ENGINES, EngineName
from condfoley.weights import read_card

INSTALL_TORCH = "pip install 'condfoley[torch]'"


def load_engine(
    folder: Path, device: str = "cpu", engine: EngineName = "auto", required: Sequence[str] | None = None
) -> Engine:
    """The engine of a weights folder.

    engine: `auto` is onnx on a CPU where the folder has graphs and onnxruntime can be used, else torch. required: parts
    without which it is of no use; None: those of the generators that the folder has. Raises InputError for bad weights,
    and for an engine that cannot run them.
    """
    if engine not in ENGINES:
        raise InputError(f"--engine is {engine!r}; give {', '.join(ENGINES[:-1])} or {ENGINES[-1]}")
    card = read_card(folder)
    required = generating_parts(card, folder) if required is None else required
    fault = onnx_fault(folder, card, device, required)
    if engine == "onnx" and fault:
        raise InputError(f"--engine onnx: {fault}")
    if engine == "torch" or fault:
        if find_spec("torch") is None:
            why = f" ({fault})" if engine == "auto" else ""
            raise InputError(f"these weights need PyTorch{why}; run: {INSTALL_TORCH}")
        from condfoley.runtime.torch import TorchEngine

        return TorchEngine.load(folder, device, required)
    from condfoley.runtime.onnx import OnnxEngine

    return OnnxEngine.load(folder, required)


def onnx_fault(folder: Path, card: dict[str, Any], device: str, required: Sequence[str]) -> str:
    """Why onnxruntime cannot run some weights on a device, with what to do; "" where it can."""
    if device != "cpu":
        return f"it computes on the CPU, not on {device}; give --device cpu or --engine torch"
    lacking = missing_graphs(card, [*required, *(name for name in OPTIONAL if name in card["parts"])])
    if "flow" in required and over_latents(card):
        there = card["parts"].get("tokenizer", {}).get("graphs", {})
        lacking += [] if {"latents", "decode_latents"} <= set(there) else ["the tokenizer's latents"]
    if lacking:
        return f"the weights in {folder} have no graphs of {', '.join(lacking)}; run: condfoley export onnx {folder}"
    return runtime_fault()
