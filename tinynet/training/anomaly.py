"""Finding where the first NaN or infinity comes from.

While an object is watched, it has a class derived from its own whose methods look at what comes in
and what goes out. The original class and all other objects do not change.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from tinynet.errors import DivergenceError
from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.optimizers import Optimizer
from tinynet.text import one_line, shown
from tinynet.types import Array

_lock = threading.Lock()
_quiet = np.errstate(all="ignore")  # the error says more
_set_class = vars(object)["__class__"].__set__  # `_Watched` has a property of that name


@contextmanager
def detect_anomaly(*objects: Layer | Loss | Optimizer) -> Iterator[None]:
    """Within this, the first value that is not finite is an error that names where it appeared.

    Each layer of the given networks, each loss and each optimizer looks at what comes in and what
    goes out, in all threads. That takes time, so it is for finding a fault. It may be nested, and
    leaves the objects as they were. Copies that are made of them meanwhile are not watched.

    Args:
        objects: networks or layers, losses and optimizers, any number of each.

    Raises:
        DivergenceError: naming the layer by its place, the direction (forward, backward, predict),
            and the largest number that had come in; or the loss, or the step of the optimizer.
        TypeError: no objects, or one of another kind.

    Example:
        >>> from tinynet import Dense, Sequential, Sigmoid
        >>> net = Sequential(Dense(2, 3, rng=0), Sigmoid(), Dense(3, 1, rng=1))
        >>> net[2].W[...] = 1.7e308
        >>> with detect_anomaly(net):
        ...     y = net.predict(np.full((4, 2), 9.0))
        Traceback (most recent call last):
        tinynet.errors.DivergenceError: inf appeared in predict of layer 2, Dense(3, 1, rng=1),
        from finite values, the largest 0.9...
    """
    wrong = [each for each in objects if not isinstance(each, Layer | Loss | Optimizer)]
    if wrong or not objects:
        raise TypeError(
            f"objects must be networks, losses and optimizers, which detect_anomaly watches; "
            f"got {shown(wrong[0]) if wrong else 'none'}. Write detect_anomaly(net, loss, "
            f"optimizer)."
        )
    with ExitStack() as stack:
        for each in objects:
            for watched in each.walk() if isinstance(each, Layer) else (each,):
                _watch(watched)
                stack.callback(_leave, watched)
        yield


def _watch(thing: Any) -> None:
    """Give the object a watched class, and count how many are watching it."""
    with _lock:
        if not isinstance(thing, _Watched):
            original = type(thing)
            watched = next(cls for kind, cls in _WATCHED.items() if isinstance(thing, kind))
            body = {"original": original, "watchers": 0, "__module__": original.__module__}
            _set_class(thing, type(original.__name__, (watched, original), body))
        type(thing).watchers += 1


def _leave(thing: Any) -> None:
    with _lock:
        type(thing).watchers -= 1
        if not type(thing).watchers:
            _set_class(thing, type(thing).original)


class _Watched:
    """A base class put before the class of an object that is watched."""

    original: Any
    watchers: int  # how many `detect_anomaly` it is within

    # A file that is written meanwhile has to name the original class.
    __class__ = property(lambda self: self.original)

    def __init_subclass__(cls) -> None:
        """Keep the original class's hook for new subclasses from running."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Copies and pickles are of the original class."""
        make, arguments, *rest = self.original.__reduce_ex__(self, protocol)
        return make, tuple(self.original if a is type(self) else a for a in arguments), *rest


class _WatchedLayer(_Watched, Layer):
    def forward(self, x: Array, *more: Any, **named: Any) -> Array:  # a mask, for example
        return self._outputs("forward", self, x, *more, **named)

    def predict(self, x: Array, *more: Any, **named: Any) -> Array:
        # On an unwatched copy, because a `predict` that calls `forward` is not a training pass.
        copy = object.__new__(self.original)
        vars(copy).update(vars(self))
        return self._outputs("predict", copy, x, *more, **named)

    def backward(self, dy: Array) -> Array:
        return self._gradients("backward", dy)

    def parameter_gradients(self, dy: Array) -> None:
        self._gradients("parameter_gradients", dy)

    @_quiet
    def _outputs(self, direction: str, layer: Any, x: Array, *more: Any, **named: Any) -> Array:
        where = self._where(direction)
        _check(x, f"x came to {where}", _OUTSIDE)
        y = getattr(self.original, direction)(layer, x, *more, **named)
        if not np.isfinite(y).all():
            for name, value in self._parameters().items():
                _check(value, f"was in {name}, {where}", "before it ran")
        _check(y, f"appeared in {where}", _from_finite(x))
        return y

    @_quiet
    def _gradients(self, direction: str, dy: Array) -> Any:
        where = self._where(direction)
        _check(dy, f"dy came to {where}", _OUTSIDE)
        dx = getattr(self.original, direction)(self, dy)
        for name in self._parameters():
            _check(getattr(self, f"d{name}"), f"appeared in d{name}, {where}", _from_finite(dy))
        if dx is not None:
            _check(dx, f"appeared in dx, {where}", _from_finite(dy))
        return dx

    def _parameters(self) -> dict[str, Array]:
        """Its own, without those of its parts."""
        return {name: view for name, view in self.named_parameters() if "." not in name}

    def _where(self, direction: str) -> str:
        place = _place(self)
        return f"{direction} of layer {f'{place}, ' if place else ''}{one_line(self)}"


class _WatchedLoss(_Watched, Loss):
    @_quiet
    def forward(self, y: Array, t: Array) -> float:
        _check(t, f"t came to {self!r}", _OUTSIDE)
        _check(y, f"y came to {self!r}", _OUTSIDE)
        value = self.original.forward(self, y, t)
        _check(value, f"appeared in forward of {self!r}", _from_finite(y))
        return value

    @_quiet
    def backward(self) -> Array:
        dy = self.original.backward(self)
        _check(dy, f"appeared in backward of {self!r}", "though its forward was finite")
        return dy


class _WatchedOptimizer(_Watched, Optimizer):
    @_quiet
    def step(self) -> None:
        cause, number = "from gradients that are not finite", self.steps + 1
        if np.isfinite(self.net.grads).all():
            largest = f"the largest {np.abs(self.net.grads).max():.3g}"
            cause = f"from finite gradients, {largest}. Try a smaller learning rate"
        self.original.step(self)
        views = self.net.named_parameters()
        names = ", ".join(name for name, view in views if not np.isfinite(view).all())
        _check(self.net.params, f"appeared in {names}, step {number} of {self!r}", cause)


_WATCHED = {Layer: _WatchedLayer, Loss: _WatchedLoss, Optimizer: _WatchedOptimizer}
_OUTSIDE = "from outside: no layer, loss or optimizer made it"


def _place(layer: Any) -> str:
    """The names of the parts that lead to a layer from the whole network, such as "2.inner"."""
    if (whole := layer._owner()) is None:
        return ""
    name = next((name for name, part in whole._parts() if part is layer), "?")
    return f"{_place(whole)}.{name}".removeprefix(".")


def _from_finite(values: Any) -> str:
    size = np.abs(values).max() if np.size(values) else 0
    return f"from finite values, the largest {size:.3g}"


def _check(values: Any, place: str, cause: str) -> None:
    found = np.asarray(values)
    wrong = found[~np.isfinite(found)]
    if wrong.size:
        raise DivergenceError(f"{wrong.flat[0]} {place}, {cause}")
