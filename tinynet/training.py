"""Training: forward, loss, backward, step, over and over."""

import copy
import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinynet.checks import positive_int
from tinynet.data import batches
from tinynet.errors import DivergenceError
from tinynet.layer import Layer
from tinynet.losses import Loss
from tinynet.optimizers import Optimizer
from tinynet.types import Array, Rng

__all__ = ["Epoch", "train"]


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one pass over the data gave.

    Attributes:
        number: 1 for the first epoch.
        loss: mean over the examples of the loss that each had when its batch came by; a short
            last batch weighs less.
        seconds: how long the pass took, without the body of the caller's loop.
        examples: how many examples were seen in the pass.
        lr: learning rate of the first step.
    """

    number: int
    loss: float
    seconds: float
    examples: int
    lr: float


def train(
    net: Layer,
    loss: Loss,
    optimizer: Optimizer,
    x: Array,
    t: Array,
    *,
    epochs: int,
    batch_size: int = 1,
    shuffle: bool = True,
    rng: Rng = None,
) -> Iterator[Epoch]:
    """Train the network, and yield an `Epoch` after each pass over the data.

    The arguments are checked at once, and one step is rehearsed on a copy; the training itself
    runs as the caller's loop asks for epochs. Reporting, early stopping, changing
    `optimizer.lr`: all are the body of that loop.

    Args:
        net: a layer or network; `predict` may be called between epochs.
        loss: what to make small.
        optimizer: made for `net`, or for a part of it that alone is to be trained.
        x: inputs (N, ...), never copied as a whole.
        t: targets (N, ...).
        epochs: passes over the data.
        batch_size: examples in a step; the last batch of an epoch may be shorter.
        shuffle: whether each epoch visits the examples in a new order.
        rng: where the order comes from.

    Raises:
        ValueError: lengths that differ, no data, NaN or infinity in the data, shapes that do not
            fit, an optimizer of another network.
        TypeError: something that is no array, or of the wrong float type.
        DivergenceError: during training, the loss is not finite any more.

    Warns:
        UserWarning: x looks like pixels that were never scaled.

    Example:
        >>> from tinynet import Dense, MSELoss, Sequential, SGD
        >>> net, loss = Sequential(Dense(2, 1, rng=0)), MSELoss()
        >>> x = np.random.default_rng(0).normal(size=(100, 2))
        >>> t = x @ [[2.0], [-1.0]] + 3
        >>> for epoch in train(net, loss, SGD(net, lr=0.05), x, t, epochs=2, rng=0):
        ...     print(epoch.number, f"{epoch.loss:.5f}")
        1 0.81323
        2 0.00000
    """
    positive_int(epochs, "epochs")
    positive_int(batch_size, "batch_size")
    _check_data(x, t)
    _check_optimizer(net, optimizer)
    _rehearse(net, loss, x[: min(batch_size, 32)], t[: min(batch_size, 32)])
    generator = np.random.default_rng(rng)

    def epoch_by_epoch() -> Iterator[Epoch]:
        for number in range(1, epochs + 1):
            started, rate = time.perf_counter(), optimizer.rate()
            stream = batches(x, t, batch_size=batch_size, shuffle=shuffle, rng=generator)
            mean = _one_epoch(net, loss, optimizer, stream, number)
            net.check_windows()
            seconds = time.perf_counter() - started
            yield Epoch(number, mean, seconds, len(x), rate)

    return epoch_by_epoch()


def _one_epoch(
    net: Layer,
    loss: Loss,
    optimizer: Optimizer,
    stream: Iterator[tuple[Array, Array]],
    number: int,
) -> float:
    """One step for each batch; the mean loss over the examples."""
    total, seen = 0.0, 0
    with np.errstate(over="ignore", invalid="ignore"):  # DivergenceError says it better
        for step, (x, t) in enumerate(stream, start=1):
            value = loss.forward(net.forward(x), t)
            if not math.isfinite(value):
                raise _diverged(value, number, step, optimizer.rate())
            net.parameter_gradients(loss.backward())
            optimizer.step()
            total += value * len(x)
            seen += len(x)
    return total / seen


def _diverged(value: float, epoch: int, step: int, rate: float) -> DivergenceError:
    return DivergenceError(
        f"the loss became {value} in epoch {epoch}, step {step}, at learning rate {rate:g}. "
        f"Try a learning rate ten times smaller, inputs scaled to about -1 to 1, "
        f"or initial weights that suit the activation; then build the network anew, "
        f"because its parameters may no longer be finite."
    )


def _check_data(x: Array, t: Array) -> None:
    for name, array in (("x", x), ("t", t)):
        if not isinstance(array, np.ndarray):
            raise TypeError(
                f"{name} must be a NumPy array; got {type(array).__name__}. Use np.asarray({name})."
            )
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{name} must hold numbers; got dtype {array.dtype}")
        if not array.ndim or not array.size:
            raise ValueError(f"{name} must hold at least one example; its shape is {array.shape}")
        if not (math.isfinite(array.max()) and math.isfinite(array.min())):
            row = next(n for n, example in enumerate(array) if not np.isfinite(example).all())
            raise ValueError(
                f"{name} must be finite; {name}[{row}] holds NaN or infinity. "
                f"Repair or leave out such examples."
            )
    if len(x) != len(t):
        raise ValueError(f"x has {len(x)} examples and t has {len(t)}: they must be as many")
    sample = x[:1000]
    if x.dtype == np.uint8 or (
        x.dtype.kind == "f"
        and sample.max() > 100
        and sample.max() <= 255
        and sample.min() >= 0
        and np.array_equal(sample, np.round(sample))
    ):
        warnings.warn(
            f"x holds whole numbers up to {sample.max():g}, as pixels that were never scaled; "
            f"a network learns poorly from those. Use tinynet.data.scale_pixels.",
            stacklevel=3,
        )


def _check_optimizer(net: Layer, optimizer: Optimizer) -> None:
    if not any(optimizer.net is layer for layer in net.walk()):
        raise ValueError(
            f"the optimizer was made for another network, {optimizer.net!r}, so it would not move "
            f"this one. Make it with {type(optimizer).__name__}(net, ...)."
        )


def _rehearse(net: Layer, loss: Loss, x: Array, t: Array) -> None:
    """One step on a copy, so that whatever does not fit is found before anything has changed."""
    net, loss = copy.deepcopy((net, loss))
    with np.errstate(over="ignore", invalid="ignore"):
        loss.forward(net.forward(x), t)
        net.parameter_gradients(loss.backward())
    net.check_windows()
