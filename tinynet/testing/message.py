"""The message of a failed check: what is wrong, at which part, and the smallest call to see it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.gradients import Mismatch, Point
from tinynet.testing.hints import hints
from tinynet.testing.report import Fault
from tinynet.testing.trial import Trial, inputs_of_parts
from tinynet.types import Array

__all__ = ["gradient_fault", "part_at_fault", "smallest_call"]

Run = Callable[[Any, dict[str, Any]], object]


def gradient_fault(t: Trial, point: Point, m: Mismatch, check: str) -> Fault:
    """A wrong gradient, in words."""
    name, right = f"d{m.tensor.name}", f"{m.low:.9g}"
    place = f"the slope along {m.direction}"
    if m.index is not None:
        place = f"{name}[{', '.join(map(str, m.index))}]"
    if m.high > m.low:
        right = f"at a kink anything between {right} and {m.high:.9g}"
    wrong, shown = m.wrong.any(axis=0), int(m.wrong.any(axis=1).sum())
    found = []
    if m.index is not None and m.numeric.shape == m.analytic.shape:
        found = hints(m, t, point.inputs[0])
    if m.kinks and not found:
        found = ["it is wrong at kinks only; where several tie, one gradient is shared by them."]
    return Fault(
        check,
        f"{place} is {m.got:.9g} by backward, and {right} ± {max(m.error, 1e-16 * abs(m.low)):.1g} "
        f"by differences.\n  Moved one at a time, {int(wrong.sum())} of {wrong.size} entries of "
        f"{name} are wrong, for {shown} of {len(m.wrong)} upstream gradients; found at "
        f"{point.name}.",
        *found,
        tensor=m.tensor.name,
        index=m.index,
        analytic=m.got,
        numeric=(m.low + m.high) / 2,
        uncertainty=m.error,
    )


def smallest_call(
    fault: Fault, run: Run, subject: Any, given: dict[str, Any], more: dict[str, Any]
) -> str:
    """The call with the smallest inputs that fails by the same check, as one would type it."""
    for smaller in _smaller(given):
        found = _fault(run, subject, smaller)
        if found is not None and found.check == fault.check:
            given = smaller
            break
    arguments = [f"{name}={_written(value)}" for name, value in given.items()]
    arguments += [f"{name}={value!r}" for name, value in more.items() if value]
    kind = "layer" if isinstance(subject, Layer) else "loss"
    return f"check_{kind}({', '.join([' '.join(repr(subject).split()), *arguments])})"


def _fault(run: Run, subject: Any, given: dict[str, Any]) -> Fault | None:
    """The fault of a call; None where it has none, or refuses its inputs."""
    try:
        run(subject, given)
    except Fault as fault:
        return fault
    except Exception:
        return None
    return None


def _smaller(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Inputs to try, the smallest first: of one or two rows, and of few features."""
    tried = [_written(value) for value in given.values()]
    for rows, features in product((1, 2), (1, 2, None)):
        smaller = {name: _cut(value, rows, features) for name, value in given.items()}
        if (written := [_written(value) for value in smaller.values()]) != tried:
            yield smaller
        tried = written


def _cut(value: Any, rows: int, features: int | None) -> Any:
    """A shape, or an array, of at most so many rows and features."""
    if isinstance(value, tuple):
        return tuple(np.minimum(value, (rows, *(features or n for n in value[1:]))).tolist())
    return np.asarray(value)[(slice(rows), *(slice(features),) * (np.ndim(value) == 2))]


def _written(value: Any) -> str:
    """An array or a shape as one would type it; large arrays as what they are."""
    if isinstance(value, tuple):
        return str(value)
    x = np.asarray(value)
    return f"np.array({x.tolist()})" if x.size <= 12 else f"<{x.dtype} array of shape {x.shape}>"


def part_at_fault(subject: Any, given: dict[str, Any], run: Run, seed: int) -> str | None:
    """The first part of a network that fails alone, on the activations that reach it."""
    x = given.get("x")
    if "input_shape" in given:
        x = np.random.default_rng(seed).normal(size=given["input_shape"])
    return None if x is None else _part_at_fault(subject, np.asarray(x), run)


def _part_at_fault(layer: Layer, x: Array, run: Run, within: str = "") -> str | None:
    try:
        twin = copy.deepcopy(layer)
        twin.bind(np.empty(twin.params.size), np.zeros(twin.params.size))
        reached = inputs_of_parts(twin, (x,))
    except Exception:
        return None
    for name, (part, inner) in reached.items():
        if fault := _fault(run, part, {"x": inner}):
            words, first = " ".join(repr(part).split()), fault.what.split("\n")[0]
            this = f'part {within}{name}, {words}, fails "{fault.check}" alone: {first}'
            return _part_at_fault(part, inner, run, f"{within}{name}.") or this
    return None
