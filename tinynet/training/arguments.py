"""What is looked at before training begins: the arguments, and one step on a copy."""

import contextlib
import copy
import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinynet.checks import check_lengths, check_numbers, not_negative, returned
from tinynet.declared import attributes, is_declared
from tinynet.kept import explain, used_names
from tinynet.layers import Frozen, Layer, Masked, Sequential, Standardize
from tinynet.layers.consistency import own_arrays, undeclared_parameter, undeclared_state
from tinynet.losses import Loss
from tinynet.losses.base import forward
from tinynet.optimizers import Optimizer
from tinynet.text import one_line
from tinynet.training.read_only import read_only, reading
from tinynet.types import Array


def check_arguments(
    net: Layer,
    loss: Loss,
    optimizer: Optimizer | None,
    x: Array,
    t: Array,
    *,
    takes_optimizer: bool = True,
) -> None:
    """Refuse what `train` cannot use, and warn of likely mistakes; `minimize` has no optimizer."""
    things: list[tuple[str, Any, type, str]] = [
        ("net", net, Layer, "a layer such as Sequential(...)"),
        ("loss", loss, Loss, "a loss such as MSELoss()"),
    ]
    if takes_optimizer:
        things.append(("optimizer", optimizer, Optimizer, "an optimizer such as SGD(net, lr=0.1)"))
    order = f"network, loss,{' optimizer,' * takes_optimizer} x, t"
    for name, value, kind, example in things:
        if not isinstance(value, kind):
            got = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
            raise TypeError(f"{name} must be {example}; got {got}. The order is {order}.")
    check_data(x, t, "x", "t")
    first = next(layer for layer in net.walk() if not isinstance(layer, Sequential))
    if net.input_dtype is None and not isinstance(first, Standardize):
        _warn_of_pixels(x)
    _warn_of_activation(net, loss)
    for thing in (*net.walk(), loss):
        _warn_of_unused(thing)
    if optimizer is not None:
        _warn_of_unused(optimizer)
        _check_optimizer(net, optimizer)


def check_data(x: Array, t: Array, *names: str) -> None:
    """Refuse inputs and targets that are not finite numbers or differ in length."""
    for name, array in zip(names, (x, t), strict=True):
        check_numbers(name, array)
        if not array.ndim or not array.size:
            raise ValueError(f"{name} must hold at least one example; its shape is {array.shape}")
        if not (math.isfinite(array.max()) and math.isfinite(array.min())):
            row = next(n for n, example in enumerate(array) if not np.isfinite(example).all())
            got = f"{name}[{row}] holds NaN or infinity"
            raise ValueError(f"{name} must be finite; {got}. Repair or leave out such examples.")
    check_lengths(x, t, *names)


