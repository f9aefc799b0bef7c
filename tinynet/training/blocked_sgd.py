"""Exact SGD that updates the first weight matrix once in a block of batches.

Plain descent reads and writes the first W at every batch, though for 784 inputs it is nearly all of
the network. But its inputs are known ahead. After batches X_j whose gradients at the first layer's
output are D_j, each taken times its learning rate, the weights are

    W = W₀ − Σ_j X_jᵀ D_j,    b = b₀ − Σ_j 1ᵀ D_j,

so the first layer's output for the next batch X_k is

    X_k W + b = X_k W₀ + b₀ − Σ_j (X_k X_jᵀ + 1) D_j.

For a block of batches, Z = X W₀ + b₀ and the Gram matrix G = X Xᵀ + 1 are two matrix products; each
batch then costs one small product, G_kj D_j, and W and b are updated once, at the end. It is the
same sequence of updates, to rounding. `train` takes this path where it `applies`; the loop in
`tinynet.training.loop` is its plain twin.

The first W is out of date within a block, so nothing but this module may look at it: every layer
and the loss have to be tinynet's own, by exact type. (A learning rate is a function of the step
number; one that reads the network all the same needs `blocked=False`.)
"""

from collections.abc import Callable

import numpy as np

from tinynet.layers import Dense, Layer, Sequential
from tinynet.losses import Loss
from tinynet.optimizers import SGD, Optimizer
from tinynet.types import Array

__all__ = ["EXAMPLES_IN_A_BLOCK", "LARGEST_BATCH", "applies", "descend"]

EXAMPLES_IN_A_BLOCK = 64  # the Gram matrix grows with it, the calls per example shrink
LARGEST_BATCH = 32  # beyond, the Gram matrix costs what it saves


def applies(net: Layer, loss: Loss, optimizer: Optimizer, x: Array, batch_size: int) -> bool:
    """Whether a network is one that this module can train, and would train faster."""
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
    record: Callable[[float, int], None],
) -> None:
    """One step for each batch of x, a block whose rows are in the order of the steps.

    Args:
        record: is told the loss of each batch and its number of examples, before its step; an error
            that it raises ends the block with the updates of the batches before.
    """
    first, *others = _flat(net)
    assert isinstance(first, Dense)  # as `applies` has found
    behind = first.params.size
    params, grads = net.params[behind:], net.grads[behind:]  # of all the other layers
    Z = first.predict(x)
    G = _gram(x, batch_size, 0 if first.b is None else 1)
    D = np.empty_like(Z)
    done = 0
    try:
        for start in range(0, len(x), batch_size):
            stop = min(start + batch_size, len(x))
            y = Z[start:stop]
            if start:
                y -= G[start:stop, :start].dot(D[:start])
            for layer in others:
                y = layer.forward(y)
            record(loss.forward(y, t[start:stop]), stop - start)
            dy = loss.backward() * optimizer.rate()
            for layer in reversed(others):
                dy = layer.backward(dy)
            D[start:stop] = dy
            params -= grads
            optimizer.steps += 1
            done = stop
    finally:  # an error or an interrupt in a block leaves the steps taken before it
        first.W -= x[:done].T.dot(D[:done], out=first.dW)
        if first.b is not None:
            first.b -= D[:done].sum(axis=0)


def _gram(x: Array, batch_size: int, constant: float) -> Array:
    """What is needed of X Xᵀ + constant: for each batch, the columns of the batches before it.

    The rest is not computed. Tiles of about 32 by 32 are as large as BLAS multiplies at once,
    without a copy of its operands first.
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
    """Whether a class of tinynet's computes it, and no function that was put in its place."""
    ours = type(part).__module__.startswith("tinynet.")
    return ours and not any(callable(getattr(type(part), name, None)) for name in vars(part))


def _flat(net: Layer) -> tuple[Layer, ...]:
    """The layers in a row, those of a Sequential inside a Sequential among them."""
    if type(net) is not Sequential:
        return (net,)
    return tuple(inner for layer in net.layers for inner in _flat(layer))
