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

The first W is out of date within a block, so nothing but this module may look at it: every layer
and the loss must be tinynet's own, by exact type. (A learning rate is a function of the step
number; one that reads the network needs `blocked=False`.)
"""

from collections.abc import Callable

import numpy as np

from tinynet.layers import Dense, Layer, Sequential
from tinynet.losses import Loss
from tinynet.optimizers import SGD, Optimizer
from tinynet.types import Array

EXAMPLES_IN_A_BLOCK = 64  # the Gram matrix grows with it, the calls per example shrink
LARGEST_BATCH = 32  # beyond, the Gram matrix costs what it saves


def applies(net: Layer, loss: Loss, optimizer: Optimizer, x: Array, batch_size: int) -> bool:
    """Whether this module can train that network, and does so faster than the plain loop."""
    layers = _flat(net)
    return (
        batch_size <= LARGEST_BATCH
        and type(layers[0]) is Dense
        and type(optimizer) is SGD
        and optimizer.plain
        and optimizer.net is net
        and x.ndim == 2
        and x.dtype == net.params.dtype
        and all(_is_ours(part) for part in (*net.walk(), loss))
    )


def descend(
    net: Layer,
    loss: Loss,
    optimizer: Optimizer,
    x: Array,
    t: Array,
    batch_size: int,
    order: Array | None,
    record: Callable[[float, int], None],
) -> int:
    """Take the steps of an epoch up to its last batch, and return the place where that begins.

    The last batch is left to the plain loop, so that after an epoch the gradients, and what the
    layers keep, are those of a plain step.

    Args:
        order: of the rows; None for the order in which they lie.
        record: is called with the loss of each batch and its number of examples, before its step;
            if it raises an error, the steps of the batches before stay taken.
    """
    first, *others = _flat(net)
    assert isinstance(first, Dense)  # as `applies` has found
    behind = first.params.size
    params, grads = net.params[behind:], net.grads[behind:]  # of all the other layers
    last = (len(x) - 1) // batch_size * batch_size
    length = EXAMPLES_IN_A_BLOCK // batch_size * batch_size
    for place in range(0, last, length):
        here = slice(place, min(place + length, last))
        rows = here if order is None else order[here]
        X, T = x[rows], t[rows]
        Z = first.predict(X)
        G = _gram(X, batch_size, 0 if first.b is None else 1)
        D = np.empty_like(Z)
        done = 0
        try:
            for start in range(0, len(X), batch_size):
                stop = min(start + batch_size, len(X))
                y = Z[start:stop]
                if start:
                    y -= G[start:stop, :start].dot(D[:start])
                for layer in others:
                    y = layer.forward(y)
                record(loss.forward(y, T[start:stop]), stop - start)
                dy = loss.backward() * optimizer.rate()
                for layer in reversed(others):
                    dy = layer.backward(dy)
                D[start:stop] = dy
                params -= grads
                optimizer.steps += 1
                done = stop
        finally:  # an error or an interrupt in a block leaves the steps taken before it
            first.W -= X[:done].T.dot(D[:done], out=first.dW)
            if first.b is not None:
                first.b -= D[:done].sum(axis=0)
    return last


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


def _is_ours(part: object) -> bool:
    """Whether a class of tinynet computes it, without a method replaced in the object."""
    ours = type(part).__module__.startswith("tinynet.")
    return ours and not any(callable(getattr(type(part), name, None)) for name in vars(part))


def _flat(net: Layer) -> tuple[Layer, ...]:
    """The layers in the order in which they compute, those of nested Sequentials included."""
    if type(net) is not Sequential:
        return (net,)
    return tuple(inner for layer in net.layers for inner in _flat(layer))
