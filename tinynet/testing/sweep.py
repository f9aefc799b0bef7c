"""A search over inputs of many magnitudes for examples whose gradient is wrong."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from tinynet.testing.differences import FIRST_STEP
from tinynet.testing.subject import Subject
from tinynet.types import Array

__all__ = ["suspects"]

_ROWS = 256
_ELEMENTS = 8192
_WIDEST = 40.0


def suspects(s: Subject) -> Array | None:
    """Up to three examples for which backward seems wrong; None where none does.

    Each feature takes values spread over ±40, densest at 0, so that no branch of an activation
    stays unvisited. Since rows do not interact, one direction, in which each is moved, measures
    the slopes of all of them at once. It is a search: the verdict takes another look.
    """
    features = max(1, s.x[0].size)
    rows = min(_ROWS, _ELEMENTS // features)
    if s.integer or rows < 4 or s.interacts:
        return None
    shape = (rows, features)
    spread = s.rng.permuted(np.broadcast_to(np.linspace(-5, 5, rows), shape[::-1]), axis=1).T
    spread = spread + s.rng.uniform(-0.5, 0.5, size=shape) * (10 / rows)
    x = (np.sinh(spread) * (_WIDEST / np.sinh(5.0))).reshape(rows, *s.x.shape[1:])
    v = s.rng.choice([-1.0, 1.0], size=x.shape)
    try:
        y = s.forward(s.fresh(), x)
        dy = s.rng.normal(size=y.shape)
        run = s.run(x, dy)
        slopes = [_slope(s, x, v, h) for h in (FIRST_STEP, FIRST_STEP / 2, FIRST_STEP / 4)]
    except Exception:
        return None
    if run.dx is None or run.dx.shape != x.shape:
        return None
    coarse, fine = ((4 * b - a) / 3 for a, b in pairwise(slopes))
    right, again, size = (
        np.sum((d * e).reshape(rows, -1), axis=1)
        for d, e in ((dy, fine), (dy, coarse), (np.abs(dy), np.abs(fine)))
    )
    got = np.sum((run.dx * v).reshape(rows, -1), axis=1)
    size = size + np.sum(np.abs(run.dx).reshape(rows, -1), axis=1)
    known = np.isfinite(right + again) & (np.abs(right - again) < 1e-6 * size)
    room = 1e-4 * size + 1e-6 * s.amplification  # where it is saturated, dx may be its last bits
    wrong = known & ~(np.abs(got - right) <= room)
    return x[np.flatnonzero(wrong)[:3]] if wrong.any() else None


def _slope(s: Subject, x: Array, v: Array, h: float) -> Array:
    """The central difference along v, with the same draw on both sides."""
    return (s.forward(s.fresh(), x + h * v) - s.forward(s.fresh(), x - h * v)) / (2 * h)
