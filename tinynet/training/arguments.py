"""What is looked at before training begins: the arguments, and one step on a copy."""

import copy
import math
import warnings

import numpy as np

from tinynet.checks import check_lengths
from tinynet.layers import Layer, Sequential
from tinynet.losses import Loss
from tinynet.optimizers import Optimizer
from tinynet.text import one_line
from tinynet.types import Array


def check_arguments(net: Layer, loss: Loss, optimizer: Optimizer, x: Array, t: Array) -> None:
    """Refuse what `train` cannot use, and warn of likely mistakes."""
    for name, value, kind, example in (
        ("net", net, Layer, "a layer such as Sequential(...)"),
        ("loss", loss, Loss, "a loss such as MSELoss()"),
        ("optimizer", optimizer, Optimizer, "an optimizer such as SGD(net, lr=0.1)"),
    ):
        if not isinstance(value, kind):
            got = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
            order = "The order is network, loss, optimizer, x, t."
            raise TypeError(f"{name} must be {example}; got {got}. {order}")
    _check_data("x", x)
    _check_data("t", t)
    check_lengths(x, t)
    if net.input_dtype is None:
        _warn_of_pixels(x)
    _warn_of_activation(net, loss)
    _check_optimizer(net, optimizer)


def rehearse(net: Layer, loss: Loss, x: Array, t: Array, batch_size: int) -> None:
    """Take one step on a copy, so that what does not fit is found before anything has changed.

    It takes as many rows as the smallest batch has, which may be too few for a layer; at most 32.
    """
    net, loss = copy.deepcopy((net, loss))
    rows = min(len(x) % batch_size or batch_size, 32)
    with np.errstate(over="ignore", invalid="ignore"):
        y = net.forward(x[:rows])
        if len(y) == rows:  # all targets must fit outputs of the shape of the first one
            loss.check(np.broadcast_to(y[:1], (len(t), *y.shape[1:])), t)
        loss.forward(y, t[:rows])
        net.parameter_gradients(loss.backward())
    net.check_views()


def _check_data(name: str, array: Array) -> None:
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


def _warn_of_pixels(x: Array) -> None:
    sample = x[:1000]
    like_pixels = 100 < sample.max() <= 255 and sample.min() >= 0
    if x.dtype == np.uint8 or (like_pixels and np.array_equal(sample, np.round(sample))):
        warnings.warn(
            f"x holds whole numbers up to {sample.max():g}, as pixels that were never scaled; "
            f"a network learns poorly from those. Use tinynet.data.scale_pixels.",
            stacklevel=4,
        )


def _warn_of_activation(net: Layer, loss: Loss) -> None:
    last = net
    while isinstance(last, Sequential):
        last = last.layers[-1]
    if type(last).__name__ == loss.activation:
        warnings.warn(
            f"the network ends in {last!r}, which {loss!r} applies itself. Applied twice, it "
            f"learns slowly and the loss stays high. Leave the layer out, and apply it to "
            f"predictions by hand.",
            stacklevel=4,
        )


def _check_optimizer(net: Layer, optimizer: Optimizer) -> None:
    part = next((layer for layer in net.walk() if layer is optimizer.net), None)
    made_for = f"the optimizer was made for {one_line(optimizer.net)}"
    advice = f"Make it with {type(optimizer).__name__}(net, ...)"
    if part is None:
        raise ValueError(f"{made_for}, another network, so it would not move this one. {advice}.")
    if part.is_frozen():
        raise ValueError(
            f"{made_for}, which is in a Frozen and must not move. {advice}, or build a network "
            f"with a copy of that layer."
        )
