"""The message of a failed check: what is wrong, the usual cause, the part, the smallest call."""

from collections.abc import Callable, Iterator
from itertools import chain, islice, permutations, product
from typing import Any

import numpy as np

from tinynet.testing.gradients import Mismatch, Point
from tinynet.testing.inputs import make_trial
from tinynet.testing.report import Fault, Report
from tinynet.testing.trial import Trial, inputs_of_parts
from tinynet.text import call, one_line
from tinynet.types import Array

_CLOSE = 1e-6  # how far a gradient may be from what a mistake would give, to be explained by it

Given = dict[str, Any]
Run = Callable[[Any, Given], object]


def gradient_fault(t: Trial, point: Point, m: Mismatch, check: str) -> Fault:
    """A wrong gradient, in words."""
    name, right = f"d{m.tensor.name}", f"{m.low:.9g}"
    place = f"the slope along {m.direction}"
    if m.index is not None:
        place = f"{name}[{', '.join(map(str, m.index))}]"
    if m.high > m.low:
        right = f"at a kink anything between {right} and {m.high:.9g}"
    entries, of = m.wrong.any(axis=0).sum(), m.wrong.shape[1]
    upstreams = f"{m.wrong.any(axis=1).sum()} of {len(m.wrong)} upstream gradients"
    what = (
        f"{place} is {m.got:.9g} by backward, and {right} ± {max(m.error, 1e-16 * abs(m.low)):.1g} "
        f"by differences.\n  Moved one at a time, {entries} of {of} entries of {name} are "
        f"wrong, for {upstreams}; found at {point.name}."
    )
    entire = m.index is not None and m.numeric.shape == m.analytic.shape
    at_kinks = m.kinks, "it is wrong at kinks only; where several tie, they share one gradient."
    causes = chain(_causes(m, t, point) if entire else (), [at_kinks])
    hints = islice((sentence for fits, sentence in causes if fits), 1)
    values = {"analytic": m.got, "numeric": (m.low + m.high) / 2, "uncertainty": m.error}
    return Fault(check, what, *hints, tensor=m.tensor.name, index=m.index, **values)


def _causes(m: Mismatch, t: Trial, point: Point) -> Iterator[tuple[bool, str]]:
    """Usual mistakes: a test of whether backward made it, and a sentence, the hint."""
    x = point.inputs[0]
    got, right, dys, name = m.analytic, m.numeric, m.upstreams, f"d{m.tensor.name}"
    of_x = m.tensor.name == t.names[0]
    like_y = of_x and t.output == "y" and dys.shape == got.shape
    whole, axes = right.reshape(-1, *m.tensor.shape), range(1, 1 + len(m.tensor.shape))

    def gives(mistaken: Array, some: Array | slice = slice(None)) -> bool:
        """Whether backward has made this mistake, which does not give the right gradient, too."""
        mistaken = mistaken.reshape(got.shape)[some]
        return _alike(got[some], mistaken) and not _alike(mistaken, right[some])

    coarse, fine = (np.array_equal(a, a.astype(np.float32)) for a in (t.y, t.x))
    text = "forward computes in float32, which loses the last bits of y."
    yield coarse and not fine and bool(np.any(t.y % 1)), text
    why = "the path from y back to it is missing"
    if not of_x:
        why = f"backward must write it, self.{name}[...] = ..."
    yield gives(0 * right), f"{name} is zero everywhere: {why}."
    yield like_y and gives(dys), "dx is dy, unchanged: the local slope is missing."
    ratio = float(np.sum(got * right)) / (float(np.sum(right * right)) or 1.0)
    y_size = dys.shape[1] if t.output == "y" else x.size  # the y of a loss is what goes in
    sizes = {
        "the number of rows": float(len(x)),
        "the number of elements of y": float(y_size),
        "the number of features of y": y_size / len(x),
        f"the number of features of {t.names[0]}": x.size / len(x),
    }
    names = ", or ".join(factor_names(ratio, sizes))
    times = f"{name} is {ratio:.7g} times what is right"
    yield gives(ratio * right), f"{times}: {names}." if names else f"{times}, in every entry."
    if not of_x and t.output == "y" and len(axes) == 1:
        total = np.repeat(right.sum(axis=1, keepdims=True), m.tensor.shape[0], axis=1)
        yield gives(total), f"{name} is the sum over all elements: write dy.sum(axis=0)."
    for weight, view in t.start.named_parameters() if of_x and like_y and x.ndim == 2 else ():
        if view.shape == x.shape[1:] * 2:
            inverse = dys.reshape(-1, x.shape[1]) @ _at(t, point, weight)
            text = f"dx is dy @ {weight}; for y = x @ {weight} it is dy @ {weight}.T."
            yield gives(inverse), text
    for order in permutations(axes):
        text = f"{name} is transposed: its axes are in the order {tuple(a - 1 for a in order)}."
        yield gives(whole.transpose(0, *order)), text
    for axis, step in product(axes, (0, 1, -1)):
        moved = np.roll(whole, step, axis) if step else np.flip(whole, axis)
        how = f"shifted by {step}" if step else "reversed"
        yield gives(moved), f"{name} is {how} along axis {axis - 1}."
    one_hot = np.count_nonzero(dys, axis=1) == 1
    text = "dx has only the diagonal of the Jacobian: each y depends on several x."
    yield like_y and gives(np.where(dys, right, 0), one_hot), text
    if t.output == "y":
        reached = np.count_nonzero(dys.reshape(len(dys), len(x), -1), axis=2) > 0
        first, later = reached[:, 0], reached[:, 1:].any(axis=1)
        counted = not of_x and gives(np.where(first[:, np.newaxis], right, 0), first != later)
        yield counted, f"{name} counts row 0 of the batch alone: sum over all rows."
        rows = m.wrong.reshape(len(dys), len(x) if of_x else 1, -1)
        wrong = np.count_nonzero(rows, axis=(0, 2)) > 0
        text = "only row 0 is right: the other examples are left out, or mixed up."
        yield not wrong[0] and bool(wrong[1:].all()), text
    text = f"{name} is zero wherever it is wrong: a path to y is left out, or a mask is too narrow."
    yield gives(np.where(got, right, 0)), text
    text = "the error is that of float32: some step of backward computes in, or casts to, float32."
    yield bool(np.max(np.abs(got - right)) < 3e-6 * np.max(np.abs(right))), text


