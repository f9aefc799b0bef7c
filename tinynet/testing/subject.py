"""Runs of the layer that is checked: always on copies, always from the same start."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.runs import (
    EPS,
    Repeater,
    Run,
    difference,
    distance,
    generators,
    gradients,
    last_bits,
    read_only,
    rms,
    unwritable,
    view_slices,
)
from tinynet.types import Array

__all__ = ["Subject"]


class Subject:
    """A layer to be checked, with an input that it accepts.

    Attributes:
        layer: the start of every run: a copy in float64 with randomised parameters.
        original: a copy of what the caller gave.
        x: the input, in float64 or integers, at least three rows of it.
        rng: where the checker's own random numbers come from.
        tried: what forward or predict saw last, to be told where it raises an exception.
    """

    def __init__(self, original: Layer, layer: Layer, x: Array, rng: np.random.Generator) -> None:
        self.original, self.layer, self.x, self.rng = original, layer, x, rng
        self.tried = x
        self.integer = x.dtype.kind != "f"
        self.y = np.array(self.fresh().forward(x.copy()))
        self.dy = rng.normal(size=self.y.shape)

    def fresh(self) -> Layer:
        """A copy of the layer, with gradients of zero."""
        layer = copy.deepcopy(self.layer)
        layer.grads[...] = 0
        return layer

    def forward(self, layer: Layer, x: Array) -> Array:
        """y, copied, of a forward that sees read-only memory."""
        self.tried = x
        return np.array(layer.forward(read_only(x)))

    def run(
        self, x: Array | None = None, dy: Array | None = None, layer: Layer | None = None
    ) -> Run:
        """A forward and a backward pass; with no dy, the first rows of a fixed random one."""
        layer = self.fresh() if layer is None else layer
        x = self.x if x is None else x
        y = self.forward(layer, x)
        return self.back(layer, y, self.upstream(y.shape) if dy is None else dy)

    def back(self, layer: Layer, y: Array, dy: Array) -> Run:
        """The backward pass of a layer that has run forward."""
        dx = layer.backward(read_only(dy))
        return Run(y, None if dx is None else np.array(dx), gradients(layer))

    def upstream(self, shape: tuple[int, ...]) -> Array:
        """A random dy of the shape, the same each time."""
        if shape == self.dy.shape:
            return self.dy
        return np.random.default_rng(len(shape) + sum(shape)).normal(size=shape)

    def other_batch(self, rows: int) -> Array:
        """Another input of the same kind: rows of x mixed, which stays in a convex domain."""
        x, rng = self.x, self.rng
        first, second = rng.integers(len(x), size=(2, rows))
        if self.integer:
            return x[first]
        share = rng.uniform(0.6, 0.95, size=(rows,) + (1,) * (x.ndim - 1))
        mixed = x[first] * share + x[second] * (1 - share)
        return mixed if len(x) > 1 else x[first] * share

    def as_of(self, layer: Layer) -> Layer:
        """A fresh copy whose generators are those of a layer that has run."""
        twin = self.fresh()
        ours, theirs = generators(twin), generators(layer)
        if len(ours) == len(theirs):
            for mine, other in zip(ours, theirs, strict=True):
                mine.bit_generator.state = other.bit_generator.state
        return twin

    def made_anew(self, *, randomised: bool = True) -> Layer | None:
        """A second instance, by the constructor; None where that needs more than its arguments."""
        try:
            args, kwargs = copy.deepcopy(self.original._arguments)
            layer = type(self.original)(*args, **kwargs)
            if layer.params.dtype != float:  # else views made in __init__ would be left behind
                layer.bind(np.empty(layer.params.size), np.zeros(layer.params.size))
            if randomised:
                layer.params[...] = self.layer.params
            self.forward(copy.deepcopy(layer), self.x)
        except Exception:
            return None
        return layer

    def two_made_anew(self) -> tuple[Layer, Layer] | None:
        """Two instances by the constructor."""
        one, other = self.made_anew(), self.made_anew()
        return None if one is None or other is None else (one, other)

    def moved_params(self) -> Array:
        """Other parameters of the same kind: each vector in another order of size, moved a bit."""
        params = self.layer.params
        return params * self.rng.uniform(0.8, 1.2, size=params.shape) + 0.01 * rms(params)

    @cached_property
    def amplification(self) -> float:
        """How much backward enlarges dy at most, here and where a saturated layer wakes up."""
        if self.integer:
            return 1.0
        largest = 0.0
        mean = np.broadcast_to(self.x.mean(), self.x.shape).copy() if self.x.size else self.x
        for x in (self.x, 0 * self.x, 1e-3 * self.x, mean):
            try:
                run = self.run(x)
            except Exception:
                continue
            for array in (run.dx, run.grads):
                size = float(np.max(np.abs(array), initial=0)) if array is not None else 0.0
                largest = max(largest, size) if np.isfinite(size) else largest
        return largest / (float(np.max(np.abs(self.dy), initial=0)) or 1.0)

    @cached_property
    def repeater(self) -> Repeater:
        """y at any x and parameters."""
        return Repeater(self.layer, self.x)

    @cached_property
    def draws(self) -> bool:
        """Whether forward draws random numbers, even where they make no difference."""
        if self.varies:
            return True
        layer = self.fresh()
        before = [g.bit_generator.state for g in generators(layer)]
        self.forward(layer, self.x)
        self.forward(layer, self.x)
        middle = [g.bit_generator.state for g in generators(layer)]
        self.forward(layer, self.x)
        after = [g.bit_generator.state for g in generators(layer)]
        return before != middle != after

    @cached_property
    def varies(self) -> bool:
        """Whether forward gives different outputs in a row, from its generators or unseen ones."""
        layer = self.fresh()
        x = np.repeat(self.x, max(1, 256 // max(1, self.x.size)), axis=0)
        first = self.forward(layer, x)
        again = (self.forward(layer, x) for _ in range(6))
        if not any(not np.array_equal(first, y, equal_nan=True) for y in again):
            return False
        before = [g.bit_generator.state for g in generators(self.layer)]
        return before != [g.bit_generator.state for g in generators(layer)] or not before

    @cached_property
    def interacts(self) -> bool:
        """Whether an output of forward depends on the other rows of its batch."""
        for batch in self.companies():
            alone, among = self.fresh(), self.fresh()
            for _ in range(6 if self.draws else 1):  # a draw may hide the row from the others
                try:
                    first, y = self.forward(alone, self.x), self.forward(among, batch)
                except ValueError:
                    break
                if difference(y[0], first[0]) > 1e-11:
                    return True
        return False

    def companies(self) -> list[Array]:
        """Batches of the same first row in other company, some of it far off."""
        x = self.x
        found = [self.other_batch(len(x)) for _ in range(2)]
        if not self.integer:
            size = float(np.max(np.abs(x), initial=0)) or 1.0
            found += [self.rng.uniform(0.1, 0.9, size=x.shape) * size for _ in range(2)]
        for batch in found:
            batch[:1] = x[:1]
        return found

    @cached_property
    def predict_interacts(self) -> bool:
        """Whether an output of predict depends on the other rows of its batch."""
        layer = self.fresh()
        self.forward(layer, self.other_batch(len(self.x) + 2))
        first = np.array(layer.predict(read_only(self.x)))
        for batch in self.companies():
            try:
                y = np.array(layer.predict(read_only(batch)))
            except ValueError:
                continue
            if len(y) and difference(y[0], first[0]) > 1e-11:
                return True
        return False

    @cached_property
    def refuses_one(self) -> bool:
        """Whether forward refuses a single row, which a layer whose rows interact may do."""
        return self.interacts and self.refuses(1)

    def refuses(self, rows: int) -> bool:
        """Whether forward refuses a batch of so many rows with a ValueError."""
        try:
            self.forward(self.fresh(), self.x[:rows])
        except ValueError as error:
            return not unwritable(error)
        except Exception:
            return False
        return False

    def noise(self, x: Array, dy: Array) -> float:
        """How far the last bits of x and dy move the result: the round-off of backward.

        It is 0 for a layer that gives something else each time.
        """
        run = self.run(x, dy)
        worst = 10 * EPS * self.amplification * float(np.max(np.abs(dy), initial=0))
        if any(distance(a, b) > 0 for a, b in zip(self.run(x, dy), run, strict=True)):
            return 0.0
        for _ in range(3):
            moved = self.run(last_bits(x, self.rng), last_bits(dy, self.rng))
            worst = max(worst, *(distance(a, b) for a, b in zip(moved, run, strict=True)))
        return worst

    def apart(self, got: Run, wanted: Run, x: Array, dy: Array, rtol: float = 1e-10) -> str:
        """Which of y, dx or a gradient differ beyond round-off; "" where none does."""
        for name, a, b in self.parts(got, wanted):
            if difference(a, b) > rtol and not distance(a, b) <= 100 * self.noise(x, dy):
                return name
        return ""

    def parts(self, *runs: Run) -> Iterator[tuple[Any, ...]]:
        """("y", ...), ("dx", ...), ("dW", ...): the same tensor of several runs."""
        yield ("y", *(run.y for run in runs))
        if not self.integer:
            yield ("dx", *(run.dx for run in runs))
        for name, here in view_slices(self.layer):
            yield (f"d{name}", *(run.grads[here] for run in runs))
