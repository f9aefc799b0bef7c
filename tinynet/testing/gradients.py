"""Gradients by `backward` against slopes of `forward`, measured by differences.

One identity holds for every upstream gradient u and every direction v in which the input and the
parameters can move, where J is the Jacobian of forward:

    ⟨u, J v⟩  by differences of forward   =   ⟨Jᵀ u, v⟩  by backward.

Both sides are products with J, which is never built. A coordinate as v shows one entry of a
gradient, a random v shows a fault in any of them. What else is needed, and why:

* An exact difference. (4 D(h/2) − D(h)) / 3 with D(h) = (f(x+h) − f(x−h)) / 2h errs by h⁴
  (Richardson). Where two steps do not confirm backward, the steps shrink until they agree.
* A tolerance: the uncertainty of the difference, of which the last bits of the input tell the
  round-off, and what backward loses of it. See `_judge`.
* Kinks. There the gradients at points nearby are all right, and so is any value between them.
  See `_slopes_nearby`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tinynet.testing.report import TensorResult
from tinynet.testing.trial import EPS, Inputs, LossTrial, Trial, last_bits, rms
from tinynet.types import Array

__all__ = [
    "FIRST_STEP",
    "Line",
    "Mismatch",
    "Point",
    "Slope",
    "compare",
    "nearby",
    "numeric_jacobian",
    "slope",
]

FIRST_STEP = 2e-3
"""First step, for a value of magnitude 1: h⁴ and the round-off divided by h are then alike."""

RTOL = 2e-8
"""Relative tolerance; the round-off of the differences themselves comes on top."""

_TRIALS = 9  # changes of the last bits that tell the round-off; one may leave an output as it is
_ALL = 400  # coordinates of a tensor of which each is moved, at the point given
_SAMPLE = 120  # of a larger one
_SOME = 40  # at the checker's own points
_WORK = 2**20  # numbers that one measurement may take, over which fewer coordinates are moved
_CONFIRMED = 6  # wrong entries to be sure of before the rest is only counted


@dataclass(frozen=True)
class Point:
    """Where gradients are compared: inputs and parameters; `given` if not the checker's own."""

    name: str
    inputs: Inputs
    params: Array
    given: bool = False


@dataclass
class Line:
    """Outputs along a line.

    Attributes:
        at: s -> outputs at the distance s; not finite outside the domain.
        step: where to start.
        smallest: where to stop.
        enough: larger steps do not end the search, since the outputs may vary within them.
        grain: round-off of the point moved to.
    """

    at: Callable[[float], Array]
    step: float
    smallest: float
    enough: float = np.inf
    grain: float = 0.0


@dataclass(frozen=True)
class Slope:
    """The slopes of several outputs along one line; with a first axis, along several lines.

    Attributes:
        low: the smallest slope that is right, for each output.
        high: the largest; equal to `low` except at a kink.
        error: uncertainty of both.
        settled: whether smaller steps agreed; False at a jump, or where the domain ends.
    """

    low: Array
    high: Array
    error: Array
    settled: Array


@dataclass
class Verdict:
    """Right values and what backward gives; the last axis is that of the upstream gradients.

    Attributes:
        low: the smallest right value.
        high: the largest.
        error: uncertainty of both.
        excess: how far backward lies outside the tolerance; 0 or less where it is right.
        kink: whether an output has a kink there.
        settled: whether the slopes are known well enough to judge.
    """

    low: Array
    high: Array
    error: Array
    excess: Array
    kink: Array
    settled: Array

    def row(self, n: int) -> Verdict:
        """One of many."""
        return Verdict(*(getattr(self, name)[n] for name in self.__dataclass_fields__))


@dataclass
class Tensor:
    """What is moved, an input or a parameter: a slice of θ."""

    name: str
    shape: tuple[int, ...]
    here: slice


@dataclass
class Mismatch:
    """A tensor whose gradient is wrong.

    Attributes:
        tensor: which.
        index: place of the entry to show, or None for a direction.
        direction: what the tensor was moved along, where not one coordinate.
        got: what backward gives.
        low, high, error: the right values, and their uncertainty.
        upstreams: the upstream gradients, one in each row.
        analytic: what backward gives, upstream × entries.
        numeric: the middle of the right values, upstream × entries that were moved.
        wrong: which of them are not right.
        kinks: whether every wrong entry is at a kink.
    """

    tensor: Tensor
    index: tuple[int, ...] | None
    direction: str
    got: float
    low: float
    high: float
    error: float
    upstreams: Array
    analytic: Array
    numeric: Array
    wrong: Array
    kinks: bool


