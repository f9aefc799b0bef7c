"""The message of a failed check: what is wrong, where, what is right, and how to see it again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator
from typing import Any, NoReturn

import numpy as np

from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.testing.gradients import Mismatch, Point
from tinynet.testing.hints import hints
from tinynet.testing.report import Fault, GradientError
from tinynet.testing.trial import Trial, inputs_of_parts
from tinynet.types import Array

__all__ = ["gradient_fault", "raise_error", "raise_message"]

Run = Callable[[Any, dict[str, Any]], object]


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
            y_shape = (len(x), *t.y.shape[1:]) if t.output == "y" else ()
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


def raise_error(
    fault: Fault,
    subject: Layer | Loss,
    given: dict[str, Any],
    run: Run,
    skip: Collection[str],
    seed: int,
) -> NoReturn:
    """Raise the GradientError of a fault, with the smallest call that fails by the same check."""
    small, part = given, None
    for smaller in _smaller(given):
        found = _fault(run, subject, smaller)
        if found is not None and found.check == fault.check:
            small = smaller
            break
    if isinstance(subject, Layer):
        x = given.get("x")
        if x is None:
            x = np.random.default_rng(seed).normal(size=given["input_shape"])
        part = _part_at_fault(subject, np.asarray(x), run)
    name, kind = " ".join(repr(subject).split()), "layer" if isinstance(subject, Layer) else "loss"
    arguments = [name, *(f"{key}={_written(value)}" for key, value in small.items())]
    arguments += [f"skip={tuple(sorted(skip))}"] if skip else []
    arguments += [f"seed={seed}"] if seed else []
    raise_message(fault, name, f"check_{kind}({', '.join(arguments)})", part)


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


def _fault(run: Run, subject: Any, given: dict[str, Any]) -> Fault | None:
    try:
        run(subject, given)
    except Fault as fault:
        return fault
    except Exception:
        return None
    return None


def _smaller(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Calls to try, from the smallest on; few, since each costs a check."""
    name, value = next(iter(given.items()))
    for rows in (1, 2):
        if "shape" in name:
            rest = value[1:]
            tails = ((1,) * len(rest), tuple(min(n, 2) for n in rest), rest)
            yield from ({name: (rows, *tail)} for tail in dict.fromkeys(tails) if rows <= value[0])
        elif np.ndim(value) and len(value) > rows:
            arrays = {key: np.asarray(array)[:rows] for key, array in given.items()}
            if len(given) == 1 and np.ndim(value) == 2:
                yield {name: arrays[name][:, :1]}
            yield arrays


def _written(value: Any) -> str:
    """An array or a shape as one would type it; large arrays as what they are."""
    if isinstance(value, tuple):
        return str(value)
    x = np.asarray(value)
    if x.size > 12:
        return f"<{x.dtype} array of shape {x.shape}>"
    text = np.array2string(x, separator=", ", precision=17, threshold=13, max_line_width=10**6)
    return f"np.array({' '.join(text.split())})"


def _part_at_fault(layer: Layer, x: Array, run: Run) -> str | None:
    """The first part that fails alone, on the activations that reach it."""
    try:
        twin = copy.deepcopy(layer)
        twin.bind(np.empty(twin.params.size), np.zeros(twin.params.size))
        reached = inputs_of_parts(twin, (x,))
    except Exception:
        return None
    for name, (part, inner) in reached.items():
        if fault := _fault(run, part, {"x": inner}):
            words, first = " ".join(repr(part).split()), fault.what.split("\n")[0]
            deeper = _part_at_fault(part, inner, run)
            more = f"; within it, {deeper}" if deeper else ""
            return f'part {name}, {words}, fails "{fault.check}" alone: {first}{more}'
    return None
