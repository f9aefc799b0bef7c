"""The points at which gradients are compared: the one given, and the checker's own."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from tinynet.testing.contract import kept_copy
from tinynet.testing.differences import Line, slope
from tinynet.testing.gradients import Comparison, Point
from tinynet.testing.message import gradient_fault
from tinynet.testing.report import Fault
from tinynet.testing.rules import LeftOut, rule
from tinynet.testing.trial import EPS, LossTrial, Trial, rms
from tinynet.types import Array

__all__ = ["gradient", "kinks", "loss_larger_batch", "loss_of_one"]

_WIDEST = 40.0


@rule("gradient")
def gradient(t: Trial) -> None:
    """Gradients by backward are the slopes of forward, at ordinary points."""
    _compare_all(t, _ordinary, "gradient")


@rule("kinks")
def kinks(t: Trial) -> None:
    """The same where functions have kinks: zeros, ties, whole numbers."""
    _compare_all(t, _kinks, "kinks")


@rule("batch_of_one")
def loss_of_one(t: Trial) -> None:
    """The gradient of a loss of one row."""
    _compare(t, Point("a batch of one", t.rows(slice(1)), t.params), "batch_of_one")


@rule("reuse")
def loss_larger_batch(t: Trial) -> None:
    """The gradient of a loss of more rows."""
    _compare(t, Point("a larger batch", t.other_inputs(len(t.x) + 3), t.params), "reuse")


def _ordinary(t: Trial) -> Iterator[Point]:
    yield Point(f"the given {' and '.join(t.names)}", t.inputs, t.params, given=True)
    if not t.integer:
        shape = t.x.shape if isinstance(t, LossTrial) else (max(3, len(t.x)), *t.x.shape[1:])
        sizes = 10 ** t.rng.permutation(np.linspace(1, -1.5, math.prod(shape))).reshape(shape)
        wide = t.rng.choice([-1.0, 1.0], size=shape) * sizes
        yield Point(f"random {t.names[0]} of many magnitudes", t.with_x(wide), t.params)
        if (found := _suspects(t)) is not None:
            yield Point("x spread over ±40", (found,), t.params)
        if t.params.size:
            signs = np.resize([-1.0, 1.0], t.params.shape)
            noise = 0.1 * (rms(t.params) or 1.0) * t.rng.normal(size=t.params.shape)
            yield Point("parameters of other signs", t.inputs, t.params * signs + noise)


def _kinks(t: Trial) -> Iterator[Point]:
    x, rng, params = t.x, t.rng, t.params
    if params.size:
        half = params * np.resize([0.0, 1.0], params.shape)
        yield Point("half zero parameters", t.inputs, half)
        tied = np.sign(params) * float(np.mean(np.abs(params)))
        yield Point("tied parameters", t.inputs, tied)
    if t.integer:
        return
    size = float(np.max(np.abs(x), initial=0))
    if size > 1e6:  # ties of huge numbers would lie in bends finer than their last bits
        x = x * (3 / size)
    pair = rng.choice(x.ravel(), size=2) if x.size else np.zeros(2)
    whole = np.resize([0.0, 1.0, -1.0, 6.0, 3.0, -3.0, 2.0, -2.0], x.size)
    points = {
        "half zeros": x * rng.integers(0, 2, size=x.shape),
        "ties": rng.choice(pair, size=x.shape),
        "whole numbers": rng.permutation(whole).reshape(x.shape),
    }
    target = t.inputs[-1]
    if len(t.inputs) > 1 and target.shape == x.shape and target.dtype.kind == "f":
        steps = rng.permutation(np.resize([1.0, -1.0, 0.0, 0.5, -0.5], x.size)).reshape(x.shape)
        points["y = t"] = np.where(rng.integers(0, 2, x.shape), target, x)
        points["y - t = 0, ±½, ±1"] = target + steps
        signs = np.where(target < 0, -1.0, 1.0)
        yield Point("y = t = ±1", (signs, signs), params)
    for name, moved in points.items():
        yield Point(name, t.with_x(moved), params)


def _compare_all(t: Trial, points: Callable[[Trial], Iterator[Point]], check: str) -> None:
    if t.integer and not t.params.size:
        raise LeftOut("x holds integers and there are no parameters")
    for point in points(t):
        _compare(t, point, check)


def _compare(t: Trial, point: Point, check: str = "gradient") -> None:
    """Compare all gradients at a point of the checker's own, unless the layer refuses it.

    Raises:
        Fault: one is wrong, or at the given point too little could be measured.
    """
    try:
        comparison = Comparison(t, point)
    except Exception as error:
        if not point.given:
            t.report.notes.append(f"Not checked at {point.name}: outside the domain.")
            return
        if isinstance(error, ArithmeticError):
            raise Fault("gradient", f"{error} for {point.name}.") from error
        raise
    for tensor in comparison.tensors:
        if not np.prod(tensor.shape):
            continue
        wrong, unknown = comparison.tensor(tensor)
        if wrong is not None:
            kink = wrong.kinks or check == "kinks"
            cause = kept_copy(t) if check == "gradient" else None
            raise cause or gradient_fault(t, point, wrong, "kinks" if kink else check)
        moved = t.report.tensors[tensor.name].coordinates
        if point.given and 2 * unknown > moved:
            raise Fault(
                "gradient",
                f"inconclusive: at {unknown} of {moved} coordinates of {tensor.name} no slope "
                f"could be measured, so that its gradient is neither right nor wrong.",
                "pass an input further from jumps, kinks and the end of the domain.",
                "forward may compute in float32: smaller steps then drown in round-off.",
                tensor=tensor.name,
            )


def _suspects(t: Trial) -> Array | None:
    """Up to three examples for which backward seems wrong; None where none does.

    Each feature takes values spread over ±40, densest at 0, so that no branch of an activation
    stays unvisited. Since rows do not interact, one direction, in which each is moved, measures
    the slopes of all of them at once. It is a search: the verdict takes another look.
    """
    features = t.x[0].size
    rows = min(256, 8192 // max(1, features))
    if not features or rows < 4 or len(t.inputs) > 1 or t.interacts:
        return None
    spread = t.rng.permuted(np.tile(np.linspace(-5, 5, rows), (features, 1)), axis=1).T
    spread = spread + t.rng.uniform(-5, 5, size=(rows, features)) / rows
    x = (np.sinh(spread) * (_WIDEST / np.sinh(5.0))).reshape(rows, *t.x.shape[1:])
    v = t.rng.choice([-1.0, 1.0], size=x.size)

    def of_rows(array: Array) -> Array:
        return array.reshape(rows, -1).sum(axis=1)

    try:
        y = t.forward(t.new(), (x,))
        dy = t.rng.normal(size=y.shape)
        dx = t.run((x,), dy)["dx"]
        line = Line(t.function((x,)), np.append(x, t.params), slice(x.size), v)
        found = slope(line, y.ravel(), 4 * EPS * np.abs(y.ravel()))
    except Exception:
        return None
    terms, size = found.low * dy.ravel(), of_rows(np.abs(dx))
    size += of_rows(np.abs(terms))
    known = of_rows(np.where(found.settled, found.error, np.inf) * np.abs(dy.ravel())) < 1e-6 * size
    wrong = known & ~(np.abs(of_rows(dx.ravel() * v) - of_rows(terms)) <= 1e-4 * size)
    return x[np.flatnonzero(wrong)[:3]] if wrong.any() else None
