"""The layer and the input that are checked, made from what the caller gave."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.report import Fault, Report
from tinynet.testing.runs import (
    read_only,
)
from tinynet.testing.subject import Subject
from tinynet.types import Array

__all__ = ["prepare"]


def prepare(
    layer: Layer, x: Any, input_shape: tuple[int, ...] | None, seed: int, report: Report
) -> Subject:
    """Copy the layer into float64, choose an input, and randomise the parameters."""
    try:
        layer.check_views()
    except ValueError as error:
        check = "gradient" if ".d" in str(error).split(" ")[0] else "update"
        raise Fault(
            check if "holds a layer" not in str(error) else "gradient", str(error)
        ) from error
    try:
        original = copy.deepcopy(layer)
    except Exception as error:
        raise Fault("copy", f"copy.deepcopy raised {type(error).__name__}: {error}") from error
    double = copy.deepcopy(original)
    double.bind(np.empty(layer.params.size), np.zeros(layer.params.size))
    rng = np.random.default_rng(seed)
    x = _input(double, x, input_shape, rng, report)
    return Subject(original, _randomised(double, x, rng), x, rng)


def _input(
    layer: Layer,
    x: Any,
    input_shape: tuple[int, ...] | None,
    rng: np.random.Generator,
    report: Report,
) -> Array:
    """The x given, in float64 or integers and of three rows or more; or one of the shape given."""
    if x is not None:
        x = np.array(x)
        if x.dtype.kind not in "fiub" or not x.ndim:
            raise ValueError(f"x must be an array of numbers, a row an example; got {x!r}")
        x = x.astype(float) if x.dtype.kind == "f" else x
        if not np.isfinite(x).all():
            raise ValueError("x must be finite; it holds NaN or infinity")
        if not len(x):
            report.notes.append("x holds no example, so three random ones were checked.")
            x = rng.normal(size=(3, *x.shape[1:])).astype(x.dtype)
        candidates = several = [x]
    else:
        rows, *rest = map(int, input_shape or ())
        rows = max(rows, 1)
        shape = (max(rows, 3), *rest)
        several = [
            rng.normal(size=shape),
            rng.uniform(0.1, 0.9, size=shape),
            rng.uniform(1.5, 3.0, size=shape),
        ]
        candidates = [one[:rows] for one in several]
    first: Exception | None = None
    for n, candidate in enumerate(candidates):
        try:
            y = copy.deepcopy(layer).forward(candidate.copy())
        except Exception as error:
            first = first or error
            continue
        if x is not None or np.isfinite(y).all():
            return _three_rows(layer, candidate, several[n])
    me, shape = type(layer).__name__, candidates[0].shape
    if first is None:
        raise ValueError(f"{me} gives no finite y for x of shape {shape}. Pass x=, of its domain.")
    mend = ""
    if x is None:
        mend = "\nPass the input_shape it takes, or x=, where it takes integers or a domain."
    notes = "".join(f"; {note}" for note in getattr(first, "__notes__", ()))
    raise ValueError(
        f"{me} does not take x of shape {shape} and {candidates[0].dtype}: forward raised "
        f"{type(first).__name__}: {first}{notes}{mend}"
    ) from first


def _three_rows(layer: Layer, x: Array, several: Array) -> Array:
    """At least three rows, so that a fault between rows can show; `several` if that has them."""
    if len(x) >= 3:
        return x
    more = several if len(several) >= 3 else np.concatenate([x, x, x])[:3]
    if x.dtype.kind == "f" and len(several) < 3:
        more[len(x) :] *= np.array([0.9, 0.8])[: 3 - len(x)].reshape(-1, *(1,) * (x.ndim - 1))
    try:
        y = copy.deepcopy(layer).forward(read_only(more))
        return more if np.isfinite(y).all() else x
    except Exception:
        return x


def _randomised(layer: Layer, x: Array, rng: np.random.Generator) -> Layer:
    """A layer whose parameters are random: gains of 1 and biases of 0 hide faults."""
    params = layer.params.copy()
    if not params.size:
        return layer
    before = np.isfinite(copy.deepcopy(layer).forward(x.copy())).all()
    for share in (0.3, 0.05):
        moved = params.copy()
        start = 0
        for _, view in layer.named_parameters():
            here = slice(start, start + view.size)
            start += view.size
            size = float(np.sqrt(np.mean(view * view))) if view.size else 0.0
            factor = 1 + share * rng.uniform(-1, 1, size=view.size)
            moved[here] = params[here] * factor + share * (size or 1.0) * rng.uniform(
                -1, 1, size=view.size
            )
        trial = copy.deepcopy(layer)
        trial.params[...] = moved
        try:
            fine = bool(np.isfinite(trial.forward(x.copy())).all())
        except Exception:
            fine = False
        if fine or not before:
            layer.params[...] = moved
            return layer
    return layer