class _Place:
    """forward and backward at one point, as functions of one vector θ: x and all parameters."""

    def __init__(self, t: Trial, point: Point) -> None:
        self.point, self.trial, self.function = point, t, t.function(point.inputs, point.params)
        x = point.inputs[0]
        self.theta = np.concatenate([np.empty(0) if t.integer else x.ravel(), point.params])
        self.tensors: list[Tensor] = []
        shapes = [] if t.integer else [(t.names[0], x.shape)]
        for name, shape in shapes + [(n, view.shape) for n, view in t.start.named_parameters()]:
            start = self.tensors[-1].here.stop if self.tensors else 0
            size = int(np.prod(shape))
            self.tensors.append(Tensor(name, shape, slice(start, start + size)))
        self.y = self.function(self.theta)
        if not np.isfinite(self.y).all():
            return
        self.upstreams = t.upstreams(self.y.size)
        self.analytic = self._gradients()
        self.noise = 2 * EPS * np.abs(self.y) + 0.2 * EPS * np.max(np.abs(self.y), initial=0)
        for _ in range(_TRIALS):
            moved = self.outputs(last_bits(self.theta, t.rng))
            self.noise = np.fmax(self.noise, np.abs(moved - self.y))
        if isinstance(t, LossTrial):  # log(1 + e^-30) is a multiple of the last bit of 1
            self.noise = np.fmax(self.noise, EPS * np.abs(self.outputs(self._ordinary(0))))

    def outputs(self, theta: Array) -> Array:
        """y, flat; NaN outside the domain."""
        try:
            y = self.function(theta)
        except (ValueError, ArithmeticError):
            y = np.empty(0)
        return y if y.shape == self.y.shape else np.full(self.y.shape, np.nan)

    def _gradients(self) -> Array:
        """What backward gives, a row for each upstream gradient."""
        t, inputs, params = self.trial, self.point.inputs, self.point.params
        layer, found = t.new(params), []
        shape = t.forward(t.new(params), inputs).shape
        for u in self.upstreams:
            one = t.run(inputs, u.reshape(shape), layer)
            found.append(np.concatenate([one[f"d{part.name}"].ravel() for part in self.tensors]))
            if t.draws or t.start.buffers:
                layer = t.new(params)
        return np.stack(found)

    def _ordinary(self, n: int) -> Array:
        """θ with ordinary numbers, of size 1, in one tensor; for a loss about its targets."""
        theta, here, inputs = self.theta.copy(), self.tensors[n].here, self.point.inputs
        theta[here] = np.random.default_rng(0).normal(size=theta[here].shape)
        if len(inputs) > 1 and inputs[1].dtype.kind == "f" and inputs[1].shape == inputs[0].shape:
            theta[here] += inputs[1].ravel()
        return theta

    def ordinary_slope(self, tensor: Tensor) -> float:
        """The median slope of the outputs where the tensor holds ordinary numbers.

        Backward computes with numbers of that size and keeps their last bits: where 1 / (1 + e^−x)
        is 1 but for 1e-20, its slope y − y² is lost in them, and nothing is wrong with it.
        """
        theta, v, h = self._ordinary(self.tensors.index(tensor)), np.zeros_like(self.theta), 1e-3
        v[tensor.here] = np.random.default_rng(1).normal(size=v[tensor.here].shape)
        slopes = np.abs(self.outputs(theta + h * v) - self.outputs(theta - h * v)) / (2 * h)
        slopes = slopes[np.isfinite(slopes) & (slopes > 0)]
        return float(np.median(slopes)) if slopes.size else 0.0

    @cached_property
    def scale(self) -> Array:
        """The size of the numbers in θ, for each of its entries."""
        scale = np.abs(self.theta)
        for one in self.tensors:
            scale[one.here] = np.maximum(scale[one.here], rms(self.theta[one.here]) or 1.0)
        return scale

    def close(self, rng: np.random.Generator, radius: float) -> Array:
        """A point close by, whose tensors moved more or less, and more or less as a whole."""
        theta = self.theta.copy()
        for one in self.tensors:
            together, alone = 10 ** rng.uniform(-2, 0, size=2)
            offset = together * rng.normal() + alone * rng.normal(size=theta[one.here].shape)
            theta[one.here] += radius * self.scale[one.here] * offset
        return theta

    def limit(self) -> int:
        """How many coordinates of a tensor are moved; fewer where each costs much."""
        wide = max(one.here.stop - one.here.start for one in self.tensors) > _ALL
        most = (_SAMPLE if wide else _ALL) if self.point.given else _SOME
        cost = self.theta.size + self.y.size
        return max(8, min(most, 64 * _WORK // cost // 100))

    def along_coordinate(self, i: int) -> Line:
        """The line that moves one entry of θ."""
        return coordinate(self.outputs, self.theta, i, self.y)

    def along(self, tensor: Tensor, direction: Array) -> tuple[Line, Array]:
        """The line that moves a whole tensor, and its direction."""
        value = self.theta[tensor.here]
        big = float(np.max(np.abs(value)))
        unit = np.maximum(np.abs(value), 1) if big > 100 else np.ones(value.size)
        v = np.zeros_like(self.theta)
        v[tensor.here] = direction * unit
        size = min(rms(value), 1.0) or 1.0
        line = Line(
            lambda s: self.outputs(self.theta + s * v),
            FIRST_STEP,
            1e-9 * size if np.any(value) else 1e-12,
            1e-2 * size,
            EPS * big / float(np.max(unit)),
        )
        return line, v


def coordinate(outputs: Callable[[Array], Array], theta: Array, i: int, y: Array) -> Line:
    """The line that moves one entry of a vector, by steps of which each is represented exactly."""
    here = float(theta[i])

    def at(s: float) -> Array:
        moved = theta.copy()
        moved[i] += s
        taken = float(moved[i]) - here
        found = outputs(moved)
        if abs(s) > 1e-2 * abs(here):
            return found
        return y + (found - y) * (s / taken) if taken else found

    return Line(
        at,
        FIRST_STEP * max(abs(here), 1.0),
        max(64 * float(np.spacing(abs(here))), 0.0 if here else 1e-15),
        1e-2 * (min(abs(here), 1.0) or 1.0),
    )


def _two_steps(line: Line, step: float) -> tuple[Array, Array, Array, Array]:
    return line.at(step), line.at(-step), line.at(step / 2), line.at(-step / 2)


def _central(moves: Any, step: Any, y: Array, noise: Array, grain: Any) -> tuple[Array, Array]:
    """The slope from a step and half of it, and its round-off."""
    plus, minus, plus2, minus2 = moves
    found = (4 * (plus2 - minus2) - (plus - minus) / 2) / (3 * step)
    change = np.abs(plus - y) + np.abs(minus - y)
    outputs = noise + EPS * (np.abs(plus) + np.abs(minus))
    return found, 3 * (outputs + (grain / step + 1e-14) * change) / step


def slope(line: Line, y: Array, noise: Array) -> Slope:
    """The slopes from steps that shrink until they agree, each output by its best step.

    Args:
        line: what is measured.
        y: outputs at distance 0.
        noise: round-off of the outputs.
    """
    best, error = np.zeros(y.shape), np.full(y.shape, np.inf)
    floor = np.zeros(y.shape)  # the round-off at the best step
    before: Array | None = None
    gap: Array | float = 0.0
    step = line.step
    while step >= line.smallest:
        now, roundoff = _central(_two_steps(line, step), step, y, noise, line.grain)
        if before is not None:
            change = np.abs(now - before)
            estimate = np.fmax(change + roundoff, gap / 16)  # agreement by luck is no agreement
            # a smaller step that contradicts a larger one is right: that one leapt over it
            contradicts = np.abs(now - best) > 4 * (error + roundoff)
            better = (estimate < error) | (contradicts & np.isfinite(estimate))
            best, error = np.where(better, now, best), np.where(better, estimate, error)
            floor = np.where(better, roundoff, floor)
            gap = change
            if step <= line.enough and np.all(error <= 1e-10 * np.abs(best) + 2 * floor):
                break
        before = now
        step /= 4
    settled = np.isfinite(error) & ((error <= 1e-5 * np.abs(best)) | (error <= 20 * floor))
    return Slope(best, best, error, settled)


def nearby(
    outputs: Callable[[Array], Array],
    close: Callable[[np.random.Generator, float], Array],
    v: Array,
    step: float,
    found: Slope,
    noise: Array,
) -> Iterator[Slope]:
    """The slopes along v, widened more and more to those at points close by.

    At a kink all of them are right, and what lies between. All entries of θ are moved, since no
    one of them need show it: the median of three equal numbers has slope 0 along each and slope 1
    along all, and a gain of 0 makes many ReLUs 0 at once, which moving it never switches alike.

    Args:
        outputs: θ -> outputs.
        close: draws a point at such a distance.
        v: the direction.
        step: of the differences, far smaller than the distance to the points.
        found: slopes at the point, to be widened.
        noise: round-off of the outputs.
    """
    rng, shape = np.random.default_rng(0), found.low.shape
    lows, highs = np.full((2, *shape), np.inf), np.full((2, *shape), -np.inf)
    error = 4 * noise / step
    for count in range(1, 65):
        for n, radius in enumerate((1e-5, 1e-6)):
            theta = close(rng, radius)
            slope = (outputs(theta + step * v) - outputs(theta - step * v)) / (2 * step)
            lows[n], highs[n] = np.fmin(lows[n], slope), np.fmax(highs[n], slope)
        if count & (count - 1) == 0 and count > 2:
            wide, narrow = (
                highs - lows
            )  # which at a kink is alike, and else shrinks with the radius
            kink = (narrow > 0.3 * wide) & (narrow > 10 * error)
            yield Slope(
                np.where(kink, np.fmin(found.low, lows.min(axis=0)), found.low),
                np.where(kink, np.fmax(found.high, highs.max(axis=0)), found.high),
                np.where(kink, np.fmax(found.error, error), found.error),
                found.settled,
            )


def _judge(
    place: _Place, tensor: Tensor, got: Array, size: Array, found: Slope, length: float = 1.0
) -> Verdict:
    """Set slopes against backward, for every upstream gradient.

    Right is within 2e-8 of the value, plus four times the uncertainty of the difference, plus what
    backward may lose: the last bits of the larger terms that it adds up, and those of ordinary
    values where forward has levelled off.

    Args:
        place: where; its upstream gradients count.
        tensor: what was moved.
        got: what backward gives along the line, or the lines.
        size: of the terms that backward may have added up.
        found: slopes of the outputs.
        length: of the line's direction.
    """
    u = place.upstreams.T
    known = np.isfinite(found.error + found.low + found.high)
    lows, highs, errors = (np.where(known, a, 0.0) for a in (found.low, found.high, found.error))
    gross, plus, minus = np.abs(u), np.maximum(u, 0), np.minimum(u, 0)
    low, high, error = lows @ plus + highs @ minus, highs @ plus + lows @ minus, errors @ gross
    unsure = np.where(found.settled, 0.0, np.where(known, errors, 1e300)) @ gross
    measured = np.all(known & found.settled, axis=-1, keepdims=True)
    finite = np.isfinite(got)
    conclusive = unsure <= 1e-5 * np.maximum(np.abs(got), size)
    value = np.maximum(np.maximum(np.abs(low), np.abs(high)), np.abs(got))
    tolerance = RTOL * value + 4 * error + 1e-11 * size
    tolerance += 1e-12 * (np.maximum(np.abs(lows), np.abs(highs)) @ gross)
    excess = np.maximum(low - got, got - high) - tolerance
    if np.any(excess > 0):
        excess -= 1e-14 * place.ordinary_slope(tensor) * length * np.sum(gross, axis=0)
    excess = np.where(conclusive, excess, 0.0)
    excess = np.where(finite, excess, np.where(measured, np.inf, 0.0))
    settled = np.all(conclusive & (finite | measured), axis=-1)
    return Verdict(low, high, error, excess, np.any(highs > lows, axis=-1), settled)


def compare(t: Trial, point: Point) -> tuple[Mismatch | None, dict[str, int]]:
    """Compare the gradients of every tensor at a point.

    Returns:
        The first that is wrong, or None; and of each tensor at how many coordinates no slope
        could be measured.

    Raises:
        ValueError: an output is not finite at the point.
    """
    place = _Place(t, point)
    if not np.isfinite(place.y).all():
        raise ValueError("an output is not finite")
    left_out: dict[str, int] = {}
    for tensor in place.tensors:
        size = tensor.here.stop - tensor.here.start
        if size and (wrong := _compare_tensor(place, tensor, left_out)):
            return wrong, left_out
    return None, left_out


def _compare_tensor(place: _Place, tensor: Tensor, left_out: dict[str, int]) -> Mismatch | None:
    t, limit, given = place.trial, place.limit(), place.point.given
    analytic, value = place.analytic[:, tensor.here], place.theta[tensor.here]
    sampled = value.size > limit
    chosen = _sample(value, limit, t.rng) if sampled else np.arange(value.size)
    verdict, wrong, unknown = _coordinates(place, tensor, chosen)
    row = t.report.tensors.setdefault(tensor.name, TensorResult(tensor.name, tensor.shape))
    row.entries += len(chosen) * len(place.upstreams)
    if given:
        row.sampled, row.coordinates = sampled, len(chosen)
    row.left_out += len(unknown)
    left_out[tensor.name] = len(unknown)
    if wrong:
        return _mismatch(place, tensor, chosen, verdict, wrong)
    right = np.all(verdict.excess <= 0, axis=1) & verdict.settled
    off = np.maximum(verdict.low - analytic[:, chosen].T, analytic[:, chosen].T - verdict.high)
    scale = float(np.max(np.abs(analytic), initial=0)) or 1.0
    row.worst = max(row.worst, float(np.max(off[right], initial=0)) / scale)
    # bends could be finer than the last bits of huge values
    fine = sampled or EPS * float(np.max(np.abs(value))) < 1e-10
    for name, direction in _directions(value.size, sampled, t.rng) if fine else []:
        row.entries += len(place.upstreams)
        line, v = place.along(tensor, direction)
        got, size = analytic @ v[tensor.here], np.abs(analytic) @ np.abs(v[tensor.here])
        length = float(np.max(np.abs(v)))
        result = _judge(place, tensor, got, size, _first_look(place, [line]), length).row(0)
        if np.any(result.excess > 0):
            result = _second_look(place, tensor, line, v, got, size)
        if np.any(result.excess > 0) and not unknown:
            k = int(np.argmax(result.excess))
            return Mismatch(
                tensor, None, name, float(got[k]), float(result.low[k]), float(result.high[k]),
                float(result.error[k]), place.upstreams, analytic, np.empty((0, 0)),
                np.empty((0, 0), bool), kinks=not sampled,
            )  # fmt: skip
    return None


def _coordinates(
    place: _Place, tensor: Tensor, chosen: Array
) -> tuple[Verdict, dict[int, Verdict], list[int]]:
    """Every chosen coordinate alone: by two steps, and once more where backward disagrees."""
    analytic = place.analytic[:, tensor.here]
    got, size = analytic[:, chosen].T, np.max(np.abs(analytic), axis=1)
    lines = [place.along_coordinate(tensor.here.start + int(i)) for i in chosen]
    verdict = _judge(place, tensor, got, size, _first_look(place, lines))
    worst = np.max(np.nan_to_num(verdict.excess, nan=0.0), axis=1)
    suspects = np.flatnonzero(~verdict.settled | (worst > 0))
    wrong: dict[int, Verdict] = {}
    unknown = []
    for n in suspects[np.argsort(-worst[suspects], kind="stable")].tolist():
        result = verdict.row(n)
        if len(wrong) < _CONFIRMED:
            v = np.zeros_like(place.theta)
            v[tensor.here.start + int(chosen[n])] = 1.0
            result = _second_look(place, tensor, lines[n], v, got[n], size)
            verdict.low[n], verdict.high[n] = result.low, result.high
        if np.any(result.excess > 0):
            wrong[n] = result
        elif not result.settled:
            unknown.append(n)
    return verdict, wrong, unknown


def _first_look(place: _Place, lines: list[Line]) -> Slope:
    """The slopes along several lines from two steps: enough wherever backward agrees with them."""
    moves = np.stack([_two_steps(line, line.step) for line in lines], axis=1)
    steps, grains = np.array([[(line.step, line.grain)] for line in lines]).T.swapaxes(1, 2)
    found, error = _central(moves, steps, place.y, place.noise, grains)
    return Slope(found, found, error, np.isfinite(found))


def _second_look(
    place: _Place, tensor: Tensor, line: Line, v: Array, got: Array, size: Array
) -> Verdict:
    """Measure with steps that shrink; where backward still disagrees, at points nearby, too."""
    length = float(np.max(np.abs(v)))
    found = slope(line, place.y, place.noise)
    result = _judge(place, tensor, got, size, found, length)
    if np.any(result.excess > 0):
        step = 1e-8 * float(np.max(place.scale[tensor.here])) / length
        for wider in nearby(place.outputs, place.close, v, step, found, place.noise):
            result = _judge(place, tensor, got, size, wider, length)
            if not np.any(result.excess > 0):
                break
    return result


def _mismatch(
    place: _Place, tensor: Tensor, chosen: Array, verdict: Verdict, wrong: dict[int, Verdict]
) -> Mismatch:
    numeric = ((verdict.low + verdict.high) / 2).T
    entries = np.zeros(numeric.shape, bool)
    for n, one in wrong.items():
        entries[:, n] = one.excess > 0
    smooth = [n for n, one in wrong.items() if not one.kink] or list(wrong)
    n = max(smooth, key=lambda n: float(np.max(wrong[n].excess)))
    shown, i = wrong[n], int(chosen[n])
    k = int(np.argmax(shown.excess))
    index = tuple(map(int, np.unravel_index(i, tensor.shape))) if tensor.shape else ()
    analytic = place.analytic[:, tensor.here]
    return Mismatch(
        tensor, index, "", float(analytic[k, i]), float(shown.low[k]), float(shown.high[k]),
        float(shown.error[k]), place.upstreams, analytic, numeric, entries,
        kinks=all(one.kink for one in wrong.values()),
    )  # fmt: skip


def _sample(value: Array, limit: int, rng: np.random.Generator) -> Array:
    """Some coordinates, half of them such as are zero where there are zeros."""
    zeros = np.flatnonzero(value == 0)
    some = rng.permutation(zeros)[: limit // 2]
    others = np.setdiff1d(np.arange(value.size), some)
    return np.sort(np.concatenate([some, rng.permutation(others)[: limit - len(some)]]))


def _directions(size: int, sampled: bool, rng: np.random.Generator) -> Iterator[tuple[str, Array]]:
    """All ones, and random ones, by name; a tensor of one element needs none."""
    if size > 1:
        yield "the direction of all ones", np.ones(size)
        for _ in range(4 if sampled else 1):
            yield "a random direction", rng.normal(size=size)


def numeric_jacobian(fn: Callable[[Array], Array], x: Array) -> Array:
    """∂fn/∂x by central differences, of shape `fn(x).shape + x.shape`.

    At a kink it is the middle of the one-sided slopes.

    Args:
        fn: a function of one array, which it leaves as it is.
        x: where to differentiate; floats, computed with in float64.

    Raises:
        TypeError: x holds no floats.
        ValueError: fn is not finite at x, or its differences do not settle, as at a jump.

    Example:
        >>> numeric_jacobian(lambda x: x**3, np.array([1.0, 2.0])).round(6)
        array([[ 3.,  0.],
               [ 0., 12.]])
    """
    x = np.asarray(x)
    if x.dtype.kind != "f":
        raise TypeError(f"numeric_jacobian needs an array of floats; got {x.dtype}")
    theta, shape = x.astype(float).ravel(), x.shape
    y = np.array(fn(theta.reshape(shape).copy()), float)
    if not np.isfinite(y).all():
        raise ValueError("fn(x) is not finite, so it has no slope there")

    def outputs(theta: Array) -> Array:
        return np.array(fn(theta.reshape(shape).copy()), float).ravel()

    columns = []
    for i, index in enumerate(np.ndindex(shape)):
        with np.errstate(all="ignore"):
            line = coordinate(outputs, theta, i, y.ravel())
            found = slope(line, y.ravel(), 2 * EPS * np.abs(y.ravel()))
        if not found.settled.all():
            raise ValueError(f"the differences at x[{index}] = {x[index]} do not settle")
        columns.append(found.low)
    if not columns:
        return np.zeros(y.shape + shape)
    return np.stack(columns, axis=-1).reshape(y.shape + shape)
