"""Slopes by differences, with their uncertainty, also at kinks.

With D(h) = (f(θ + h v) − f(θ − h v)) / 2h the slope along v is (4 D(h/2) − D(h)) / 3, which errs by
h⁴ (Richardson). Where backward does not confirm it, the steps shrink until they agree. At a kink
the slopes at points nearby are all right, and so is any value between them.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tinynet.checks import as_numbers, check_function
from tinynet.testing.magnitudes import EPS, largest, rms
from tinynet.types import Array

_FIRST_STEP = 2.0**-9  # for a value of 1: h⁴ and the round-off divided by h are then alike
_NEIGHBOURS = 64  # points that are looked at before a slope at a kink is called wrong

Function = Callable[[Array], Array]
Draw = Callable[[np.random.Generator], Array]


class Slope(NamedTuple):
    """The slopes of several outputs along a line; with a first axis, along several lines."""

    low: Array  # the smallest slope that is right
    high: Array  # the largest; equal to `low` except at a kink
    error: Array  # uncertainty of both
    settled: Array  # whether smaller steps agreed; False at a jump, or where the domain ends


class Line:
    """Outputs along a line: some entries of θ are moved, by s times a direction v."""

    def __init__(self, outputs: Function, theta: Array, where: int | slice, v: Any = 1.0) -> None:
        self.outputs, self.theta, self.where, self.v = outputs, theta, where, v
        if isinstance(where, int):
            size = big = abs(float(theta[where]))
            self.length = 1.0
        else:
            size, big, self.length = rms(theta[where]), largest(theta[where]), largest(np.array(v))
        # a power of two, so that the points moved to are represented exactly
        self.step = math.ldexp(_FIRST_STEP, math.frexp(max(big, 1.0) / self.length)[1] - 1)
        self.smallest = 1e-13 * (size if size > 1e-100 else 1e-2) / self.length
        self.enough = 1e-2 * (min(size, 1.0) or 1.0) / self.length  # larger steps may leap far
        self.grain = EPS * big / self.length  # round-off of the points

    def at(self, s: float, theta: Array | None = None) -> Array:
        """Outputs at the distance s, from θ or another point, which is moved and moved back."""
        theta = self.theta if theta is None else theta
        kept = np.copy(theta[self.where])
        theta[self.where] += s * self.v
        try:
            return self.outputs(theta)
        finally:
            theta[self.where] = kept

    def ends(self, step: float) -> list[Array]:
        """Outputs at the ends of a step and of half a step."""
        return [self.at(s) for s in (step, -step, step / 2, -step / 2)]


def _central(ends: Any, step: Any, grain: Any, y: Array, noise: Array) -> tuple[Array, Array]:
    """The slope by one step and half of it, and its round-off."""
    plus, minus, plus2, minus2 = ends
    found = (4 * (plus2 - minus2) - (plus - minus) / 2) / (3 * step)
    change = np.abs(plus - y) + np.abs(minus - y)
    outputs = noise + EPS * (np.abs(plus) + np.abs(minus))
    return found, 3 * (outputs + (grain / step + 1e-14) * change) / step


def two_steps(lines: list[Line], y: Array, noise: Array) -> Slope:
    """The slopes along several lines from one step each: enough where backward confirms them."""
    ends = np.stack([line.ends(line.step) for line in lines], axis=1)
    steps, grains = np.array([(line.step, line.grain) for line in lines]).T[:, :, np.newaxis]
    found, error = _central(ends, steps, grains, y, noise)
    return Slope(found, found, error, np.isfinite(found))


def slope(line: Line, y: Array, noise: Array) -> Slope:
    """The slopes from steps that shrink until they agree; `noise` is the round-off of y."""
    before, gap, error = (np.full(y.shape, value) for value in (np.nan, np.nan, np.inf))
    best, floor, step = np.zeros(y.shape), np.zeros(y.shape), line.step
    while step >= line.smallest:
        now, roundoff = _central(line.ends(step), step, line.grain, y, noise)
        change = np.abs(now - before)
        estimate = np.fmax(change + roundoff, gap / 16)  # agreement by luck is no agreement
        # a smaller step that contradicts a larger one is right: that one leapt over it
        contradicts = np.abs(now - best) > 4 * (error + roundoff)
        better = (estimate < error) | (contradicts & np.isfinite(estimate))
        best, error = np.where(better, now, best), np.where(better, estimate, error)
        floor, before, gap = np.where(better, roundoff, floor), now, change
        if step <= line.enough and np.all(error <= 1e-10 * np.abs(best) + 2 * floor):
            break
        step /= 4
    settled = np.isfinite(error) & ((error <= 1e-5 * np.abs(best)) | (error <= 20 * floor))
    return Slope(best, best, error, settled)


def nearby(line: Line, offset: Draw, size: float, found: Slope, noise: Array) -> Iterator[Slope]:
    """The slopes `found`, widened by more and more points nearby where a kink, or no slope, is.

    Slopes that differ as much at a tenth of the distance are those of a kink; in a bend they differ
    a tenth as much. `offset` moves all of θ, in units of `size`, since no line alone need show a
    kink: the median of three equal numbers has slope 0 along each of them.
    """
    # so far that the round-off does not hide the slopes, if that is near enough
    clear = 4e7 * largest(noise) * line.length / (largest(found.low) or 1.0)
    distances = np.clip(clear, 1e-4 * size, max(size, 1e-3)) * np.array([1, 0.1])
    steps = 0.01 * distances / line.length
    y, rng, known = line.at(0.0), np.random.default_rng(0), found.settled
    sides = np.array([[(line.at(s) - y) / s for s in (step, -step)] for step in steps])
    low, high = sides.min(axis=1), sides.max(axis=1)
    for count in range(1, _NEIGHBOURS + 1):
        away = offset(rng)
        for n, (distance, step) in enumerate(zip(distances / size, steps, strict=True)):
            theta = line.theta + distance * away
            now = (line.at(step, theta) - line.at(-step, theta)) / (2 * step)
            low[n], high[n] = np.minimum(low[n], now), np.maximum(high[n], now)
        if count < 4 or count & (count - 1):  # a verdict at 4, 8, 16, ... points
            continue
        lost, (wide, narrow) = 4 * noise / steps[1], high - low
        use = (narrow > 0.3 * wide) & (narrow > 10 * lost) | ~known
        bend = np.maximum(np.abs(low[0] - low[1]), np.abs(high[0] - high[1])) / 9
        least = np.where(known, np.minimum(low[1], found.low), low[1])
        most = np.where(known, np.maximum(high[1], found.high), high[1])
        yield Slope(
            np.where(use, least, found.low),
            np.where(use, most, found.high),
            np.where(use, lost + bend, found.error),
            known | np.isfinite(least + most),
        )


def numeric_jacobian(fn: Function, x: Array) -> Array:
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
    check_function("fn", fn, "np.sin")
    x = as_numbers(x, "x")
    if x.dtype.kind != "f":
        raise TypeError(f"numeric_jacobian needs an array of floats as x; got {x.dtype}")
    theta = x.astype(float).ravel()

    def outputs(theta: Array) -> Array:
        return np.array(fn(theta.reshape(x.shape).copy()), float)

    y = outputs(theta)
    if not np.isfinite(y).all():
        raise ValueError("fn(x) is not finite, so it has no slope there")
    columns = np.empty((y.size, x.size))
    for i in range(x.size):
        line = Line(lambda theta: outputs(theta).ravel(), theta, i)
        with np.errstate(all="ignore"):
            found = slope(line, y.ravel(), 2 * EPS * np.abs(y.ravel()))
        if not found.settled.all():
            index = tuple(map(int, np.unravel_index(i, x.shape)))
            raise ValueError(f"the differences at x[{index}] = {x[index]} do not settle")
        columns[:, i] = found.low
    return columns.reshape(y.shape + x.shape)
