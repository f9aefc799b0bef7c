"""The contract about float32 and about extreme values."""

from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.report import Fault
from tinynet.testing.runs import Run, difference, distance, read_only
from tinynet.testing.subject import Subject
from tinynet.types import Array

__all__ = ["finite", "float32"]


def float32(s: Subject) -> str | None:
    """float32 in gives float32 out, and the values of float64 within the conditioning."""
    layer = as_float32(s.fresh())
    x = s.x if s.integer else s.x.astype(np.float32)
    dy = s.dy.astype(np.float32)
    y = np.array(layer.forward(read_only(x)))
    dx = layer.backward(read_only(dy))
    p = np.asarray(layer.predict(read_only(x)))
    for name, array in (("y", y), ("dx", None if s.integer else dx), ("y of predict", p)):
        if array is not None and array.dtype != np.float32:
            raise Fault(
                "float32",
                f"{name} is {array.dtype} for x and parameters of float32.",
                "a NumPy float64 scalar or array takes part: use a Python float, or "
                ".astype(x.dtype).",
                tensor=name,
            )
    sizes = [float(np.max(np.abs(a))) for a in (s.x, s.layer.params) if a.size and np.any(a)]
    if sizes and not s.integer and not (min(sizes) > 1e-4 and max(sizes) < 1e4):
        return "types agree; values of this magnitude are not compared"
    if s.draws:
        return "types agree; the draws of the two float types may differ"
    got = Run(y, None if dx is None else np.array(dx), np.array(layer.grads))
    wide, up = (x if s.integer else x.astype(float)), dy.astype(float)
    base = as_float32(s.fresh()).params.astype(float)

    def exact(x: Array, params: Array) -> Run:
        layer = s.fresh()
        layer.params[...] = params
        return s.run(x, up, layer)

    wanted = exact(wide, base)
    spread = {name: 0.0 for name, *_ in s.parts(wanted)}
    for _ in range(4):
        moved = exact(_rounded(wide, s.rng), _rounded(base, s.rng))
        for name, a, b in s.parts(moved, wanted):
            spread[name] = max(spread[name], difference(a, b))
    for name, a, b in s.parts(got, wanted):
        if b is None or not np.isfinite(b).all():
            continue
        gap = difference(a, b)
        size = 1 + float(np.max(np.abs(up)))  # of numbers that may have cancelled
        tiny = np.isfinite(a).all() and np.max(np.abs(b), initial=0) < 1e-5 * size
        lost = tiny or distance(a, b) < 3e-7 * size
        if gap > 1e-3 + 100 * spread[name] and not lost:
            raise Fault(
                "float32",
                f"in float32, {name} differs from float64 by a part of {gap:.2g} of its largest "
                f"value, where rounding explains {spread[name]:.1g}.",
                "a constant such as 1e-300 vanishes in float32, or a difference of large numbers "
                "loses its digits.",
                tensor=name,
            )
    return None


def as_float32(layer: Layer) -> Layer:
    """The layer, moved into vectors of float32."""
    size = layer.params.size
    layer.bind(np.empty(size, np.float32), np.zeros(size, np.float32))
    return layer


def _rounded(array: Array, rng: np.random.Generator) -> Array:
    if array.dtype.kind != "f":
        return array
    return array * (1 + 2.0**-23 * rng.uniform(-1, 1, size=array.shape))


def finite(s: Subject) -> str | None:
    """Finite at ±30 and ±1000, wherever the true value is a number that float64 can hold."""
    if s.integer:
        return "x holds integers"
    signs = s.rng.choice([-1.0, 1.0], size=s.x.shape)
    vary = 1 - 0.01 * s.rng.uniform(size=s.x.shape)
    judged = 0
    for size in (30.0, 1000.0):
        for sign in (signs, np.ones_like(signs), -np.ones_like(signs)):
            x = size * sign * vary
            got = _extreme(s, x, float)
            if got is None:
                continue
            judged += 1
            for name, array in got.items():
                if np.isfinite(array).all():
                    continue
                if _truly_finite(s, x, name, array):
                    where = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
                    raise Fault(
                        "finite",
                        f"{name}[{', '.join(map(str, where))}] is {array[where]} for x of about "
                        f"±{size:g}, where the true value is an ordinary number.",
                        "e^x overflowed: use scipy.special.expit, log_softmax, logsumexp, or "
                        "subtract the largest x first.",
                        tensor=name,
                    )
    return None if judged else "it refuses x of ±30 and ±1000"


def _extreme(s: Subject, x: Array, dtype: Any) -> dict[str, Array] | None:
    """y, dx and the gradients at x in a float type; None where the layer refuses it."""
    layer = s.fresh()
    size = layer.params.size
    layer.bind(np.empty(size, dtype), np.zeros(size, dtype))
    try:
        y = np.array(layer.forward(read_only(x.astype(dtype))))
        dx = np.array(layer.backward(read_only(s.dy.astype(dtype))))
    except ValueError as error:
        if "read-only" in str(error):
            raise
        return None
    except TypeError:
        if dtype is float:
            raise
        return None
    return {"y": y, "dx": dx, "grads": np.array(layer.grads)}


def _truly_finite(s: Subject, x: Array, name: str, got: Array) -> bool:
    """Whether more precision makes finite what is not: an overflow on the way, then.

    At the end of a domain, or where the true value is too large, more precision does not help.
    """
    limit = float(np.finfo(float).max)
    wide = _extreme(s, x, np.longdouble)
    if wide is not None:
        broken = ~np.isfinite(got)
        if np.any(broken & np.isfinite(wide[name]) & (np.abs(wide[name]) < limit)):
            return True
    for part in (0.3, 0.1, 0.03, 0.01):
        narrow, plain = _extreme(s, x * part, np.float32), _extreme(s, x * part, float)
        if narrow is None or plain is None:
            continue
        fits = np.isfinite(plain[name]) & (np.abs(plain[name]) < 1e30)
        if np.any(~np.isfinite(narrow[name]) & fits):
            return True
    return False
