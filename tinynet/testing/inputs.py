"""The trial of a layer or loss: its copy in float64, inputs that it takes, random parameters."""

import copy
from contextlib import suppress
from typing import Any

import numpy as np

from tinynet.checks import returned
from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.testing.magnitudes import rms
from tinynet.testing.report import Fault, Report, told
from tinynet.testing.trial import Inputs, LossTrial, Trial


def make_trial(subject: Layer | Loss, given: dict[str, Any], seed: int, report: Report) -> Trial:
    """The trial of a layer or loss with the arrays given, or with some of the shape given.

    Raises:
        Fault: it cannot be copied, or its parameters are not views.
        ValueError: it does not take them.
    """
    kind = LossTrial if isinstance(subject, Loss) else Trial
    layer = LossTrial.layer(subject) if isinstance(subject, Loss) else subject
    try:
        layer.check_views()
    except ValueError as error:
        raise Fault(views_check(error), str(error)) from error
    try:
        original = copy.deepcopy(layer)
    except Exception as error:
        raise Fault("copy", f"copy.deepcopy raised {told(error)}") from error
    double, rng = copy.deepcopy(original), np.random.default_rng(seed)
    double.bind(np.empty(layer.params.size), np.zeros(layer.params.size))
    tried, made = _tried(given, rng, report), given.keys().isdisjoint(kind.names)
    for inputs in tried:
        try:
            if _finite(double, inputs) or (inputs is tried[-1] and not made):
                _randomise(double, inputs, rng)
                return kind(original, double, inputs, seed, report)
            refused, why = None, "forward gives no finite output"
        except Exception as error:
            refused, why = error, f"forward raised {told(error)}"
    arrays = zip(kind.names, tried[-1], strict=True)
    what = " and ".join(f"{name} of shape {x.shape} and {x.dtype}" for name, x in arrays)
    raise ValueError(
        f"{type(subject).__name__} does not take {what}: {why}\n"
        f"Pass {'= and '.join(kind.names)}= of the shape, the type and the values that it takes."
    ) from refused


def views_check(error: ValueError) -> str:
    """The check that an error of `check_views` belongs to: a gradient, or the parameter itself."""
    text = str(error)
    return "gradient" if ".d" in text.split(" ")[0] or "holds a layer" in text else "update"


def _tried(given: dict[str, Any], rng: np.random.Generator, report: Report) -> list[Inputs]:
    """Inputs to try in turn; where they have a row or two, three first, so that rows can mix."""
    if "shape" in given:
        return _pairs(given["shape"], rng)
    if "input_shape" in given:
        rows, *rest = given["input_shape"]
        shape = max(rows, 3), *rest
        numbers, chances = rng.normal(size=shape), rng.uniform(0.1, 0.9, size=shape)
        kinds = (numbers, chances, rng.uniform(1.5, 3.0, size=shape))
        return [(x[:size],) for size in (shape[0], max(rows, 1)) for x in kinds]
    arrays = [np.array(value) for value in given.values()]
    x, *targets = (one.astype(float) if one.dtype.kind == "f" else one for one in arrays)
    name = next(iter(given))
    if x.dtype.kind not in "fiub" or not x.ndim:
        raise ValueError(f"{name} must be an array of numbers, a row an example; got {x!r}")
    if targets:
        return [(x.astype(float), *targets)]
    if not np.isfinite(x).all():
        raise ValueError("x must be finite; it holds NaN or infinity")
    if not len(x):
        report.notes.append("x holds no example, so three random ones were checked.")
        x = rng.normal(size=(3, *x.shape[1:])).astype(x.dtype)
    shares = (1, 0.9, 0.8) if x.dtype.kind == "f" else (1, 1, 1)
    several = np.concatenate([share * x for share in shares])[: max(3, len(x))]
    return [(several.astype(x.dtype),), (x,)]


def _pairs(shape: tuple[int, ...], rng: np.random.Generator) -> list[Inputs]:
    """Outputs and targets of every usual kind."""
    y, numbers = rng.normal(size=(2, *shape))
    chances, others = rng.uniform(0.1, 0.9, size=(2, *shape))
    shares = chances / chances.sum(axis=-1, keepdims=True)
    rolled, signs = np.roll(shares, 1, axis=-1), rng.choice([-1.0, 1.0], size=shape)
    pairs = [(y, numbers), (chances, others), (shares, rolled)]
    if len(shape) > 1:
        classes = rng.integers(shape[-1], size=shape[:-1])
        pixels = rng.integers(shape[1], size=(shape[0], *shape[2:]))
        one_hot = np.eye(shape[-1])[classes]
        pairs += [(y, classes), (shares, classes), (y, one_hot), (shares, one_hot), (y, pixels)]
    bits, (large, larger) = rng.integers(0, 2, size=shape), rng.uniform(1.5, 3, size=(2, *shape))
    pairs += [(y, signs), (y, bits), (chances, bits), (large, larger)]
    return [*pairs, (np.log(shares), rolled)]


def _finite(layer: Layer, inputs: Inputs) -> bool:
    y = copy.deepcopy(layer).forward(*(array.copy() for array in inputs))
    return bool(np.isfinite(returned(layer, "forward", y)).all())


def _randomise(layer: Layer, inputs: Inputs, rng: np.random.Generator) -> None:
    """Give a layer random parameters: gains of 1 and biases of 0 hide faults."""
    start, finite = layer.params.copy(), _finite(layer, inputs)
    for _, view in layer.named_parameters():
        moves = 0.3 * rng.uniform(-1, 1, size=(2, *view.shape))
        view[...] += moves[0] * view + moves[1] * (rms(view) or 1.0)
    with suppress(Exception):
        if _finite(layer, inputs) or not finite:
            return
    layer.params[...] = start
