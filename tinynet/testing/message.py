"""The message of a failed check: what is wrong, at which part, and the smallest call to see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, product
from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.testing.gradients import Mismatch, Point
from tinynet.testing.hints import usual_causes
from tinynet.testing.inputs import make_trial
from tinynet.testing.report import Fault, Report
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
        causes = (sentence for fits, sentence in usual_causes(m, t, point.inputs[0]) if fits)
        found = list(islice(causes, 1))
    if _coarse(t):
        found = ["forward computes in float32: a last bit that float64 knows does not reach y."]
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


def part_at_fault(
    subject: Layer | Loss, given: dict[str, Any], run: Run, within: str = ""
) -> str | None:
    """The first, innermost part of a network that fails alone, on the inputs that reach it."""
    try:
        t = make_trial(subject, given, 0, Report(""))
        reached = inputs_of_parts(t.start, t.inputs)
    except Exception:
        return None
    for name, (part, x) in reached.items():
        if fault := _fault(run, part, {"x": x}):
            words, first = " ".join(repr(part).split()), fault.what.split("\n")[0]
            this = f'part {within}{name}, {words}, fails "{fault.check}" alone: {first}'
            return part_at_fault(part, {"x": x}, run, f"{within}{name}.") or this
    return None


def _coarse(t: Trial) -> bool:
    """Whether forward rounds to float32: changes by 1e-10 are lost in y, those by 1e-5 are not."""

    def at(factor: float) -> Array:
        x = t.x if t.integer else t.x * factor
        return t.forward(t.new(t.params * factor), t.with_x(x))

    alive = at(1 + 1e-5) != at(1)
    return bool(np.any(alive) and np.mean(at(1 + 1e-10)[alive] == at(1)[alive]) > 0.9)
