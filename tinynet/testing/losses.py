"""The check of a loss."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any, NoReturn

import numpy as np

from tinynet.losses import Loss
from tinynet.testing.layers import SYMPTOMS, cause, refuse_skip
from tinynet.testing.loss_case import LossCase
from tinynet.testing.loss_contract import LOSS_CONTRACT
from tinynet.testing.loss_points import loss_batches, loss_gradient, loss_kinks
from tinynet.testing.message import raise_message, written_array
from tinynet.testing.report import Fault, Report
from tinynet.testing.runs import as_fault
from tinynet.types import Array

__all__ = ["LOSS_CHECKS", "check_loss"]

_EPS = float(np.finfo(float).eps)


LOSS_CHECKS = (*LOSS_CONTRACT, "gradient", "kinks")
"""The names of all checks of a loss, in the order in which they run."""


def check_loss(
    loss: Loss,
    y: Any = None,
    t: Any = None,
    *,
    shape: tuple[int, ...] | None = None,
    skip: Collection[str] = (),
    seed: int = 0,
) -> Report:
    """Prove that a loss's `backward` is the gradient of its `forward`, and its contract.

    Args:
        loss: what to check.
        y: outputs, floats; or give `shape`.
        t: targets that belong to them.
        shape: shape of outputs to make; targets are tried in turn as numbers, probabilities,
            labels and signs, outputs also as log-probabilities, until the loss takes them.
        skip: names of checks to leave out.
        seed: of the checker's own random numbers.

    Returns:
        What was checked, the worst error, what was left out and why.

    Raises:
        GradientError: the loss is wrong; the message names the check, and says where and how.
        ValueError: no input, an unknown name in `skip`, or a y and t that the loss does not take.
        TypeError: something that is no loss, or has no `backward`.

    Example:
        >>> from tinynet import MSELoss
        >>> check_loss(MSELoss(), shape=(4, 3)).tensors["y"].coordinates
        12
    """
    _refuse(loss, y, t, shape, skip)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        report = Report(repr(loss))
        try:
            return _check(loss, y, t, shape, frozenset(skip), seed, report)
        except Fault as fault:
            _raise(fault, loss, y, t, shape, frozenset(skip), seed)
    raise AssertionError("unreachable")


def _refuse(loss: object, y: object, t: object, shape: object, skip: Collection[str]) -> None:
    if isinstance(loss, type):
        raise TypeError(f"check_loss takes a loss; got the class. Pass {loss.__name__}(...).")
    if not isinstance(loss, Loss):
        raise TypeError(f"check_loss takes a tinynet.Loss; got {type(loss).__name__}")
    for method in ("forward", "backward"):
        if getattr(type(loss), method) is getattr(Loss, method):
            raise TypeError(f"{type(loss).__name__} has no {method}: define it before checking it.")
    if (y is None or t is None) == (shape is None) or (y is None) != (t is None):
        raise ValueError(
            "check_loss needs either both y and t, or shape. "
            "Pass shape=(4, 3), or y=array and t=array."
        )
    refuse_skip(skip, LOSS_CHECKS)


def _check(
    loss: Loss,
    y: Any,
    t: Any,
    shape: tuple[int, ...] | None,
    skip: frozenset[str],
    seed: int,
    report: Report,
) -> Report:
    rng = np.random.default_rng(seed)
    case = LossCase(copy.deepcopy(loss), *_inputs(loss, y, t, shape, rng), rng)
    checks: dict[str, Callable[[], str | None]] = {
        name: partial(check, case) for name, check in LOSS_CONTRACT.items()
    }
    checks["gradient"] = lambda: loss_gradient(case, report)
    checks["kinks"] = lambda: loss_kinks(case, report)
    if not {"batch_of_one", "reuse"} & skip:
        checks["batches"] = lambda: loss_batches(case, report)
    waiting: list[Fault] = []
    for name, check in checks.items():
        if name == "kinks" and waiting:
            raise waiting[0]
        if name in skip:
            report.skipped[name] = "asked for"
            continue
        try:
            reason = check()
        except Fault as fault:
            if name not in SYMPTOMS:
                raise cause(fault, waiting) from fault.__cause__
            waiting.append(fault)
            continue
        except Exception as error:
            raise as_fault(name, error, case.y) from error
        if name == "batches":
            continue
        if reason is None:
            report.passed.append(name)
        else:
            report.skipped[name] = reason
    return report


def _inputs(
    loss: Loss, y: Any, t: Any, shape: tuple[int, ...] | None, rng: np.random.Generator
) -> tuple[Array, Array]:
    """The y and t given, in float64; or a pair of the shape that the loss takes."""
    if shape is None:
        y, t = np.array(y), np.array(t)
        if y.dtype.kind not in "fiub":
            raise ValueError(f"y must be an array of numbers; got {y!r}")
        y = y.astype(float)
        t = t.astype(float) if t.dtype.kind == "f" else t
        pairs: Iterator[tuple[Array, Array]] = iter([(y, t)])
    else:
        pairs = _pairs(tuple(shape), rng)
    first: Exception | None = None
    for outputs, targets in pairs:
        try:
            value = float(copy.deepcopy(loss).forward(outputs.copy(), targets.copy()))
        except Exception as error:
            first = first or error
            continue
        if shape is None or np.isfinite(value):
            return outputs, targets
    me = type(loss).__name__
    why = f"forward raised {type(first).__name__}: {first}" if first else "the value is not finite"
    raise ValueError(
        f"{me} does not take what was tried: {why}\n"
        f"Pass y= and t= of the shapes and values it takes."
    ) from first


def _pairs(shape: tuple[int, ...], rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
    """Outputs and targets of every usual kind."""
    y = rng.normal(size=shape)
    share = rng.uniform(0.1, 0.9, size=shape)
    parts = share / share.sum(axis=-1, keepdims=True) if shape else share
    yield y, rng.normal(size=shape)
    yield share, rng.uniform(0.1, 0.9, size=shape)
    yield parts, np.roll(parts, 1, axis=-1) if shape else parts
    if len(shape) > 1:
        classes = rng.integers(shape[-1], size=shape[:-1])
        yield y, classes
        yield parts, classes
        yield y, np.eye(shape[-1])[classes]
        yield parts, np.eye(shape[-1])[classes]
        yield y, rng.integers(shape[1], size=(shape[0], *shape[2:]))
    yield y, rng.choice([-1.0, 1.0], size=shape)
    yield y, rng.integers(0, 2, size=shape)
    yield share, rng.integers(0, 2, size=shape)
    yield rng.uniform(1.5, 3, size=shape), rng.uniform(1.5, 3, size=shape)
    yield np.log(parts), np.roll(parts, 1, axis=-1) if shape else parts


def _raise(
    fault: Fault,
    loss: Loss,
    y: Any,
    t: Any,
    shape: tuple[int, ...] | None,
    skip: frozenset[str],
    seed: int,
) -> NoReturn:
    """Raise the GradientError, with the smallest call that fails by the same check."""
    calls: list[tuple[Any, Any, Any]] = []
    if shape is not None:
        tails = (tuple(1 for _ in shape[1:]), tuple(min(n, 2) for n in shape[1:]), shape[1:])
        calls = [(None, None, (rows, *tail)) for rows in (1, 2) for tail in tails]
        calls = [call for call in calls if call[2][0] <= shape[0]]
    else:
        calls = [(np.asarray(y)[:n], np.asarray(t)[:n], None) for n in (1, 2)]
    calls.append((y, t, shape))
    for small in calls:
        try:
            _check(loss, *small, skip, seed, Report(""))
        except Fault as found:
            if found.check == fault.check:
                break
        except Exception:
            continue
    else:
        small = (y, t, shape)
    y, t, shape = small
    given = f"shape={tuple(shape)}" if shape is not None else ""
    if shape is None:
        given = f"y={written_array(np.asarray(y))}, t={written_array(np.asarray(t))}"
    more = f", skip={tuple(sorted(skip))}" if skip else ""
    more += f", seed={seed}" if seed else ""
    raise_message(fault, repr(loss), f"check_loss({loss!r}, {given}{more})")
