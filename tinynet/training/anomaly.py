"""Finding where the first NaN or infinity comes from."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any, NoReturn

import numpy as np

from tinynet.errors import DivergenceError
from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.optimizers import Optimizer

__all__ = ["detect_anomaly", "watching"]

_lock = threading.Lock()
_depth = 0
_running = threading.local()  # the layers that this thread is in, by their vectors


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Within this, the first value that is not finite is an error that names where it appeared.

    Every layer, loss and optimizer looks at what comes in and what goes out, in all threads; that
    costs time, so it is for finding a fault. It concerns the classes that exist when it begins. It
    leaves them as they were, and may be nested.

    Raises:
        DivergenceError: naming the layer by its place, the direction (forward, backward, predict),
            and the largest number that had come in; or the loss, or the step of the optimizer.

    Example:
        >>> from tinynet import Dense, Sequential, Sigmoid
        >>> net = Sequential(Dense(2, 3, rng=0), Sigmoid(), Dense(3, 1, rng=1))
        >>> net[2].W[...] = 1.7e308
        >>> with detect_anomaly():
        ...     y = net.predict(np.full((4, 2), 9.0))
        Traceback (most recent call last):
        tinynet.errors.DivergenceError: inf appeared in predict of layer 2, Dense(3, 1, rng=1),
        from finite values, the largest 0.9...
    """
    global _depth
    with _lock:
        _depth += 1
        if _depth == 1:
            _watch_all()
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if not _depth:
                _leave_all()


def watching() -> bool:
    """Whether some thread is within `detect_anomaly`; shortcuts past the layers then wait."""
    return _depth > 0


_originals: dict[Any, Any] = {}  # the method behind each function that watches one


def _watch_all() -> None:
    """Put a watching function in place of each method."""
    for cls, name, watch in _methods():
        method = vars(cls)[name]
        watched = watch(method)
        _originals[watched] = method
        setattr(cls, name, watched)


def _leave_all() -> None:
    """Put the methods back, also where a class made meanwhile took one over."""
    for cls, name, _ in _methods():
        method = vars(cls)[name]
        if isinstance(method, FunctionType) and method in _originals:
            setattr(cls, name, _originals[method])
    _originals.clear()


def _methods() -> Iterator[tuple[type, str, Callable[[Any], Any]]]:
    """Each class, the name of a method in its body, and what makes a function that watches it."""
    watchers: list[tuple[type, dict[str, Callable[[Any], Any]]]] = [
        (Layer, dict.fromkeys(("forward", "predict"), _watched_forward)),
        (Layer, dict.fromkeys(("backward", "parameter_gradients"), _watched_backward)),
        (Loss, {"forward": _watched_loss, "backward": _watched_gradient}),
        (Optimizer, {"step": _watched_step}),
    ]
    for base, methods in watchers:
        for cls in _with_subclasses(base):
            for name, watch in methods.items():
                if name in vars(cls):
                    yield cls, name, watch


def _with_subclasses(cls: type) -> set[type]:
    below: list[type] = type.__subclasses__(cls)
    return {cls}.union(*map(_with_subclasses, below))


def _watched_forward(method: Any) -> Any:
    @functools.wraps(method)
    def watched(self: Layer, x: Any) -> Any:
        if _is_inside(self):
            return method(self, x)
        where = functools.partial(_where, self, method.__name__)
        _refuse_given(x, f"x came to {where()}")
        y = _inside(method, self, x)
        if not _finite(y):
            for name, value in self._declared.items():
                if isinstance(value, np.ndarray) and not _finite(value):
                    _refuse(value, f"was in {name}, {where()}", "before it ran")
            _refuse(y, f"appeared in {where()}", _from(x))
        return y

    return watched


def _watched_backward(method: Any) -> Any:
    @functools.wraps(method)
    def watched(self: Layer, dy: Any) -> Any:
        if _is_inside(self):
            return method(self, dy)
        where = functools.partial(_where, self, method.__name__)
        _refuse_given(dy, f"dy came to {where()}")
        dx = _inside(method, self, dy)
        for name, value in self._declared.items():
            if isinstance(value, np.ndarray) and not _finite(gradient := getattr(self, f"d{name}")):
                _refuse(gradient, f"appeared in d{name}, {where()}", _from(dy))
        if dx is not None and not _finite(dx):
            _refuse(dx, f"appeared in dx, {where()}", _from(dy))
        return dx

    return watched


def _watched_loss(method: Any) -> Any:
    @functools.wraps(method)
    def watched(self: Loss, y: Any, t: Any) -> Any:
        _refuse_given(t, f"t came to {self!r}")
        _refuse_given(y, f"y came to {self!r}")
        value = _quietly(method, self, y, t)
        if not _finite(value):
            _refuse(value, f"appeared in forward of {self!r}", _from(y))
        return value

    return watched


def _watched_gradient(method: Any) -> Any:
    @functools.wraps(method)
    def watched(self: Loss) -> Any:
        dy = _quietly(method, self)
        if not _finite(dy):
            _refuse(dy, f"appeared in backward of {self!r}", "though its forward was finite")
        return dy

    return watched


def _watched_step(method: Any) -> Any:
    @functools.wraps(method)
    def watched(self: Optimizer) -> None:
        number, gradients = self.steps + 1, _finite(self.net.grads)
        _quietly(method, self)
        if not _finite(self.net.params):
            whence = (
                f"from finite gradients, the largest {np.abs(self.net.grads).max():.3g}. Try a "
                f"smaller learning rate"
                if gradients
                else "from gradients that are not finite"
            )
            names = [
                name
                for name, view in getattr(self.net, "named_parameters", dict)()
                if not _finite(view)
            ]
            place = f"appeared in {', '.join(names)}, step {number} of {self!r}"
            _refuse(self.net.params, place, whence)

    return watched


def _is_inside(layer: Layer) -> bool:
    """Whether a method of this layer calls another one; then that one's name is of no interest."""
    stack = getattr(_running, "stack", [])
    return bool(stack) and stack[-1] is layer.params


def _inside(method: Any, layer: Layer, values: Any) -> Any:
    if not hasattr(_running, "stack"):
        _running.stack = []
    _running.stack.append(layer.params)  # shared with the copies that predict in its place
    try:
        return _quietly(method, layer, values)
    finally:
        _running.stack.pop()


def _quietly(method: Any, *arguments: Any) -> Any:
    """The error says it better than a warning."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return method(*arguments)


def _finite(values: Any) -> bool:
    return bool(np.isfinite(values).all())


def _where(layer: Layer, direction: str) -> str:
    """The direction, and the layer by its place in the whole."""
    names, part, whole = [], layer, layer._owner()
    while whole is not None:
        # a copy that predicts shares the vectors of the layer it stands for
        places = [name for name, other in whole._parts() if other.params is part.params]
        own = [name for name, other in whole._parts() if other is part]
        names.append(next(iter(own or places), "?"))
        part, whole = whole, whole._owner()  # type: ignore[assignment]
    place = f" {'.'.join(reversed(names))}," if names else ""
    return f"{direction} of layer{place} {' '.join(repr(layer).split())}"


def _from(values: Any) -> str:
    size = np.abs(values).max() if np.size(values) else 0
    return f"from finite values, the largest {size:.3g}"


def _refuse_given(values: Any, place: str) -> None:
    if not _finite(values):
        _refuse(values, place, "from outside: no layer, loss or optimizer made it")


def _refuse(values: Any, place: str, whence: str) -> NoReturn:
    found = np.asarray(values)
    wrong = found[~np.isfinite(found)]
    raise DivergenceError(f"{wrong.flat[0]} {place}, {whence}")
