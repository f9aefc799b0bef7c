"""Gradients by `backward` against slopes of `forward`.

One identity holds for every upstream gradient u and every direction v in which the input and the
parameters can move, where J is the Jacobian of forward:

    ⟨u, J v⟩  by differences of forward   =   ⟨Jᵀ u, v⟩  by backward.

Both sides are products with J, which is never built. With one coordinate as v, one entry of a
gradient shows; with a random v, a fault in any entry does, and so do faults at ties, where each
coordinate alone can look right. What else is needed: slopes and their uncertainty, also at kinks
(`differences`); a tolerance that knows what backward loses in round-off (`Comparison.judge`); and
points at which faults show (`points`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from tinynet.testing.differences import Line, Slope, nearby, slope, two_steps
from tinynet.testing.report import TensorResult
from tinynet.testing.trial import EPS, Inputs, Trial, last_bits, rms
from tinynet.types import Array

__all__ = ["Comparison", "Mismatch", "Point", "Tensor"]

_RTOL = 2e-8  # relative tolerance, to which the round-off of the differences is added
_TRIALS = 9  # changes of the last bits that tell the round-off; one may leave an output as it is
_CONFIRMED = 6  # wrong entries to be sure of before the rest is only counted
_ALL, _SAMPLE = 400, 120  # coordinates of a tensor: moved all, up to so many; else a sample
_OWN = 40  # a sample at the checker's own points
_WORK = 600_000  # numbers that one sample may cost; where it costs more, it is smaller


class Point(NamedTuple):
    """Where gradients are compared: inputs and parameters; `given` if not the checker's own."""

    name: str
    inputs: Inputs
    params: Array
    given: bool = False


class Tensor(NamedTuple):
    """What is moved, an input or a parameter: a slice of θ."""

    name: str
    shape: tuple[int, ...]
    here: slice


class Verdict(NamedTuple):
    """Right values of ⟨u, J v⟩ and what backward gives; the last axis is that of the u.

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


@dataclass
class Mismatch:
    """A tensor whose gradient is wrong.

    Attributes:
        tensor: which.
        index: place of the entry to show, or None for a direction.
        direction: what the tensor was moved along, where not one coordinate.
        got: what backward gives.
        right: the smallest and the largest right value, and their uncertainty.
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
    right: tuple[float, float, float]
    upstreams: Array
    analytic: Array
    numeric: Array
    wrong: Array
    kinks: bool


