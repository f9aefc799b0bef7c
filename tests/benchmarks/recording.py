"""An array that records every NumPy call in which it takes part, and the place in the code."""

from __future__ import annotations

import functools
import operator
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Place", "Recorded", "plain"]


class Place(NamedTuple):
    """Where a call is made: a line of a file, and what is called there."""

    file: str
    line: int
    call: str


class Recorded(np.ndarray):
    """An array that records in `calls`, while that is a dict, what is done with it.

    `calls[place, shapes]` is a function that repeats the call, on copies of the arrays of its first
    time, and how often the call was made.
    """

    calls: dict[tuple[Place, str], tuple[Callable[[], Any], int]] | None = None

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        return _made(ufunc.__name__, function, *inputs, **options)

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        return _made(function.__name__, function, *inputs, **options)

    def __getitem__(self, index: Any) -> Any:
        return _made("slice", operator.getitem, self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        _made("assign", operator.setitem, self, index, value)

    def dot(self, *inputs: Any, **options: Any) -> Any:
        return _made("dot", np.ndarray.dot, self, *inputs, **options)

    def sum(self, *inputs: Any, **options: Any) -> Any:
        return _made("sum", np.ndarray.sum, self, *inputs, **options)

    def ravel(self, *inputs: Any) -> Any:
        return _made("ravel", np.ndarray.ravel, self, *inputs)

    @property
    def T(self) -> Any:
        return _made("T", np.ndarray.transpose, self)


def plain(value: Any) -> Any:
    """The value, where it is an array as an ordinary one; also in a tuple."""
    if isinstance(value, tuple):
        return tuple(plain(v) for v in value)
    return value.view(np.ndarray) if isinstance(value, Recorded) else value


def _made(name: str, function: Callable[..., Any], *inputs: Any, **options: Any) -> Any:
    """Make the call on ordinary arrays, record it, and return an array that records too."""
    inputs, options = plain(inputs), {key: plain(value) for key, value in options.items()}
    if Recorded.calls is not None:
        shapes = " ".join(str(a.shape) for a in inputs if isinstance(a, np.ndarray))
        key = _place(name), shapes
        again, count = Recorded.calls.get(key, (None, 0))
        Recorded.calls[key] = again or _frozen(function, inputs, options), count + 1
    result = function(*inputs, **options)
    return result.view(Recorded) if isinstance(result, np.ndarray) else result


def _place(name: str) -> Place:
    """The nearest frame outside this file and NumPy."""
    frame = sys._getframe(2)
    while frame.f_code.co_filename == __file__ or "numpy" in frame.f_globals["__name__"]:
        frame = frame.f_back  # type: ignore[assignment]
    return Place(frame.f_code.co_filename, frame.f_lineno, name)


def _frozen(function: Callable[..., Any], inputs: Any, options: Any) -> Callable[[], Any]:
    """The call on copies, so that it can be repeated without changing the arrays."""
    twins: dict[int, np.ndarray] = {}

    def twin(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(twin(v) for v in value)
        if not isinstance(value, np.ndarray):
            return value
        return twins.setdefault(id(value), value.copy(order="K"))

    return functools.partial(function, *twin(inputs), **{k: twin(v) for k, v in options.items()})