def _at(t: Trial, point: Point, name: str) -> Array:
    """A parameter as it is at the point."""
    return dict(t.new(point.params).named_parameters())[name]


def factor_names(ratio: float, sizes: dict[str, float]) -> list[str]:
    """What a constant ratio may be: −1, or a size of the problem, or one over it."""
    names = ["its sign is turned around"] if abs(ratio + 1) < _CLOSE else []
    for what, size in sizes.items():
        if size not in (0, 1) and abs(ratio / size - 1) < _CLOSE:
            names.append(f"{what} = {size:g}, a sum where forward takes a mean")
        if size not in (0, 1) and abs(ratio * size - 1) < _CLOSE:
            names.append(f"1/{size:g}, one over {what}, a mean where forward takes a sum")
    return names


def _alike(a: Array, b: Array) -> bool:
    """Whether two gradients agree, to a part of the largest entry of the second."""
    if not a.size or not np.isfinite(a).all():
        return False
    return bool(np.max(np.abs(a - b)) <= _CLOSE * float(np.max(np.abs(b))))


def smallest_call(me: str, fault: Fault, run: Run, subject: Any, given: Given, more: Given) -> str:
    """The call with the smallest inputs that fails by the same check, as one would type it."""
    for rows, features in product((1, 2), (1, 2, None)):
        smaller = {name: _cut(value, rows, features) for name, value in given.items()}
        found = _fault(run, subject, smaller)
        if found is not None and found.check == fault.check:
            given = smaller
            break
    more = {name: value for name, value in more.items() if value}
    return " ".join(call(me, [subject], given | more).split())


def _fault(run: Run, subject: Any, given: Given) -> Fault | None:
    """The fault of a call; None where it has none, or refuses its inputs."""
    try:
        run(subject, given)
    except Exception as error:
        return error if isinstance(error, Fault) else None
    return None


def _cut(value: Any, rows: int, features: int | None) -> Any:
    """A shape, or an array, of at most so many rows and features."""
    if isinstance(value, tuple):
        return tuple(np.minimum(value, (rows, *(features or n for n in value[1:]))).tolist())
    return value[(slice(rows), *(slice(features),) * (value.ndim == 2))]


def part_at_fault(subject: Any, given: Given, run: Run, within: str = "") -> str | None:
    """The first, innermost part of a network that fails alone, on the inputs that reach it."""
    try:
        t = make_trial(subject, given, 0, Report(""))
        reached = inputs_of_parts(t.start, t.inputs)
    except Exception:
        return None
    for name, (part, x) in reached.items():
        if fault := _fault(run, part, {"x": x}):
            first = fault.what.split("\n")[0]
            this = f'part {within}{name}, {one_line(part)}, fails "{fault.check}" alone: {first}'
            return part_at_fault(part, {"x": x}, run, f"{within}{name}.") or this
    return None
