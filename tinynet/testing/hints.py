"""What may have gone wrong, read off the pattern of the error.

A hint is given only where it explains the whole error, to the tolerance that would accept it.
"""

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
    analytic, numeric, dys = m.analytic, m.numeric, m.upstreams
    name, shape = m.tensor.name, m.tensor.shape
    found: list[str] = []
    scale = float(np.max(np.abs(numeric), initial=0))
    mine = f"d{name}"
    if not np.any(analytic):
        if name == "x":
            return ["dx is zero everywhere: the path from y back to x is missing."]
        return [
            f"{mine} is never written: use self.{mine}[...] = ..., since self.{mine} = ... leaves "
            f"the layer's gradient vector behind; or its path is missing."
        ]
    if not scale:
        return []
    found += _factor(analytic, numeric, sizes, mine)
    arrays = analytic.reshape(-1, *shape), numeric.reshape(-1, *shape)
    found += _rearranged(*arrays, mine)
    if name == "x" and y_shape == shape and _alike(analytic, dys):
        found.append("dx is dy, unchanged: the local slope is missing.")
    if found:
        return found
    found += _diagonal(analytic, numeric, dys, mine) if name == "x" and y_shape == shape else []
    found += _rows(*arrays) if name == "x" else []
    found += _first_row_of_dy(analytic, numeric, dys, y_shape, mine) if name != "x" else []
    found += [] if found else _missing(analytic, numeric, mine)
    error = float(np.max(np.abs(analytic - numeric))) / scale
    if not found and error < 3e-6:
        found.append(
            f"the error, a part of {error:.0e}, is that of float32: some step of backward "
            f"computes in, or casts to, float32."
        )
    return found


def factor_names(ratio: float, sizes: dict[str, float]) -> list[str]:
    """What a constant ratio may be: −1, 2, ½, or a size of the problem, or one over it."""
    names = []
    if abs(ratio + 1) < _CLOSE:
        names.append("its sign is turned around")
    if abs(ratio - 2) < _CLOSE:
        names.append("2, as from a square whose ½ was left out")
    if abs(ratio - 0.5) < _CLOSE:
        names.append("½, as from a square whose 2 was left out")
    for what, size in sizes.items():
        if size in (0, 1):
            continue
        if abs(ratio / size - 1) < _CLOSE:
            names.append(f"{what} = {size:g}: a sum where forward takes a mean")
        if abs(ratio * size - 1) < _CLOSE:
            names.append(f"1/{size:g}, one over {what}: a mean where forward takes a sum")
    return names


def _factor(analytic: Array, numeric: Array, sizes: dict[str, float], mine: str) -> list[str]:
    weight = float(np.sum(numeric * numeric))
    ratio = float(np.sum(analytic * numeric)) / weight if weight else 0.0
    if not ratio or not _alike(analytic, ratio * numeric):
        return []
    names = factor_names(ratio, sizes)
    if names:
        return [f"{mine} is {ratio:.6g} times what is right; that is " + ", or ".join(names) + "."]
    rest = float(np.max(np.abs(analytic - ratio * numeric)))
    if rest > 0.05 * abs(ratio - 1) * float(np.max(np.abs(numeric))):
        return []  # it explains no more than _alike lets pass
    return [f"{mine} is {ratio:.7g} times what is right, everywhere: a constant factor is wrong."]


def _rearranged(analytic: Array, numeric: Array, mine: str) -> list[str]:
    """Transposed, or turned around along an axis."""
    shape = analytic.shape[1:]
    axes = range(1, analytic.ndim)
    for order in itertools.permutations(axes):
        if order == tuple(axes) or len(shape) > 5:
            continue
        turned = numeric.transpose(0, *order)
        if turned.shape == analytic.shape and _alike(analytic, turned):
            return [
                f"{mine} is transposed: its axes are in the order {tuple(a - 1 for a in order)}."
            ]
    for count in range(1, len(shape) + 1):
        for flipped in itertools.combinations(axes, count):
            if _alike(analytic, np.flip(numeric, flipped)):
                along = ", ".join(str(a - 1) for a in flipped)
                return [f"{mine} is reversed along axis {along}."]
    for axis in axes:
        for shift in range(1, min(shape[axis - 1], 4)):
            for step in (shift, -shift):
                if _alike(analytic, np.roll(numeric, step, axis)):
                    return [f"{mine} is shifted by {step} along axis {axis - 1}."]
    return []


def _diagonal(analytic: Array, numeric: Array, dys: Array, mine: str) -> list[str]:
    """Whether backward has only the diagonal of the Jacobian."""
    hot = [k for k, dy in enumerate(dys) if np.count_nonzero(dy) == 1]
    if not hot:
        return []
    diagonal = dys[hot] != 0
    a, n = analytic[hot], numeric[hot]
    if _alike(a[diagonal], n[diagonal]) and not np.any(a[~diagonal]) and np.any(n[~diagonal]):
        return [
            f"{mine} has only the diagonal of the Jacobian: each y depends on several x, and the "
            f"parts off the diagonal are missing."
        ]
    return []


def _rows(analytic: Array, numeric: Array) -> list[str]:
    """Whether only the first example is right."""
    if analytic.shape[1] < 2:
        return []
    right = [_alike(analytic[:, n], numeric[:, n]) for n in range(analytic.shape[1])]
    if right[0] and not any(right[1:]):
        return ["only row 0 is right: the other examples of the batch are left out, or mixed up."]
    return []


def _first_row_of_dy(
    analytic: Array, numeric: Array, dys: Array, y_shape: tuple[int, ...], mine: str
) -> list[str]:
    """Whether a parameter's gradient counts the first example alone."""
    if not y_shape or y_shape[0] < 2:
        return []
    later = dys.reshape(len(dys), y_shape[0], -1)[:, 1:].any(axis=(1, 2))
    first = dys.reshape(len(dys), y_shape[0], -1)[:, 0].any(axis=1)
    alone, others = first & ~later, later & ~first
    right = alone.any() and _alike(analytic[alone], numeric[alone])
    if right and others.any() and not np.any(analytic[others]) and np.any(numeric[others]):
        return [f"{mine} counts row 0 of the batch alone: sum over all rows."]
    return []


def _missing(analytic: Array, numeric: Array, mine: str) -> list[str]:
    """Whether the wrong entries are all zero."""
    scale = float(np.max(np.abs(numeric)))
    wrong = np.abs(analytic - numeric) > _CLOSE * scale
    zero = analytic == 0
    if np.any(wrong) and np.all(zero[wrong]):
        return [
            f"{mine} is zero in every entry that is wrong: a path from y back to it is missing, or "
            f"a mask is too narrow."
        ]
    return []


def _alike(a: Array, b: Array) -> bool:
    if a.shape != b.shape or not a.size or not np.isfinite(a).all():
        return False
    return bool(np.max(np.abs(a - b)) <= _CLOSE * float(np.max(np.abs(b))))
