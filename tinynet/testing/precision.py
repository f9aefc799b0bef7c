"""The contract about float32 and about extreme values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.report import Fault
from tinynet.testing.rules import LeftOut, Pair, rule
from tinynet.testing.trial import Outcome, Trial, distance, largest
from tinynet.types import Array

__all__ = ["finite", "float32"]

_EPS32 = 2.0**-24  # relative size of the rounding to float32


@rule(
    "float32",
    "a constant such as 1e-300 vanishes in float32, or a difference of large numbers loses its "
    "digits.",
    rtol=1e-3,
    eps=_EPS32,
)
def float32(t: Trial) -> Iterator[Pair]:
    """float32 in gives float32 out, and the values of float64 within the conditioning."""
    layer = _cast(t.new(), np.float32)
    params = layer.params.astype(float)
    inputs, dy = tuple(_as(array, np.float32) for array in t.inputs), t.dy.astype(np.float32)
    got = t.run(inputs, dy, layer)
    types = got | ({"y of predict": t.predict(layer, inputs)} if t.output == "y" else {})
    for name, array in types.items():
        if array.dtype != np.float32 and name != "value":
            raise Fault(
                "float32",
                f"{name} is {array.dtype} for x and parameters of float32.",
                "a NumPy float64 scalar or array takes part: use a Python float, or "
                ".astype(x.dtype).",
                tensor=name,
            )
    sizes = [largest(a) for a in (t.x, t.params) if np.any(a)]
    if sizes and not t.integer and not (min(sizes) > 1e-4 and max(sizes) < 1e4):
        raise LeftOut("types agree; values of this magnitude are not compared")
    if t.draws:
        raise LeftOut("types agree; the draws of the two float types may differ")
    wide = tuple(_as(array, float) for array in inputs)
    wanted = t.run(wide, dy.astype(float), t.new(params))
    size = 1 + largest(dy)  # of numbers that may have cancelled
    for name, array in wanted.items():
        lost = largest(array) < 1e-5 * size and np.isfinite(got[name]).all()
        if np.isfinite(array).all() and not lost and distance(got[name], array) > 3e-7 * size:
            yield Pair("in float32, against float64", {name: got[name]}, {name: array})


def _as(array: Array, dtype: Any) -> Array:
    return array.astype(dtype) if array.dtype.kind == "f" else array


def _cast(layer: Layer, dtype: Any) -> Layer:
    """The layer, moved into vectors of a float type."""
    layer.bind(np.empty(layer.params.size, dtype), np.zeros(layer.params.size, dtype))
    return layer


@rule(
    "finite",
    "e^x overflowed: use scipy.special.expit, log_softmax, logsumexp, or subtract the largest x "
    "first.",
)
def finite(t: Trial) -> None:
    """Finite at ±30 and ±1000, wherever the true value is a number that float64 can hold."""
    if t.integer:
        raise LeftOut("x holds integers")
    signs = t.rng.choice([-1.0, 1.0], size=t.x.shape)
    alternate = np.resize([1.0, -1.0], t.x.shape)
    vary = 1 - 0.01 * t.rng.uniform(size=t.x.shape)
    judged = 0
    for size in (30.0, 1000.0):
        for sign in (signs, alternate, np.ones_like(signs), -np.ones_like(signs)):
            x = size * sign * vary
            found = _extreme(t, x, float)
            judged += found is not None
            for name, array in (found or {}).items():
                if not np.isfinite(array).all() and _overflowed(t, x, name, array):
                    raise Fault(
                        "finite",
                        f"{name} is not finite for {t.names[0]} of about ±{size:g}, where the true "
                        f"value is an ordinary number.",
                        *finite.hints,
                        tensor=name,
                    )
    if not judged:
        raise LeftOut("it refuses x of ±30 and ±1000")


def _extreme(t: Trial, x: Array, dtype: Any) -> Outcome | None:
    """The outcome at x in a float type; None where the layer refuses it."""
    inputs = tuple(_as(array, dtype) for array in t.with_x(x))
    try:
        return t.run(inputs, t.dy.astype(dtype), _cast(t.new(), dtype))
    except ValueError as error:
        if "read-only" in str(error):
            raise
    except (TypeError, ArithmeticError):
        if dtype is float and t.output == "y":
            raise
    return None


def _overflowed(t: Trial, x: Array, name: str, got: Array) -> bool:
    """Whether more precision makes finite what is not: an overflow on the way, then.

    At the end of a domain, or where the true value is too large, more precision does not help.
    """
    wide = _extreme(t, x, np.longdouble)
    if wide is not None:
        known = np.isfinite(wide[name]) & (np.abs(wide[name]) < float(np.finfo(float).max))
        if np.any(~np.isfinite(got) & known):
            return True
    for part in (0.3, 0.1, 0.03, 0.01):
        narrow, plain = _extreme(t, x * part, np.float32), _extreme(t, x * part, float)
        if narrow is not None and plain is not None:
            fits = np.isfinite(plain[name]) & (np.abs(plain[name]) < 1e30)
            if np.any(~np.isfinite(narrow[name]) & fits):
                return True
    return False
