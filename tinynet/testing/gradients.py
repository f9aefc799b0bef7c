"""Gradients by `backward` against slopes of `forward`.

One identity holds for every upstream gradient u and every direction v in which the input and the
parameters can move, where J is the Jacobian of forward:

    ⟨u, J v⟩  by differences of forward   =   ⟨Jᵀ u, v⟩  by backward.

Both sides are products with J, which is never built. With one coordinate as v, one entry of a
gradient shows; with a random v, a fault in any entry does, and so do faults at ties, where each
coordinate alone can look right. `differences` measures the left side, also at kinks.
"""

from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from tinynet.testing.differences import Line, Slope, nearby, slope, two_steps
from tinynet.testing.magnitudes import EPS, last_bits, rms
from tinynet.testing.report import Fault, TensorResult
from tinynet.testing.trial import Inputs, Trial
from tinynet.types import Array

_RTOL = 2e-8  # relative tolerance, to which the round-off of the differences is added
_TRIALS = 9  # changes of the last bits that tell the round-off; one may leave an output as it is
_UNKNOWN = 1e250  # uncertainty of a slope that could not be measured
_CONFIRMED = 6  # wrong entries to be sure of before the rest is only counted
_ALL, _SAMPLE = 400, 120  # coordinates to move of a tensor: all up to so many, or a sample
_OWN = 40  # of them at the checker's own points
_WORK = 1_000_000  # numbers that a sample may cost; a quarter at own points


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
    """Right values of ⟨u, J v⟩ set against backward; lines v × upstream gradients u."""

    low: Array  # the smallest right value
    high: Array  # the largest
    error: Array  # uncertainty of both
    excess: Array  # how far backward lies outside the tolerance; 0 or less where it is right
    kink: Array  # whether an output has a kink, for each line
    settled: Array  # whether the slopes are known well enough to judge, for each line


@dataclass
class Mismatch:
    """A tensor whose gradient is wrong, and one value that shows it."""

    tensor: Tensor
    index: tuple[int, ...] | None  # of the entry that shows it; None for a direction
    direction: str
    got: float  # what backward gives
    low: float  # the smallest right value
    high: float
    error: float
    upstreams: Array
    analytic: Array  # what backward gives, upstream × all entries
    numeric: Array  # the middle of the right values, upstream × entries that were moved
    wrong: Array  # which of them are not right
    kinks: bool  # whether every wrong entry is at a kink