def rehearse(net: Layer, loss: Loss, data: tuple[Array, ...], batch_size: int) -> None:
    """Take a step of each size of batch on a copy, to find what does not fit before a change."""
    x, t, *weights = data
    net.check_views()
    start, (net, loss) = net, copy.deepcopy((net, loss))
    with np.errstate(all="ignore"):
        for number, here in enumerate(_rehearsed(net, len(x), batch_size)):
            rows, arrays = len(x[here]), [own_arrays(net)]
            net.grads[...] = np.nan
            with _checked_returns(net):
                y = net.forward(x[here])
                arrays.append(own_arrays(net))
                if len(y) == rows:  # all targets must fit outputs of the shape of the first one
                    loss.check(np.broadcast_to(y[:1], (len(t), *y.shape[1:])), t)
                with reading(f"forward of {type(loss).__name__}", "y or t"):
                    forward(loss, read_only(y), t[here], *(w[here] for w in weights))
                if loss.batch_weight is not None:
                    not_negative(loss.batch_weight, f"batch_weight of {type(loss).__name__}")
                dy = returned(loss, "backward", loss.backward(), y.shape, y.dtype)
                net.parameter_gradients(dy)
                if np.isnan(net.grads).any():
                    _check_overwritten(net, dy)
            with contextlib.suppress(Exception):  # a first layer without parameters may have none
                net.backward(dy)
            arrays.append(own_arrays(net))
            # after the first step there may be arrays that it has made to compute in
            wrong = undeclared_parameter(arrays[0], arrays[1], arrays[2], rows if number else 0)
            wrong = wrong or undeclared_state(start, net, x[here], "predict")
            wrong = wrong or undeclared_state(start, net, x[here], "forward")
            if wrong:
                raise ValueError(f"{wrong}.")
        if net.input_dtype is not None:  # ids, which are all in range if the ends are
            ends = [int(place) // x[0].size for place in (x.argmin(), x.argmax())]
            try:
                net.predict(x[ends])
            except Exception as error:
                error.add_note(f"in the rows {ends[0]} and {ends[1]} of x, called 0 and 1 above")
                raise
    net.check_views()


def _rehearsed(net: Layer, examples: int, batch_size: int) -> list[slice]:
    """The rows of the steps to rehearse: one step of each size of batch.

    With a layer of the user's own, at least two, on different rows: what the first one makes may be
    a parameter, if it stays.
    """
    full, last = min(batch_size, examples), examples % batch_size
    steps = [slice(full)]
    if 0 < last < full:
        steps.append(slice(last))
    elif not all(type(layer).__module__.startswith("tinynet.") for layer in net.walk()):
        steps.append(slice(examples - full, examples))
    return steps


def _check_overwritten(net: Layer, dy: Array) -> None:
    """Find a gradient that a second pass does not overwrite, because the first one has not."""
    net.grads[...] = 0
    net.parameter_gradients(dy)
    if np.isfinite(net.grads).all():
        for layer in net.walk():
            for name, value in layer._declared.items():
                gradient = getattr(layer, f"d{name}", None)
                if not isinstance(value, np.ndarray) or gradient is None:
                    continue
                gradient[...] = np.nan
                net.parameter_gradients(dy)
                if np.isnan(gradient).any():
                    raise ValueError(
                        f"backward of {type(layer).__name__} does not overwrite self.d{name}, the "
                        f"gradient of self.{name}: write self.d{name}[...] = ..., not += and not "
                        f"another name."
                    )


@contextlib.contextmanager
def _checked_returns(net: Layer) -> Iterator[None]:
    """Have every layer of a copy check what it returns, so that the error names that layer."""
    layers = [*net.walk()]
    try:
        for layer in layers:
            vars(layer).update(_Checked(layer).methods())
        yield
    except AttributeError as error:
        if advice := explain(error):
            error.add_note(advice)
        raise
    finally:
        for layer in layers:
            for method in ("forward", "backward"):
                vars(layer).pop(method, None)


class _Checked:
    """The methods of a layer, with a check of what they return."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer

    def methods(self) -> dict[str, Any]:
        return {"forward": self.forward, "backward": self.backward}

    def forward(self, x: Array, *more: Any, **named: Any) -> Array:  # a mask, for example
        self.shape, self.dtype = np.shape(x), getattr(x, "dtype", np.dtype(float))
        arrays = (*self.layer.named_parameters(), *self.layer.named_buffers())
        types = [self.dtype, *(array.dtype for _, array in arrays)]
        floats = [dtype for dtype in types if dtype.kind == "f"] or [np.dtype(float)]
        me = f"forward of {type(self.layer).__name__}"
        with reading(me, "x"):
            y = type(self.layer).forward(self.layer, read_only(x), *more, **named)
        return returned(self.layer, "forward", y, None, np.result_type(*floats))

    def backward(self, dy: Array) -> Any:
        with reading(f"backward of {type(self.layer).__name__}", "dy or x"):
            dx = type(self.layer).backward(self.layer, read_only(dy))
        if self.dtype.kind != "f" and dx is None:  # there is no gradient of ids
            return None
        kind = self.dtype if self.dtype.kind == "f" else None
        return returned(self.layer, "backward", dx, self.shape, kind)


def _warn_of_pixels(x: Array) -> None:
    sample = x[:1000]
    like_pixels = 100 < sample.max() <= 255 and sample.min() >= 0
    if x.dtype == np.uint8 or (like_pixels and np.array_equal(sample, np.round(sample))):
        warnings.warn(
            f"x holds whole numbers up to {sample.max():g}, as pixels that were never scaled; "
            f"a network learns poorly from those. Use tinynet.data.scale_pixels.",
            stacklevel=5,
        )


def _warn_of_activation(net: Layer, loss: Loss) -> None:
    last = net
    while isinstance(last, Sequential | Masked | Frozen):
        last = last.layers[-1] if isinstance(last, Sequential) else last.inner
    if type(last).__name__ == loss.activation:
        warnings.warn(
            f"the network ends in {last!r}, which {loss!r} applies itself. Applied twice, it "
            f"learns slowly and the loss stays high. Leave the layer out, and apply it to "
            f"predictions by hand.",
            stacklevel=5,
        )


def _warn_of_unused(thing: Any) -> None:
    """Warn of an attribute that someone has given to an object of tinynet, and that it never reads.

    In a class of the user's own there may be notes.
    """
    cls = thing.__class__
    if cls.__module__.startswith("tinynet."):
        given = {name for name in attributes(thing) if not is_declared(thing, name)}
        given = {name for name in given if not hasattr(cls, name) and name[:1] != "_"}
        if unused := sorted(given - used_names(cls)):
            warnings.warn(
                f"{one_line(thing)} does not use its attribute {unused[0]!r}, so it has no effect. "
                f"Is another name meant? help({cls.__name__}) lists the options.",
                stacklevel=5,
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
