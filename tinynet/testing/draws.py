"""The contract about random draws, copies, precision and extreme values."""

import copy
import io
import pickle
import random
from typing import Any

import numpy as np

from tinynet.layer import Layer
from tinynet.testing.report import Fault
from tinynet.testing.subject import (
    Run,
    Subject,
    difference,
    generators,
    inputs_of_parts,
    read_only,
)
from tinynet.types import Array

__all__ = ["copying", "expectation", "finite", "float32", "pickling", "redraws", "reproducible"]


def reproducible(s: Subject) -> None:
    """Two copies draw the same, and nobody touches the global random state."""
    before, python = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
    first = s.run()
    s.fresh().predict(s.x.copy())
    after, python_after = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
    changed = python_after != python or not _same_state(before, after)
    np.random.set_state(before)  # noqa: NPY002
    random.setstate(python)
    if changed:
        raise Fault(
            "reproducible",
            "it draws from the global random state, so that two runs never agree.",
            "take rng as an argument, and draw from self.rng.",
        )
    if name := s.apart(s.run(), first, s.x, s.dy):
        raise Fault(
            "reproducible",
            f"two copies of the layer, with the same state of their generators, give different "
            f"{name}: it draws from a generator that is not its own.",
            "take rng as an argument, keep it as self.rng, and draw from that alone.",
            tensor=name,
        )


def _same_state(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same_state(a[key], b[key]) for key in a)
    return bool(np.array_equal(a, b))


