"""Exact SGD that updates the first weight matrix once for a block of batches.

The plain loop reads and writes the first W at every batch, though for 784 inputs it is nearly all
of the network. But its inputs are known ahead. After batches X_j whose gradients at the first
layer's output are D_j, each multiplied by its learning rate, the weights are

    W = W₀ − Σ_j X_jᵀ D_j,    b = b₀ − Σ_j 1ᵀ D_j,

so the first layer's output for the next batch X_k is

    X_k W + b = X_k W₀ + b₀ − Σ_j (X_k X_jᵀ + 1) D_j.

For a block of batches, Z = X W₀ + b₀ and the Gram matrix G = X Xᵀ + 1 are two matrix products. Each
batch then costs one small product, G_kj D_j, and W and b are updated once, at the end of the block.
The sequence of updates is the same, to rounding. `train` takes this path where it `applies`, and
its plain loop otherwise; tests compare the two.

A block works on copies of the other layers, and writes its result into the network at its end, by
`_publish`. So an interrupt, or another thread, finds the network as it was after a whole block. If
something goes wrong in a block, its work is thrown away, and the plain loop takes its steps.

The first W is that of the last block, so nothing but this module may look at it: every layer and
the loss must be tinynet's own, by exact type. (A learning rate is a function of the step number;
one that reads the network needs `blocked=False`.)
"""

import copy
import math
from collections import deque
from collections.abc import Callable, Sequence
from itertools import starmap
from operator import call
from typing import Any, cast

import numpy as np

from tinynet.layers import Dense, Layer, Sequential
from tinynet.losses import Loss
from tinynet.losses.base import forward
from tinynet.optimizers import SGD, Optimizer
from tinynet.training.interrupts import HeldSignals
from tinynet.types import Array

EXAMPLES_IN_A_BLOCK = 64  # the Gram matrix grows with it, the calls per example shrink
LARGEST_BATCH = 32  # beyond, the Gram matrix costs what it saves


def applies(net: Layer, loss: Loss, optimizer: Optimizer, x: Array, batch_size: int) -> bool:
    """Whether this module can train that network, and does so faster than the plain loop."""
    return (
        batch_size <= LARGEST_BATCH
        and len(x) >= EXAMPLES_IN_A_BLOCK  # otherwise copies cost more than blocks save
        and type(flat(net)[0]) is Dense
        and type(optimizer) is SGD
        and optimizer.plain
        and optimizer.net is net
        and x.ndim == 2
        and x.dtype == net.params.dtype
        and all(is_ours(part) for part in (*net.walk(), loss, optimizer))
    )


