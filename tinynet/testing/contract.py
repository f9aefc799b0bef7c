"""The contract of a layer, rule by rule: what holds around its gradients.

Each check takes a `Subject`, returns why it does not apply, or None where the rule holds, and
raises `Fault` where it is broken. They run in the order in which a cause comes before its symptoms.
"""

from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.report import Fault
from tinynet.testing.runs import Run, difference, read_only, view_slices
from tinynet.testing.subject import Subject
from tinynet.types import Array

__all__ = ["dtypes", "layout", "linear", "mutation", "output_alias", "shapes"]


def mutation(s: Subject) -> None:
    """x, dy and every parameter are left as they were."""
    layer, x = s.fresh(), s.x.copy()
    params = layer.params.copy()
    y = layer.forward(x)
    _unchanged("forward", "x", x, s.x)
    _params_unchanged("forward", layer, params)
    if not isinstance(y, np.ndarray) or y.shape != s.dy.shape:
        return
    dy = s.dy.copy()
    layer.backward(dy)
    _unchanged("backward", "dy", dy, s.dy)
    _unchanged("backward", "x", x, s.x)
    _params_unchanged("backward", layer, params)


def _unchanged(method: str, name: str, now: Array, before: Array) -> None:
    if not np.array_equal(now, before, equal_nan=True):
        place = tuple(map(int, np.argwhere(now != before)[0]))
        raise Fault(
            "mutation",
            f"{method} writes into {name}: {name}[{_index(place)}] was {before[place]:.6g} and is "
            f"{now[place]:.6g} afterwards.\n"
            f"  The caller still needs {name}: make a new array, {name} * 2, in place of *=.",
            tensor=name,
        )


def _params_unchanged(method: str, layer: Layer, before: Array) -> None:
    for name, here in view_slices(layer):
        if not np.array_equal(layer.params[here], before[here], equal_nan=True):
            raise Fault(
                "mutation",
                f"{method} changes the parameter {name}: only an optimizer moves parameters.",
                tensor=name,
            )
    for part in layer.walk():
        for name, view in part._declared.items():
            held = getattr(part, name)
            if isinstance(view, np.ndarray) and held is not view:
                if np.shape(held) == view.shape and np.array_equal(held, view):
                    continue
                raise Fault(
                    "mutation",
                    f"{method} replaces the parameter self.{name} by other values, so the "
                    f"optimizer moves one array and the layer computes with another.",
                    tensor=name,
                )


def shapes(s: Subject) -> None:
    """y and dx are arrays with the batch axis first; dx has the shape of x."""
    layer = s.fresh()
    y = layer.forward(read_only(s.x))
    if not isinstance(y, np.ndarray):
        raise Fault("shapes", f"forward returned {type(y).__name__}; it must return an array.")
    if not y.ndim or len(y) != len(s.x):
        raise Fault(
            "shapes",
            f"forward returned y of shape {y.shape} for x of shape {s.x.shape}: the first axis "
            f"counts the examples, so it must be {len(s.x)}.",
        )
    try:
        dx: Any = layer.backward(read_only(s.dy))
    except ValueError as error:
        if any(word in str(error) for word in ("shape", "broadcast", "dimension", "aligned")):
            raise Fault(
                "shapes",
                f"backward raised {type(error).__name__}: {error}\n"
                f"  for x of shape {s.x.shape} and dy of shape {s.dy.shape}, the shape of y.",
            ) from error
        raise
    if s.integer and dx is None:
        return
    if not isinstance(dx, np.ndarray):
        raise Fault(
            "shapes", f"backward returned {type(dx).__name__}; it must return dL/dx, an array."
        )
    if dx.shape != s.x.shape:
        raise Fault(
            "shapes",
            f"backward returned dx of shape {dx.shape}: it must have the shape of x, {s.x.shape}.",
            tensor="x",
        )
    for part in layer.walk():
        for name, view in part._declared.items():
            gradient = getattr(part, f"d{name}") if isinstance(view, np.ndarray) else view
            if isinstance(view, np.ndarray) and np.shape(gradient) != view.shape:
                raise Fault(
                    "shapes",
                    f"backward made d{name} of shape {np.shape(gradient)}: it must have the shape "
                    f"of {name}, {view.shape}.",
                    tensor=name,
                )


def dtypes(s: Subject) -> None:
    """With float64 in, y and dx are float64."""
    layer = s.fresh()
    y = layer.forward(read_only(s.x))
    dx = layer.backward(read_only(s.dy))
    for name, array in (("y", y), ("dx", None if s.integer else dx)):
        if array is not None and array.dtype != float:
            raise Fault(
                "dtypes", f"{name} is {array.dtype} for x and parameters of float64.", tensor=name
            )


