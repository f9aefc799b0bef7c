"""The message of a failed check: what is wrong, where, what is right, and how to see it again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.gradients import Mismatch, Point
from tinynet.testing.hints import hints
from tinynet.testing.report import Fault, GradientError
from tinynet.testing.trial import Trial, inputs_of_parts
from tinynet.types import Array

__all__ = [
    "gradient_fault",
    "part_at_fault",
    "raise_message",
    "smaller_shapes",
    "smallest",
    "written_array",
]


def gradient_fault(t: Trial, point: Point, m: Mismatch, check: str) -> Fault:
    """A wrong gradient, in words."""
    name, n, x = f"d{m.tensor.name}", len(m.upstreams), point.inputs[0]
    uncertainty = f"± {max(m.error, 1e-16 * abs(m.low)):.1g}"
    if m.index is None:
        first = f"along {m.direction} backward changes the loss by {m.got:.9g},"
    else:
        first = f"{name}[{', '.join(map(str, m.index))}] is {m.got:.9g} by backward,"
    if m.high > m.low:
        first += (
            f" where the slopes nearby reach from {m.low:.9g} to {m.high:.9g} {uncertainty}: at a "
            f"kink anything between is right."
        )
    else:
        first += f" and {m.low:.9g} {uncertainty} by differences."
    found: list[str] = []
    if m.index is None:
        second = f"Each coordinate that was moved alone is right; found at {point.name}."
        if m.kinks:
            second += " At a tie the gradient is shared, not handed to each in full."
    else:
        entries, shown = m.wrong.any(axis=0), int(m.wrong.any(axis=1).sum())
        second = f"{int(entries.sum())} of {entries.size} entries of {name} are wrong"
        second += f", and {shown} of {n} upstream gradients show it; found at {point.name}."
        if m.numeric.shape == m.analytic.shape:
            sizes = {"the number of rows": float(len(x))}
            y_shape = t.y.shape if t.output == "y" else ()
            if t.output == "y":
                sizes["the number of elements of y"] = float(t.y.size)
                sizes["the number of features of y"] = float(np.prod(y_shape[1:]))
            else:
                sizes["the number of elements"] = float(x.size)
            sizes[f"the number of features of {t.names[0]}"] = float(x.size / len(x))
            found = hints(m, y_shape, sizes)
        if _coarse(t):
            found = ["forward computes in float32: a last bit that float64 knows does not reach y."]
        if m.kinks and not found:
            found = ["it is wrong at kinks only."]
    return Fault(
        check,
        f"{first}\n  {second}",
        *found,
        tensor=m.tensor.name,
        index=m.index,
        analytic=m.got,
        numeric=(m.low + m.high) / 2,
        uncertainty=m.error,
    )


def _coarse(t: Trial) -> bool:
    """Whether forward rounds to float32: tiny changes of x and the parameters are lost in y."""

    def at(factor: float) -> Array:
        x = t.x if t.integer else t.x * factor
        return t.forward(t.new(t.params * factor), t.with_x(x))

    y = at(1.0)
    alive = at(1 + 1e-5) != y
    return bool(np.any(alive) and np.mean(at(1 + 1e-10)[alive] == y[alive]) > 0.9)


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


def smallest(fault: Fault, calls: Iterator[Any], check: Callable[[Any], object]) -> Any | None:
    """The first of the calls that fails by the same check."""
    for call in calls:
        try:
            check(call)
        except Fault as found:
            if found.check == fault.check:
                return call
        except Exception:
            continue
    return None


def smaller_shapes(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Shapes to try, from the smallest on; few, since each costs a check."""
    rest = tuple(shape[1:])
    tried = {tuple(shape)}
    for rows in (1, 2):
        for tail in (tuple(1 for _ in rest), tuple(min(n, 2) for n in rest), rest):
            if (rows, *tail) not in tried and rows <= shape[0]:
                tried.add((rows, *tail))
                yield (rows, *tail)


def written_array(x: Array) -> str:
    """An array as one would type it; large ones as what they are."""
    if x.size > 12:
        return f"<{x.dtype} array of shape {x.shape}>"
    text = np.array2string(x, separator=", ", precision=17, threshold=13, max_line_width=10**6)
    return f"np.array({' '.join(text.split())})"


def part_at_fault(layer: Layer, x: Array, check: Callable[[Layer, Array], object]) -> str | None:
    """The first part that fails alone, on the activations that reach it."""
    try:
        twin = copy.deepcopy(layer)
        size = twin.params.size
        twin.bind(np.empty(size), np.zeros(size))
        reached = inputs_of_parts(twin, (x,))
    except Exception:
        return None
    for name, (part, inner) in reached.items():
        try:
            check(part, inner)
        except Fault as fault:
            first = fault.what.split("\n")[0]
            words = " ".join(repr(part).split())
            deeper = part_at_fault(part, inner, check)
            more = f"; within it, {deeper}" if deeper else ""
            return f'part {name}, {words}, fails "{fault.check}" alone: {first}{more}'
        except Exception:
            continue
    return None
