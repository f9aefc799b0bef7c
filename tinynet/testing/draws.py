"""The contract about random draws, copies, precision and extreme values."""

import random
from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.report import Fault
from tinynet.testing.runs import difference, generators, inputs_of_parts, read_only
from tinynet.testing.subject import Subject
from tinynet.types import Array

__all__ = ["expectation", "redraws", "reproducible"]


def reproducible(s: Subject) -> None:
    """Two copies draw the same, and nobody touches the global random state."""
    kept, kept_python = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
    np.random.random(), random.random()  # noqa: NPY002 (a seed set before shows anew)
    before, python = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
    first = s.run()
    s.fresh().predict(s.x.copy())
    after, python_after = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
    changed = python_after != python or not _same_state(before, after)
    np.random.set_state(kept)  # noqa: NPY002
    random.setstate(kept_python)
    if changed:
        raise Fault(
            "reproducible",
            "it draws from the global random state, or seeds it: two runs never agree, or what "
            "others draw is no longer random.",
            "take rng as an argument, and draw from self.rng.",
        )
    if name := s.apart(s.run(), first, s.x, s.dy):
        raise Fault(
            "reproducible",
            f"two copies of the layer, with the same state of their generators, give different "
            f"{name}: it draws from a generator that is not its own.",
            "take rng as an argument, keep it as self.rng, and draw from that alone.",
            tensor=name,
        )


def _same_state(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same_state(a[key], b[key]) for key in a)
    return bool(np.array_equal(a, b))


def redraws(s: Subject) -> str | None:
    """A layer that draws does so anew at each forward."""
    if s.varies:
        return None
    if s.interacts or s.refuses_one:
        return "forward does not draw"
    layer = s.fresh()
    x = np.repeat(s.x, max(1, 256 // max(1, s.x.size)), axis=0)
    start = [g.bit_generator.state for g in generators(layer)]
    y = s.forward(layer, x)
    drew = start != [g.bit_generator.state for g in generators(layer)]
    p = np.array(s.fresh().predict(read_only(x)))
    if difference(y, p) <= 1e-7:
        return "forward does not draw"
    keywords = {*s.original._arguments[1], *vars(s.original)}
    random_words = any(w.strip("_") in ("rng", "seed", "generator") for w in keywords)
    masked = y.shape == p.shape and bool(np.any((y == 0) & (p != 0)) and np.any(y != 0))
    if drew or start or random_words or masked:
        raise Fault(
            "redraws",
            "forward differs from predict, and gives the same y each time: the mask or noise was "
            "drawn once, and must be drawn anew at each forward.",
        )
    return "forward does not draw"


def expectation(s: Subject) -> str | None:
    """Where forward is linear for a fixed draw, its mean over the draws is predict."""
    if not s.draws:
        return "forward does not draw"
    if s.integer:
        return "x holds integers"
    if s.interacts:
        return "rows interact in forward"
    rows = max(len(s.x), min(256, 2048 // max(1, s.x[0].size)))
    x = s.other_batch(rows) if rows > len(s.x) else s.x
    zero = np.zeros_like(x)
    y, other, both, none = (s.forward(s.fresh(), v) for v in (x, x[::-1], x + x[::-1], zero))
    if not difference(both + none, y + other) < 1e-9:
        return _expectation_of_parts(s)
    if difference(none, s.forward(s.as_of(_drawn(s, zero)), zero)) > 1e-9:
        return _mean_at_zero(s, zero)
    layer, at_zero = s.fresh(), s.fresh()
    p = np.array(layer.predict(read_only(x))) - np.array(at_zero.predict(read_only(zero)))
    if p.shape != y.shape or not np.any(p):
        return "predict is zero here"
    ratios: list[float] = []
    error = np.inf
    while error > 0.02 and len(ratios) < 2000:
        for _ in range(200):
            y = s.forward(layer, x) - s.forward(at_zero, zero)  # with the same draws
            ratios.append(float(np.sum(y * p) / np.sum(p * p)))
        error = float(np.std(ratios) / np.sqrt(len(ratios)))
    mean = float(np.mean(ratios))
    if abs(mean - 1) > 6 * error + 1e-4:
        raise Fault(
            "expectation",
            f"the mean of forward over {len(ratios)} draws is {mean:.3f} ± {error:.1g} times "
            f"predict: what is dropped must be made up for, in one of the two and only there.",
            "divide by the probability of keeping, 1 - rate, in forward, and leave predict alone.",
        )
    return None


def _drawn(s: Subject, x: Array) -> Layer:
    """The layer after a forward, so that the next one draws other numbers."""
    layer = s.fresh()
    s.forward(layer, x)
    return layer


def _mean_at_zero(s: Subject, zero: Array) -> str | None:
    """What is added at random has, at x = 0, the mean that predict gives."""
    layer = s.fresh()
    means = np.array([float(np.mean(s.forward(layer, zero))) for _ in range(200)])
    wanted = float(np.mean(np.array(s.fresh().predict(read_only(zero)))))
    error = float(np.std(means)) / np.sqrt(len(means))
    if abs(float(np.mean(means)) - wanted) > 6 * error + 1e-9:
        raise Fault(
            "expectation",
            f"at x = 0 the mean of forward over {len(means)} draws is {np.mean(means):.3g} ± "
            f"{error:.1g}, and predict gives {wanted:.3g} there.",
            "what is added at random must have mean 0, or predict must add its mean.",
        )
    return None


def _expectation_of_parts(s: Subject) -> str:
    """The same for each part that draws, where the whole is not linear."""
    for part, x in inputs_of_parts(s.fresh(), s.x).values():
        inner = Subject(part, part, x, s.rng)
        if inner.draws and not inner.integer:
            expectation(inner)
    return "forward is not linear for a fixed draw"
