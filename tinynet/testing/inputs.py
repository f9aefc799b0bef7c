"""The trial of a layer or loss: its copy in float64, inputs that it takes, random parameters."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.testing.report import Fault, Report
from tinynet.testing.trial import Inputs, LossTrial, Trial, read_only, rms
from tinynet.types import Array

__all__ = ["layer_trial", "loss_trial"]

_SHARES = (0.3, 0.05)  # of its size by which a parameter moves; the second where the first will not


def layer_trial(
    layer: Layer, seed: int, report: Report, x: Any = None, input_shape: tuple[int, ...] = ()
) -> Trial:
    """The trial of a layer with the x given, or one of the shape given."""
    try:
        layer.check_views()
    except ValueError as error:
        raise Fault(views_check(error), str(error)) from error
    try:
        original = copy.deepcopy(layer)
    except Exception as error:
        raise Fault("copy", f"copy.deepcopy raised {type(error).__name__}: {error}") from error
    double = copy.deepcopy(original)
    double.bind(np.empty(layer.params.size), np.zeros(layer.params.size))
    rng = np.random.default_rng(seed)
    if x is not None:
        tried = [_given_x(x, rng, report)]
        mend = ""
    else:
        rows, *rest = map(int, input_shape)
        rows, several = max(rows, 1), (max(rows, 3), *rest)
        tried = [
            rng.normal(size=several),
            rng.uniform(0.1, 0.9, size=several),
            rng.uniform(1.5, 3.0, size=several),
        ]
        mend = "\nPass the input_shape it takes, or x=, where it takes integers or a domain."
    asked = [array if x is not None else array[:rows] for array in tried]
    n = _first_taken(double, ((array,) for array in asked), type(layer).__name__, mend, x is None)
    x = _three_rows(double, asked[n], tried[n])
    return Trial(original, _randomised(double, x, rng), (x,), seed, report)


def views_check(error: ValueError) -> str:
    """The check that an error of `check_views` belongs to: a gradient, or the parameter itself."""
    text = str(error)
    return "gradient" if ".d" in text.split(" ")[0] or "holds a layer" in text else "update"


def _given_x(x: Any, rng: np.random.Generator, report: Report) -> Array:
    x = np.array(x)
    if x.dtype.kind not in "fiub" or not x.ndim:
        raise ValueError(f"x must be an array of numbers, a row an example; got {x!r}")
    x = x.astype(float) if x.dtype.kind == "f" else x
    if not np.isfinite(x).all():
        raise ValueError("x must be finite; it holds NaN or infinity")
    if not len(x):
        report.notes.append("x holds no example, so three random ones were checked.")
        x = rng.normal(size=(3, *x.shape[1:])).astype(x.dtype)
    return x


def _first_taken(
    layer: Layer, tried: Iterator[Inputs], me: str, mend: str, must_be_finite: bool
) -> int:
    """The first inputs that forward takes, by number.

    Raises:
        ValueError: it takes none of them.
    """
    first: Exception | None = None
    for n, inputs in enumerate(tried):
        shape, dtype = inputs[0].shape, inputs[0].dtype
        try:
            y = copy.deepcopy(layer).forward(*(array.copy() for array in inputs))
            if not must_be_finite or np.isfinite(y).all():
                return n
        except Exception as error:
            first = first or error
    if first is None:
        raise ValueError(f"{me} gives no finite y for x of shape {shape}. Pass x=, of its domain.")
    notes = "".join(f"; {note}" for note in getattr(first, "__notes__", ()))
    raise ValueError(
        f"{me} does not take x of shape {shape} and {dtype}: forward raised "
        f"{type(first).__name__}: {first}{notes}{mend}"
    ) from first


def _three_rows(layer: Layer, x: Array, several: Array) -> Array:
    """At least three rows, so that a fault between rows can show; `several` if that has them."""
    if len(x) >= 3:
        return x
    if len(several) < 3:
        several = np.concatenate([x, x, x])[:3]
        if x.dtype.kind == "f":
            several[len(x) :] *= np.resize([0.9, 0.8], (3 - len(x), *(1,) * (x.ndim - 1)))
    try:
        y = copy.deepcopy(layer).forward(read_only(several))
        return several if np.isfinite(y).all() else x
    except Exception:
        return x


def _randomised(layer: Layer, x: Array, rng: np.random.Generator) -> Layer:
    """The layer with random parameters: gains of 1 and biases of 0 hide faults."""

    def finite() -> bool:
        try:
            return bool(np.isfinite(copy.deepcopy(layer).forward(x.copy())).all())
        except Exception:
            return False

    before, start = finite(), layer.params.copy()
    for share in _SHARES:
        for _, view in layer.named_parameters():
            moves = share * rng.uniform(-1, 1, size=(2, *view.shape))
            view[...] *= 1 + moves[0]
            view[...] += moves[1] * (rms(view) or 1.0)
        if finite() or not before:
            break
        layer.params[...] = start
    return layer


def loss_trial(
    loss: Loss,
    seed: int,
    report: Report,
    y: Any = None,
    t: Any = None,
    shape: tuple[int, ...] | None = None,
) -> LossTrial:
    """The trial of a loss with the y and t given, or a pair of the shape that the loss takes."""
    layer, rng = LossTrial.layer(copy.deepcopy(loss)), np.random.default_rng(seed)
    if shape is None:
        y, t = np.array(y), np.array(t)
        if y.dtype.kind not in "fiub":
            raise ValueError(f"y must be an array of numbers; got {y!r}")
        pairs = [(y.astype(float), t.astype(float) if t.dtype.kind == "f" else t)]
    else:
        pairs = list(_pairs(tuple(shape), rng))
    me = type(loss).__name__
    try:
        n = _first_taken(layer, iter(pairs), me, "", shape is not None)
    except ValueError as error:
        why = error.__cause__
        said = f"forward raised {type(why).__name__}: {why}" if why else "the value is not finite"
        raise ValueError(
            f"{me} does not take what was tried: {said}\n"
            f"Pass y= and t= of the shapes and values it takes."
        ) from why
    return LossTrial(layer, layer, pairs[n], seed, report)


def _pairs(shape: tuple[int, ...], rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
    """Outputs and targets of every usual kind."""
    y = rng.normal(size=shape)
    share = rng.uniform(0.1, 0.9, size=shape)
    parts = share / share.sum(axis=-1, keepdims=True) if shape else share
    others = np.roll(parts, 1, axis=-1) if shape else parts
    yield y, rng.normal(size=shape)
    yield share, rng.uniform(0.1, 0.9, size=shape)
    yield parts, others
    if len(shape) > 1:
        classes = rng.integers(shape[-1], size=shape[:-1])
        yield y, classes
        yield parts, classes
        yield y, np.eye(shape[-1])[classes]
        yield parts, np.eye(shape[-1])[classes]
        yield y, rng.integers(shape[1], size=(shape[0], *shape[2:]))
    yield y, rng.choice([-1.0, 1.0], size=shape)
    yield y, rng.integers(0, 2, size=shape)
    yield share, rng.integers(0, 2, size=shape)
    yield rng.uniform(1.5, 3, size=shape), rng.uniform(1.5, 3, size=shape)
    yield np.log(parts), others
