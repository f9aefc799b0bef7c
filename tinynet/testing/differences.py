"""Slopes by finite differences, with their uncertainty, also where there is a kink.

Central differences with Richardson extrapolation: D(h) = (f(x+h) − f(x−h)) / 2h errs by O(h²), and
(4 D(h/2) − D(h)) / 3 by O(h⁴). One-sided slopes are extrapolated in the same way, 2 S(h/2) − S(h).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinynet.types import Array

__all__ = ["FIRST_STEP", "Slope", "first_slope", "nearby", "numeric_jacobian", "slope"]

FIRST_STEP = 2e-3
"""First step, for a value of magnitude 1: h⁴ and the round-off divided by h are then alike."""

_EPS = float(np.finfo(float).eps)


@dataclass(frozen=True)
class Slope:
    """The slopes of several outputs along one line.

    Attributes:
        low: the smallest slope that is right, for each output.
        high: the largest; equal to `low` except at a kink, where anything between is right.
        error: uncertainty of both.
        settled: whether smaller steps agreed; False at a jump, or where the domain ends.
    """

    low: Array
    high: Array
    error: Array
    settled: Array


def first_slope(
    line: Callable[[Any], Array], step: Any, y: Array, noise: Array, grain: float = 0.0
) -> Slope:
    """The slopes from two steps alone: enough wherever backward agrees with them.

    Args:
        line: s -> outputs at the distance s along the line.
        step: the larger of the two steps; a column of them for many lines at once.
        y: outputs at distance 0.
        noise: round-off of the outputs.
        grain: round-off of the point moved to.
    """
    plus, minus, plus2, minus2 = line(step), line(-step), line(step / 2), line(-step / 2)
    central = (4 * (plus2 - minus2) - (plus - minus) / 2) / (3 * step)
    error = _roundoff(plus, minus, y, step, noise, grain)
    right, right2 = (plus - y) / step, (plus2 - y) * 2 / step
    left, left2 = (y - minus) / step, (y - minus2) * 2 / step
    gap, gap2 = right - left, right2 - left2
    # at a kink in the point itself the gap stays; on smooth ground half the step halves it
    kink = (np.abs(gap2) > 0.9 * np.abs(gap)) & (np.abs(gap2) > 8 * error + 1e-12 * np.abs(central))
    right, left = 2 * right2 - right, 2 * left2 - left
    low = np.where(kink, np.minimum(left, right), central)
    high = np.where(kink, np.maximum(left, right), central)
    error = error + kink * (2 * np.abs(right - right2) + 2 * np.abs(left - left2)) / 2
    return Slope(low, high, error, np.isfinite(low) & np.isfinite(high))


def slope(
    line: Callable[[float], Array],
    step: float,
    y: Array,
    noise: Array,
    smallest: float,
    grain: float = 0.0,
    enough: float = np.inf,
) -> Slope:
    """The slopes from steps that shrink until they agree, each output by its best step.

    Smaller steps must bear the best one out, to their round-off: at a jump they do not.

    Args:
        line: s -> outputs at the distance s along the line; not finite outside the domain.
        step: where to start.
        y: outputs at distance 0.
        noise: round-off of the outputs.
        smallest: where to stop.
        grain: round-off of the point moved to.
        enough: agreement of larger steps does not end the search, since the outputs may vary
            within them.
    """
    shape = y.shape
    best = [(np.zeros(shape), np.full(shape, np.inf)) for _ in range(3)]  # central, right, left
    borne_out = [np.ones(shape, bool) for _ in range(3)]
    before: tuple[Array, ...] | None = None
    gaps: list[Array] | None = None
    floor = np.zeros(shape)  # the round-off at the best step
    sides = (np.zeros(shape), np.zeros(shape))
    while step >= smallest:
        plus, minus, plus2, minus2 = line(step), line(-step), line(step / 2), line(-step / 2)
        roundoff = _roundoff(plus, minus, y, step, noise, grain)
        now = (
            (4 * (plus2 - minus2) - (plus - minus) / 2) / (3 * step),
            (4 * (plus2 - y) - (plus - y)) / step,
            (4 * (y - minus2) - (y - minus)) / step,
        )
        if before is not None:
            steps = [np.abs(value - old) for value, old in zip(now, before, strict=True)]
            for place, value in enumerate(now):
                error = steps[place] + roundoff
                if gaps is not None:  # agreement by luck is no agreement
                    error = np.fmax(error, gaps[place] / 16)
                better = error < best[place][1]  # False where not finite
                off = np.abs(value - best[place][0]) <= 4 * (best[place][1] + roundoff)
                borne_out[place] = np.where(better, True, borne_out[place] & off)
                best[place] = (
                    np.where(better, value, best[place][0]),
                    np.where(better, error, best[place][1]),
                )
                if place == 0:
                    floor = np.where(better, roundoff, floor)
            gaps = steps
            sides = (np.abs(now[1] - now[2]), np.abs(before[1] - before[2]))
            scale = np.abs(best[0][0]) + 1e-300
            done = best[0][1] <= 1e-10 * scale + 2 * floor
            smooth = sides[0] <= 0.5 * sides[1] + 4 * roundoff
            aside = best[1][1] + best[2][1]
            kinked = (aside <= 1e-10 * scale + 8 * roundoff) & (sides[0] > 4 * aside + 1e-7 * scale)
            if step <= enough and np.all((done & smooth) | kinked):
                break
        before = now
        step /= 4
    (central, error), (right, error_right), (left, error_left) = best
    aside = error_right + error_left
    kink = np.abs(right - left) > 4 * aside + 1e-7 * np.abs(central)
    low = np.where(kink, np.minimum(left, right), central)
    high = np.where(kink, np.maximum(left, right), central)
    both = ~kink & (aside < error)  # a bend, where the two sides settle sooner
    low, high = np.where(both, (left + right) / 2, low), np.where(both, (left + right) / 2, high)
    error = np.where(kink | both, aside, error)
    magnitude = np.maximum(np.abs(low), np.abs(high))
    error = np.where(
        np.where(kink | both, borne_out[1] & borne_out[2], borne_out[0]), error, np.inf
    )
    settled = np.isfinite(error) & ((error <= 1e-5 * magnitude) | (error <= 20 * floor))
    return Slope(low, high, error, settled)


def nearby(
    line: Callable[[Array, float], Array],
    value: Array,
    found: Slope,
    noise: Array,
    length: float = 1.0,
) -> Slope:
    """The slopes at points close by, which are all right at a kink that no single line shows.

    The median of three equal numbers has slope 0 along each of them and slope 1 along all: its
    gradient there is that of any order close by.

    Args:
        line: (offset, s) -> outputs at the distance s along the line, from a point moved by offset.
        value: the point.
        found: its own slopes, to be widened.
        noise: round-off of the outputs.
        length: of the line's direction, whose slopes are so many times those of a step s.
    """
    rms = float(np.sqrt(np.mean(value * value)))
    near = 1e-6 * np.maximum(np.abs(value), rms or 1.0)
    rng = np.random.default_rng(0)
    tilt = (np.arange(value.size).reshape(value.shape) + 1) / value.size
    offsets = [tilt, -tilt, *(rng.normal(size=value.shape) for _ in range(40))]
    step = 1e-9 * max(float(np.max(np.abs(value))), rms or 1.0)
    slopes = np.stack(
        [(line(o * near, step) - line(o * near, -step)) / (2 * step) for o in offsets]
    )
    slopes *= length
    low = np.minimum(found.low, np.nanmin(slopes, axis=0))
    high = np.maximum(found.high, np.nanmax(slopes, axis=0))
    error = 4 * length * noise / step + 1e-5 * np.maximum(np.abs(low), np.abs(high))
    kink = high - low > 100 * error
    return Slope(
        np.where(kink, low, found.low),
        np.where(kink, high, found.high),
        np.where(kink, np.fmax(found.error, error), found.error),
        found.settled,
    )


def _roundoff(plus: Array, minus: Array, y: Array, step: Any, noise: Array, grain: float) -> Array:
    """Uncertainty of a slope from the round-off of the outputs, and of the places moved to."""
    change = np.abs(plus - y) + np.abs(minus - y)
    outputs = noise + _EPS * (np.abs(plus) + np.abs(minus))
    return 3 * (outputs + (grain / step + 1e-14) * change) / step


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
    x = x.astype(float)
    y = np.array(fn(x.copy()), float)
    if not np.isfinite(y).all():
        raise ValueError("fn(x) is not finite, so it has no slope there")
    columns = []
    for index in np.ndindex(x.shape):

        def line(s: float, index: tuple[int, ...] = index) -> Array:
            moved = x.copy()
            moved[index] += s
            factor = (moved[index] - x[index]) / s  # the step represented, over the step asked for
            value = np.array(fn(moved), float).ravel()
            return y.ravel() + (value - y.ravel()) / factor if factor else value

        size = max(abs(float(x[index])), 1.0)
        noise = 2 * _EPS * np.abs(y.ravel())
        with np.errstate(all="ignore"):
            found = slope(line, FIRST_STEP * size, y.ravel(), noise, 1e-9 * size)
        if not found.settled.all():
            raise ValueError(f"the differences at x[{index}] = {x[index]} do not settle")
        columns.append((found.low + found.high) / 2)
    if not columns:
        return np.zeros(y.shape + x.shape)
    return np.stack(columns, axis=-1).reshape(y.shape + x.shape)