def redraws(s: Subject) -> str | None:
    """A layer that draws does so anew at each forward."""
    if s.draws:
        return None
    if s.interacts or s.refuses_one:
        return "forward does not draw"
    layer = s.fresh()
    x = np.repeat(s.x, max(1, 256 // max(1, s.x.size)), axis=0)
    start = [g.bit_generator.state for g in generators(layer)]
    y = s.forward(layer, x)
    drew = start != [g.bit_generator.state for g in generators(layer)]
    p = np.array(s.fresh().predict(read_only(x)))
    if difference(y, p) <= 1e-7:
        return "forward does not draw"
    keywords = {*s.original._arguments[1], *vars(s.original)}
    random_words = any(w.strip("_") in ("rng", "seed", "generator") for w in keywords)
    masked = y.shape == p.shape and bool(np.any((y == 0) & (p != 0)) and np.any((y != 0)))
    if drew or start or random_words or masked:
        raise Fault(
            "redraws",
            "forward differs from predict, and gives the same y each time: the mask or noise was "
            "drawn once, and must be drawn anew at each forward.",
        )
    return "forward does not draw"


def expectation(s: Subject) -> str | None:
    """Where forward is linear for a fixed draw, its mean over the draws is predict."""
    if not s.draws:
        return "forward does not draw"
    if s.integer:
        return "x holds integers"
    rows = max(len(s.x), min(256, 2048 // max(1, s.x[0].size)))
    x = s.other_batch(rows) if rows > len(s.x) else s.x
    zero = np.zeros_like(x)
    y, other, both, none = (s.forward(s.fresh(), v) for v in (x, x[::-1], x + x[::-1], zero))
    if not difference(both + none, y + other) < 1e-9:
        return _expectation_of_parts(s)
    layer, at_zero = s.fresh(), s.fresh()
    p = np.array(layer.predict(read_only(x))) - np.array(at_zero.predict(read_only(zero)))
    if p.shape != y.shape or not np.any(p):
        return "predict is zero here"
    ratios = []
    for _ in range(200):
        y = s.forward(layer, x) - s.forward(at_zero, zero)  # with the same draws
        ratios.append(float(np.sum(y * p) / np.sum(p * p)))
    mean, error = float(np.mean(ratios)), float(np.std(ratios)) / np.sqrt(len(ratios))
    if abs(mean - 1) > 6 * error + 1e-9:
        raise Fault(
            "expectation",
            f"the mean of forward over {len(ratios)} draws is {mean:.3f} ± {error:.1g} times "
            f"predict: what is dropped must be made up for, in one of the two and only there.",
            "divide by the probability of keeping, 1 - rate, in forward, and leave predict alone.",
        )
    return None


def _expectation_of_parts(s: Subject) -> str:
    """The same for each part that draws, where the whole is not linear."""
    for part, x in inputs_of_parts(s.fresh(), s.x).values():
        inner = Subject(part, part, x, s.rng)
        if inner.draws and not inner.integer:
            expectation(inner)
    return "forward is not linear for a fixed draw"


def copying(s: Subject) -> None:
    """A copy computes with its own parameters, which lie on its own vectors."""
    start = s.made_anew() or s.fresh()
    s.run(layer=start)
    for how in (copy.deepcopy, copy.copy):
        _own_windows("copy", start, how(start))
    moved, twin = s.moved_params(), copy.deepcopy(start)
    kept = start.params.copy()
    twin.params[...] = moved
    if not np.array_equal(start.params, kept):
        raise Fault("copy", "a copy shares its parameters with the original.")
    got = s.run(layer=twin)
    start.params[...] = moved
    if name := s.apart(got, s.run(layer=start), s.x, s.dy):
        raise Fault(
            "copy",
            f"a copy whose parameters were changed gives another {name} than the original with the "
            f"same parameters: the copy computes with something of the original's.",
            "a view on a parameter, or a function that holds self, was kept in __init__; make it "
            "in forward.",
            tensor=name,
        )


def _own_windows(check: str, layer: Layer, twin: Layer) -> None:
    try:
        twin.check_windows()
    except ValueError as error:
        raise Fault(check, f"on a copy, {error}") from error
    same = twin.params.shape == layer.params.shape and np.array_equal(
        twin.params, layer.params, equal_nan=True
    )
    if not same or twin.params.dtype != layer.params.dtype:
        raise Fault(check, "a copy has other parameters than the original.")
    if layer.params.size and np.may_share_memory(twin.params, layer.params):
        raise Fault(check, "a copy shares its parameters with the original.")


class _Pickler(pickle.Pickler):
    """Writes classes, and functions given to the constructor, by reference, wherever defined."""

    def __init__(self, file: io.BytesIO, given: object) -> None:
        super().__init__(file)
        self.objects: list[object] = []
        self._given = _functions(given)

    def persistent_id(self, value: object) -> int | None:
        if isinstance(value, type) or id(value) in self._given:
            self.objects.append(value)
            return len(self.objects) - 1
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, objects: list[object]) -> None:
        super().__init__(file)
        self._objects = objects

    def persistent_load(self, place: Any) -> object:
        return self._objects[place]


def _functions(value: object) -> set[int]:
    """The ids of all functions inside the arguments of a constructor."""
    if isinstance(value, list | tuple):
        return {found for inner in value for found in _functions(inner)}
    if isinstance(value, dict):
        return _functions(list(value.values()))
    if isinstance(value, Layer):
        return _functions(value._arguments)
    return {id(value)} if callable(value) else set()


def pickling(s: Subject) -> None:
    """The same through pickle, which saving and other processes use."""
    layer = s.fresh()
    wanted = s.run(layer=copy.deepcopy(layer))
    file = io.BytesIO()
    try:
        pickler = _Pickler(file, layer._arguments)
        pickler.dump(layer)
        file.seek(0)
        twin = _Unpickler(file, pickler.objects).load()
    except Exception as error:
        raise Fault(
            "pickle",
            f"pickle raised {type(error).__name__}: {error}",
            "a lambda, a local function or an open file is kept in self; make it a method.",
        ) from error
    _own_windows("pickle", layer, twin)
    if name := s.apart(s.run(layer=twin), wanted, s.x, s.dy):
        raise Fault("pickle", f"after pickling, {name} is another.", tensor=name)


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
    if sizes and not s.integer and not (1e-4 < min(sizes) and max(sizes) < 1e4):
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
        tiny = not b.size or float(np.max(np.abs(b))) < 1e-5 * (1 + float(np.max(np.abs(up))))
        if gap > 1e-3 + 100 * spread[name] and not (tiny and np.isfinite(a).all()):
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
