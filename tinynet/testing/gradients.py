"""Gradients of backward against slopes of forward, tensor by tensor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tinynet.testing.differences import Slope, first_slope, slope
from tinynet.testing.judging import (
    Judged,
    Point,
    Tensor,
    directions,
    judge,
    line_of,
    look_beside,
    sample,
)
from tinynet.testing.report import Report, TensorResult
from tinynet.types import Array

__all__ = ["Mismatch", "examine"]

_EPS = float(np.finfo(float).eps)
_CONFIRMED = 6  # wrong entries to be sure of before the rest is only counted


@dataclass
class Mismatch:
    """A tensor whose gradient is wrong.

    Attributes:
        tensor: which.
        coordinate: flat index of the entry to show, or None for a direction.
        upstream: row of the upstream gradient that shows it.
        analytic: what backward gives.
        low: the smallest right value.
        high: the largest.
        error: uncertainty of both.
        direction: what the tensor was moved along, where not one coordinate.
        coordinates: flat indices of all that were moved.
        numeric: middle of the right values, upstream × coordinates.
        wrong: which of them are not right.
        kinks: whether every wrong entry is at a kink.
    """

    tensor: Tensor
    coordinate: int | None
    upstream: int
    analytic: float
    low: float
    high: float
    error: float
    direction: str
    coordinates: Array
    numeric: Array
    wrong: Array
    kinks: bool


@dataclass
class _Found:
    wrong: dict[int, Judged] = field(default_factory=dict)
    left_out: set[int] = field(default_factory=set)


def examine(
    point: Point,
    report: Report,
    rng: np.random.Generator,
    excused: Callable[[Tensor, int], bool] | None = None,
) -> Mismatch | None:
    """Compare every tensor at a point; the first that is wrong, or None.

    Args:
        point: where, and with which upstream gradients.
        report: gets what was compared.
        rng: chooses coordinates and directions.
        excused: whether a wrong entry of a composite is right a little beside the point, where an
            inner kink is out of the way.
    """
    for tensor in point.tensors:
        if tensor.value.size and (wrong := _examine_tensor(point, tensor, report, rng, excused)):
            return wrong
    return None


def _examine_tensor(
    point: Point,
    tensor: Tensor,
    report: Report,
    rng: np.random.Generator,
    excused: Callable[[Tensor, int], bool] | None,
) -> Mismatch | None:
    size = tensor.value.size
    chosen = np.arange(size)
    if size > point.limit:
        chosen = sample(tensor.value, point.limit, rng)
    judged = judge(point, tensor, chosen, _first_slopes(point, tensor, chosen))
    analytic = tensor.analytic[:, chosen].T
    off = np.maximum(judged.low - analytic, analytic - judged.high)
    found = _second_look(point, tensor, chosen, judged, excused)
    row = report.tensors.setdefault(tensor.name, TensorResult(tensor.name, tensor.value.shape))
    row.entries += len(chosen) * len(point.dys)
    if point.given:
        row.sampled, row.coordinates = size > point.limit, len(chosen)
    row.left_out += len(found.left_out)
    scale = float(np.max(np.abs(tensor.analytic), initial=0)) or 1.0
    if found.wrong:
        return _mismatch(point, tensor, chosen, judged, found)
    right = np.all(judged.excess <= 0, axis=1) & judged.settled
    row.worst = max(row.worst, float(np.max(off[right], initial=0)) / scale)
    size_of = np.abs(tensor.value.ravel())
    unit = np.maximum(size_of, 1) if np.max(size_of) > 100 else np.ones(size)
    grain = _EPS * float(np.max(size_of / unit))
    for name, direction in directions(size, size > point.limit, rng):
        direction = direction * unit
        line, step, smallest, enough = line_of(tensor, direction, point.y)
        along = tensor.analytic @ direction
        result = judge(
            point, tensor, direction, first_slope(line, step, point.y, point.noise, grain)
        )
        row.entries += len(along)
        if np.any(result.excess > 0):
            measured = slope(line, step, point.y, point.noise, smallest, grain, enough)
            result = judge(point, tensor, direction, measured)
            if np.any(result.excess > 0):
                result = look_beside(point, tensor, direction, measured, result)
        if np.any(result.excess > 0) and not found.left_out:
            if excused is not None and excused(tensor, -1):
                continue
            worst = int(np.argmax(result.excess))
            return Mismatch(
                tensor, None, worst, float(along[worst]), float(result.low[worst]),
                float(result.high[worst]), float(result.error[worst]), name, chosen,
                np.empty((0, 0)), np.empty((0, 0), bool), kinks=size <= point.limit,
            )  # fmt: skip
    return None


def _first_slopes(point: Point, tensor: Tensor, chosen: Array) -> Slope:
    """The slopes along each coordinate from two steps, measured for all of them at once."""
    shape = (len(chosen), len(point.y))
    outputs = [np.empty(shape) for _ in range(4)]
    steps = np.empty((len(chosen), 1))
    for n, i in enumerate(chosen):
        line, step, *_ = line_of(tensor, int(i), point.y)
        steps[n] = step
        for array, s in zip(outputs, (step, -step, step / 2, -step / 2), strict=True):
            array[n] = line(s)
    moves = iter(outputs)
    return first_slope(lambda _: next(moves), steps, point.y, point.noise)


def _second_look(
    point: Point,
    tensor: Tensor,
    chosen: Array,
    judged: Judged,
    excused: Callable[[Tensor, int], bool] | None,
) -> _Found:
    """Measure again, with steps that shrink, wherever two steps did not agree with backward."""
    found = _Found()
    worst = np.max(np.nan_to_num(judged.excess, nan=0.0), axis=1)
    suspects = np.flatnonzero(~judged.settled | (worst > 0))
    for n in suspects[np.argsort(-worst[suspects], kind="stable")].tolist():
        i = int(chosen[n])
        if len(found.wrong) >= _CONFIRMED:
            if worst[n] > 0:
                found.wrong[n] = judged.row(n)
            continue
        line, step, smallest, enough = line_of(tensor, i, point.y)
        measured = slope(line, step, point.y, point.noise, smallest, 0.0, enough)
        result = judge(point, tensor, i, measured)
        if np.any(result.excess > 0):
            result = look_beside(point, tensor, i, measured, result)
        judged.low[n], judged.high[n] = result.low, result.high
        if np.any(result.excess > 0):
            if excused is not None and excused(tensor, i):
                found.left_out.add(i)
            else:
                found.wrong[n] = result
        elif not result.settled:
            found.left_out.add(i)
    return found


def _mismatch(
    point: Point, tensor: Tensor, chosen: Array, judged: Judged, found: _Found
) -> Mismatch:
    numeric = ((judged.low + judged.high) / 2).T
    wrong = np.zeros(numeric.shape, bool)
    for n, j in found.wrong.items():
        wrong[:, n] = j.excess > 0
    smooth = [n for n, j in found.wrong.items() if not j.kink] or list(found.wrong)
    n = max(smooth, key=lambda n: float(np.max(found.wrong[n].excess)))
    shown = found.wrong[n]
    k = int(np.argmax(shown.excess))
    i = int(chosen[n])
    return Mismatch(
        tensor, i, k, float(tensor.analytic[k, i]), float(shown.low[k]), float(shown.high[k]),
        float(shown.error[k]), "", chosen, numeric, wrong,
        kinks=all(j.kink for j in found.wrong.values()),
    )  # fmt: skip
