"""Traces functions of networks with PyTorch, as ONNX graphs whose initializers are stored elsewhere."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from condfoley.runtime.graph_files import INITIALIZERS_ELSEWHERE

OPSET = 17
NETWORK = "network."  # what the names of a wrapper's tensors begin with


@dataclass
class Graph:
    """What a graph computes, and an example of its inputs to trace it with.

    inputs: name -> (example, names of the axes whose length varies). outputs: name -> names of the axes likewise.
    """

    module: nn.Module
    inputs: dict[str, tuple[Tensor, dict[int, str]]]
    outputs: dict[str, dict[int, str]]


class Call(nn.Module):
    """A function of a network as a module."""

    def __init__(self, network: nn.Module, function: Callable[..., Any]):
        super().__init__()
        self.network, self.function = network, function

    def forward(self, *inputs: Tensor) -> Any:
        """The function's result."""
        return self.function(*inputs)


@torch.no_grad()
def trace(graph: Graph, config: dict[str, Any]) -> bytes:
    """The graph's file: an ONNX model whose initializers are stored elsewhere. config: of the part, kept inside."""
    import onnx

    names = [*graph.inputs, *graph.outputs]
    axes = {name: axes for name, (_, axes) in graph.inputs.items()} | graph.outputs
    examples = tuple(example for example, _ in graph.inputs.values())
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about sizes that do not vary
        torch.onnx.export(
            graph.module.eval(),
            examples,
            out,  # type: ignore[arg-type]
            dynamo=False,
            export_params=False,
            do_constant_folding=False,
            opset_version=OPSET,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_axes={name: axes[name] for name in names if axes[name]},
        )
    model = onnx.load_from_string(out.getvalue())
    _move_weights_out(model, set(graph.inputs))
    onnx.helper.set_model_props(model, {"config": json.dumps(config)})
    return bytes(model.SerializeToString(deterministic=True))


def _move_weights_out(model: Any, inputs: set[str]) -> None:
    """The network's tensors, inputs of the traced graph, become initializers whose data are stored elsewhere."""
    from onnx import TensorProto

    graph, names = model.graph, {}
    for value in [value for value in graph.input if value.name not in inputs]:
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        names[value.name] = value.name.removeprefix(NETWORK)
        tensor = TensorProto(name=names[value.name], data_type=value.type.tensor_type.elem_type, dims=shape)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=INITIALIZERS_ELSEWHERE)
        graph.initializer.append(tensor)
        graph.input.remove(value)
    del graph.value_info[:]
    for node in graph.node:
        node.doc_string = node.name = ""
        for i, name in enumerate(node.input):
            node.input[i] = names.get(name, name)
