"""The rules about float32 and about extreme values."""

import itertools
from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.magnitudes import distance, largest
from tinynet.testing.rules import Broken, LeftOut, Pair, Pairs, rule
from tinynet.testing.trial import Inputs, Outcome, Trial
from tinynet.types import Array


@rule("float32", "a NumPy float64 takes part: use a Python float, or .astype(x.dtype).")
def float32_types(t: Trial) -> Pairs:
    """float32 in gives float32 out."""
    inputs, dy = _cast(t.inputs, np.float32), t.dy.astype(np.float32)
    layer = _in_type(t.new(), np.float32)
    found = t.run(inputs, dy, layer)
    if t.output == "y":
        found["y of predict"] = t.predict(layer, inputs)
    types = {f"the type of {n}": a.dtype for n, a in found.items() if n != "value"}
    right = dict.fromkeys(types, np.dtype(np.float32))
    yield Pair("for x and parameters of float32", types, right)


@rule(
    "float32",
    "a constant such as 1e-300 vanishes in float32, or a difference of large numbers loses its "
    "digits.",
    eps=2.0**-24,
)
def float32(t: Trial) -> Pairs:
    """In float32 values are those of float64, within the conditioning."""
    sizes = [largest(a) for a in (t.x, t.params) if np.any(a)]
    if sizes and not t.integer and not (min(sizes) > 1e-4 and max(sizes) < 1e4):
        raise LeftOut("types agree; values of this magnitude are not compared")
    if t.draws:
        raise LeftOut("types agree; the draws of the two float types may differ")
    layer, inputs, dy = _in_type(t.new(), np.float32), _cast(t.inputs, np.float32), t.dy
    params, dy = layer.params.astype(float), dy.astype(np.float32)
    got = t.run(inputs, dy, layer)
    wanted = t.run(_cast(inputs, float), dy.astype(float), t.new(params))
    size = 1 + largest(dy)  # of numbers that may have cancelled
    for name, array in wanted.items():
        lost = largest(array) < 1e-5 * size and np.isfinite(got[name]).all()
        if np.isfinite(array).all() and not lost and distance(got[name], array) > 3e-7 * size:
            yield Pair("in float32, against float64", {name: got[name]}, {name: array})


def _cast(inputs: Inputs, dtype: Any) -> Inputs:
    return tuple(array.astype(dtype) if array.dtype.kind == "f" else array for array in inputs)


def _in_type(layer: Layer, dtype: Any) -> Layer:
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
    refused, one = True, np.ones(t.x.shape)
    mixed = t.rng.choice([-1.0, 1.0], size=t.x.shape)
    alternating = np.resize([1.0, -1.0], t.x.shape)
    vary = 1 - 0.01 * t.rng.uniform(size=t.x.shape)
    for size, signs in itertools.product((30.0, 1000.0), (mixed, alternating, one, -one)):
        x = size * signs * vary
        found = _extreme(t, x, float)
        refused = refused and found is None
        for name, array in (found or {}).items():
            if not np.isfinite(array).all() and _overflowed(t, x, name):
                where = f"for {t.names[0]} of about ±{size:g}"
                raise Broken(f"{name} is not finite {where}, where the true value is.")
    if refused:
        raise LeftOut("it refuses x of ±30 and ±1000")


def _extreme(t: Trial, x: Array, dtype: Any) -> Outcome | None:
    """The outcome at x in a float type; None where the layer refuses it."""
    inputs = _cast(t.with_x(x), dtype)
    try:
        return t.run(inputs, t.dy.astype(dtype), _in_type(t.new(), dtype))
    except ValueError:
        return None


def _overflowed(t: Trial, x: Array, name: str) -> bool:
    """Whether smaller x overflow in float32 alone: on the way, then, to a number that fits.

    At the end of a domain, or where the true value is too large, float64 does not help.
    """
    for part in (1.0, 0.3, 0.1, 0.03, 0.01):
        got, wanted = (_extreme(t, part * x, dtype) for dtype in (np.float32, float))
        if got is not None and wanted is not None:
            fits = np.abs(wanted[name]) < 1e-8 * float(np.finfo(np.float32).max)
            if np.any(~np.isfinite(got[name]) & fits):
                return True
    return False
