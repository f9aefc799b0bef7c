"""Gradients of backward against slopes of forward, tensor by tensor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tinynet.testing.differences import FIRST_STEP, Slope, first_slope, nearby, slope
from tinynet.testing.report import Report, TensorResult
from tinynet.types import Array

__all__ = ["Mismatch", "Point", "Tensor", "examine"]

RTOL = 2e-8
"""Relative tolerance; the round-off of the differences themselves comes on top."""

_EPS = float(np.finfo(float).eps)
_UNSEEN = 1e-14  # slopes up to this are rounded away where an output does not move at all
_CONFIRMED = 6  # wrong entries to be sure of before the rest is only counted


@dataclass
class Tensor:
    """What is moved: an input or a parameter.

    Attributes:
        name: "x", or that of the parameter.
        value: where it stands.
        outputs: value -> all outputs, flat; not finite outside the domain.
        analytic: what backward gives, one row for each upstream gradient, flat.
    """

    name: str
    value: Array
    outputs: Callable[[Array], Array]
    analytic: Array


@dataclass
class Point:
    """Where slopes are compared.

    Attributes:
        name: what is special about it.
        y: outputs there, flat.
        noise: round-off of the outputs.
        dys: upstream gradients, one in each row.
        tensors: what is moved.
        limit: how many coordinates of a tensor are moved at most.
    """

    name: str
    y: Array
    noise: Array
    dys: Array
    tensors: list[Tensor]
    limit: int


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
class _Judged:
    low: Array
    high: Array
    error: Array
    excess: Array  # how far outside the tolerance, 0 or less where right
    kink: bool
    settled: bool


@dataclass
class _Found:
    wrong: dict[int, _Judged] = field(default_factory=dict)
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
        chosen = _sample(tensor.value, point.limit, rng)
    judged = [
        _judge(point, tensor.analytic[:, i], first_slope(line, step, point.y, point.noise))
        for i in chosen
        for line, step, _ in (_line(tensor, int(i), point.y),)
    ]
    found = _second_look(point, tensor, chosen, judged, excused)
    row = report.tensors.setdefault(tensor.name, TensorResult(tensor.name, tensor.value.shape))
    row.sampled |= size > point.limit and point.name == "the given x"
    row.entries += len(chosen) * len(point.dys)
    row.coordinates = max(row.coordinates, len(chosen))
    row.left_out += len(found.left_out)
    scale = float(np.max(np.abs(tensor.analytic), initial=0)) or 1.0
    if found.wrong:
        return _mismatch(point, tensor, chosen, judged, found)
    for i, j in zip(chosen, judged, strict=True):
        if int(i) not in found.left_out:
            off = np.maximum(j.low - tensor.analytic[:, i], tensor.analytic[:, i] - j.high)
            row.worst = max(row.worst, float(np.max(off, initial=0)) / scale)
    grain = _EPS * float(np.max(np.abs(tensor.value)))
    for name, direction in _directions(size, size > point.limit, rng):
        line, step, smallest = _line(tensor, direction, point.y)
        along = tensor.analytic @ direction
        rounding = 8 * _EPS * (np.abs(tensor.analytic) @ np.abs(direction))
        first = first_slope(line, step, point.y, point.noise, grain)
        result = _judge(point, along, first, rounding)
        row.entries += len(along)
        if np.any(result.excess > 0):
            measured = slope(line, step, point.y, point.noise, smallest, grain)
            result = _judge(point, along, measured, rounding)
            if result.settled and np.any(result.excess > 0):
                result = _look_beside(point, tensor, direction, along, measured, result)
        if result.settled and np.any(result.excess > 0) and not found.left_out:
            if excused is not None and excused(tensor, -1):
                continue
            worst = int(np.argmax(result.excess))
            return Mismatch(
                tensor, None, worst, float(along[worst]), float(result.low[worst]),
                float(result.high[worst]), float(result.error[worst]), name, chosen,
                np.empty((0, 0)), np.empty((0, 0), bool), kinks=size <= point.limit,
            )  # fmt: skip
    return None


def _second_look(
    point: Point,
    tensor: Tensor,
    chosen: Array,
    judged: list[_Judged],
    excused: Callable[[Tensor, int], bool] | None,
) -> _Found:
    """Measure again, with steps that shrink, wherever two steps did not agree with backward."""
    found = _Found()
    suspects = [n for n, j in enumerate(judged) if not j.settled or np.any(j.excess > 0)]
    suspects.sort(key=lambda n: -float(np.max(np.nan_to_num(judged[n].excess, nan=0.0))))
    for n in suspects:
        i = int(chosen[n])
        if len(found.wrong) >= _CONFIRMED:
            if judged[n].settled:
                found.wrong[n] = judged[n]
            continue
        line, step, smallest = _line(tensor, i, point.y)
        measured = slope(line, step, point.y, point.noise, smallest)
        result = _judge(point, tensor.analytic[:, i], measured)
        if result.settled and np.any(result.excess > 0):
            result = _look_beside(point, tensor, i, tensor.analytic[:, i], measured, result)
        judged[n] = result
        if not result.settled:
            found.left_out.add(i)
        elif np.any(result.excess > 0):
            if excused is not None and excused(tensor, i):
                found.left_out.add(i)
            else:
                found.wrong[n] = result
    return found


def _look_beside(
    point: Point,
    tensor: Tensor,
    where: int | Array,
    analytic: Array,
    measured: Slope,
    result: _Judged,
) -> _Judged:
    """Judge by the slopes close by, too, where these differ: a kink that no one line shows."""
    value = tensor.value
    if isinstance(where, np.ndarray):
        direction = where.reshape(value.shape)
    else:
        direction = np.zeros(value.shape)
        direction.flat[where] = 1.0

    def line(offset: Array, s: float) -> Array:
        return tensor.outputs(value + offset + s * direction)

    wider = nearby(line, value, measured, point.noise)
    if np.array_equal(wider.low, measured.low) and np.array_equal(wider.high, measured.high):
        return result
    return _judge(point, analytic, wider)


def _judge(point: Point, analytic: Array, found: Slope, rounding: Array | float = 0.0) -> _Judged:
    """Set the slopes of all outputs against backward, for every upstream gradient.

    `rounding` is that of `analytic` where it is a sum.
    """
    plus, minus = np.maximum(point.dys, 0), np.minimum(point.dys, 0)
    settled = bool(np.all(found.settled))
    if not settled:
        low, high, error = (
            np.where(found.settled, a, 0.0) for a in (found.low, found.high, found.error)
        )
        found = Slope(low, high, error, found.settled)
    low = plus @ found.low + minus @ found.high
    high = plus @ found.high + minus @ found.low
    gross = np.abs(point.dys)
    error = gross @ found.error
    size = np.maximum(np.maximum(np.abs(low), np.abs(high)), np.abs(analytic))
    slopes = np.maximum(abs(found.low), abs(found.high))
    tolerance = RTOL * size + 4 * error + rounding
    tolerance += 1e-12 * (gross @ slopes) + _UNSEEN * (gross @ (slopes == 0))
    excess = np.maximum(low - analytic, analytic - high) - tolerance
    excess = np.where(np.isfinite(analytic), excess, np.inf)
    return _Judged(low, high, error, excess, bool(np.any(found.high > found.low)), settled)


def _line(
    tensor: Tensor, where: int | Array, y: Array
) -> tuple[Callable[[float], Array], float, float]:
    """Outputs along a coordinate or direction; the first step, and the smallest that makes sense."""
    value = tensor.value
    if isinstance(where, np.ndarray):
        rms = float(np.sqrt(np.mean(value * value)))
        step = FIRST_STEP * max(rms, 1.0)

        def along(s: float) -> Array:
            return tensor.outputs(value + s * where.reshape(value.shape))

        return along, step, 1e-9 * max(rms, 1.0) if rms else 1e-12
    here = float(value.flat[where])

    def line(s: float) -> Array:
        moved = value.copy()
        moved.flat[where] += s
        outputs = tensor.outputs(moved)
        if abs(s) > 1e-2 * abs(here):
            return outputs
        taken = float(moved.flat[where]) - here  # the step that could be represented
        return y + (outputs - y) * (s / taken) if taken else outputs

    step = FIRST_STEP * max(abs(here), 1.0)
    return line, step, max(64 * float(np.spacing(abs(here))), 1e-15 if here == 0 else 0.0)


def _sample(value: Array, limit: int, rng: np.random.Generator) -> Array:
    """Some coordinates, half of them such as are zero where there are zeros."""
    zeros = np.flatnonzero(value.ravel() == 0)
    some = rng.permutation(zeros)[: limit // 2]
    others = np.setdiff1d(np.arange(value.size), some)
    return np.sort(np.concatenate([some, rng.permutation(others)[: limit - len(some)]]))


def _directions(size: int, sampled: bool, rng: np.random.Generator) -> list[tuple[str, Array]]:
    if size == 1:
        return []
    several = [("a random direction", rng.normal(size=size)) for _ in range(4 if sampled else 1)]
    return [("the direction of all ones", np.ones(size)), *several]


def _mismatch(
    point: Point, tensor: Tensor, chosen: Array, judged: list[_Judged], found: _Found
) -> Mismatch:
    numeric = np.stack([(j.low + j.high) / 2 for j in judged], axis=1)
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
