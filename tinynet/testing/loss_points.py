"""The points at which the gradient of a loss is compared."""

from __future__ import annotations

import numpy as np

from tinynet.testing.gradients import examine
from tinynet.testing.judging import Point, Tensor
from tinynet.testing.loss_case import LossCase
from tinynet.testing.message import mismatch_fault
from tinynet.testing.report import Fault, Report
from tinynet.testing.runs import EPS, TRIALS, last_bits
from tinynet.types import Array

__all__ = ["loss_batches", "loss_gradient", "loss_kinks"]


def loss_gradient(c: LossCase, report: Report) -> None:
    """At the given y and t, and at y of other magnitudes."""
    _compare(c, "the given y and t", c.y, c.t, report, own=False, check="gradient")
    wide = c.rng.choice([-1.0, 1.0], size=c.y.shape) * 10 ** c.rng.uniform(-1.5, 0.9, c.y.shape)
    _compare(c, "random y of many magnitudes", wide, c.t, report, own=True, check="gradient")


def loss_batches(c: LossCase, report: Report) -> None:
    """With other numbers of rows."""
    _compare(c, "a batch of one", c.y[:1], c.t[:1], report, own=True, check="batch_of_one")
    y, t = c.other(len(c.y) + 3)
    _compare(c, "a larger batch", y, t, report, own=True, check="reuse")


def loss_kinks(c: LossCase, report: Report) -> None:
    """Where losses have kinks: zeros, ties, y = t and a little beside."""
    y, t, rng = c.y, c.t, c.rng
    _compare(c, "half zeros", y * rng.integers(0, 2, y.shape), t, report, own=True, check="kinks")
    ties = rng.choice(rng.choice(y.ravel(), size=2), size=y.shape)
    _compare(c, "ties", ties, t, report, own=True, check="kinks")
    whole = rng.permutation(np.resize([0.0, 1.0, -1.0, 2.0, -2.0], y.size)).reshape(y.shape)
    _compare(c, "whole numbers", whole, t, report, own=True, check="kinks")
    if y.shape == t.shape and t.dtype.kind == "f":
        same = np.where(rng.integers(0, 2, y.shape), t, y)
        _compare(c, "y = t", same, t, report, own=True, check="kinks")
        steps = np.resize([1.0, -1.0, 0.0, 0.5, -0.5], y.size)
        off = t + rng.permutation(steps).reshape(y.shape)
        _compare(c, "y - t = 0, ±½, ±1", off, t, report, own=True, check="kinks")
        signs = np.where(t < 0, -1.0, 1.0)
        _compare(c, "y = t = ±1", signs, signs, report, own=True, check="kinks")


def _compare(
    c: LossCase, name: str, y: Array, t: Array, report: Report, *, own: bool, check: str
) -> None:
    loss = c.fresh()

    def value(at: Array) -> Array:
        try:
            return np.array([loss.forward(at.copy(), t)], float)
        except (ValueError, ArithmeticError):
            return np.array([np.nan])

    here = value(y)
    if not np.isfinite(here).all():
        if own:
            report.notes.append(f"Not checked at {name}: outside the domain.")
            return
        raise Fault("gradient", "the value is not finite for the given y and t.")
    try:
        _, dy = c.run(y, t)
    except (ValueError, ArithmeticError):
        if own:
            return
        raise
    bits = [value(last_bits(y, c.rng)) - here for _ in range(TRIALS)]
    noise = np.fmax(2 * EPS * np.abs(here), np.nan_to_num(np.max(np.abs(bits), axis=0)))
    # log(1 + e^-30) is a multiple of the last bit of 1, so changes of y may not show in it at all
    middle = t if t.dtype.kind == "f" and t.shape == y.shape else 0.0
    ordinary = value(middle + np.random.default_rng(0).normal(size=y.shape))
    noise = np.fmax(noise, EPS * np.abs(ordinary))
    tensor = Tensor("y", y, value, dy.reshape(1, -1), lambda seed: value, middle)
    point = Point(name, here, noise, np.ones((1, 1)), [tensor], 60 if own else 400, not own)
    before = report.tensors["y"].left_out if "y" in report.tensors else 0
    if mismatch := examine(point, report, c.rng):
        sizes = {
            "the number of rows": float(len(y)),
            "the number of elements": float(y.size),
            "the number of features": float(y.size / len(y)),
        }
        kind = "kinks" if mismatch.kinks else check
        raise mismatch_fault(mismatch, point.dys, kind, name, (), sizes)
    row = report.tensors["y"]
    if not own and 2 * (row.left_out - before) > row.coordinates:
        raise Fault(
            "gradient",
            f"inconclusive: at {row.left_out - before} of {row.coordinates} coordinates of y no "
            f"slope could be measured.",
            "pass y and t further from jumps and the end of the domain.",
            tensor="y",
        )
