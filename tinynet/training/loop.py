"""The training loop: forward, loss, backward, step."""

import math
import time
import warnings
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from tinynet.checks import boolean, positive_int, random_generator
from tinynet.data.batches import in_order
from tinynet.errors import DivergenceError
from tinynet.foreign_names import answering_keywords
from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.losses.base import check_weights, forward
from tinynet.optimizers import Optimizer
from tinynet.text import shown
from tinynet.training import blocked_sgd, compiled
from tinynet.training.arguments import check_arguments, rehearse
from tinynet.training.blas_threads import OneThread, largest_product
from tinynet.training.interrupts import HeldSignals
from tinynet.training.read_only import read_only
from tinynet.training.streams import Batches, Stream, as_stream, check_stream_options
from tinynet.types import Array, Rng

_ENGINES = "auto", "compiled", "numpy"
LOST = "; then build a new network, because the parameters of this one may no longer be finite."
"""What `fit` does not say, because it puts the network back."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """The result of one pass over the data.

    Attributes:
        number: 1 for the first epoch.
        loss: mean over the examples, each with the loss that its batch had before its step; a
            short last batch weighs less, or each batch as its `Loss.batch_weight` says.
        seconds: duration of the pass, without the body of the caller's loop.
        examples: number of examples in the pass.
        lr: learning rate of the first step.
    """

    number: int
    loss: float
    seconds: float
    examples: int
    lr: float


@answering_keywords
def train(
    net: Layer,
    loss: Loss,
    optimizer: Optimizer,
    x: Array | Batches,
    t: Array | None = None,
    *,
    epochs: int,
    batch_size: int = 1,
    shuffle: bool = True,
    sample_weight: ArrayLike | None = None,
    rng: Rng = None,
    engine: str = "auto",
    blocked: bool = True,
) -> Iterator[Epoch]:
    """Train the network, and yield an `Epoch` after each pass over the data.

    The arguments are checked at the call, and one step is rehearsed on a copy. The training itself
    runs while the caller's loop asks for epochs; that loop is the place to report, to stop early
    and to change `optimizer.lr`.

    Args:
        net: a layer or network; `predict` may be called between epochs.
        loss: the loss to minimize. Training works on a shallow copy, so several trainings may share
            one object. What is assigned to it counts from the next epoch on.
        optimizer: made for `net`, or for a part of it that alone is to be trained.
        x: inputs (N, ...), never copied as a whole. Or, without t, a stream: an iterable of
            batches (x, t) or (x, t, weights) that begins anew for each epoch, or a function that
            returns one, for data that do not fit into memory or are made as they are needed.
        t: targets (N, ...).
        epochs: passes over the data.
        batch_size: examples in a step; the last batch of an epoch may be shorter. A stream has
            its own batches, and their order.
        shuffle: whether each epoch visits the examples in a new order.
        sample_weight: a weight (N,) of at least 0 for each example, as `Loss.forward_weighted`
            takes them: a step minimizes the weighted mean over its batch.
        rng: random numbers for that order.
        engine: "compiled" takes steps of compiled loops, with the extra `fast` (Numba), where all
            layers, the loss and the data have them; "numpy" takes the methods of the layers, which
            these are the same as, to rounding; "auto" chooses what is faster. As with `blocked`,
            an `optimizer.lr` that reads the network needs "numpy".
        blocked: whether plain SGD on small batches updates the first weight matrix once for a block
            of batches, where that is possible. It takes the same steps to rounding, and is faster;
            see `tinynet.training.blocked_sgd`. Pass False if `optimizer.lr` is a function that
            reads the network, because the first W and the gradients are out of date in a block.

    Raises:
        ValueError: lengths that differ, no data, NaN or infinity in the data, shapes that do not
            fit, an optimizer of another network; `engine="compiled"` with something that has no
            compiled form.
        TypeError: something that is not an array, or has the wrong float type.
        DivergenceError: during training, when the loss or a parameter is no longer finite.

    Warns:
        UserWarning: x looks like pixels that were never scaled, or the network ends in an
            activation that the loss applies itself; later, that nobody asked for an epoch.

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
    return _Epochs(
        start(
            net, loss, optimizer, x, t, epochs, batch_size, shuffle, rng, engine, blocked,
            sample_weight,
        )
    )  # fmt: skip


