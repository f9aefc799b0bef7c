"""A network as a table of integers, which the compiled functions walk."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tinynet.layers import (
    ELU,
    GELU,
    BatchNorm,
    Dense,
    Dropout,
    Flatten,
    Identity,
    Layer,
    LayerNorm,
    LeakyReLU,
    LogSoftmax,
    Mish,
    ReLU,
    Reshape,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from tinynet.losses import BCEWithLogitsLoss, CrossEntropyLoss, HuberLoss, L1Loss, Loss, MSELoss
from tinynet.training.blocked_sgd import flat, is_ours
from tinynet.training.compiled import codes
from tinynet.types import Array

ACTIVATIONS: dict[type[Layer], tuple[int, str]] = {  # with the name of the constant
    Sigmoid: (codes.SIGMOID, ""),
    Tanh: (codes.TANH, ""),
    ReLU: (codes.RELU, ""),
    LeakyReLU: (codes.LEAKY, "negative_slope"),
    ELU: (codes.ELU, "alpha"),
    SiLU: (codes.SILU, ""),
    Softplus: (codes.SOFTPLUS, ""),
    Softmax: (codes.SOFTMAX, ""),
    LogSoftmax: (codes.LOG_SOFTMAX, ""),
    Mish: (codes.MISH, ""),
}
LOSSES: dict[type[Loss], tuple[int, str]] = {
    MSELoss: (codes.MSE, ""),
    L1Loss: (codes.L1, ""),
    HuberLoss: (codes.HUBER, "delta"),
    BCEWithLogitsLoss: (codes.BCE_LOGITS, ""),
    CrossEntropyLoss: (codes.CROSS_ENTROPY, "label_smoothing"),
}
_ALONG_ROWS = Softmax, LogSoftmax


class NotCompiled(Exception):
    """Something has no compiled form; the message says what."""


@dataclass(frozen=True)
class Program:
    """What the compiled functions need to know of a network and a loss.

    Attributes:
        table: a row for each layer: its code, inputs, outputs, where its W and its b begin in the
            flat vector (−1: nowhere), and the outputs of all layers before it.
        constants: two numbers for each layer, such as the slope of a LeakyReLU.
        loss: the code of the loss, and its constant.
        width: the outputs of all layers together.
        statistics: the running mean and variance of each BatchNorm, whose place in all of them
            together is the B of its row.
        generator: that of all Dropouts; None if there is none.
    """

    table: Array
    constants: Array
    loss: tuple[int, float]
    width: int
    statistics: tuple[Array, ...]
    generator: np.random.Generator | None


def program(net: Layer, loss: Loss, x: Array, t: Array) -> Program:
    """The table of a network, if all of it has a compiled form.

    Raises:
        NotCompiled: a layer, the loss, or the data have none.
    """
    if x.dtype != net.params.dtype:
        raise NotCompiled(f"x of {x.dtype} for a network of {net.params.dtype}")
    shape, rows, constants, place = x.shape[1:], [], [], 0
    statistics: list[Array] = []
    generators: dict[int, np.random.Generator] = {}
    starts = _starts(net)
    for layer in flat(net):
        if not is_ours(layer) or layer.__class__ is not type(layer):
            raise NotCompiled(f"{layer!r}, which is not one of tinynet's own")
        if type(layer) in (Flatten, Reshape, Identity):
            shape = _reshaped(layer, shape)
            continue
        size = math.prod(shape)
        if type(layer) is Dense:
            if len(shape) != 1:
                raise NotCompiled(f"{layer!r} on sequences")
            outputs = layer.W.shape[1]
            W = starts[id(layer)]
            row = [
                codes.DENSE,
                size,
                outputs,
                W,
                -1 if layer.b is None else W + layer.W.size,
                place,
            ]
            constant, shape = (0.0, 0.0), (outputs,)
        elif isinstance(layer, GELU):
            code = codes.GELU if layer.approximate == "none" else codes.GELU_BY_TANH
            row = [code, size, size, -1, -1, place]
            constant = 0.0, 0.0
        elif isinstance(layer, Dropout) and not layer.channels:
            generators[id(layer.rng)] = layer.rng
            row, constant = [codes.DROPOUT, size, size, -1, -1, place], (layer.rate, 0.0)
        elif isinstance(layer, BatchNorm | LayerNorm) and len(shape) == 1:
            row = [codes.LAYER_NORM, size, size, starts[id(layer)], -1, place]
            constant = layer.eps, 0.0
            if isinstance(layer, BatchNorm):
                row[0], row[4] = codes.BATCH_NORM, sum(map(len, statistics))
                constant = layer.eps, layer.momentum
                statistics += layer.running_mean, layer.running_var
        elif type(layer) in ACTIVATIONS:
            if type(layer) in _ALONG_ROWS and len(shape) != 1:
                raise NotCompiled(f"{layer!r} on sequences")
            code, name = ACTIVATIONS[type(layer)]
            row = [code, size, size, -1, -1, place]
            constant = (float(getattr(layer, name)) if name else 0.0), 0.0
        else:
            raise NotCompiled(f"{layer!r}")
        rows.append(row)
        constants.append(constant)
        place += row[2]
    if not rows or not net.params.size:
        raise NotCompiled("a network without parameters")
    if net.params.size != sum(layer.params.size for layer in flat(net)):
        raise NotCompiled("parameters that are not those of its layers")
    if len(generators) > 1:
        raise NotCompiled("Dropouts with several generators")
    generator = next(iter(generators.values()), None)
    return Program(
        np.array(rows, np.int64),
        np.array(constants),
        _loss(loss, shape, x, t),
        place,
        tuple(statistics),
        generator,
    )


def _starts(net: Layer) -> dict[int, int]:
    """Where the parameters of each layer begin in the flat vector of the network."""
    starts, place = {}, 0
    for layer in flat(net):
        starts[id(layer)] = place
        place += layer.params.size
    return starts


def _reshaped(layer: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    if isinstance(layer, Flatten):
        return (math.prod(shape),)
    return layer.shape if isinstance(layer, Reshape) else shape


def _loss(loss: Loss, shape: tuple[int, ...], x: Array, t: Array) -> tuple[int, float]:
    if type(loss) not in LOSSES or not is_ours(loss):
        raise NotCompiled(f"{loss!r}")
    code, name = LOSSES[type(loss)]
    if isinstance(loss, CrossEntropyLoss):
        if loss.weight is not None or loss.ignore_index is not None:
            raise NotCompiled(f"{loss!r}, with weights or an ignored index")
        if len(shape) != 1 or t.ndim != 1:
            raise NotCompiled(f"{loss!r} of rows of probabilities, or of sequences")
    elif t.shape[1:] != shape or t.dtype != x.dtype:
        raise NotCompiled(f"targets of shape {t.shape} and {t.dtype}")
    return code, float(getattr(loss, name)) if name else 0.0
