"""A network as a table of integers, which the compiled functions walk."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinynet.checks import rounding
from tinynet.layers import (
    ELU,
    GELU,
    BatchNorm,
    Dense,
    Dropout,
    Flatten,
    Frozen,
    Identity,
    Layer,
    LayerNorm,
    LeakyReLU,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    Reshape,
    Residual,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Standardize,
    Tanh,
)
from tinynet.losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    Loss,
    MSELoss,
)
from tinynet.training.blocked_sgd import is_ours
from tinynet.training.compiled import codes
from tinynet.types import Array

ELEMENTWISE: dict[type[Layer], tuple[int, str]] = {  # with the name of the constant
    Sigmoid: (codes.SIGMOID, ""),
    Tanh: (codes.TANH, ""),
    ReLU: (codes.RELU, ""),
    LeakyReLU: (codes.LEAKY, "negative_slope"),
    ELU: (codes.ELU, "alpha"),
    SiLU: (codes.SILU, ""),
    Softplus: (codes.SOFTPLUS, ""),
    Mish: (codes.MISH, ""),
}
LOSSES: dict[type[Loss], tuple[int, str]] = {
    MSELoss: (codes.MSE, ""),
    L1Loss: (codes.L1, ""),
    HuberLoss: (codes.HUBER, "delta"),
    BCELoss: (codes.BCE, ""),
    BCEWithLogitsLoss: (codes.BCE_LOGITS, ""),
    KLDivLoss: (codes.KL_DIV, ""),
    CrossEntropyLoss: (codes.CROSS_ENTROPY, "label_smoothing"),
}


class NotCompiled(Exception):
    """Something has no compiled form; the message says what."""


@dataclass(frozen=True)
class Program:
    """What the compiled functions need to know of a network and a loss.

    Attributes:
        table: a row for each layer: its code, inputs, outputs, where its W and its b begin in the
            flat vector (−1: nowhere), the outputs of all layers before it, and whether W and b are
            in the buffers instead. For the rows of a Residual, b is where the outputs of the other
            of its two rows begin.
        constants: two numbers for each layer, such as the slope of a LeakyReLU.
        loss: the code of the loss, its constant, and its class weights, if there are any.
        width: the outputs of all layers together.
        buffers: arrays that layers keep: running statistics, and the parameters of a Frozen. Their
            places are those in all of them together.
        dropouts: of each Dropout, its generator and the elements of one example that it meets.
    """

    table: Array
    constants: Array
    loss: tuple[int, float, Array]
    width: int
    buffers: tuple[Array, ...]
    dropouts: tuple[tuple[np.random.Generator, int], ...]

    @property
    def generators(self) -> list[np.random.Generator]:
        """Those of the Dropouts, each once."""
        return list({id(generator): generator for generator, _ in self.dropouts}.values())

    @property
    def dropped(self) -> int:
        """The elements of one example that all Dropouts meet."""
        return sum(size for _, size in self.dropouts)


def program(net: Layer, loss: Loss, x: Array, t: Array) -> Program:
    """The table of a network, if all of it has a compiled form.

    Raises:
        NotCompiled: a layer, the loss, or the data have none.
    """
    if x.dtype != net.params.dtype:
        raise NotCompiled(f"x of {x.dtype} for a network of {net.params.dtype}")
    table = _Table(x.shape[1:])
    table.add(net, frozen=False)
    if not table.rows or not net.params.size:
        raise NotCompiled("a network without parameters")
    if net.params.size != table.params:
        raise NotCompiled("parameters that are not those of its layers")
    return Program(
        np.array(table.rows, np.int64),
        np.array(table.constants),
        _loss(loss, table.shape, x, t),
        table.width,
        tuple(table.buffers),
        tuple(table.dropouts),
    )


class _Table:
    """The table of a network while it is written, in the order in which the layers compute.

    Attributes:
        shape: of one example, as it comes out of the last row.
        width: the outputs of all rows together.
        params: the parameters of all layers so far, which is where those of the next one begin.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.rows: list[tuple[int, ...]] = []
        self.constants: list[tuple[float, float]] = []
        self.buffers: list[Array] = []
        self.dropouts: list[tuple[np.random.Generator, int]] = []
        self.width = self.params = 0

    def add(self, layer: Layer, frozen: bool) -> None:
        """Write the rows of a layer.

        Args:
            frozen: whether it is in a Frozen.
        """
        if not is_ours(layer) or layer.__class__ is not type(layer):
            raise NotCompiled(f"{layer!r}, which is not one of tinynet's own")
        if type(layer) in ELEMENTWISE:
            code, name = ELEMENTWISE[type(layer)]
            self.row(code, constants=(float(getattr(layer, name)) if name else 0.0, 0.0))
        elif type(layer) in _WRITERS:
            _WRITERS[type(layer)](self, layer, frozen)
        else:
            raise NotCompiled(f"{layer!r}")

    def row(
        self,
        code: int,
        outputs: int | None = None,
        W: int = -1,
        b: int = -1,
        frozen: bool = False,
        constants: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Write one row; without `outputs`, the shape stays."""
        inputs = math.prod(self.shape)
        outputs = inputs if outputs is None else outputs
        self.rows.append((code, inputs, outputs, W, b, self.width, frozen))
        self.constants.append(constants)
        self.width += outputs

    def features(self, layer: Layer) -> int:
        """How many there are, for a layer that has a compiled form for rows (N, features) only."""
        if len(self.shape) != 1:
            raise NotCompiled(f"{layer!r} on examples of shape {self.shape}")
        return self.shape[0]

    def place(self, layer: Layer, frozen: bool) -> int:
        """Where the parameters of a layer begin, in the flat vector or in the buffers."""
        if frozen:
            return self.keep(layer.params)
        self.params += layer.params.size
        return self.params - layer.params.size

    def keep(self, *arrays: Array) -> int:
        """Take arrays into the buffers; where the first one begins."""
        start = sum(map(len, self.buffers))
        self.buffers += arrays
        return start


def _sequential(table: _Table, layer: Any, frozen: bool) -> None:
    for inner in layer.layers:
        table.add(inner, frozen)


def _frozen(table: _Table, layer: Any, frozen: bool) -> None:
    table.add(layer.inner, frozen=True)


def _residual(table: _Table, layer: Any, frozen: bool) -> None:
    shape, fork, start = table.shape, len(table.rows), table.width
    table.row(codes.FORK)
    table.add(layer.inner, frozen)
    if table.shape != shape:
        raise NotCompiled(f"{layer!r} on examples of shape {shape}")
    *row, _, place, fixed = table.rows[fork]
    table.rows[fork] = *row, table.width, place, fixed
    table.row(codes.JOIN, b=start)


def _flatten(table: _Table, layer: Any, frozen: bool) -> None:
    table.shape = (math.prod(table.shape),)


def _reshape(table: _Table, layer: Any, frozen: bool) -> None:
    table.shape = layer.shape


def _identity(table: _Table, layer: Any, frozen: bool) -> None:
    pass


def _dense(table: _Table, layer: Any, frozen: bool) -> None:
    table.features(layer)
    W, outputs = table.place(layer, frozen), layer.W.shape[1]
    b = -1 if layer.b is None else W + layer.W.size
    table.row(codes.DENSE, outputs, W, b, frozen)
    table.shape = (outputs,)


def _prelu(table: _Table, layer: Any, frozen: bool) -> None:
    slopes = len(layer.slope)
    if slopes > 1:
        table.features(layer)
    table.row(codes.PRELU, W=table.place(layer, frozen), b=slopes, frozen=frozen)


def _gelu(table: _Table, layer: Any, frozen: bool) -> None:
    table.row(codes.GELU if layer.approximate == "none" else codes.GELU_BY_TANH)


def _softmax(table: _Table, layer: Any, frozen: bool) -> None:
    table.features(layer)
    table.row(codes.SOFTMAX if type(layer) is Softmax else codes.LOG_SOFTMAX)


def _dropout(table: _Table, layer: Any, frozen: bool) -> None:
    if layer.channels:
        raise NotCompiled(f"{layer!r}")
    table.dropouts.append((layer.rng, math.prod(table.shape)))
    table.row(codes.DROPOUT, constants=(layer.rate, 0.0))


def _batch_norm(table: _Table, layer: Any, frozen: bool) -> None:
    table.features(layer)
    if layer.gain is None:
        raise NotCompiled(f"{layer!r}")
    if frozen:  # it normalizes with its running statistics
        scale = layer.gain / np.sqrt(layer.running_var + layer.eps)
        table.row(codes.NORMALIZE, W=table.keep(layer.running_mean, scale, layer.bias), frozen=True)
        return
    b = table.keep(layer.running_mean, layer.running_var)
    constants = layer.eps, layer.momentum
    table.row(codes.BATCH_NORM, W=table.place(layer, frozen), b=b, constants=constants)


def _layer_norm(table: _Table, layer: Any, frozen: bool) -> None:
    table.features(layer)
    if layer.gain is None or layer.bias is None:
        raise NotCompiled(f"{layer!r}")
    W = table.place(layer, frozen)
    table.row(codes.LAYER_NORM, W=W, frozen=frozen, constants=(layer.eps, 0.0))


def _standardize(table: _Table, layer: Any, frozen: bool) -> None:
    if layer.mean.shape != (table.features(layer),):
        raise NotCompiled(f"{layer!r}")
    constants = layer.mean, 1 / layer.std, np.zeros_like(layer.mean)
    table.row(codes.NORMALIZE, W=table.keep(*constants), frozen=True)


_WRITERS: dict[type[Layer], Callable[[_Table, Any, bool], None]] = {
    Sequential: _sequential,
    Frozen: _frozen,
    Residual: _residual,
    Flatten: _flatten,
    Reshape: _reshape,
    Identity: _identity,
    Dense: _dense,
    PReLU: _prelu,
    GELU: _gelu,
    Softmax: _softmax,
    LogSoftmax: _softmax,
    Dropout: _dropout,
    BatchNorm: _batch_norm,
    LayerNorm: _layer_norm,
    Standardize: _standardize,
}


def _loss(loss: Loss, shape: tuple[int, ...], x: Array, t: Array) -> tuple[int, float, Array]:
    if type(loss) not in LOSSES or not is_ours(loss) or loss.__class__ is not type(loss):
        raise NotCompiled(f"{loss!r}")
    code, name = LOSSES[type(loss)]
    constant, weights = float(getattr(loss, name)) if name else 0.0, np.empty(0, x.dtype)
    if isinstance(loss, BCEWithLogitsLoss) and loss.pos_weight is not None:
        raise NotCompiled(f"{loss!r}")
    if isinstance(loss, KLDivLoss):
        constant = rounding(x)  # up to which an output may be above 0
    if isinstance(loss, CrossEntropyLoss):
        if len(shape) != 1:
            raise NotCompiled(f"{loss!r} of sequences")
        if loss.weight is not None:
            weights = loss.weight.astype(x.dtype)
        if t.ndim == 1:
            return code, constant, weights
    if t.shape[1:] != shape or t.dtype != x.dtype:
        raise NotCompiled(f"targets of shape {t.shape} and {t.dtype}")
    return code, constant, weights
