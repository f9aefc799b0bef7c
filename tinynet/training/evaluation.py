"""A network's outputs for many examples, and how good these are."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from tinynet.checks import (
    check_instance,
    check_lengths,
    check_numbers,
    is_function,
    listed,
    positive_int,
)
from tinynet.foreign_names import answering_keywords
from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.losses.base import check_weights, forward
from tinynet.text import shown
from tinynet.training.blas_threads import OneThread, largest_product
from tinynet.training.read_only import read_only, reading
from tinynet.types import Array

Metric: TypeAlias = Callable[[Array, Array], float]
Metrics: TypeAlias = Sequence[Metric] | Mapping[str, Metric]
"""Functions of outputs and targets, such as `tinynet.metrics.accuracy`, listed or by name."""


@answering_keywords
@np.errstate(under="ignore")  # it is harmless, also if the caller has made it an error
def predict(net: Layer, x: Array, *, batch_size: int | None = None) -> Array:
    """The outputs for all of x, computed for `batch_size` rows at a time, by default 1,024.

    The result does not depend on the batch size, except that products of matrices of other heights
    may differ in the last bit. Besides the result, no more memory is used than `net.predict` takes
    for that many rows.

    Raises:
        ValueError: `batch_size` below 1, or an x that does not fit the network.
        TypeError: the first argument is not a network, or x is not an array.

    Example:
        >>> from tinynet import Dense
        >>> predict(Dense(784, 10), np.zeros((60_000, 784))).shape
        (60000, 10)
    """
    check_instance("net", net, Layer, "a layer or network, as in predict(net, x)")
    check_numbers("x", x)
    rows = 1024 if batch_size is None else positive_int(batch_size, "batch_size")
    one = OneThread(largest_product(net, min(rows, len(x))))
    x = read_only(x)
    with one, one, reading("predict of the network", "x"):  # no signals are held back here
        first = net.predict(x[:rows])
        if len(x) <= rows:
            return first if first.flags.writeable else first.copy()  # of x itself, as of Identity
        outputs = np.empty((len(x), *first.shape[1:]), first.dtype)
        outputs[:rows] = first
        for start in range(rows, len(x), rows):
            try:
                outputs[start : start + rows] = net.predict(x[start : start + rows])
            except Exception as error:
                error.add_note(f"in the rows of x from {start} on, which count from 0 above")
                raise
    return outputs


@answering_keywords
@np.errstate(under="ignore")
def evaluate(
    net: Layer,
    loss: Loss,
    x: Array,
    t: Array,
    metrics: Metrics = (),
    *,
    sample_weight: ArrayLike | None = None,
) -> dict[str, float]:
    """The loss of a network on data, and metrics, by name; the network and the loss do not change.

    Args:
        net: its `predict` is measured, for 1,024 rows at a time.
        loss: its `forward`, on all outputs at once, is `"loss"`.
        x: inputs (N, ...).
        t: targets (N, ...).
        metrics: functions of outputs and targets, listed (each under its `__name__`) or by name.
        sample_weight: weights (N,) of the examples in the loss; metrics do not get them.

    Raises:
        ValueError: lengths that differ, weights that are negative or all 0, shapes that do not fit.

    Example:
        >>> from tinynet import Dense, MSELoss
        >>> from tinynet.metrics import accuracy
        >>> net = Dense(2, 2, init=lambda shape, rng: np.eye(2))
        >>> x = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.4]])
        >>> t = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> evaluate(net, MSELoss(), x, t, [accuracy])
        {'loss': 0.12, 'accuracy': 0.666...}
    """
    check_instance("net", net, Layer, "a layer or network")
    check_instance("loss", loss, Loss, "a loss such as MSELoss()")
    check_numbers("x", x)
    check_numbers("t", t)
    check_lengths(x, t)
    named = by_name(metrics)
    weights: tuple[Array, ...] = ()
    if sample_weight is not None:
        weights = (check_weights("sample_weight", sample_weight, len(x)),)
        if not weights[0].any():
            raise ValueError("sample_weight must have an example above 0; got only 0.0")
    y, t = read_only(predict(net, x)), read_only(t)
    with reading(f"forward of {type(loss).__name__}", "y or t"):
        own = copy.deepcopy(loss) if loss.buffers else copy.copy(loss)
        measured = {"loss": float(forward(own, y, t, *weights))}
    if own.batch_weight == 0:
        raise ValueError(f"no target counts for {loss!r}: each is left out, or has the weight 0")
    for name, metric in named.items():
        try:
            with reading(f"the metric {name}", "the outputs or targets"):
                measured[name] = _number(metric(y, t))
        except Exception as error:
            error.add_note(f"in the metric {name}, which takes all outputs and targets")
            raise
    return measured


def _number(value: Any) -> float:
    if value is None or np.ndim(value):
        got = "None: does it end in return?" if value is None else shown(value)
        raise TypeError(f"a metric must return one number; got {got}")
    return float(value)


def by_name(metrics: Metrics) -> dict[str, Metric]:
    """The functions by name, which must not be that of another column of the history."""
    if isinstance(metrics, Mapping):
        pairs: list[tuple[Any, Any]] = list(metrics.items())
    elif callable(metrics) or isinstance(metrics, str):
        pairs = [("", metrics)]  # which is refused below
    else:
        pairs = [(getattr(metric, "__name__", ""), metric) for metric in listed(metrics, "metrics")]
    for name, metric in pairs:
        if not is_function(metric) or not isinstance(name, str) or not name:
            raise TypeError(
                f"metrics must be functions of outputs and targets, in a list such as "
                f"[tinynet.metrics.accuracy], or in a dict that names them; got {shown(metric)}"
            )
    names = ["loss", "validation_loss", "lr", "seconds", *(name for name, _ in pairs)]
    if twice := sorted({name for name in names if names.count(name) > 1 or "/" in name}):
        raise ValueError(
            f"metrics must have names of their own, without a /; got {twice}. A dict gives them "
            f'names: metrics={{"mine": function}}'
        )
    return dict(pairs)
