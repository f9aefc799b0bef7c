"""Passes of a layer and their results: repeating, comparing and copying them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.report import Fault
from tinynet.types import Array

__all__ = [
    "EPS",
    "TRIALS",
    "Repeater",
    "Run",
    "as_fault",
    "difference",
    "distance",
    "generators",
    "gradients",
    "inputs_of_parts",
    "last_bits",
    "read_only",
    "restore",
    "rms",
    "unwritable",
    "view_slices",
]


EPS = float(np.finfo(float).eps)

TRIALS = 9
"""Changes of the last bits that tell the round-off; any one may leave an output as it is."""


class Run(NamedTuple):
    """One forward and one backward pass, copied."""

    y: Array
    dx: Array | None
    grads: Array


class Repeater:
    """y at any x and any parameters, with the same draw and the same state each time.

    One copy serves for all where a probe shows that a forward pass leaves nothing behind; else
    each evaluation has a copy of its own.
    """

    def __init__(self, layer: Layer, x: Array) -> None:
        self._template = copy.deepcopy(layer)
        self._start = [g.bit_generator.state for g in generators(self._template)]
        self._stateful = any(part.buffers for part in self._template.walk())
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
        """y, copied."""
        if self._work is None:
            layer = copy.deepcopy(self._template)
        else:
            layer = self._work
            if self._start:
                for generator, state in zip(generators(layer), self._start, strict=True):
                    generator.bit_generator.state = state
            if self._stateful:
                restore(layer, self._template)
        layer.params[...] = params
        return np.array(layer.forward(x.copy()), float)


def gradients(layer: Layer) -> Array:
    """The gradients as one vector, copied."""
    return np.array(layer.grads)


def inputs_of_parts(layer: Layer, x: Array) -> dict[str, tuple[Layer, Array]]:
    """Each part as it was before a forward pass of the whole, and the activations that reach it."""
    reached: dict[str, tuple[Layer, Array]] = {}
    for name, part in layer._parts():
        twin = copy.deepcopy(part)

        def forward(x: Array, name: str = name, part: Layer = part, twin: Layer = twin) -> Array:
            reached.setdefault(name, (twin, np.array(x)))
            return type(part).forward(part, x)

        part.__dict__["forward"] = forward
    layer.forward(x.copy())
    return reached


def restore(layer: Layer, source: Layer) -> None:
    """Set the named state of a layer to that of its twin."""
    for part, twin in zip(layer.walk(), source.walk(), strict=True):
        for name in part.buffers:
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


def view_names(layer: Layer) -> list[tuple[str, Array]]:
    """The parameters by name."""
    return list(layer.named_parameters())


def view_slices(layer: Layer) -> Iterator[tuple[str, slice]]:
    """Where each parameter lies in the flat vector."""
    start = 0
    for name, view in layer.named_parameters():
        yield name, slice(start, start + view.size)
        start += view.size


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
    return distance(a, b) / scale if np.isfinite(scale) and scale else np.inf


def distance(a: Array | None, b: Array | None) -> float:
    """The largest difference; inf where shapes differ or one is not finite."""
    if a is None or b is None or a.shape != b.shape:
        return 0.0 if a is b else np.inf
    if not a.size or np.array_equal(a, b, equal_nan=True):
        return 0.0
    distance = float(np.max(np.abs(a - b)))
    return distance if np.isfinite(distance) else np.inf


def rms(array: Array) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(array * array))) if array.size else 0.0


def last_bits(array: Array, rng: np.random.Generator) -> Array:
    """The array with its last bits changed at random; integers as they are."""
    if array.dtype.kind != "f":
        return array
    return array * (1 + EPS * rng.integers(-2, 3, size=array.shape))


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
