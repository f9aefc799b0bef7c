"""Runs of the layer that is checked: always on copies, always from the same start."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cached_property
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from tinynet.layer import Layer
from tinynet.testing.report import Fault
from tinynet.types import Array

__all__ = [
    "Repeater",
    "Run",
    "Subject",
    "difference",
    "generators",
    "inputs_of_parts",
    "read_only",
    "restore",
    "window_names",
]

_EPS = float(np.finfo(float).eps)


class Run(NamedTuple):
    """One forward and one backward pass, copied."""

    y: Array
    dx: Array | None
    grads: Array


class Subject:
    """A layer to be checked, with an input that it accepts.

    Attributes:
        layer: the start of every run: a copy in float64 with randomised parameters.
        original: a copy of what the caller gave.
        x: the input, in float64 or integers, at least three rows of it.
        rng: where the checker's own random numbers come from.
    """

    def __init__(self, original: Layer, layer: Layer, x: Array, rng: np.random.Generator) -> None:
        self.original, self.layer, self.x, self.rng = original, layer, x, rng
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

    def made_anew(self) -> Layer | None:
        """A second instance, by the constructor; None where that needs more than its arguments."""
        try:
            args, kwargs = copy.deepcopy(self.original._arguments)
            layer = type(self.original)(*args, **kwargs)
            layer.bind(np.empty(layer.params.size), np.zeros(layer.params.size))
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
        return params * self.rng.uniform(0.8, 1.2, size=params.shape) + 0.01 * _rms(params)

    @cached_property
    def repeater(self) -> Repeater:
        """y at any x and parameters."""
        return Repeater(self.layer, self.x)

    @cached_property
    def draws(self) -> bool:
        """Whether forward draws random numbers: twice in a row, it gives different outputs."""
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
        x = self.x.copy()
        first = self.forward(self.fresh(), x)
        for batch in (self.other_batch(len(x)), self.other_batch(len(x))):
            batch[0] = x[0]
            y = self.forward(self.fresh(), batch)
            if difference(y[0], first[0]) > 1e-7:
                return True
        return False

    @cached_property
    def predict_interacts(self) -> bool:
        """Whether an output of predict depends on the other rows of its batch."""
        layer = self.fresh()
        self.forward(layer, self.other_batch(len(self.x) + 2))
        first = np.array(layer.predict(read_only(self.x)))
        for batch in (self.other_batch(len(self.x)), self.other_batch(len(self.x))):
            batch[0] = self.x[0]
            y = np.array(layer.predict(read_only(batch)))
            if len(y) and difference(y[0], first[0]) > 1e-7:
                return True
        return False

    @cached_property
    def refuses_one(self) -> bool:
        """Whether forward refuses a single row, which a layer whose rows interact may do."""
        if not self.interacts:
            return False
        try:
            self.forward(self.fresh(), self.x[:1])
        except ValueError as error:
            return not unwritable(error)
        except Exception:
            return False
        return False

    def noise(self, x: Array, dy: Array) -> float:
        """How far the last bits of x and dy move the result: the round-off of backward.

        It is 0 for a layer that gives something else each time.
        """
        worst, run = 0.0, self.run(x, dy)
        if any(_distance(a, b) > 0 for a, b in zip(self.run(x, dy), run, strict=True)):
            return 0.0
        for _ in range(3):
            moved = self.run(_last_bits(x, self.rng), _last_bits(dy, self.rng))
            worst = max(worst, *(_distance(a, b) for a, b in zip(moved, run, strict=True)))
        return worst

    def apart(self, got: Run, wanted: Run, x: Array, dy: Array, rtol: float = 1e-10) -> str:
        """Which of y, dx or a gradient differ beyond round-off; "" where none does."""
        for name, a, b in self.parts(got, wanted):
            if difference(a, b) > rtol and not _distance(a, b) <= 100 * self.noise(x, dy):
                return name
        return ""

    def parts(self, *runs: Run) -> Iterator[tuple[Any, ...]]:
        """("y", ...), ("dx", ...), ("dW", ...): the same tensor of several runs."""
        yield ("y", *(run.y for run in runs))
        if not self.integer:
            yield ("dx", *(run.dx for run in runs))
        for name, here in window_slices(self.layer):
            yield (f"d{name}", *(run.grads[here] for run in runs))


class Repeater:
    """y at any x and any parameters, with the same draw and the same state each time.

    One copy serves for all where a probe shows that a forward pass leaves nothing behind; else
    each evaluation has a copy of its own.
    """

    def __init__(self, layer: Layer, x: Array) -> None:
        self._template = copy.deepcopy(layer)
        self._start = [g.bit_generator.state for g in generators(self._template)]
        self._work: Layer | None = copy.deepcopy(layer)
        first = self(x, layer.params)
        with_others = (x[::-1] if x.dtype.kind != "f" else x * 0.9, layer.params * 1.1)
        try:
            self(*with_others)
            reusable = np.array_equal(self(x, layer.params), first, equal_nan=True)
        except Exception:
            reusable = False
        if not reusable:
            self._work = None

    def __call__(self, x: Array, params: Array) -> Array:
        if self._work is None:
            layer = copy.deepcopy(self._template)
        else:
            layer = self._work
            if self._start:
                for generator, state in zip(generators(layer), self._start, strict=True):
                    generator.bit_generator.state = state
            restore(layer, self._template)
        layer.params[...] = params
        return np.array(layer.forward(x.copy()), float)


def inputs_of_parts(layer: Layer, x: Array) -> dict[str, tuple[Layer, Array]]:
    """Each part as it was before a forward pass of the whole, and the activations that reach it."""
    reached: dict[str, tuple[Layer, Array]] = {}
    for name, part in layer._parts():

        def forward(
            x: Array, name: str = name, part: Layer = part, twin: Layer = copy.deepcopy(part)
        ) -> Array:
            reached.setdefault(name, (twin, np.array(x)))
            return type(part).forward(part, x)

        part.__dict__["forward"] = forward
    layer.forward(x.copy())
    return reached


def gradients(layer: Layer) -> Array:
    """The gradients as one vector, copied."""
    return np.array(layer.grads)


def restore(layer: Layer, source: Layer) -> None:
    """Set the named state of a layer to that of its twin."""
    for part, twin in zip(layer.walk(), source.walk(), strict=True):
        for name in part.state:
            if name in twin.__dict__:
                setattr(part, name, copy.copy(twin.__dict__[name]))


def generators(owner: object) -> list[Any]:
    """Every random generator that the object holds, in a fixed order.

    Arguments of the constructor do not count: a layer may have used them up.
    """
    found: list[Any] = []
    seen: set[int] = set()

    def visit(value: object) -> None:
        if id(value) in seen or isinstance(value, type | ModuleType | FunctionType | np.ndarray):
            return
        seen.add(id(value))
        if isinstance(value, np.random.Generator):
            found.append(value)
        elif isinstance(value, dict):
            for inner in value.values():
                visit(inner)
        elif isinstance(value, list | tuple | set):
            for inner in value:
                visit(inner)
        elif hasattr(value, "__dict__"):
            for name, inner in vars(value).items():
                if name not in ("_arguments", "_owner"):
                    visit(inner)

    visit(owner)
    return found


def window_names(layer: Layer) -> list[tuple[str, Array]]:
    """The parameters by name."""
    return list(layer.named_parameters())


def window_slices(layer: Layer) -> Iterator[tuple[str, slice]]:
    """Where each parameter lies in the flat vector."""
    start = 0
    for name, window in layer.named_parameters():
        yield name, slice(start, start + window.size)
        start += window.size


def read_only(array: Array) -> Array:
    """A copy that cannot be written into."""
    array = array.copy(order="K")
    array.flags.writeable = False
    return array


def difference(a: Array | None, b: Array | None) -> float:
    """The largest difference, as a part of the largest magnitude; inf where shapes differ."""
    if a is None or b is None:
        return 0.0 if a is b else np.inf
    if a.shape != b.shape:
        return np.inf
    if np.array_equal(a, b, equal_nan=True):
        return 0.0
    scale = max(float(np.max(np.abs(a))), float(np.max(np.abs(b))))
    return _distance(a, b) / scale if np.isfinite(scale) and scale else np.inf


def _distance(a: Array | None, b: Array | None) -> float:
    if a is None or b is None or a.shape != b.shape:
        return 0.0 if a is b else np.inf
    if not a.size or np.array_equal(a, b, equal_nan=True):
        return 0.0
    distance = float(np.max(np.abs(a - b)))
    return distance if np.isfinite(distance) else np.inf


def _rms(array: Array) -> float:
    return float(np.sqrt(np.mean(array * array))) if array.size else 0.0


def _last_bits(array: Array, rng: np.random.Generator) -> Array:
    """The array with its last bits changed at random; integers as they are."""
    if array.dtype.kind != "f":
        return array
    return array * (1 + _EPS * rng.integers(-2, 3, size=array.shape))


def unwritable(error: Exception) -> bool:
    """Whether the error came from writing into an array that was handed over."""
    text = str(error)
    return isinstance(error, ValueError) and (
        "read-only" in text or "not writeable" in text or "not writable" in text
    )


def as_fault(check: str, error: Exception, x: Array) -> Fault:
    """An exception inside the checked layer, told by the check that provoked it."""
    if unwritable(error):
        return Fault(
            "mutation",
            f"it writes into an array that it was given (x or dy): {error}.\n"
            f"  Work on a copy, or let the operation make a new array: x = x * 2, not x *= 2.",
        )
    notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
    return Fault(
        check, f"it raised {type(error).__name__}: {error}{notes}\n  for x of shape {x.shape}."
    )
