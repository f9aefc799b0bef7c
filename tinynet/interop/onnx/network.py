"""Networks as graphs of ONNX: layers made of layers, and which layers can be written."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from tinynet.interop.onnx import operators, sequences
from tinynet.interop.onnx.graph import Graph, Value
from tinynet.layers import Concatenate, Frozen, Layer, Masked, Residual, Sequential
from tinynet.text import one_line


def add_layer(graph: Graph, layer: Layer, x: Value, place: str = "") -> Value:
    """Add what `predict` of a layer computes of x to the graph; returns what it computes.

    Raises:
        TypeError: a layer for which ONNX has no operator; the error says where it is.
    """
    kind = next((kind for kind in OPERATORS if _computes_as(layer, kind)), None)
    if kind is None:
        whose = f"layer {place}, {one_line(layer)}," if place else one_line(layer)
        raise TypeError(
            f"{whose} cannot be exported: only tinynet's own layers have operators in ONNX, and "
            f"classes derived from them that redefine no method but backward. Compose it of such "
            f"layers, or export the network without it and compute it in the program that reads "
            f"the file"
        )
    name = OPERATORS[kind](graph, layer, x)
    return Value(name, layer.predict(x.example))


def _computes_as(layer: Layer, kind: type[Layer]) -> bool:
    """Whether it is of that class, or of one derived from it that inherits what it computes."""
    own = type(layer)
    if not issubclass(own, kind):
        return False
    methods = {name for name in dir(kind) if inspect.isfunction(inspect.getattr_static(kind, name))}
    methods -= {"__init__", "backward", "parameter_gradients"}
    return all(
        inspect.getattr_static(own, name) is inspect.getattr_static(kind, name) for name in methods
    )


def _part(graph: Graph, name: str, layer: Layer, x: Value) -> Value:
    with graph.inside(name) as place:
        return add_layer(graph, layer, x, place)


def _sequential(graph: Graph, net: Sequential, x: Value) -> str:
    for name, layer in enumerate(net.layers):
        x = _part(graph, str(name), layer, x)
    return x.name


def _concatenate(graph: Graph, net: Concatenate, x: Value) -> str:
    parts = [_part(graph, str(name), layer, x) for name, layer in enumerate(net.layers)]
    return graph.add("Concat", *parts, axis=net.axis)


def _residual(graph: Graph, net: Residual, x: Value) -> str:
    return graph.add("Add", x, _part(graph, "inner", net.inner, x))


def _frozen(graph: Graph, net: Frozen, x: Value) -> str:
    return _part(graph, "inner", net.inner, x).name


def _masked(graph: Graph, net: Masked, x: Value) -> str:
    counting = sequences.mask(graph, x, net.padding)
    outside, example = graph.counting, np.ones(x.example.shape[:2], bool)
    if outside is not None and outside.example.shape == example.shape:
        counting = graph.add("And", counting, outside)
    with graph.masked(Value(counting, example)):
        return _part(graph, "inner", net.inner, x).name


OPERATORS: dict[type[Layer], Callable[[Graph, Any, Value], str]] = {
    **operators.OPERATORS,
    **sequences.OPERATORS,
    Sequential: _sequential,
    Concatenate: _concatenate,
    Residual: _residual,
    Frozen: _frozen,
    Masked: _masked,
}
"""For each class that can be exported, what adds it to a graph."""