class Comparison:
    """Both sides of the identity at one point, as functions of one vector θ: x and parameters."""

    def __init__(self, t: Trial, point: Point) -> None:
        self.trial, self.point = t, point
        self._function = t.function(point.inputs)
        x = [] if t.integer else [(t.names[0], point.inputs[0])]
        self.theta = np.concatenate([*(array.ravel() for _, array in x), point.params])
        self.tensors, end = [], 0
        for name, array in [*x, *t.start.named_parameters()]:
            self.tensors.append(Tensor(name, array.shape, slice(end, end := end + array.size)))
        self.y = self._function(self.theta)
        if not np.isfinite(self.y).all():
            raise Fault("gradient", f"{t.output} is not finite for {point.name}.")
        self.upstreams = t.upstreams(self.y.size)
        self.analytic = self._backward()
        self.noise = 2 * EPS * np.abs(self.y) + 0.2 * EPS * np.max(np.abs(self.y), initial=0)
        for _ in range(_TRIALS):
            moved = self.outputs(last_bits(self.theta, t.rng))
            self.noise = np.fmax(self.noise, np.abs(moved - self.y))
        # log(1 + e^-30) is a multiple of the last bit of 1: where a function levels off, it and its
        # backward compute with numbers as large as y at an x of size 1, of a loss near its targets
        ordinary, here = self.theta.copy(), self.tensors[0].here
        ordinary[here] = np.random.default_rng(0).normal(size=ordinary[here].shape)
        if len(point.inputs) > 1 and point.inputs[1].shape == point.inputs[0].shape:
            ordinary += point.inputs[1].ravel()
        sizes = np.abs(self.outputs(ordinary))  # infinite or NaN outside the domain
        self.noise = np.fmax(self.noise, np.where(np.isfinite(sizes), EPS * sizes, 0))

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
        shape = t.forward(t.new(params), inputs).shape
        ran = [t.run(inputs, u.reshape(shape), t.new(params)) for u in self.upstreams]
        columns = (np.stack([one[f"d{part.name}"].ravel() for one in ran]) for part in self.tensors)
        return np.concatenate([*columns], axis=1)

    def judge(self, found: Slope, got: Array, size: Array) -> Verdict:
        """Set slopes along lines against backward, for every upstream gradient.

        Right is within 2e-8 of the value, plus four times the uncertainty of the difference, plus
        the last bits of the terms that backward adds up (`size`).
        """
        known = found.settled & np.isfinite(found.error + found.low + found.high)
        lows, highs = np.where(known, found.low, 0), np.where(known, found.high, 0)
        plus, minus = np.maximum(self.upstreams.T, 0), np.minimum(self.upstreams.T, 0)
        gross = plus - minus
        low, high = lows @ plus + highs @ minus, highs @ plus + lows @ minus
        error = np.where(known, found.error, _UNKNOWN) @ gross
        tolerance = _RTOL * np.maximum(np.maximum(np.abs(low), np.abs(high)), np.abs(got))
        tolerance += 1e-12 * (np.maximum(np.abs(lows), np.abs(highs)) @ gross)
        tolerance += 4 * error + 1e-11 * size
        excess = np.maximum(low - got, got - high) - tolerance
        certain = np.where(known.all(axis=-1, keepdims=True), np.inf, 0)
        excess = np.where(np.isfinite(got), excess, certain)
        settled = np.all(error < _UNKNOWN / 1e9, axis=-1)
        return Verdict(low, high, error, excess, np.any(highs > lows, axis=-1), settled)

    def _second_look(self, line: Line, size_of: float, *more: Array) -> Verdict:
        """Measure one line with steps that shrink, and where backward still disagrees, nearby."""
        found, verdicts = slope(line, self.y, self.noise), []
        for slopes in chain([found], nearby(line, self._offset, size_of, found, self.noise)):
            verdict = self.judge(Slope(*(array[np.newaxis] for array in slopes)), *more)
            if verdict.settled and not np.any(verdict.excess > 0):
                return verdict
            verdicts.append(verdict)
        return verdicts[-1 if np.any(verdicts[0].excess > 0) else 0]

    def _offset(self, rng: np.random.Generator) -> Array:
        """A way to move θ, each tensor more or less, and more or less as a whole."""
        offset = np.empty_like(self.theta)
        for one in self.tensors:
            together, alone = (rms(self.theta[one.here]) or 1.0) * rng.choice([0.1, 1.0], size=2)
            moves = alone * rng.normal(size=offset[one.here].shape)
            offset[one.here] = together * rng.normal() + moves
        return offset

    def tensor(self, tensor: Tensor) -> Mismatch | None:
        """What is wrong with a tensor's gradient, also entered into the report."""
        value, analytic = self.theta[tensor.here], self.analytic[:, tensor.here]
        chosen = self._chosen(value.size)
        count, start, all_moved = len(chosen), tensor.here.start, len(chosen) == value.size
        directions = self._directions(value, all_moved)
        lines = [Line(self.outputs, self.theta, start + int(i)) for i in chosen]
        lines += [Line(self.outputs, self.theta, tensor.here, v) for v in directions]
        along = np.reshape(directions, (-1, value.size))
        got = np.concatenate([analytic[:, chosen].T, along @ analytic.T])
        largest = np.max(np.abs(analytic), axis=1)
        size = np.concatenate([np.tile(largest, (count, 1)), np.abs(along) @ np.abs(analytic).T])
        verdict = self.judge(two_steps(lines, self.y, self.noise), got, size)
        worst = np.max(np.nan_to_num(verdict.excess, nan=0.0), axis=1)
        unsettled = ~verdict.settled & (np.arange(len(lines)) < count)
        suspects = np.flatnonzero((worst > 0) | unsettled).tolist()
        wrong: list[int] = []
        for n in sorted(suspects, key=lambda n: (n >= count, -worst[n])):  # coordinates first
            if n >= count and (wrong or not verdict.settled[:count].all()):
                break
            if len(wrong) < _CONFIRMED:
                more = (array[n : n + 1] for array in (got, size))
                one = self._second_look(lines[n], rms(value) or 1.0, *more)
                for array, part in zip(verdict, one, strict=True):
                    array[n] = part[0]
            if np.any(verdict.excess[n] > 0):
                wrong.append(n)
        entries, settled = verdict.excess[:count] > 0, verdict.settled[:count]
        row = self.trial.report.tensors.setdefault(
            tensor.name, TensorResult(tensor.name, tensor.shape)
        )
        row.entries += len(lines) * len(self.upstreams)
        row.left_out += int(np.sum(~settled & ~entries.any(axis=1)))
        if self.point.given:
            row.sampled, row.coordinates = not all_moved, count
        if not wrong:
            off = np.maximum(verdict.low - got, got - verdict.high)[:count][settled]
            scale = float(np.max(largest, initial=0)) or 1.0
            row.worst = max(row.worst, float(np.max(off, initial=0)) / scale)
            return None
        n = max(wrong, key=lambda n: (not verdict.kink[n], float(np.max(verdict.excess[n]))))
        k, index = int(np.argmax(verdict.excess[n])), None
        if n < count:
            index = tuple(map(int, np.unravel_index(int(chosen[n]), tensor.shape)))
        return Mismatch(
            tensor,
            index,
            "the direction of all ones" if n == count else "a random direction",
            got=float(got[n, k]),
            low=float(verdict.low[n, k]),
            high=float(verdict.high[n, k]),
            error=float(verdict.error[n, k]),
            upstreams=self.upstreams,
            analytic=analytic,
            numeric=((verdict.low + verdict.high) / 2)[:count].T,
            wrong=entries.T,
            kinks=all_moved if index is None else bool(verdict.kink[wrong].all()),
        )

    def _chosen(self, size: int) -> Array:
        """Coordinates to move of a tensor: all, or a sample."""
        given, cost = self.point.given, self.theta.size + self.y.size
        most = (_ALL if size <= _ALL else _SAMPLE) if given else _OWN
        limit = min(most, max(8 if given else 3, _WORK // (cost if given else 4 * cost)))
        return np.sort(self.trial.rng.permutation(size)[:limit])

    def _directions(self, value: Array, all_moved: bool) -> list[Array]:
        """All ones, then random ones; large values move in proportion."""
        big = float(np.max(np.abs(value)))
        # the bends of a function could be finer than the last bits of huge numbers
        if value.size == 1 or (all_moved and EPS * big > 1e-10):
            return []
        unit = np.maximum(np.abs(value), 1) if big > 100 else np.ones(value.size)
        times = 1 if all_moved or not self.point.given else 4
        return [unit] + [unit * self.trial.rng.normal(size=value.size) for _ in range(times)]
