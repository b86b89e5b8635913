"""Networks traced to ONNX models with open height, width and batch; needs the packages onnx and onnxscript."""

import copy
import inspect
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn

from linecolor.systems.pipelines import Part

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

TRACED = (2, 3, 2)
"""Batch, height and width, the latter in multiples."""


def models_of(parts: Sequence[Part]) -> dict[str, "ModelProto"]:
    """A model for each part; what chains others is joined from theirs, for tracing is slow."""
    models: dict[str, ModelProto] = {}
    for part in parts:
        if part.joins:
            models[part.name] = _joined([models[name] for name in part.joins], part)
        else:
            models[part.name] = _traced(part)
    return models


def _traced(part: Part) -> "ModelProto":
    network = copy.deepcopy(part.network)
    for module in network.modules():
        if isinstance(module, nn.LeakyReLU):
            # The tracer takes twice as long over operations in place.
            module.inplace = False
    Dim = torch.export.Dim
    batch, high, wide = (Dim(name, min=1) for name in ("batch", "h", "w"))
    shapes = []
    for _, coarser in part.inputs.values():
        steps = part.multiple // coarser
        shapes.append({0: batch, 2: steps * high if steps > 1 else high, 3: steps * wide if steps > 1 else wide})
    inputs = tuple(torch.zeros(shape) for shape in part.input_shapes(TRACED))
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            network,
            inputs,
            dynamo=True,
            external_data=False,
            # A network that takes any number of inputs has them as one argument.
            dynamic_shapes=(tuple(shapes),) if _takes_any(network) else tuple(shapes),
            input_names=list(part.inputs),
            output_names=list(part.outputs),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _strip(model.graph)
    return model


def _takes_any(network: nn.Module) -> bool:
    parameters = inspect.signature(network.forward).parameters.values()
    return any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)


def _strip(graph: "GraphProto") -> None:
    """Take out the tracer's notes: where each operation stands in whose source files."""
    del graph.metadata_props[:]
    del graph.value_info[:]
    for owner in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        owner.ClearField("metadata_props")
        owner.ClearField("doc_string")


def _joined(chained: Sequence["ModelProto"], part: Part) -> "ModelProto":
    """Draft, bilinear resize and colorizer, where there is one, in one model."""
    from onnx import TensorProto, helper
    from onnx.compose import add_prefix_graph

    draft, colorizer = chained[0], chained[1] if len(chained) > 1 else None
    whole = copy.deepcopy(draft)
    graph = add_prefix_graph(draft.graph, "draft/", rename_inputs=False, rename_outputs=False)
    enlarged = "color" if colorizer is None else "colorizer/draft"
    scales = helper.make_tensor("enlarge/scales", TensorProto.FLOAT, [4], [1, 1, 2, 2])
    resize = helper.make_node(
        "Resize",
        ["draft", "", scales.name],
        [enlarged],
        "enlarge",
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )
    graph.initializer.append(scales)
    graph.node.append(resize)
    if colorizer is not None:
        second = add_prefix_graph(colorizer.graph, "colorizer/", rename_inputs=True, rename_outputs=False)
        for node in second.node:
            for place, name in enumerate(node.input):
                if name == "colorizer/line":
                    node.input[place] = "line"
        graph.node.extend(second.node)
        graph.initializer.extend(second.initializer)
    del graph.input[:]
    del graph.output[:]
    sides = {coarser: [f"{part.multiple // coarser}*{side}" for side in "hw"] for coarser in (1, 2)}
    for name, (channels, coarser) in part.inputs.items():
        high, wide = sides[coarser]
        graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", channels, high, wide]))
    for name, (high, wide) in zip(part.outputs, sides.values()):
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3, high, wide]))
    graph.name = "linecolor"
    whole.graph.CopyFrom(graph)
    return whole


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's talk of packages that are not needed."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
