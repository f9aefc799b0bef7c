"""The message of a failed check: what is wrong, where, what is right, and how to see it again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.hints import hints
from tinynet.testing.points import Wrong, coarse
from tinynet.testing.report import Fault, GradientError, Report
from tinynet.testing.runs import (
    inputs_of_parts,
)
from tinynet.testing.subject import Subject
from tinynet.types import Array

__all__ = ["gradient_fault", "layer_line", "raise_error"]

Check = Callable[..., Report]


def gradient_fault(s: Subject, wrong: Wrong, check: str) -> Fault:
    """A wrong gradient of a layer, in words."""
    m, x, y_shape = wrong.mismatch, wrong.place.x, s.dy.shape
    sizes = {"the number of rows": float(len(x)), "the number of elements of y": float(s.dy.size)}
    if len(y_shape) > 1:
        sizes["the number of features of y"] = float(np.prod(y_shape[1:]))
    if x.ndim > 1:
        sizes["the number of features of x"] = float(np.prod(x.shape[1:]))
    fault = mismatch_fault(m, wrong.dys, check, wrong.place.name, y_shape, sizes)
    if coarse(s):
        fault.hints = (
            "forward computes in float32: a last bit of x that float64 knows does not reach y.",
        )
    return fault


def mismatch_fault(
    m: Any, dys: Array, check: str, place: str, y_shape: tuple[int, ...], sizes: dict[str, float]
) -> Fault:
    """A mismatch, in words."""
    shape = m.tensor.value.shape
    name = "dx" if m.tensor.name == "x" else f"d{m.tensor.name}"
    if m.tensor.name == "y":
        name = "dy"
    uncertainty = f"± {max(m.error, 1e-16 * abs(m.low)):.1g}"
    if m.coordinate is None:
        lines = [f"along {m.direction} backward changes the loss by {_number(m.analytic)},"]
        index = None
    else:
        index = tuple(int(i) for i in np.unravel_index(m.coordinate, shape)) if shape else ()
        lines = [f"{name}[{', '.join(map(str, index))}] is {_number(m.analytic)} by backward,"]
    if m.high > m.low:
        lines.append(
            f"where the one-sided slopes are {_number(m.low)} and {_number(m.high)} {uncertainty}: "
            f"at a kink anything between is right."
        )
    else:
        lines.append(f"and {_number(m.low)} {uncertainty} by differences.")
    lines = [" ".join(lines)]
    found: list[str] = []
    if m.wrong.size:
        entries = m.wrong.any(axis=0)
        lines.append(
            f"{int(entries.sum())} of {entries.size} entries of {name} are wrong, and "
            f"{int(m.wrong.any(axis=1).sum())} of {len(dys)} upstream gradients show it; "
            f"found at {place}."
        )
        if entries.size == m.tensor.value.size:
            found = hints(
                m.tensor.analytic, m.numeric, dys,
                name=m.tensor.name, shape=shape, y_shape=y_shape, sizes=sizes,
            )  # fmt: skip
        if m.kinks and not found:
            found = ["it is wrong at kinks only."]
    else:
        lines.append(
            f"Each coordinate that was moved alone is right; found at {place}. "
            + ("At a tie the gradient is shared, not handed to each in full." if m.kinks else "")
        )
    return Fault(
        check,
        "\n  ".join(lines),
        *found,
        tensor=m.tensor.name,
        index=index,
        analytic=m.analytic,
        numeric=(m.low + m.high) / 2,
        uncertainty=m.error,
    )


def _number(value: float) -> str:
    return f"{value:.9g}"


def raise_error(
    fault: Fault,
    layer: Layer,
    x: Any,
    input_shape: tuple[int, ...] | None,
    skip: frozenset[str],
    seed: int,
    check: Check,
) -> NoReturn:
    """Raise the GradientError of a fault of a layer, with a small reproduction."""
    part = _part_at_fault(layer, x, input_shape, skip, seed, check)
    line = "check_layer(" + _smallest(fault, layer, x, input_shape, skip, seed, check)
    raise_message(fault, " ".join(repr(layer).split()), line, part)


def raise_message(fault: Fault, subject: str, line: str, part: str | None = None) -> NoReturn:
    """Raise the GradientError of a fault."""
    lines = [f'{subject} fails the check "{fault.check}":', "  " + fault.what]
    if part:
        lines.append(f"  At fault: {part}")
    lines += [f"  Hint: {hint}" for hint in fault.hints]
    lines.append(f"  See it again: {line}")
    error = GradientError(
        "\n".join(lines), check=fault.check, hints=fault.hints, part=part, **fault.details
    )
    raise error from fault.__cause__


def _fails(check: Check, fault: Fault, *args: Any) -> bool:
    try:
        check(*args)
    except Fault as found:
        return found.check == fault.check
    except Exception:
        return False
    return False


def _smallest(
    fault: Fault,
    layer: Layer,
    x: Any,
    input_shape: tuple[int, ...] | None,
    skip: frozenset[str],
    seed: int,
    check: Check,
) -> str:
    """The arguments of the smallest call that fails by the same check."""
    name = " ".join(repr(layer).split())
    only = skip
    for small, shape in _smaller(x, input_shape):
        if _fails(check, fault, layer, small, shape, only, seed):
            return layer_line(name, small, shape, skip, seed)
    return layer_line(name, x, input_shape, skip, seed)


def _smaller(x: Any, shape: tuple[int, ...] | None) -> Iterator[tuple[Any, Any]]:
    """Inputs to try, from the smallest on; few, since each costs a check."""
    if shape is not None:
        rest = tuple(shape[1:])
        tried = {tuple(shape)}
        for rows in (1, 2):
            for tail in (tuple(1 for _ in rest), tuple(min(n, 2) for n in rest), rest):
                if (rows, *tail) not in tried and rows <= shape[0]:
                    tried.add((rows, *tail))
                    yield None, (rows, *tail)
        return
    x = np.asarray(x)
    for rows in (1, 2):
        if len(x) > rows:
            if x.ndim == 2 and x.shape[1] > 1:
                yield x[:rows, :1], None
            yield x[:rows], None


def layer_line(
    name: str, x: Any, shape: tuple[int, ...] | None, skip: frozenset[str], seed: int
) -> str:
    """The arguments of a call, as one would type them."""
    if shape is not None:
        given = f"input_shape={tuple(shape)}"
    else:
        given = f"x={written_array(np.asarray(x))}"
    more = f", skip={tuple(sorted(skip))}" if skip else ""
    more += f", seed={seed}" if seed else ""
    return f"{name}, {given}{more})"


def written_array(x: Array) -> str:
    """An array as one would type it; large ones as what they are."""
    if x.size > 12:
        return f"<{x.dtype} array of shape {x.shape}>"
    text = np.array2string(x, separator=", ", precision=17, threshold=13, max_line_width=10**6)
    return f"np.array({' '.join(text.split())})"


def _part_at_fault(
    layer: Layer,
    x: Any,
    input_shape: tuple[int, ...] | None,
    skip: frozenset[str],
    seed: int,
    check: Check,
) -> str | None:
    """The first part that fails alone, on the activations that reach it."""
    try:
        twin = copy.deepcopy(layer)
    except Exception:
        return None
    if not any(twin._parts()):
        return None
    if x is None:
        shape = tuple(input_shape or ())
        x = np.random.default_rng(seed).normal(size=shape)
    try:
        size = twin.params.size
        twin.bind(np.empty(size), np.zeros(size))
        x = np.array(x, float) if np.asarray(x).dtype.kind == "f" else np.array(x)
        reached = inputs_of_parts(twin, x)
    except Exception:
        return None
    for name, (part, inner) in reached.items():
        try:
            check(part, inner, None, skip, seed)
        except Fault as fault:
            first = fault.what.split("\n")[0]
            words = " ".join(repr(part).split())
            deeper = _part_at_fault(part, inner, None, skip, seed, check)
            more = f"; within it, {deeper}" if deeper else ""
            return f'part {name}, {words}, fails "{fault.check}" alone: {first}{more}'
        except Exception:
            continue
    return None