def linear(s: Subject) -> None:
    """backward is additive and homogeneous in dy, to round-off."""
    layer = s.fresh()
    y = s.forward(layer, s.x)
    other = s.rng.normal(size=s.dy.shape)
    one, two, both = (s.back(layer, y, dy) for dy in (s.dy, other, s.dy + other))
    cases = [
        ("dy + dy'", both, [(1.0, one), (1.0, two)]),
        ("1000 dy", s.back(layer, y, 1000 * s.dy), [(1000.0, one)]),
        ("-dy / 1000", s.back(layer, y, -s.dy / 1000), [(-1e-3, one)]),
        ("0 dy", s.back(layer, y, np.zeros_like(s.dy)), [(0.0, one)]),
    ]
    for what, run, terms in cases:
        size = sum(abs(factor) for factor, _ in terms)
        for name, got, *arrays in s.parts(run, *(term for _, term in terms)):
            if got is None or not got.size:
                continue
            wanted = sum(f * a for (f, _), a in zip(terms, arrays, strict=True))
            scale = max(
                float(np.max(np.abs(f * a))) for (f, _), a in zip(terms, arrays, strict=True)
            )
            wrong = np.abs(got - wanted)
            near = name == "y" or not np.max(wrong) > 1e-10 * scale
            if near and (np.isfinite(wrong).all() or not np.isfinite(scale)):
                continue
            if np.max(wrong) <= 100 * max(size, 1.0) * s.noise(s.x, s.dy):
                continue
            place = tuple(map(int, np.unravel_index(np.nanargmax(wrong), wrong.shape)))
            hints = []
            if difference(got, arrays[0]) < 1e-10 and difference(got, wanted) > 1e-6:
                hints.append(
                    "it does not depend on dy at all: multiply the local slope by dy, as the chain "
                    "rule says."
                )
            raise Fault(
                "linear",
                f"{name} is not linear in dy: for {what}, {name}[{_index(place)}] is "
                f"{got[place]:.6g} where {wanted[place]:.6g} follows from its other values. "
                f"backward is a matrix times dy.",
                *hints,
                tensor=name,
            )


def layout(s: Subject) -> None:
    """Memory order is of no account: Fortran order, strides and reversed axes give the same."""
    wanted = s.run()
    for how, arrange in _LAYOUTS.items():
        layer = s.fresh()
        try:
            y = np.array(layer.forward(arrange(s.x)))
            dx = layer.backward(arrange(s.dy))
        except Exception as error:
            raise Fault(
                "layout", f"on {how} arrays it raised {type(error).__name__}: {error}"
            ) from error
        got = Run(y, None if dx is None else np.array(dx), np.array(layer.grads))
        if name := s.apart(got, wanted, s.x, s.dy):
            raise Fault(
                "layout",
                f"on {how} arrays, of the same values, {name} comes out otherwise: something "
                f"relies on the order in memory.",
                tensor=name,
            )


def _fortran(array: Array) -> Array:
    return np.asfortranarray(array)


def _strided(array: Array) -> Array:
    wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), 7, array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def _reversed(array: Array) -> Array:
    backwards = (slice(None, None, -1),) * array.ndim
    return array[backwards].copy()[backwards]


_LAYOUTS = {"Fortran-ordered": _fortran, "strided": _strided, "reversed": _reversed}


def output_alias(s: Subject) -> None:
    """What was returned is never written into again."""
    layer = s.fresh()
    returned: list[tuple[str, str, Any, Any]] = []

    def keep(name: str, array: Any, after: str) -> None:
        for what, kept, copied, _ in returned_now():
            if not np.array_equal(kept, copied, equal_nan=True):
                raise Fault(
                    "output_alias",
                    f"the {what} that the layer returned changes when {after} runs afterwards: it "
                    f"hands out memory that it writes into again.",
                    "return a new array, or a copy of the buffer.",
                    tensor=what.split()[0],
                )
        if isinstance(array, np.ndarray):
            returned.append((name, "", array, array.copy()))

    def returned_now() -> list[tuple[str, Any, Any, str]]:
        return [(name, array, copied, after) for name, after, array, copied in returned]

    other = s.other_batch(len(s.x))
    y = layer.forward(s.x.copy())
    keep("y of forward", y, "forward")
    keep("dx of backward", layer.backward(s.dy.copy()), "backward")
    keep("dx of backward", layer.backward(2 * s.dy), "backward")
    keep("y of predict", layer.predict(s.x.copy()), "predict")
    keep("y of predict", layer.predict(other.copy()), "predict")
    keep("y of forward", layer.forward(other.copy()), "forward")
    keep("dx of backward", layer.backward(s.dy * 3), "backward")
    keep("y of predict", layer.predict(s.x.copy()), "predict")
    keep("", None, "predict")


def _index(place: tuple[int, ...]) -> str:
    return ", ".join(map(str, place))