class Comparison:
    """Both sides of the identity at one point, as functions of one vector θ: x and parameters."""

    def __init__(self, t: Trial, point: Point) -> None:
        self.trial, self.point = t, point
        self._function = t.function(point.inputs, point.params)
        x = point.inputs[0]
        parts = [] if t.integer else [(t.names[0], x)]
        parts += zip([n for n, _ in t.slices], _views(t, point.params), strict=True)
        self.theta = np.concatenate([np.empty(0)] + [part.ravel() for _, part in parts])
        ends = np.cumsum([part.size for _, part in parts]).tolist()
        self.tensors = [
            Tensor(name, part.shape, slice(end - part.size, end))
            for (name, part), end in zip(parts, ends, strict=True)
        ]
        self.y = self._function(self.theta)
        if not np.isfinite(self.y).all():
            raise ArithmeticError(f"{t.output} is not finite")
        self.upstreams = t.upstreams(self.y.size)
        self.analytic = self._backward()
        self.noise = 2 * EPS * np.abs(self.y) + 0.2 * EPS * np.max(np.abs(self.y), initial=0)
        for _ in range(_TRIALS):
            moved = self.outputs(last_bits(self.theta, t.rng))
            self.noise = np.fmax(self.noise, np.abs(moved - self.y))
        if t.output == "value":  # log(1 + e^-30) is a multiple of the last bit of 1
            ordinary = self.outputs(self._ordinary(self.tensors[0]))
            self.noise = np.fmax(self.noise, EPS * np.abs(ordinary))

    def outputs(self, theta: Array) -> Array:
        """y, flat; NaN outside the domain."""
        try:
            y = self._function(theta)
        except (ValueError, ArithmeticError):
            y = np.empty(0)
        return y if y.shape == self.y.shape else np.full(self.y.shape, np.nan)

    def _backward(self) -> Array:
        """Jᵀ u by backward, a row for each u."""
        t, inputs, params = self.trial, self.point.inputs, self.point.params
        layer, found = t.new(params), []
        shape = t.forward(t.new(params), inputs).shape
        for u in self.upstreams:
            one = t.run(inputs, u.reshape(shape), layer)
            found.append(np.concatenate([one[f"d{part.name}"].ravel() for part in self.tensors]))
            if t.draws or t.start.buffers:
                layer = t.new(params)
        return np.stack(found)

    def _ordinary(self, tensor: Tensor) -> Array:
        """θ with ordinary numbers, of size 1, in one tensor; for a loss about its targets."""
        theta, inputs = self.theta.copy(), self.point.inputs
        theta[tensor.here] = np.random.default_rng(0).normal(size=theta[tensor.here].shape)
        if len(inputs) > 1 and inputs[1].dtype.kind == "f" and inputs[1].shape == inputs[0].shape:
            theta += inputs[1].ravel()
        return theta

    def _ordinary_slope(self, tensor: Tensor) -> float:
        """The median slope of the outputs where the tensor holds ordinary numbers.

        Backward computes with numbers of that size and keeps their last bits: where 1 / (1 + e^−x)
        is 1 but for 1e-20, its slope y − y² is lost in them, and nothing is wrong with it.
        """
        h, v = 1e-3, np.random.default_rng(1).normal(size=tensor.here.stop - tensor.here.start)
        line = Line(self.outputs, self._ordinary(tensor), tensor.here, v)
        slopes = np.abs(line.at(h) - line.at(-h)) / (2 * h)
        slopes = slopes[np.isfinite(slopes) & (slopes > 0)]
        return float(np.median(slopes)) if slopes.size else 0.0

    def judge(
        self, tensor: Tensor, got: Array, size: Array, found: Slope, length: float
    ) -> Verdict:
        """Set slopes against backward, for every upstream gradient.

        Right is within 2e-8 of the value, plus four times the uncertainty of the difference, plus
        what backward may lose: the last bits of the terms that it adds up, and those of ordinary
        values where forward has levelled off.

        Args:
            tensor: what was moved.
            got: what backward gives along the line, or along each of several.
            size: of the terms that backward may have added up.
            found: slopes of the outputs.
            length: the largest entry of the direction.
        """
        u, error = self.upstreams.T, found.error
        gross, plus, minus = np.abs(u), np.maximum(u, 0), np.minimum(u, 0)
        known = np.isfinite(error + found.low + found.high)
        lows, highs, errors = (np.where(known, a, 0.0) for a in (found.low, found.high, error))
        low, high, error = lows @ plus + highs @ minus, highs @ plus + lows @ minus, errors @ gross
        unsure = np.where(found.settled, 0.0, np.where(known, errors, 1e300)) @ gross
        conclusive = unsure <= 1e-5 * np.maximum(np.abs(got), size)
        measured = np.all(known & found.settled, axis=-1, keepdims=True)
        finite = np.isfinite(got)
        tolerance = _RTOL * np.maximum(np.maximum(np.abs(low), np.abs(high)), np.abs(got))
        tolerance += 1e-12 * (np.maximum(np.abs(lows), np.abs(highs)) @ gross)
        tolerance += 4 * error + 1e-11 * size
        excess = np.maximum(low - got, got - high) - tolerance
        if np.any(excess > 0):
            excess -= 1e-14 * self._ordinary_slope(tensor) * length * np.sum(gross, axis=0)
        excess = np.where(conclusive, excess, 0.0)
        excess = np.where(finite, excess, np.where(measured, np.inf, 0.0))
        settled = np.all(conclusive & (finite | measured), axis=-1)
        return Verdict(low, high, error, excess, np.any(highs > lows, axis=-1), settled)

    def _second_look(self, tensor: Tensor, line: Line, got: Array, size: Array) -> Verdict:
        """Measure with steps that shrink, and where backward still disagrees, nearby."""
        found = slope(line, self.y, self.noise)
        verdict = self.judge(tensor, got, size, found, line.length)
        if np.any(verdict.excess > 0):
            scale = float(np.max(self._scale[tensor.here]))
            for wider in nearby(line, self._close, scale, found, self.noise):
                verdict = self.judge(tensor, got, size, wider, line.length)
                if not np.any(verdict.excess > 0):
                    break
        return verdict

    @cached_property
    def _scale(self) -> Array:
        """The size of the numbers in θ, for each of its entries."""
        scale = np.abs(self.theta)
        for one in self.tensors:
            scale[one.here] = np.maximum(scale[one.here], rms(self.theta[one.here]) or 1.0)
        return scale

    def _close(self, rng: np.random.Generator, distance: float) -> Array:
        """A point nearby, where each tensor moved more or less, and more or less as a whole."""
        theta = self.theta.copy()
        for one in self.tensors:
            together, alone = distance * 10 ** rng.uniform(-2, 0, size=2)
            offset = together * rng.normal() + alone * rng.normal(size=theta[one.here].shape)
            theta[one.here] += self._scale[one.here] * offset
        return theta

    def tensor(self, tensor: Tensor) -> tuple[Mismatch | None, int]:
        """What is wrong with the gradient of a tensor, and how many slopes could not be measured."""
        t, value = self.trial, self.theta[tensor.here]
        analytic = self.analytic[:, tensor.here]
        wide = max(one.here.stop - one.here.start for one in self.tensors) > _ALL
        limit = (_SAMPLE if wide else _ALL) if self.point.given else _OWN
        limit = min(limit, max(8, _WORK // (self.theta.size + self.y.size)))
        sampled = value.size > limit
        chosen = _sample(value, limit, t.rng) if sampled else np.arange(value.size)
        verdict, wrong, unknown = self._coordinates(tensor, analytic, chosen)
        row = t.report.tensors.setdefault(tensor.name, TensorResult(tensor.name, tensor.shape))
        row.entries += len(chosen) * len(self.upstreams)
        row.left_out += unknown
        if self.point.given:
            row.sampled, row.coordinates = sampled, len(chosen)
        if wrong:
            return self._mismatch(tensor, analytic, chosen, verdict, wrong), unknown
        off = np.maximum(verdict.low - analytic[:, chosen].T, analytic[:, chosen].T - verdict.high)[
            np.all(verdict.excess <= 0, axis=1) & verdict.settled
        ]
        scale = float(np.max(np.abs(analytic), initial=0)) or 1.0
        row.worst = max(row.worst, float(np.max(off, initial=0)) / scale)
        # the bends of a function could be finer than the last bits of huge numbers
        if sampled or EPS * float(np.max(np.abs(value))) < 1e-10:
            for name, v in _directions(value, sampled, t.rng):
                row.entries += len(self.upstreams)
                line = Line(self.outputs, self.theta, tensor.here, v)
                got, size = analytic @ v, np.abs(analytic) @ np.abs(v)
                first = two_steps([line], self.y, self.noise)
                if np.any(self.judge(tensor, got, size, first, line.length).excess > 0):
                    found = self._second_look(tensor, line, got, size)
                    if np.any(found.excess > 0) and not unknown:
                        return self._along(tensor, name, got, found, kinks=not sampled), unknown
        return None, unknown

    def _coordinates(
        self, tensor: Tensor, analytic: Array, chosen: Array
    ) -> tuple[Verdict, dict[int, Verdict], int]:
        """Each chosen coordinate alone; those that are wrong, and how many are unknown."""
        got, size = analytic[:, chosen].T, np.max(np.abs(analytic), axis=1)
        lines = [Line(self.outputs, self.theta, tensor.here.start + int(i)) for i in chosen]
        verdict = self.judge(tensor, got, size, two_steps(lines, self.y, self.noise), 1.0)
        worst = np.max(np.nan_to_num(verdict.excess, nan=0.0), axis=1)
        suspects = np.flatnonzero(~verdict.settled | (worst > 0))
        wrong: dict[int, Verdict] = {}
        unknown = 0
        for n in suspects[np.argsort(-worst[suspects], kind="stable")].tolist():
            one = Verdict(*(array[n] for array in verdict))
            if len(wrong) < _CONFIRMED:
                one = self._second_look(tensor, lines[n], got[n], size)
                verdict.low[n], verdict.high[n] = one.low, one.high
            if np.any(one.excess > 0):
                wrong[n] = one
            else:
                unknown += not one.settled
        return verdict, wrong, unknown

    def _mismatch(
        self,
        tensor: Tensor,
        analytic: Array,
        chosen: Array,
        verdict: Verdict,
        wrong: dict[int, Verdict],
    ) -> Mismatch:
        numeric = ((verdict.low + verdict.high) / 2).T
        entries = np.zeros(numeric.shape, bool)
        for n, one in wrong.items():
            entries[:, n] = one.excess > 0
        smooth = [n for n, one in wrong.items() if not one.kink] or list(wrong)
        n = max(smooth, key=lambda n: float(np.max(wrong[n].excess)))
        found = self._along(tensor, "", analytic[:, int(chosen[n])], wrong[n], kinks=False)
        found.index = tuple(map(int, np.unravel_index(int(chosen[n]), tensor.shape or (1,))))
        found.index = found.index if tensor.shape else ()
        found.numeric, found.wrong = numeric, entries
        found.kinks = all(one.kink for one in wrong.values())
        return found

    def _along(
        self, tensor: Tensor, direction: str, got: Array, found: Verdict, *, kinks: bool
    ) -> Mismatch:
        k = int(np.argmax(found.excess))
        right = float(found.low[k]), float(found.high[k]), float(found.error[k])
        none, analytic = np.empty((0, 0)), self.analytic[:, tensor.here]
        return Mismatch(
            tensor, None, direction, float(got[k]), right, self.upstreams, analytic, none,
            none.astype(bool), kinks,
        )  # fmt: skip


def _views(t: Trial, params: Array) -> list[Array]:
    """Other parameters in their shapes."""
    shapes = [view.shape for _, view in t.start.named_parameters()]
    return [params[here].reshape(shape) for (_, here), shape in zip(t.slices, shapes, strict=True)]


def _sample(value: Array, limit: int, rng: np.random.Generator) -> Array:
    """Some coordinates, half of them such as are zero where there are zeros."""
    zeros = np.flatnonzero(value == 0)
    some = rng.permutation(zeros)[: limit // 2]
    others = np.setdiff1d(np.arange(value.size), some)
    return np.sort(np.concatenate([some, rng.permutation(others)[: limit - len(some)]]))


def _directions(
    value: Array, sampled: bool, rng: np.random.Generator
) -> Iterator[tuple[str, Array]]:
    """All ones, and random ones, by name; large values move in proportion."""
    if value.size > 1:
        unit = np.maximum(np.abs(value), 1) if np.max(np.abs(value)) > 100 else np.ones(value.size)
        yield "the direction of all ones", unit
        for _ in range(4 if sampled else 1):
            yield "a random direction", unit * rng.normal(size=value.size)
