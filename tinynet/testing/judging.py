"""Slopes set against what backward gives, along one coordinate or direction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tinynet.testing.differences import FIRST_STEP, Slope, nearby
from tinynet.types import Array

__all__ = ["Judged", "Point", "Tensor", "directions", "judge", "line_of", "look_beside", "sample"]


_SEEDS = 7  # ways in which all tensors are moved a little, at a kink

RTOL = 2e-8
"""Relative tolerance; the round-off of the differences themselves comes on top."""


@dataclass
class Tensor:
    """What is moved: an input or a parameter.

    Attributes:
        name: "x", or that of the parameter.
        value: where it stands.
        outputs: value -> all outputs, flat; not finite outside the domain.
        analytic: what backward gives, one row for each upstream gradient, flat.
        beside: seed -> the same outputs with all other tensors moved a little.
        middle: what ordinary values lie about.
    """

    name: str
    value: Array
    outputs: Callable[[Array], Array]
    analytic: Array
    beside: Callable[[int], Callable[[Array], Array]]
    middle: Array | float = 0.0

    @cached_property
    def ordinary(self) -> float:
        """The median slope of the outputs where the tensor holds ordinary numbers, of size 1.

        Backward computes with numbers of that size and keeps their last bits: where 1 / (1 + e^−x)
        is 1 but for 1e-20, its slope y − y² is lost in them, and nothing is wrong with it.
        """
        place, along = np.random.default_rng(0).normal(size=(2, *self.value.shape))
        place, step = place + self.middle, 1e-3
        try:
            change = self.outputs(place + step * along) - self.outputs(place - step * along)
        except Exception:  # a domain that is guarded in its own way
            return 0.0
        slopes = np.abs(change) / (2 * step)
        slopes = slopes[np.isfinite(slopes) & (slopes > 0)]
        return float(np.median(slopes)) if slopes.size else 0.0


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
        given: whether it is the caller's point, not one of the checker's own.
    """

    name: str
    y: Array
    noise: Array
    dys: Array
    tensors: list[Tensor]
    limit: int
    given: bool


@dataclass
class Judged:
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

    def row(self, n: int) -> Judged:
        """One of many."""
        return Judged(*(getattr(self, name)[n] for name in self.__dataclass_fields__))


def judge(point: Point, tensor: Tensor, where: int | Array, found: Slope) -> Judged:
    """Set slopes against backward, for every upstream gradient.

    Args:
        point: its upstream gradients count.
        tensor: what was moved.
        where: flat index of a coordinate, an integer array of several, or a direction of floats.
        found: slopes of all outputs; with a first axis for several coordinates.
    """
    if isinstance(where, np.ndarray) and where.dtype.kind == "f":
        analytic = tensor.analytic @ where
        rounding = np.abs(tensor.analytic) @ np.abs(where)
        length = float(np.max(np.abs(where)))
    else:
        analytic = tensor.analytic[:, where].T
        rounding = np.max(np.abs(tensor.analytic), axis=1)
        length = 1.0
    known = np.isfinite(found.error + found.low + found.high)
    lows, highs, errors = (np.where(known, a, 0.0) for a in (found.low, found.high, found.error))
    plus, minus = np.maximum(point.dys, 0).T, np.minimum(point.dys, 0).T
    gross = plus - minus
    low, high, error = lows @ plus + highs @ minus, highs @ plus + lows @ minus, errors @ gross
    unsure = np.where(found.settled, 0.0, np.where(known, errors, 1e300)) @ gross
    measured = np.all(known & found.settled, axis=-1, keepdims=True)
    finite = np.isfinite(analytic)
    conclusive = unsure <= 1e-5 * np.maximum(np.abs(analytic), rounding)
    size = np.maximum(np.maximum(np.abs(low), np.abs(high)), np.abs(analytic))
    tolerance = RTOL * size + 4 * error + 1e-11 * rounding
    tolerance += 1e-12 * (np.maximum(np.abs(lows), np.abs(highs)) @ gross)
    excess = np.maximum(low - analytic, analytic - high) - tolerance
    if np.any(excess > 0):  # else the two evaluations are saved
        excess -= 1e-14 * tensor.ordinary * length * np.sum(gross, axis=0)
    excess = np.where(conclusive, excess, 0.0)
    excess = np.where(finite, excess, np.where(measured, np.inf, 0.0))
    settled = np.all(conclusive & (finite | measured), axis=-1)
    return Judged(low, high, error, excess, np.any(highs > lows, axis=-1), settled)


def look_beside(
    point: Point,
    tensor: Tensor,
    where: int | Array,
    measured: Slope,
    result: Judged,
) -> Judged:
    """Judge by the slopes close by, too, where these differ: a kink that no one line shows.

    First this tensor alone is moved a little, then the others as well: where a gain of 0 makes many
    ReLUs 0 at once, moving it switches some on and some off, never all of them alike.
    """
    value = tensor.value
    if isinstance(where, np.ndarray):
        direction = where.reshape(value.shape)
    else:
        direction = np.zeros(value.shape)
        direction.flat[where] = 1.0

    length = float(np.max(np.abs(direction)))

    for seed in range(_SEEDS):
        outputs = tensor.beside(seed) if seed else tensor.outputs

        def line(offset: Array, s: float, outputs: Callable[[Array], Array] = outputs) -> Array:
            return outputs(value + offset + s * (direction / length))

        bent = measured.high > measured.low
        if seed and not np.any(bent):
            break
        wider = nearby(line, value, measured, point.noise, length)
        if seed:  # elsewhere the others move a slope without any kink
            low = np.where(bent, wider.low, measured.low)
            high = np.where(bent, wider.high, measured.high)
            wider = replace(wider, low=low, high=high)
        if np.array_equal(wider.low, measured.low) and np.array_equal(wider.high, measured.high):
            continue
        result, measured = judge(point, tensor, where, wider), wider
        if not np.any(result.excess > 0):
            break
    return result


def line_of(
    tensor: Tensor, where: int | Array, y: Array
) -> tuple[Callable[[float], Array], float, float, float]:
    """Outputs along a coordinate or direction; the first step, the smallest of use, and `enough`.

    Steps larger than `enough` could leap over what the outputs do at the scale of the value or 1.
    """
    value = tensor.value
    if isinstance(where, np.ndarray):
        rms = float(np.sqrt(np.mean(value * value)))
        size = min(rms, 1.0) or 1.0

        def along(s: float) -> Array:
            return tensor.outputs(value + s * where.reshape(value.shape))

        return along, FIRST_STEP, 1e-9 * size if rms else 1e-12, 1e-2 * size
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
    smallest = max(64 * float(np.spacing(abs(here))), 1e-15 if here == 0 else 0.0)
    return line, step, smallest, 1e-2 * (min(abs(here), 1.0) or 1.0)


def sample(value: Array, limit: int, rng: np.random.Generator) -> Array:
    """Some coordinates, half of them such as are zero where there are zeros."""
    zeros = np.flatnonzero(value.ravel() == 0)
    some = rng.permutation(zeros)[: limit // 2]
    others = np.setdiff1d(np.arange(value.size), some)
    return np.sort(np.concatenate([some, rng.permutation(others)[: limit - len(some)]]))


def directions(size: int, sampled: bool, rng: np.random.Generator) -> list[tuple[str, Array]]:
    """All ones, and random ones, by name; a tensor of one element needs none."""
    if size == 1:
        return []
    several = [("a random direction", rng.normal(size=size)) for _ in range(4 if sampled else 1)]
    return [("the direction of all ones", np.ones(size)), *several]
