"""The points at which gradients are compared: the one given, and the checker's own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tinynet.testing.gradients import Mismatch, examine
from tinynet.testing.judging import Point, Tensor
from tinynet.testing.report import Fault, Report
from tinynet.testing.runs import EPS, TRIALS, last_bits, rms, view_slices
from tinynet.testing.subject import Subject
from tinynet.testing.sweep import suspects
from tinynet.types import Array

__all__ = ["Place", "Wrong", "coarse", "compare_at", "given_points", "special_points", "upstreams"]

_ALL = 400  # coordinates of a tensor of which each is moved, at the point given
_SOME = 40  # at the checker's own points
_SAMPLE = 120


@dataclass
class Place:
    """An input and parameters; `own` says that the checker chose it."""

    name: str
    x: Array
    params: Array
    own: bool


@dataclass
class Wrong:
    """A mismatch, and where it showed."""

    place: Place
    mismatch: Mismatch
    dys: Array


def given_points(s: Subject) -> Iterator[Place]:
    """The given x, then some of other magnitudes and signs."""
    params = s.layer.params
    yield Place("the given x", s.x, params, own=False)
    if s.integer:
        return
    shape = (max(3, len(s.x)), *s.x.shape[1:])
    rng = s.rng
    wide = rng.choice([-1.0, 1.0], size=shape) * 10 ** rng.uniform(-1.5, 0.9, size=shape)
    yield Place("random x of many magnitudes", wide, params, own=True)
    if (found := suspects(s)) is not None:
        yield Place("x spread over ±40", found, params, own=True)
    if params.size:
        size = float(np.sqrt(np.mean(params * params))) or 1.0
        signs = np.resize([-1.0, 1.0], params.shape)
        other = params * signs + 0.1 * size * rng.normal(size=params.shape)
        yield Place("parameters of other signs", s.x, other, own=True)


def special_points(s: Subject) -> Iterator[Place]:
    """Where functions have kinks: zeros, ties, whole numbers."""
    yield from special_parameters(s)
    if s.integer:
        return
    x, rng, params = s.x, s.rng, s.layer.params
    largest = float(np.max(np.abs(x), initial=0))
    if largest > 1e6:  # ties of huge numbers would lie in bends finer than their last bits
        x = x * (3 / largest)
    yield Place("half zeros", x * rng.integers(0, 2, size=x.shape), params, own=True)
    pair = rng.choice(x.ravel(), size=2) if x.size else np.zeros(2)
    yield Place("ties", rng.choice(pair, size=x.shape), params, own=True)
    each = np.resize([0.0, 1.0, -1.0, 6.0, 3.0, -3.0, 2.0, -2.0], x.size)
    yield Place("whole numbers", rng.permutation(each).reshape(x.shape), params, own=True)


def special_parameters(s: Subject) -> Iterator[Place]:
    """Zeros and ties among the parameters."""
    params = s.layer.params
    if params.size:
        half = params * np.resize([0.0, 1.0], params.shape)
        yield Place("half zero parameters", s.x, half, own=True)
        tied = np.sign(params) * float(np.mean(np.abs(params)))
        yield Place("tied parameters", s.x, tied, own=True)


def upstreams(size: int, rng: np.random.Generator) -> Array:
    """Random upstream gradients of mixed sign, and one-hot ones, a row each."""
    ones = np.arange(size) if size <= 24 else rng.permutation(size)[:6]
    return np.concatenate([rng.normal(size=(3, size)), np.eye(size)[ones]])


def compare_at(s: Subject, place: Place, report: Report) -> Wrong | None:
    """Compare all gradients at a place; None where they are right or the layer refuses it."""
    point = _point(s, place)
    if point is None:
        if not place.own:
            raise Fault(
                "gradient", "y is not finite for the given x, so that nothing was measured."
            )
        report.notes.append(f"Not checked at {place.name}: outside the domain.")
        return None
    before = {name: row.left_out for name, row in report.tensors.items()}
    excused = partial(_right_beside, s, place) if any(s.layer._parts()) else None
    mismatch = examine(point, report, s.rng, excused)
    if mismatch is not None:
        return Wrong(place, mismatch, point.dys)
    for name, row in report.tensors.items():
        left_out = row.left_out - before.get(name, 0)
        if not place.own and 2 * left_out > row.coordinates:
            raise Fault(
                "gradient",
                f"inconclusive: at {left_out} of {row.coordinates} coordinates of {name} no slope "
                f"could be measured, so that its gradient is neither right nor wrong.",
                "pass an x further from jumps, kinks and the end of the domain.",
                "forward may compute in float32: smaller steps then drown in round-off.",
                tensor=name,
            )
    return None


def _point(s: Subject, place: Place) -> Point | None:
    x, params = place.x, place.params
    try:
        repeat = s.repeater
        y = repeat(x, params)
        if not np.isfinite(y).all():
            return None
        shape = y.shape
        dys = upstreams(y.size, np.random.default_rng(y.size))
        dxs, grads = _analytic(s, place, [dy.reshape(shape) for dy in dys])
    except Exception:
        if place.own:
            return None
        raise
    flat = y.ravel()

    def safe(x: Array, params: Array) -> Array:
        try:
            outputs = repeat(x, params).ravel()
        except (ValueError, ArithmeticError):
            return np.full(flat.shape, np.nan)
        return outputs if outputs.shape == flat.shape else np.full(flat.shape, np.nan)

    noise = 2 * EPS * np.abs(flat) + 0.2 * EPS * np.max(np.abs(flat), initial=0)
    for _ in range(TRIALS):
        with_last_bits = safe(last_bits(x, s.rng), last_bits(params, s.rng))
        noise = np.fmax(noise, np.abs(with_last_bits - flat))

    def near(array: Array, seed: int) -> Array:
        if array.dtype.kind != "f":
            return array
        size = 1e-5 * (rms(array) or 1.0)
        return array + size * np.random.default_rng(seed).normal(size=array.shape)

    def x_moved(params: Array) -> Callable[[Array], Array]:
        return lambda value: safe(value, params)

    tensors = []
    if not s.integer:
        beside = lambda seed: x_moved(near(params, seed))  # noqa: E731
        tensors.append(Tensor("x", x, x_moved(params), dxs, beside))
    shapes = [view.shape for _, view in s.layer.named_parameters()]
    for (name, here), shape in zip(view_slices(s.layer), shapes, strict=True):

        def moved(x: Array, params: Array, here: slice = here) -> Callable[[Array], Array]:
            def outputs(value: Array) -> Array:
                other = params.copy()
                other[here] = value.ravel()
                return safe(x, other)

            return outputs

        def around(seed: int, moved: Any = moved) -> Callable[[Array], Array]:
            return moved(near(x, seed), near(params, seed))

        at = params[here].reshape(shape)
        tensors.append(Tensor(name, at, moved(x, params), grads[:, here], around))
    limit = _SOME if place.own else _ALL
    if not place.own and max([t.value.size for t in tensors], default=0) > _ALL:
        limit = _SAMPLE
    return Point(place.name, flat, noise, dys, tensors, limit, not place.own)


def _analytic(s: Subject, place: Place, dys: list[Array]) -> tuple[Array, Array]:
    """dL/dx and the gradients of the parameters, a row for each upstream gradient."""
    dxs, grads = [], []
    layer = s.fresh()
    layer.params[...] = place.params
    for dy in dys:
        one = copy.deepcopy(layer) if s.draws or s.layer.buffers else layer
        run = s.run(place.x, dy, one)
        dxs.append(np.zeros(place.x.size) if run.dx is None else run.dx.ravel())
        grads.append(run.grads.ravel())
    return np.stack(dxs), np.stack(grads)


def _right_beside(s: Subject, place: Place, tensor: Tensor, coordinate: int) -> bool:
    """Whether the entry is right a little beside the place: then an inner kink was hit."""
    for size in (1e-4, 1e-3):
        rng = np.random.default_rng(0)
        x, params = place.x, place.params
        if not s.integer:
            x = x + size * rng.normal(size=x.shape) * np.maximum(np.abs(x), 1)
        params = params + size * rng.normal(size=params.shape) * np.maximum(np.abs(params), 0.1)
        point = _point(s, Place(place.name, x, params, own=True))
        if point is None:
            return True
        beside = next(t for t in point.tensors if t.name == tensor.name)
        point.tensors, point.limit = [beside], 40 if coordinate < 0 else beside.value.size
        if coordinate >= 0:
            point.tensors = [_only(beside, coordinate)]
        if examine(point, Report(""), rng) is None:
            return True
    return False


def _only(tensor: Tensor, coordinate: int) -> Tensor:
    """The tensor as one coordinate of it."""
    whole = tensor.value

    def outputs(value: Array) -> Array:
        moved = whole.copy()
        moved.flat[coordinate] = value[0]
        return tensor.outputs(moved)

    value = whole.ravel()[coordinate : coordinate + 1].copy()
    analytic = tensor.analytic[:, coordinate : coordinate + 1]
    return Tensor(tensor.name, value, outputs, analytic, lambda seed: outputs)


def coarse(s: Subject) -> bool:
    """Whether forward rounds to float32: tiny changes of x and the parameters are lost in y."""
    x, params = s.x, s.layer.params

    def at(factor: float) -> Array:
        return s.repeater(x if s.integer else x * factor, params * factor)

    y = at(1.0)
    alive = at(1 + 1e-5) != y
    return bool(np.any(alive) and np.mean(at(1 + 1e-10)[alive] == y[alive]) > 0.9)
