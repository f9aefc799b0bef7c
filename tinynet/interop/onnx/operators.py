"""Layers of features and images as ONNX's operators: what `predict` of each computes.

An attribute of an operator is a float32. So in float64 a layer with a number such as `eps` is
written in primitive operators, which take it as a constant of their own type. So are activations
whose operators runtimes know in float32 only.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinynet.interop.onnx.graph import Graph, Input, Value, named
from tinynet.layers import (
    ELU,
    GELU,
    AvgPool2D,
    BatchNorm,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePool,
    GroupNorm,
    Identity,
    Layer,
    LayerNorm,
    LeakyReLU,
    LogSoftmax,
    MaxPool2D,
    Mish,
    Permute,
    PReLU,
    ReLU,
    Reshape,
    RMSNorm,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Standardize,
    Tanh,
)
from tinynet.layers.normalization import Normalization
from tinynet.layers.windows import Windows
from tinynet.types import Array


def _dense(graph: Graph, layer: Dense, x: Value) -> str:
    W, b = named(layer, graph, "W", "b")
    if x.axes == 2:
        return graph.add("Gemm", x, W, b) if b else graph.add("MatMul", x, W)
    y = graph.add("MatMul", x, W)
    return graph.add("Add", y, b) if b else y


def _embedding(graph: Graph, layer: Embedding, x: Value) -> str:
    return graph.add("Gather", *named(layer, graph, "W"), x)


def _unchanged(graph: Graph, layer: Layer, x: Value) -> str:
    return x.name


# activations


def _sigmoid(graph: Graph, layer: Sigmoid, x: Value) -> str:
    return graph.add("Sigmoid", x)


def _tanh(graph: Graph, layer: Tanh, x: Value) -> str:
    return graph.add("Tanh", x)


def _softmax(graph: Graph, layer: Softmax, x: Value) -> str:
    return graph.add("Softmax", x, axis=-1)


def _log_softmax(graph: Graph, layer: LogSoftmax, x: Value) -> str:
    return graph.add("LogSoftmax", x, axis=-1)


def _relu(graph: Graph, layer: ReLU, x: Value) -> str:
    return graph.add("Relu", x)


def _leaky_relu(graph: Graph, layer: LeakyReLU, x: Value) -> str:
    if graph.float32:
        return graph.add("LeakyRelu", x, alpha=layer.negative_slope)
    return _sloping(graph, x, layer.negative_slope)


def _prelu(graph: Graph, layer: PReLU, x: Value) -> str:
    slope = layer.slope if len(layer.slope) == 1 else _along(layer.slope, x)
    name = graph.parameter("slope", slope)
    return graph.add("PRelu", x, name) if graph.float32 else _sloping(graph, x, name)


def _sloping(graph: Graph, x: Value, slope: Input) -> str:
    """x for x > 0, else slope · x; runtimes know PRelu for float32."""
    below = graph.add("Mul", graph.add("Min", x, 0.0), slope)
    return graph.add("Add", graph.add("Max", x, 0.0), below)


def _elu(graph: Graph, layer: ELU, x: Value) -> str:
    if graph.float32:
        return graph.add("Elu", x, alpha=layer.alpha)
    below = graph.add("Sub", graph.add("Exp", graph.add("Min", x, 0.0)), 1.0)
    return graph.add("Add", graph.add("Max", x, 0.0), graph.add("Mul", below, layer.alpha))


def _gelu(graph: Graph, layer: GELU, x: Value) -> str:
    if graph.float32 and graph.opset >= 20:
        return graph.add("Gelu", x, approximate=layer.approximate)
    if layer.approximate == "none":
        u = graph.add("Erf", graph.add("Mul", x, math.sqrt(0.5)))
    else:
        cubic = graph.add("Mul", graph.add("Mul", x, x), 0.044715)
        u = graph.add(
            "Mul", graph.add("Mul", x, math.sqrt(2 / math.pi)), graph.add("Add", cubic, 1.0)
        )
        u = graph.add("Tanh", u)
    return graph.add("Mul", x, graph.add("Mul", graph.add("Add", u, 1.0), 0.5))


def _silu(graph: Graph, layer: SiLU, x: Value) -> str:
    if graph.float32:
        return graph.add("Mul", x, graph.add("Sigmoid", x))
    # some versions of ONNX Runtime turn the other form into an operator without float64
    return graph.add("Div", x, graph.add("Add", graph.add("Exp", graph.add("Neg", x)), 1.0))


def _mish(graph: Graph, layer: Mish, x: Value) -> str:
    if graph.float32 and graph.opset >= 18:
        return graph.add("Mish", x)
    return graph.add("Mul", x, graph.add("Tanh", _log_of_1_and_exp(graph, x)))


def _softplus(graph: Graph, layer: Softplus, x: Value) -> str:
    return _log_of_1_and_exp(graph, x)


def _log_of_1_and_exp(graph: Graph, x: Value) -> str:
    """log(1 + e^x), in float64 as its layer computes it, because runtimes know only float32."""
    if graph.float32:
        return graph.add("Softplus", x)
    small = graph.add("Exp", graph.add("Neg", graph.add("Abs", x)))
    return graph.add(
        "Add", graph.add("Max", x, 0.0), graph.add("Log", graph.add("Add", small, 1.0))
    )


# shapes


def _flatten(graph: Graph, layer: Flatten, x: Value) -> str:
    return graph.add("Flatten", x, axis=1)


def _reshape(graph: Graph, layer: Reshape, x: Value) -> str:
    return graph.add("Reshape", x, [0, *layer.shape])  # 0 leaves the number of examples


def _permute(graph: Graph, layer: Permute, x: Value) -> str:
    return graph.add("Transpose", x, perm=[0, *layer.axes])


# normalization


def _standardize(graph: Graph, layer: Standardize, x: Value) -> str:
    mean, std = named(layer, graph, "mean", "std")
    return graph.add("Div", graph.add("Sub", x, mean), std)


def _affine(graph: Graph, layer: Normalization, x: Value | None = None) -> list[Input]:
    """Gain and bias, constants 1 and 0 where there are none; with x, in a shape that meets it."""
    inputs: list[Input] = []
    for name, neutral in (("gain", np.ones), ("bias", np.zeros)):
        array = getattr(layer, name, None)
        values = neutral(layer._features, graph.dtype) if array is None else array
        values = values if x is None else _along(values, x)
        inputs.append(values if array is None else graph.parameter(name, values))
    return inputs


def _batch_norm(graph: Graph, layer: BatchNorm, x: Value) -> str:
    if graph.float32:
        gain, bias = _affine(graph, layer)
        mean, var = named(layer, graph, *layer.buffers)
        return graph.add("BatchNormalization", x, gain, bias, mean, var, epsilon=layer.eps)
    gain, bias = _affine(graph, layer, x)
    mean, var = (
        graph.parameter(name, _along(getattr(layer, name), x))
        for name in ("running_mean", "running_var")
    )
    deviation = graph.add("Sqrt", graph.add("Add", var, layer.eps))
    scaled = graph.add("Mul", graph.add("Div", graph.add("Sub", x, mean), deviation), gain)
    return graph.add("Add", scaled, bias)


def _layer_norm(graph: Graph, layer: LayerNorm, x: Value) -> str:
    gain, bias = _affine(graph, layer)
    if graph.float32:
        return graph.add("LayerNormalization", x, gain, bias, axis=-1, epsilon=layer.eps)
    normalized = _normalized(graph, _centred(graph, x), layer.eps)
    return graph.add("Add", graph.add("Mul", normalized, gain), bias)


def _rms_norm(graph: Graph, layer: RMSNorm, x: Value) -> str:
    gain, _ = _affine(graph, layer)
    if graph.float32 and graph.opset >= 23:
        return graph.add("RMSNormalization", x, gain, axis=-1, epsilon=layer.eps)
    return graph.add("Mul", _normalized(graph, x, layer.eps), gain)


def _group_norm(graph: Graph, layer: GroupNorm, x: Value) -> str:
    groups = layer._groups
    if graph.float32 and graph.opset >= 21:
        gain, bias = _affine(graph, layer)
        return graph.add("GroupNormalization", x, gain, bias, num_groups=groups, epsilon=layer.eps)
    gain, bias = _affine(graph, layer, x)
    in_groups = graph.add("Reshape", x, [0, groups, -1])
    normalized = _normalized(graph, _centred(graph, in_groups), layer.eps)
    alike = graph.add("Reshape", normalized, [0, *x.example.shape[1:]])
    return graph.add("Add", graph.add("Mul", alike, gain), bias)


def _centred(graph: Graph, x: Input) -> str:
    """x − mean(x) over the last axis."""
    return graph.add("Sub", x, graph.mean(x, [-1]))


def _normalized(graph: Graph, x: Input, eps: float) -> str:
    """x / √(mean(x²) + ε) over the last axis."""
    mean = graph.mean(graph.add("Mul", x, x), [-1])
    return graph.add("Div", x, graph.add("Sqrt", graph.add("Add", mean, eps)))


def _along(values: Array, x: Value) -> Array:
    """One value for each feature, in a shape in which it meets the second axis of x."""
    return values.reshape(-1, *(1,) * (x.axes - 2))


# images


def _conv(graph: Graph, layer: Conv2D, x: Value) -> str:
    W, b = named(layer, graph, "W", "b")
    windows, axes = _windows(layer.windows, x.axes - 2), x.axes - 2
    dilations = list(layer.windows.dilation[:axes])
    return graph.add("Conv", x, W, b, group=layer.groups, dilations=dilations, **windows)


def _max_pool(graph: Graph, layer: MaxPool2D, x: Value) -> str:
    return graph.add("MaxPool", x, **_windows(layer.windows, 2))


def _avg_pool(graph: Graph, layer: AvgPool2D, x: Value) -> str:
    return graph.add("AveragePool", x, count_include_pad=1, **_windows(layer.windows, 2))


def _global_average_pool(graph: Graph, layer: GlobalAveragePool, x: Value) -> str:
    return graph.mean(x, [*range(2, x.axes)], keepdims=False)


def _windows(windows: Windows, axes: int) -> dict[str, list[int]]:
    """The attributes that say where windows lie, for images or for sequences."""
    before, after = zip(*windows.padding[:axes], strict=True)
    return {
        "kernel_shape": list(windows.kernel[:axes]),
        "strides": list(windows.stride[:axes]),
        "pads": [*before, *after],
    }


OPERATORS: dict[type[Layer], Callable[[Graph, Any, Value], str]] = {
    Dense: _dense,
    Embedding: _embedding,
    Identity: _unchanged,
    Dropout: _unchanged,  # in inference
    Sigmoid: _sigmoid,
    Tanh: _tanh,
    Softmax: _softmax,
    LogSoftmax: _log_softmax,
    ReLU: _relu,
    LeakyReLU: _leaky_relu,
    PReLU: _prelu,
    ELU: _elu,
    GELU: _gelu,
    SiLU: _silu,
    Mish: _mish,
    Softplus: _softplus,
    Flatten: _flatten,
    Reshape: _reshape,
    Permute: _permute,
    Standardize: _standardize,
    BatchNorm: _batch_norm,
    LayerNorm: _layer_norm,
    RMSNorm: _rms_norm,
    GroupNorm: _group_norm,
    Conv1D: _conv,
    Conv2D: _conv,
    MaxPool2D: _max_pool,
    AvgPool2D: _avg_pool,
    GlobalAveragePool: _global_average_pool,
}
"""For each class, what adds it to a graph: it gets the graph, the layer and what comes to it."""
