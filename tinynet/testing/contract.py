"""The contract of a layer, rule by rule: what holds around its gradients.

Each check takes a `Subject`, returns why it does not apply, or None where the rule holds, and
raises `Fault` where it is broken. They run in the order in which a cause comes before its symptoms.
"""

import copy
from typing import Any

import numpy as np

from tinynet.layer import Layer
from tinynet.testing.report import Fault
from tinynet.testing.subject import (
    Run,
    Subject,
    difference,
    read_only,
    restore,
    window_slices,
)
from tinynet.types import Array

__all__ = [
    "backward_twice",
    "dtypes",
    "forward_twice",
    "isolation",
    "layout",
    "linear",
    "mutation",
    "output_alias",
    "overwrite",
    "reuse",
    "shapes",
    "update",
]


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
    for name, here in window_slices(layer):
        if not np.array_equal(layer.params[here], before[here], equal_nan=True):
            raise Fault(
                "mutation",
                f"{method} changes the parameter {name}: only an optimizer moves parameters.",
                tensor=name,
            )
    for part in layer.walk():
        for name, window in part._declared.items():
            held = getattr(part, name)
            if isinstance(window, np.ndarray) and held is not window:
                if np.shape(held) == window.shape and np.array_equal(held, window):
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
        for name, window in part._declared.items():
            gradient = getattr(part, f"d{name}") if isinstance(window, np.ndarray) else window
            if isinstance(window, np.ndarray) and np.shape(gradient) != window.shape:
                raise Fault(
                    "shapes",
                    f"backward made d{name} of shape {np.shape(gradient)}: it must have the shape "
                    f"of {name}, {window.shape}.",
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


def overwrite(s: Subject) -> str | None:
    """Gradients are overwritten, not added to, whatever stood there before."""
    if not s.layer.params.size:
        return "there are no parameters"
    _shortcut(s)
    for x in (s.x, np.repeat(s.x[:1], len(s.x), axis=0)):
        clean, dirty = s.fresh(), s.fresh()
        garbage = s.rng.normal(size=dirty.grads.shape) * 100
        dirty.grads[...] = garbage
        wanted, got = s.run(x, layer=clean), s.run(x, layer=dirty)
        for name, here in window_slices(s.layer):
            a, b, left = got.grads[here], wanted.grads[here], garbage[here]
            untouched = (a == left) & (b == 0)
            if not a.size or untouched.all():
                continue  # never written at all: the check of the gradient says so
            if difference(a, b) > 1e-9:
                how = "keeps what stood there in some entries"
                if np.allclose(a - b, left, rtol=1e-6):
                    how = "adds to what stood there"
                raise Fault(
                    "overwrite",
                    f"backward {how} in place of overwriting d{name}, so the gradient of one batch "
                    f"leaks into the next.",
                    f"write self.d{name}[...] = ..., not +=; where only some entries are set, "
                    f"start with self.d{name}[...] = 0.",
                    tensor=name,
                )
    return None


def _shortcut(s: Subject) -> None:
    """parameter_gradients, which training calls, leaves the gradients that backward does."""
    layer = s.fresh()
    wanted = s.run(layer=copy.deepcopy(layer)).grads
    layer.forward(read_only(s.x))
    garbage = np.where(wanted == 0, 0.0, s.rng.normal(size=wanted.shape) * 100)
    layer.grads[...] = garbage
    layer.parameter_gradients(read_only(s.dy))
    got = np.array(layer.grads)
    for name, here in window_slices(s.layer):
        if difference(got[here], wanted[here]) > 1e-9:
            a, b, left = got[here], wanted[here], garbage[here]
            if np.allclose(a - b, left, rtol=1e-6):
                continue  # backward itself adds: told below
            raise Fault(
                "overwrite",
                f"parameter_gradients, the shortcut that training takes, leaves another d{name} "
                f"than backward does.",
                f"parameter_gradients must write d{name} as backward does; without one of its own, "
                f"a layer gets it from backward.",
                tensor=name,
            )


def backward_twice(s: Subject) -> None:
    """backward called again gives the same."""
    layer = s.fresh()
    first = s.run(layer=layer)
    second = s.back(layer, first.y, s.dy)
    if name := s.apart(second, first, s.x, s.dy):
        raise Fault(
            "backward_twice",
            f"a second backward with the same dy gives another {name}: backward changes what "
            f"forward has kept, or draws anew.",
            tensor=name,
        )


def forward_twice(s: Subject) -> None:
    """forward called again gives the same, but for its draws and its named state."""
    layer = s.fresh()
    s.forward(layer, s.x)
    wanted = s.run(layer=s.as_of(layer))
    got = s.run(layer=layer)
    if name := s.apart(got, wanted, s.x, s.dy):
        raise Fault(
            "forward_twice",
            f"after a second forward with the same x, {name} differs: something that the first "
            f"call kept changes the second.",
            tensor=name,
        )


def reuse(s: Subject) -> None:
    """Another batch, of the same size or another, gives what a fresh layer gives."""
    small, same, large = (s.other_batch(n) for n in (2, len(s.x), len(s.x) + 3))
    for first, second in ((s.x, same), (s.x, small), (small, s.x), (s.x, large)):
        layer = s.fresh()
        s.run(first, layer=layer)
        wanted = s.run(second, layer=s.as_of(layer))
        try:
            got = s.run(second, layer=layer)
        except Exception as error:
            raise Fault(
                "reuse",
                f"after a batch of {len(first)}, a batch of {len(second)} raised "
                f"{type(error).__name__}: {error}",
            ) from error
        if name := s.apart(got, wanted, second, s.upstream(wanted.y.shape)):
            raise Fault(
                "reuse",
                f"after a batch of {len(first)}, a batch of {len(second)} other examples gives "
                f"another {name} than a fresh layer does: something is kept from the first batch.",
                tensor=name,
            )


def isolation(s: Subject) -> None:
    """Two instances share no state: one works in the middle of the other's step."""
    for make in (lambda: (s.fresh(), s.fresh()), s.two_made_anew):
        pair = make()
        if pair is None:
            continue
        one, other = pair
        x, x2 = s.x, s.other_batch(len(s.x))
        wanted, wanted2 = s.run(x, layer=copy.deepcopy(one)), s.run(x2, layer=copy.deepcopy(other))
        y = s.forward(one, x)
        y2 = s.forward(other, x2)
        got = s.back(one, y, s.dy)
        got2 = s.back(other, y2, s.dy)
        got = Run(got.y, got.dx, np.array(one.grads))  # as they are after the other's backward
        if name := s.apart(got, wanted, x, s.dy) or s.apart(got2, wanted2, x2, s.dy):
            raise Fault(
                "isolation",
                f"two instances disturb each other: {name} of one changes when the other works.",
                "something belongs to the class, to the module or to a default argument that "
                "should be made in __init__ or forward.",
                tensor=name,
            )
        one, other = (copy.deepcopy(twin) for twin in pair)
        before = np.array(one.predict(read_only(x)))
        s.run(x2, layer=other)
        if difference(np.array(one.predict(read_only(x))), before) > 1e-10:
            raise Fault(
                "isolation",
                "two instances disturb each other: what one predicts changes when the other works.",
                "something belongs to the class, to the module or to a default argument that "
                "should be made in __init__ or forward.",
            )


def update(s: Subject) -> str | None:
    """Right again after an optimizer has changed the parameters in place."""
    if not s.layer.params.size:
        return "there are no parameters"
    layer, fresh = s.fresh(), s.fresh()
    s.run(layer=layer)
    layer.predict(read_only(s.x))
    moved = s.moved_params()
    now = s.as_of(layer)
    layer.params[...] = moved
    now.params[...] = moved
    got, wanted = s.run(layer=layer), s.run(layer=now)
    if name := s.apart(got, wanted, s.x, s.dy):
        raise Fault(
            "update",
            f"after the parameters changed in place, {name} is still that of the old ones.",
            "something made from the parameters is kept; make it in forward.",
            tensor=name,
        )
    now = s.fresh()
    now.params[...] = moved
    restore(now, layer)
    wanted_p, got_p = now.predict(read_only(s.x)), layer.predict(read_only(s.x))
    if difference(np.array(got_p), np.array(wanted_p)) > 1e-7:
        raise Fault(
            "update",
            "after the parameters changed in place, predict is still that of the old ones.",
            "something made from the parameters is kept; make it in predict.",
        )
    before = s.run(layer=fresh)
    for name, here in window_slices(s.layer):
        one = s.fresh()
        one.params[here] = moved[here]
        after = s.run(layer=one)
        ignored = np.array_equal(after.y, before.y, equal_nan=True)
        seen = all(np.any(np.abs(run.grads[here]) > 1e-12) for run in (before, after))
        if ignored and seen:  # what is smaller may be rounded away, as where a tanh is saturated
            raise Fault(
                "update",
                f"forward does not notice that {name} changed in place, although backward claims "
                f"a gradient for it.",
                f"something made from {name} in __init__ is kept; make it in forward.",
                tensor=name,
            )
    return None


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
            if name == "y" or not np.max(wrong) > 1e-10 * scale:
                if np.isfinite(wrong).all() or not np.isfinite(scale):
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