def descend(
    net: Layer,
    loss: Loss,
    optimizer: Optimizer,
    data: tuple[Array, ...],
    batch_size: int,
    order: Array | None,
    record: Callable[[float, float], None],
    signals: HeldSignals,
) -> int:
    """Take the steps of an epoch up to its last batch, and return the place where that begins.

    The last batch is left to the plain loop, so that after an epoch the gradients, and what the
    layers keep, are those of a plain step. A block with a loss that is not finite, or with an
    error, is left to it too.

    Args:
        data: inputs, targets, and perhaps weights of the examples.
        order: of the rows; None for the order in which they lie.
        record: is called with the loss of each batch and how much it counts.
        signals: are delivered after each block.
    """
    layers = flat(net)
    first, originals = cast(Dense, layers[0]), layers[1:]  # as `applies` has found
    behind = first.params.size
    head, tail = net.params[:behind], net.params[behind:]  # of the first and all other layers
    update = np.empty_like(head)
    dW = update[: first.W.size].reshape(first.W.shape)
    db = update[first.W.size :]
    others, params, grads = _copied(originals, tail)
    buffers = list(zip(_buffers(originals), _buffers(others), strict=True))
    generators = list(zip(_bit_generators(originals), _bit_generators(others), strict=True))
    x = data[0]
    own = copy.copy(optimizer)  # counts steps, on which the learning rate may depend
    last = (len(x) - 1) // batch_size * batch_size
    length = EXAMPLES_IN_A_BLOCK // batch_size * batch_size
    for place in range(0, last, length):
        here = slice(place, min(place + length, last))
        rows = here if order is None else order[here]
        X, T, *W = (array[rows] for array in data)
        Z = first.predict(X)
        G = _gram(X, batch_size, 0 if first.b is None else 1)
        D = np.empty_like(Z)
        losses: list[tuple[float, float]] = []
        try:
            for start in range(0, len(X), batch_size):
                stop = min(start + batch_size, len(X))
                y = Z[start:stop]
                if start:
                    y -= G[start:stop, :start].dot(D[:start])
                for layer in others:
                    y = layer.forward(y)
                value = forward(loss, y, T[start:stop], *(w[start:stop] for w in W))
                weight = loss.batch_weight
                losses.append((value, stop - start if weight is None else weight))
                dy = loss.backward() * own.rate()
                for layer in reversed(others):
                    dy = layer.backward(dy)
                D[start:stop] = dy
                params -= grads
                own.steps += 1
        except Exception:  # the plain loop meets it again
            return place
        if not math.isfinite(sum(value for value, _ in losses)):
            return place
        X.T.dot(D, out=dW)
        if first.b is not None:
            D.sum(axis=0, out=db)
        _publish(
            [
                (np.subtract, head, update, head),
                (np.copyto, tail, params),
                (setattr, optimizer, "steps", own.steps),
                *((np.copyto, original, ours) for original, ours in buffers),
                *((setattr, original, "state", ours.state) for original, ours in generators),
            ]
        )
        for value, weight in losses:
            record(value, weight)
        if signals.waiting:
            signals.deliver()
    return last


def _copied(layers: Sequence[Layer], values: Array) -> tuple[tuple[Layer, ...], Array, Array]:
    """Copies of the layers on flat vectors of their own, and these."""
    params, grads, start = values.copy(), np.empty_like(values), 0
    copies = copy.deepcopy(tuple(layers))
    for layer in copies:
        stop = start + layer.params.size
        layer.bind(params[start:stop], grads[start:stop])
        start = stop
    return copies, params, grads


def _buffers(layers: Sequence[Layer]) -> list[Array]:
    parts = [part for layer in layers for part in layer.walk()]
    return [getattr(part, name) for part in parts for name in part.buffers]


def _bit_generators(layers: Sequence[Layer]) -> list[np.random.BitGenerator]:
    values = (value for layer in layers for part in layer.walk() for value in vars(part).values())
    return [value.bit_generator for value in values if isinstance(value, np.random.Generator)]


def _publish(calls: list[tuple[Any, ...]]) -> None:
    """Make all the calls, (function, *arguments), with no moment between them for an interrupt.

    Python raises an exception for a signal between two instructions of its own; `deque` makes these
    calls of compiled functions without any.
    """
    deque(starmap(call, calls), maxlen=0)


def _gram(x: Array, batch_size: int, constant: float) -> Array:
    """The part of X Xᵀ + constant that is needed: for each batch, the columns of those before it.

    The rest is not computed. A tile has about 32 rows and columns, which BLAS multiplies without
    copying its operands first.
    """
    G = np.zeros((len(x), len(x)), x.dtype)
    tile = LARGEST_BATCH // batch_size * batch_size
    for row in range(batch_size, len(x), tile):
        rows = slice(row, row + tile)
        for column in range(0, row, tile):
            columns = slice(column, column + tile)
            G[rows, columns] = x[rows].dot(x[columns].T)
    G += constant
    return G


def is_ours(part: object) -> bool:
    """Whether a class of tinynet computes it, without a method replaced in the object."""
    ours = type(part).__module__.startswith("tinynet.")
    classes = type(part).__mro__
    return ours and not any(callable(vars(c).get(name)) for name in vars(part) for c in classes)


def flat(net: Layer) -> tuple[Layer, ...]:
    """The layers in the order in which they compute, those of nested Sequentials included."""
    if type(net) is not Sequential:
        return (net,)
    return tuple(inner for layer in net.layers for inner in flat(layer))
