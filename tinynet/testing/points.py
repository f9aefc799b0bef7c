"""The points at which gradients are compared: the one given, and the checker's own."""

from collections.abc import Iterable, Iterator

import numpy as np

from tinynet.testing.contract import kept_copy
from tinynet.testing.differences import Line, slope
from tinynet.testing.gradients import Comparison, Point
from tinynet.testing.magnitudes import EPS, largest
from tinynet.testing.message import gradient_fault
from tinynet.testing.report import Fault
from tinynet.testing.rules import LeftOut, rule
from tinynet.testing.trial import Trial
from tinynet.types import Array


@rule("gradient")
def gradient(t: Trial) -> None:
    """Gradients by backward are the slopes of forward, at ordinary points."""
    _compare(t, _ordinary(t), "gradient")


@rule("kinks")
def kinks(t: Trial) -> None:
    """The same where functions have kinks: zeros, ties, whole numbers."""
    _compare(t, _kinks(t), "kinks")


@rule("batch_of_one")
def loss_of_one(t: Trial) -> None:
    """The gradient of a loss of one row."""
    _compare(t, [Point("a batch of one", t.rows(slice(1)), t.params)], "batch_of_one")


@rule("reuse")
def loss_larger_batch(t: Trial) -> None:
    """The gradient of a loss of more rows."""
    _compare(t, [Point("a larger batch", t.other_inputs(len(t.x) + 3), t.params)], "reuse")


def _ordinary(t: Trial) -> Iterator[Point]:
    yield Point(f"the given {' and '.join(t.names)}", t.inputs, t.params, given=True)
    if not t.integer:
        if len(found := _suspects(t)):
            yield Point("x spread over ±40", (found,), t.params)
        sizes = 10 ** t.rng.uniform(-1.5, 1, size=t.x.shape)
        inputs = t.with_x(t.rng.choice([-1.0, 1.0], size=t.x.shape) * sizes)
        params = t.params * np.resize([-1.0, 1.0], t.params.shape)
        yield Point("values of many magnitudes, and of other signs", inputs, params)


def _kinks(t: Trial) -> Iterator[Point]:
    x, rng, params = t.x, t.rng, t.params
    if params.size:
        yield Point("half zero parameters", t.inputs, params * np.resize([0.0, 1.0], params.shape))
    if t.integer:
        return
    target = t.inputs[-1]
    pair = rng.choice(x.ravel(), size=2) if x.size else np.zeros(2)
    # ties of huge numbers would lie in bends finer than their last bits
    ties = rng.choice(np.sign(pair) if largest(pair) > 1e6 else pair, size=x.shape)
    yield Point("ties", t.with_x(ties), params)
    whole = np.resize([0.0, 1.0, -1.0, 6.0, 3.0, -3.0, 2.0, -2.0], x.size)
    yield Point("whole numbers", t.with_x(rng.permutation(whole).reshape(x.shape)), params)
    if len(t.inputs) > 1 and target.shape == x.shape and target.dtype.kind == "f":
        some = np.where(rng.integers(0, 2, x.shape), target, x)
        yield Point("y = t", t.with_x(some), params)
        steps = rng.choice([0.0, 0.5, -0.5, 1.0, -1.0], size=x.shape)
        yield Point("y - t = 0, ±½, ±1", t.with_x(target + steps), params)
        signs = np.where(target < 0, -1.0, 1.0)
        yield Point("y = t = ±1", (signs, signs), params)


def _compare(t: Trial, points: Iterable[Point], check: str) -> None:
    """Compare all gradients at some points; the layer may refuse those of the checker's own.

    Raises:
        Fault: one is wrong, or at the given point too little could be measured.
    """
    if t.integer and not t.params.size:
        raise LeftOut("x holds integers and there are no parameters")
    for point in points:
        try:
            comparison = Comparison(t, point)
        except Exception:
            if point.given:
                raise
            t.report.notes.append(f"Not checked at {point.name}: outside the domain.")
            continue
        for tensor in comparison.tensors:
            if not np.prod(tensor.shape):
                continue
            if (wrong := comparison.tensor(tensor)) is not None:
                kink = wrong.kinks or check == "kinks"
                cause = kept_copy(t) if check == "gradient" else None
                raise cause or gradient_fault(t, point, wrong, "kinks" if kink else check)
            row = t.report.tensors[tensor.name]
            if point.given and 2 * row.left_out > row.coordinates:
                raise Fault(
                    "gradient",
                    f"inconclusive: no slope could be measured at {row.left_out} of "
                    f"{row.coordinates} coordinates of {tensor.name}.",
                    "pass an input further from jumps, kinks and the end of the domain.",
                    "forward may compute in float32: smaller steps then drown in round-off.",
                    tensor=tensor.name,
                )


def _suspects(t: Trial) -> Array:
    """Up to three examples for which backward seems wrong; a search, with no verdict.

    Each feature takes values spread over ±40, densest at 0, so that no branch of an activation
    stays unvisited. Since rows do not interact, one direction, in which each is moved, measures
    the slopes of all of them at once.
    """
    features = t.x[0].size
    rows = min(256, 8192 // max(1, features))
    if not features or rows < 4 or len(t.inputs) > 1 or t.interacts:
        return t.x[:0]
    spread = np.linspace(-5, 5, rows * features).reshape(rows, features)
    spread = t.rng.permuted(spread, axis=0)
    x = (np.sinh(spread) * (40 / np.sinh(5.0))).reshape(rows, *t.x.shape[1:])
    v = t.rng.choice([-1.0, 1.0], size=x.size)

    def of_rows(array: Array) -> Array:
        return array.reshape(rows, -1).sum(axis=1)

    try:
        ran = t.run((x,))
        y, dx, dy = ran["y"].ravel(), ran["dx"].ravel() * v, t.upstream(ran["y"].shape).ravel()
        line = Line(t.function((x,)), np.append(x, t.params), slice(x.size), v)
        found = slope(line, y, 4 * EPS * np.abs(y))
    except Exception:
        return t.x[:0]
    terms, error = found.low * dy, np.where(found.settled, found.error, np.inf) * np.abs(dy)
    size = of_rows(np.abs(dx)) + of_rows(np.abs(terms))
    right = np.abs(of_rows(dx) - of_rows(terms)) <= 1e-4 * size
    return x[np.flatnonzero((of_rows(error) < 1e-6 * size) & ~right)[:3]]