def start(
    net: Layer,
    loss: Loss,
    optimizer: Optimizer,
    x: Array | Batches | Stream,
    t: Array | None,
    epochs: int,
    batch_size: int,
    shuffle: bool,
    rng: Rng,
    engine: str,
    blocked: bool = True,
    sample_weight: ArrayLike | None = None,
    watch: Callable[[int], object] | None = None,
    checked: bool = False,
) -> Generator[Epoch, None, None]:
    """Do what `train` does; `watch` is called with the number of steps taken in an epoch.

    It is called some hundred times in an epoch. A signal waits until a step is complete, so that
    an exception that its handler raises leaves parameters, buffers, the optimizer and random
    numbers as they are between two steps. `checked` says that network, loss and optimizer have been
    trained together, and that x and t are finite numbers: then nothing is rehearsed.
    """
    positive_int(epochs, "epochs")
    positive_int(batch_size, "batch_size")
    shuffle, blocked = boolean(shuffle, "shuffle"), boolean(blocked, "blocked")
    generator = random_generator(rng)
    if not isinstance(engine, str) or engine not in _ENGINES:
        raise ValueError(f"engine must be one of {_ENGINES}; got {shown(engine)}")
    if (stream := as_stream(x, t)) is None:
        data: tuple[Array, ...] = cast(Array, x), cast(Array, t)
    else:
        data = stream.first
        check_stream_options(batch_size, sample_weight, engine)
        batch_size = len(data[0])
    if not checked:
        check_arguments(net, loss, optimizer, *data[:2])
    x, t, *more = data
    data = read_only(x), read_only(t), *more
    if sample_weight is not None:
        weights = check_weights("sample_weight", sample_weight, len(x))
        if not weights.any():
            raise ValueError("sample_weight must have an example above 0; got only 0.0")
        data = *data, read_only(weights)
    if not checked:
        rehearse(net, loss, data, batch_size)
    if engine == "compiled" and (what := compiled.reason_against(net, loss, optimizer, data)):
        raise ValueError(f'engine="compiled" has no compiled form of {what}; use engine="auto"')
    steps = -(-len(x) // batch_size) if stream is None else stream.steps
    product = largest_product(net, min(batch_size, len(x)))

    whole = stream is None
    wanted = engine == "compiled" or (
        engine == "auto" and whole and compiled.pays(net, batch_size, steps * epochs)
    )

    def epoch_by_epoch() -> Generator[Epoch, None, None]:
        warned = False
        for number, own in zip(range(1, epochs + 1), _own_copies(loss), strict=False):
            started, rate = time.perf_counter(), optimizer.rate()
            mean, start = _MeanLoss(number, rate, steps, watch), 0
            # underflow is harmless, DivergenceError says the rest
            with np.errstate(all="ignore"), HeldSignals() as signals, OneThread(product):
                order = generator.permutation(len(x)) if shuffle and whole else None
                # in each epoch, because the caller may have changed the optimizer
                if wanted and not compiled.reason_against(net, own, optimizer, data):
                    start = compiled.descend(
                        net, own, optimizer, data, batch_size, order, mean.add_all, signals
                    )
                elif blocked and whole and blocked_sgd.applies(net, own, optimizer, x, batch_size):
                    start = blocked_sgd.descend(
                        net, own, optimizer, data, batch_size, order, mean.add, signals
                    )
                batches = stream.epoch() if stream else in_order(data, batch_size, order, start)
                for x_batch, t_batch, *weights in batches:
                    value = forward(own, net.forward(x_batch), t_batch, *weights)
                    weight = own.batch_weight
                    mean.add(value, len(x_batch) if weight is None else weight)
                    net.parameter_gradients(own.backward())
                    optimizer.step()
                    if signals.waiting:
                        signals.deliver()
            mean.check_parameters(net.params)
            if not mean.weight:
                raise ValueError(
                    f"no target counts for {own!r} in epoch {number}: each is left out, or has the "
                    f"weight 0"
                )
            if rate == 0 == optimizer.rate() and number < epochs and not warned:
                warned = True
                _warn_of_no_rate(number, epochs)
            seconds = time.perf_counter() - started
            examples = stream.examples if stream else len(x)
            yield Epoch(number, mean.total / mean.weight, seconds, examples, rate)

    return epoch_by_epoch()


def _warn_of_no_rate(number: int, epochs: int) -> None:
    warnings.warn(
        f"the learning rate was 0 in epoch {number} and still is, so nothing is learned, and "
        f"{epochs - number} more epochs are to come. Is the schedule that lr gives in steps? "
        f"Give it the steps of all epochs, or end the training here.",
        stacklevel=3,
    )


class _Epochs(Iterator[Epoch]):
    """An iterator that warns if it is thrown away before anyone has asked for an epoch."""

    def __init__(self, epochs: Generator[Epoch, None, None]) -> None:
        self._epochs, self._asked = epochs, False
        self.close = epochs.close

    def __iter__(self) -> Iterator[Epoch]:
        self._asked = True
        return self

    def __next__(self) -> Epoch:
        self._asked = True
        return next(self._epochs)

    def __del__(self) -> None:
        if not self._asked:
            warnings.warn("nothing was trained: write for epoch in train(...): ...", stacklevel=2)


def _own_copies(loss: Loss) -> Iterator[Loss]:
    """The loss that a training works on, for each epoch.

    It takes over what was assigned to the caller's object since the last epoch, and its class,
    which `detect_anomaly` changes for a while.
    """
    own_attributes: dict[str, Any] = {}
    seen: dict[str, Any] = {}
    while True:
        given = dict(vars(loss))
        own_attributes |= {k: v for k, v in given.items() if seen.get(k, seen) is not v}
        own: Loss = object.__new__(type(loss))
        own.__dict__, seen = own_attributes, given
        yield own


class _MeanLoss:
    """The mean loss of an epoch over its batches; what is not finite is an error."""

    def __init__(
        self, epoch: int, rate: float, steps: int, watch: Callable[[int], object] | None
    ) -> None:
        self.epoch, self.rate = epoch, rate  # the rate of the first step
        self.total, self.weight, self.steps = 0.0, 0.0, 0
        self._watch, self._next, self._interval = watch, math.inf, max(1, steps // 200)
        if watch is not None:
            self._next = self._interval

    def add(self, value: float, weight: float) -> None:
        """The loss of one more batch, and how much it counts."""
        self.steps += 1
        if not math.isfinite(value):
            raise self._diverged(f"the loss became {value}")
        self.total += value * weight
        self.weight += weight
        if self.steps >= self._next and self._watch is not None:
            self._watch(self.steps)
            self._next = self.steps + self._interval

    def add_all(self, values: Array, weights: Array) -> None:
        """The same for several batches, whose losses are finite."""
        self.steps += len(values)
        self.total += float((values * weights).sum())
        self.weight += float(weights.sum())
        if self.steps >= self._next and self._watch is not None:
            self._watch(self.steps)
            self._next = self.steps + self._interval

    def check_parameters(self, params: Array) -> None:
        """Look at what the last step made, because no loss comes after it."""
        if not np.isfinite(params).all():
            raise self._diverged("a parameter became NaN or infinite")

    def _diverged(self, what: str) -> DivergenceError:
        return DivergenceError(
            f"{what} in epoch {self.epoch}, step {self.steps}; the epoch began at learning rate "
            f"{self.rate:g}. Try a learning rate ten times smaller, inputs scaled to about -1 to "
            f"1, or initial weights that suit the activation{LOST}"
        )
