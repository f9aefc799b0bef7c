"""What may have gone wrong, read off the pattern of the error.

A hint is given only where it explains the whole error, to the tolerance that would accept it.
"""

from __future__ import annotations

import itertools

import numpy as np

from tinynet.testing.gradients import Mismatch
from tinynet.types import Array

__all__ = ["factor_names", "hints"]

_CLOSE = 1e-6


def hints(m: Mismatch, y_shape: tuple[int, ...], sizes: dict[str, float]) -> list[str]:
    """Sentences that each explain every wrong entry of a tensor of which each entry was moved.

    Args:
        m: what backward gives, and what is right.
        y_shape: of the outputs.
        sizes: numbers that a factor may be, by name.
    """
    got, right, dys, shape = m.analytic, m.numeric, m.upstreams, m.tensor.shape
    mine, of_input = f"d{m.tensor.name}", m.tensor.name == "x"
    scale = float(np.max(np.abs(right), initial=0))
    if not np.any(got):
        if of_input:
            return ["dx is zero everywhere: the path from y back to x is missing."]
        return [
            f"{mine} is never written: use self.{mine}[...] = ..., since self.{mine} = ... leaves "
            f"the layer's gradient vector behind; or its path is missing."
        ]
    if not scale:
        return []
    found = _factor(got, right, sizes) or _rearranged(
        got.reshape(-1, *shape), right.reshape(-1, *shape)
    )
    found = [f"{mine} is {what}" for what in found]
    if of_input and y_shape == shape and _alike(got, dys):
        found.append("dx is dy, unchanged: the local slope is missing.")
    if found:
        return found
    if of_input and y_shape == shape:
        found += _diagonal(got, right, dys)
    if y_shape and y_shape[0] > 1:
        rows = np.any(dys.reshape(len(dys), y_shape[0], -1), axis=2)
        found += _first_row(got, right, rows, shape, of_input, mine)
    wrong = np.abs(got - right) > _CLOSE * scale
    if not found and np.any(wrong) and not np.any(got[wrong]):
        found.append(
            f"{mine} is zero in every entry that is wrong: a path from y back to it is missing, or "
            f"a mask is too narrow."
        )
    error = float(np.max(np.abs(got - right))) / scale
    if not found and error < 3e-6:
        found.append(
            f"the error, a part of {error:.0e}, is that of float32: some step of backward "
            f"computes in, or casts to, float32."
        )
    return found


def factor_names(ratio: float, sizes: dict[str, float]) -> list[str]:
    """What a constant ratio may be: −1, 2, ½, or a size of the problem, or one over it."""
    known = {
        -1.0: "its sign is turned around",
        2.0: "2, as from a square whose ½ was left out",
        0.5: "½, as from a square whose 2 was left out",
    }
    names = [name for factor, name in known.items() if abs(ratio - factor) < _CLOSE]
    for what, size in sizes.items():
        if size not in (0, 1) and abs(ratio / size - 1) < _CLOSE:
            names.append(f"{what} = {size:g}: a sum where forward takes a mean")
        if size not in (0, 1) and abs(ratio * size - 1) < _CLOSE:
            names.append(f"1/{size:g}, one over {what}: a mean where forward takes a sum")
    return names


def _factor(got: Array, right: Array, sizes: dict[str, float]) -> list[str]:
    ratio = float(np.sum(got * right)) / float(np.sum(right * right))
    if not ratio or not _alike(got, ratio * right):
        return []
    if names := factor_names(ratio, sizes):
        return [f"{ratio:.6g} times what is right; that is " + ", or ".join(names) + "."]
    rest = float(np.max(np.abs(got - ratio * right)))
    if rest > 0.05 * abs(ratio - 1) * float(np.max(np.abs(right))):
        return []  # it explains no more than _alike lets pass
    return [f"{ratio:.7g} times what is right, everywhere: a constant factor is wrong."]


def _rearranged(got: Array, right: Array) -> list[str]:
    """Transposed, reversed or shifted along an axis."""
    axes = tuple(range(1, got.ndim))
    for order in itertools.permutations(axes) if len(axes) < 6 else ():
        if order != axes and _alike(got, right.transpose(0, *order)):
            return [f"transposed: its axes are in the order {tuple(a - 1 for a in order)}."]
    for count in axes:
        for flipped in itertools.combinations(axes, count):
            if _alike(got, np.flip(right, flipped)):
                along = ", ".join(str(a - 1) for a in flipped)
                return [f"reversed along axis {along}."]
    for axis in axes:
        for step in (1, -1, 2, -2, 3, -3):
            if abs(step) < got.shape[axis] and _alike(got, np.roll(right, step, axis)):
                return [f"shifted by {step} along axis {axis - 1}."]
    return []


def _diagonal(got: Array, right: Array, dys: Array) -> list[str]:
    """Whether backward has only the diagonal of the Jacobian, as one-hot dy show."""
    hot = np.count_nonzero(dys, axis=1) == 1
    on = dys[hot] != 0
    got, right = got[hot], right[hot]
    if _alike(got[on], right[on]) and not np.any(got[~on]) and np.any(right[~on]):
        return [
            "dx has only the diagonal of the Jacobian: each y depends on several x, and the "
            "parts off the diagonal are missing."
        ]
    return []


def _first_row(
    got: Array, right: Array, rows: Array, shape: tuple[int, ...], of_input: bool, mine: str
) -> list[str]:
    """Whether only the first example of the batch is right, or counted."""
    if of_input and shape[0] > 1:
        several = got.reshape(len(got), shape[0], -1), right.reshape(len(got), shape[0], -1)
        fine = [_alike(several[0][:, n], several[1][:, n]) for n in range(shape[0])]
        if fine[0] and not any(fine[1:]):
            return ["only row 0 is right: the other examples are left out, or mixed up."]
        return []
    first, later = rows[:, 0], rows[:, 1:].any(axis=1)
    alone, others = first & ~later, later & ~first
    counted = _alike(got[alone], right[alone]) and not np.any(got[others])
    if not of_input and counted and np.any(right[others]):
        return [f"{mine} counts row 0 of the batch alone: sum over all rows."]
    return []


def _alike(a: Array, b: Array) -> bool:
    if a.shape != b.shape or not a.size or not np.isfinite(a).all():
        return False
    return bool(np.max(np.abs(a - b)) <= _CLOSE * float(np.max(np.abs(b))))
