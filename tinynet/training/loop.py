"""Training: forward, loss, backward, step, over and over."""

import copy
import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinynet.checks import positive_int, random_generator
from tinynet.data.batches import in_order
from tinynet.errors import DivergenceError
from tinynet.layers import Layer, Sequential
from tinynet.losses import Loss
from tinynet.optimizers import Optimizer
from tinynet.training.blocked_sgd import EXAMPLES_IN_A_BLOCK, applies, descend
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
    blocked: bool = True,
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
        blocked: whether plain SGD on small batches updates the first weight matrix once in a block
            of batches, where that is possible: the same steps to rounding, faster; see
            `tinynet.training.blocked_sgd`. Pass False if `optimizer.lr` is a function that reads
            the network, because the first W and the gradients are out of date within a block.

    Raises:
        ValueError: lengths that differ, no data, NaN or infinity in the data, shapes that do not
            fit, an optimizer of another network.
        TypeError: something that is no array, or of the wrong float type.
        DivergenceError: during training, the loss or a parameter is not finite any more.

    Warns:
        UserWarning: x looks like pixels that were never scaled, or the network ends in an
            activation that the loss applies itself.

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
    if isinstance(loss, type):
        raise TypeError(f"loss must be a loss, not its class: write {loss.__name__}()")
    if not isinstance(loss, Loss):
        raise TypeError(
            f"loss must be a loss such as MSELoss(); got {type(loss).__name__}. "
            f"The order is network, loss, optimizer, x, t."
        )
    _check_data(x, t)
    if net.input_dtype is None:
        _warn_of_pixels(x)
    _warn_of_activation(net, loss)
    _check_optimizer(net, optimizer)
    smallest = min(len(x) % batch_size or batch_size, 32)  # the hardest to fit
    _rehearse(net, loss, x[:smallest], t)
    generator = random_generator(rng)

    def epoch_by_epoch() -> Iterator[Epoch]:
        for number in range(1, epochs + 1):
            started, rate = time.perf_counter(), optimizer.rate()
            # anew each time: the caller may have changed the optimizer, or be in detect_anomaly
            in_blocks = blocked and applies(net, loss, optimizer, x, batch_size)
            order = generator.permutation(len(x)) if shuffle else None
            mean = _Mean(number, rate)
            with np.errstate(over="ignore", invalid="ignore"):  # DivergenceError says it better
                begun = 0
                if in_blocks:
                    begun = _blocks(net, loss, optimizer, x, t, batch_size, order, mean)
                _steps(net, loss, optimizer, in_order(x, t, batch_size, order, begun), mean)
            net.check_views()
            mean.check_parameters(net.params)
            yield Epoch(number, mean.value(), time.perf_counter() - started, mean.examples, rate)

    return epoch_by_epoch()


def _steps(
    net: Layer,
    loss: Loss,
    optimizer: Optimizer,
    stream: Iterator[tuple[Array, Array]],
    mean: "_Mean",
) -> None:
    """One step for each batch."""
    for x, t in stream:
        mean.add(loss.forward(net.forward(x), t), len(x))
        net.parameter_gradients(loss.backward())
        optimizer.step()


def _blocks(
    net: Layer,
    loss: Loss,
    optimizer: Optimizer,
    x: Array,
    t: Array,
    batch_size: int,
    order: Array | None,
    mean: "_Mean",
) -> int:
    """The same steps, a block of batches at a time, up to the last batch; where that one begins.

    The last batch is left to `_steps`, so an epoch leaves the gradients and what the layers keep
    as they are after a plain step.
    """
    last = (len(x) - 1) // batch_size * batch_size
    length = EXAMPLES_IN_A_BLOCK // batch_size * batch_size
    for start in range(0, last, length):
        here = slice(start, min(start + length, last))
        rows = here if order is None else order[here]
        descend(net, loss, optimizer, x[rows], t[rows], batch_size, mean.add)
    return last


class _Mean:
    """The mean loss over the examples of an epoch; refuses what is not finite."""

    def __init__(self, epoch: int, rate: float) -> None:
        self.epoch, self.rate = epoch, rate  # the rate of the first step
        self.total, self.examples, self.steps = 0.0, 0, 0

    def add(self, value: float, examples: int) -> None:
        """The loss of one more batch."""
        self.steps += 1
        if not math.isfinite(value):
            raise self._diverged(f"the loss became {value}")
        self.total += value * examples
        self.examples += examples

    def check_parameters(self, params: Array) -> None:
        """After the last batch, whose step no loss has judged."""
        if not np.isfinite(params).all():
            raise self._diverged("a parameter became NaN or infinite")

    def _diverged(self, what: str) -> DivergenceError:
        return DivergenceError(
            f"{what} in epoch {self.epoch}, step {self.steps}; the epoch began at learning rate "
            f"{self.rate:g}. Try a learning rate ten times smaller, inputs scaled to about -1 to "
            f"1, or initial weights that suit the activation; then build the network anew, because "
            f"its parameters may no longer be finite."
        )

    def value(self) -> float:
        """The mean so far."""
        return self.total / self.examples


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


def _warn_of_pixels(x: Array) -> None:
    sample = x[:1000]
    if x.dtype == np.uint8 or (
        x.dtype.kind in "iuf"
        and 100 < sample.max() <= 255
        and sample.min() >= 0
        and np.array_equal(sample, np.round(sample))
    ):
        warnings.warn(
            f"x holds whole numbers up to {sample.max():g}, as pixels that were never scaled; "
            f"a network learns poorly from those. Use tinynet.data.scale_pixels.",
            stacklevel=3,
        )


def _warn_of_activation(net: Layer, loss: Loss) -> None:
    last = net
    while isinstance(last, Sequential):
        last = last.layers[-1]
    if type(last).__name__ == loss.activation:
        warnings.warn(
            f"the network ends in {last!r}, which {loss!r} applies itself: twice, it learns slowly "
            f"and the loss stays high. Leave the layer out, and apply it to predictions by hand.",
            stacklevel=3,
        )


def _check_optimizer(net: Layer, optimizer: Optimizer) -> None:
    mine = [layer for layer in net.walk() if layer is optimizer.net]
    if not mine:
        raise ValueError(
            f"the optimizer was made for another network, {optimizer.net!r}, so it would not move "
            f"this one. Make it with {type(optimizer).__name__}(net, ...)."
        )
    if mine[0].is_frozen():
        raise ValueError(
            f"the optimizer was made for {optimizer.net!r}, which is in a Frozen and must not "
            f"move. Make it with {type(optimizer).__name__}(net, ...), or thaw a copy of it."
        )


def _rehearse(net: Layer, loss: Loss, x: Array, t: Array) -> None:
    """One step on a copy, so that whatever does not fit is found before anything has changed.

    All targets are held against the first output, as the loss will hold each batch against its own.
    """
    net, loss = copy.deepcopy((net, loss))
    with np.errstate(over="ignore", invalid="ignore"):
        y = net.forward(x)
        if len(y) == len(x):
            loss.check(np.broadcast_to(y[:1], (len(t), *y.shape[1:])), t)
        loss.forward(y, t[: len(x)])
        net.parameter_gradients(loss.backward())
    net.check_views()
