"""What may have gone wrong, read off the pattern of the error.

A hint is a test and a sentence. The test compares backward with what a usual mistake would make of
the right gradient, in every entry.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations, product

import numpy as np

from tinynet.testing.gradients import Mismatch
from tinynet.testing.trial import Trial
from tinynet.types import Array

__all__ = ["factor_names", "usual_causes"]

_CLOSE = 1e-6


def usual_causes(m: Mismatch, t: Trial, x: Array) -> Iterator[tuple[bool, str]]:
    """Usual mistakes: whether backward shows one, and the sentence that says so."""
    got, right, dys, name = m.analytic, m.numeric, m.upstreams, f"d{m.tensor.name}"
    of_x = m.tensor.name == t.names[0]
    like_y = of_x and t.output == "y" and dys.shape == got.shape
    whole, axes = right.reshape(-1, *m.tensor.shape), range(1, 1 + len(m.tensor.shape))

    def gives(mistaken: Array, some: Array | slice = slice(None)) -> bool:
        """Whether backward has made this mistake, which does not give the right gradient, too."""
        mistaken = mistaken.reshape(got.shape)[some]
        return _alike(got[some], mistaken) and not _alike(mistaken, right[some])

    why = "the path from y back to it is missing"
    if not of_x:
        why = f"write self.{name}[...] = ..., since self.{name} = ... leaves the vector behind"
    yield gives(0 * right), f"{name} is zero everywhere: {why}."
    yield like_y and gives(dys), "dx is dy, unchanged: the local slope is missing."
    ratio = float(np.sum(got * right)) / (float(np.sum(right * right)) or 1.0)
    names = ", or ".join(factor_names(ratio, _sizes(m, t, x)))
    times = f"{name} is {ratio:.7g} times what is right"
    yield gives(ratio * right), f"{times}: {names}." if names else f"{times}, in every entry."
    for order in permutations(axes):
        text = f"{name} is transposed: its axes are in the order {tuple(a - 1 for a in order)}."
        yield gives(whole.transpose(0, *order)), text
    for flipped in (some for count in axes for some in combinations(axes, count)):
        text = f"{name} is reversed along axis {', '.join(str(a - 1) for a in flipped)}."
        yield gives(np.flip(whole, flipped)), text
    for axis, step in product(axes, (1, -1)):
        text = f"{name} is shifted by {step} along axis {axis - 1}."
        yield gives(np.roll(whole, step, axis)), text
    one_hot = np.count_nonzero(dys, axis=1) == 1
    yield (
        like_y and gives(np.where(dys, right, 0), one_hot),
        "dx has only the diagonal of the Jacobian: each y depends on several x.",
    )
    error, largest = np.abs(got - right), float(np.max(np.abs(right), initial=0))
    if t.output == "y":
        reached = np.count_nonzero(dys.reshape(len(dys), len(x), -1), axis=2) > 0
        first, later = reached[:, 0], reached[:, 1:].any(axis=1)
        yield (
            not of_x and gives(np.where(first[:, np.newaxis], right, 0), first != later),
            f"{name} counts row 0 of the batch alone: sum over all rows.",
        )
        wrong = error.reshape(len(got), len(x) if of_x else 1, -1).max(axis=(0, 2))
        wrong = wrong > _CLOSE * largest
        yield (
            len(wrong) > 1 and not wrong[0] and bool(wrong[1:].all()),
            "only row 0 is right: the other examples are left out, or mixed up.",
        )
    yield (
        gives(np.where(got, right, 0)),
        f"{name} is zero in every entry that is wrong: a path from y back to it is missing, or a "
        f"mask is too narrow.",
    )
    yield (
        float(np.max(error, initial=0)) < 3e-6 * largest,
        "the error is that of float32: some step of backward computes in, or casts to, float32.",
    )


def _sizes(m: Mismatch, t: Trial, x: Array) -> dict[str, float]:
    """Numbers that a factor may be, by name; the y of a loss is what goes in."""
    y_size = m.upstreams.shape[1] if t.output == "y" else x.size
    return {
        "the number of rows": float(len(x)),
        "the number of elements of y": float(y_size),
        "the number of features of y": y_size / len(x),
        f"the number of features of {t.names[0]}": x.size / len(x),
    }


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
