"""The checks of a layer and of a loss: one loop over the rules."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.testing import contract, draws, points, precision, rows
from tinynet.testing.inputs import layer_trial, loss_trial
from tinynet.testing.message import raise_error
from tinynet.testing.report import Fault, Report
from tinynet.testing.rules import LeftOut, Rule, hold
from tinynet.testing.trial import Trial

__all__ = ["LAYER_CHECKS", "LOSS_CHECKS", "check_layer", "check_loss"]

_LAYER_RULES = (
    contract.shapes,
    contract.mutation,
    contract.dtypes,
    draws.reproducible,
    draws.redraws,
    contract.copying,
    contract.overwrite,
    contract.backward_twice,
    contract.forward_twice,
    contract.isolation,
    contract.reuse,
    contract.update,
    contract.output_alias,
    contract.linear,
    contract.layout,
    contract.predict_pure,
    rows.batch_of_one,
    rows.batch_of_none,
    rows.predict_per_example,
    rows.predict_equals_forward,
    draws.expectation,
    precision.finite,
    contract.pickling,
    precision.float32_types,
    precision.float32,
    points.gradient,
    points.kinks,
    rows.per_example,
)
"""The rules of a layer, in an order in which a cause comes before its symptoms."""

_OF_LAYERS = {"redraws", "overwrite", "update", "linear", "predict_pure", "batch_of_none"}
_OF_LAYERS |= {"per_example", "predict_per_example", "predict_equals_forward", "expectation"}

_LOSS_RULES = (
    *(rule for rule in _LAYER_RULES if rule.name not in _OF_LAYERS),
    points.loss_of_one,
    points.loss_larger_batch,
)

_SYMPTOMS = ("batch_of_none", "finite", "float32")
"""Checks that a wrong gradient at the given x comes before: a mean over no rows is NaN."""

LAYER_CHECKS = tuple(dict.fromkeys(rule.name for rule in _LAYER_RULES))
"""The names of all checks of a layer, in the order in which they run."""

LOSS_CHECKS = tuple(dict.fromkeys(rule.name for rule in _LOSS_RULES))
"""The names of all checks of a loss, in the order in which they run."""


def check_layer(
    layer: Layer,
    x: Any = None,
    *,
    input_shape: tuple[int, ...] | None = None,
    skip: Collection[str] = (),
    seed: int = 0,
) -> Report:
    """Check a layer's `backward` against differences, and the contract of `tinynet.Layer`.

    Each check is run on deep copies in float64 with randomised parameters; the layer itself,
    its parameters, gradients and random state stay as they are. A network is a layer too.

    Args:
        layer: what to check.
        x: a batch that the layer takes, floats or integers; or give `input_shape`.
        input_shape: shape of a batch to make, its first axis the examples: (4, 3).
        skip: names of checks to leave out, for instance `("per_example",)` where rows are meant
            to interact.
        seed: of the checker's own random numbers.

    Returns:
        What was checked, the worst error of each tensor, what was left out and why.

    Raises:
        GradientError: the layer is wrong; the message names the check, and says where and how.
        ValueError: no input, an unknown name in `skip`, or an x that the layer does not take.
        TypeError: something that is no layer, or has no `backward`.

    Example:
        >>> from tinynet import Dense, Layer
        >>> report = check_layer(Dense(3, 2, rng=0), input_shape=(4, 3))
        >>> report.tensors["W"].coordinates
        6
        >>> class Wrong(Layer):
        ...     def forward(self, x):
        ...         self._x = x
        ...         return x**2
        ...
        ...     def backward(self, dy):
        ...         return dy * self._x
        >>> check_layer(Wrong(), input_shape=(4, 3))
        Traceback (most recent call last):
        tinynet.testing.report.GradientError: Wrong() fails the check "gradient"...
    """
    _refuse_what(layer, Layer, "check_layer")
    if (x is None) == (input_shape is None):
        got = "neither" if x is None else "both"
        raise ValueError(
            f"check_layer needs either x or input_shape; got {got}. "
            f"Pass input_shape=(4, 3), a batch of four examples, or x=array."
        )
    if input_shape is not None and not (
        isinstance(input_shape, tuple | list)
        and input_shape
        and all(isinstance(n, int | np.integer) and n >= 0 for n in input_shape)
    ):
        raise ValueError(
            f"input_shape must be a tuple of sizes, the batch first, such as (4, 3); "
            f"got {input_shape!r}"
        )
    given = {"x": x} if input_shape is None else {"input_shape": tuple(input_shape)}
    return _check(layer, given, layer_trial, _LAYER_RULES, skip, seed)


def check_loss(
    loss: Loss,
    y: Any = None,
    t: Any = None,
    *,
    shape: tuple[int, ...] | None = None,
    skip: Collection[str] = (),
    seed: int = 0,
) -> Report:
    """Check that a loss's `backward` is the gradient of its `forward`, and its contract.

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
    _refuse_what(loss, Loss, "check_loss")
    if (y is None or t is None) == (shape is None) or (y is None) != (t is None):
        raise ValueError(
            "check_loss needs either both y and t, or shape. "
            "Pass shape=(4, 3), or y=array and t=array."
        )
    given = {"y": y, "t": t} if shape is None else {"shape": tuple(shape)}
    return _check(loss, given, loss_trial, _LOSS_RULES, skip, seed)


def _refuse_what(given: object, kind: type, me: str) -> None:
    """Refuse what is no instance of a class with forward and backward."""
    what = kind.__name__.lower()
    if isinstance(given, type):
        raise TypeError(f"{me} takes a {what}; got the class. Pass {given.__name__}(...).")
    if not isinstance(given, kind):
        raise TypeError(
            f"{me} takes a tinynet.{kind.__name__}; got {type(given).__name__}. Derive it from "
            f"{kind.__name__}, or use another of check_layer, check_loss and check_optimizer."
        )
    for method in ("forward", "backward"):
        if getattr(type(given), method) is getattr(kind, method):
            raise TypeError(
                f"{type(given).__name__} has no {method}: define {method}(self, ...) before "
                f"checking it."
            )


def _check(
    subject: Layer | Loss,
    given: dict[str, Any],
    trial: Callable[..., Trial],
    rules: tuple[Rule, ...],
    skip: Collection[str],
    seed: int,
) -> Report:
    """Hold all rules for a layer or loss; raises GradientError."""
    known = dict.fromkeys(rule.name for rule in rules)
    if isinstance(skip, str):
        raise ValueError(f'skip must be a tuple of names; write skip=("{skip}",)')
    if unknown := [name for name in skip if name not in known]:
        raise ValueError(f"skip got {unknown[0]!r}; the checks are {', '.join(known)}")

    def run(subject: Layer | Loss, given: dict[str, Any]) -> Report:
        report = Report(repr(subject))
        _hold_all(trial(subject, seed, report, **given), rules, skip)
        return report

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return run(subject, given)
        except Fault as fault:
            raise_error(fault, subject, given, run, skip, seed)


def _hold_all(t: Trial, rules: tuple[Rule, ...], skip: Collection[str]) -> None:
    """Every rule in turn; raises Fault."""
    waiting: list[Fault] = []
    for rule in rules:
        if rule.name in skip:
            t.report.skipped[rule.name] = "asked for"
            continue
        try:
            _hold_one(rule, t)
        except Fault as fault:
            if fault.check in _SYMPTOMS:
                waiting.append(fault)
                continue
            measured = np.isfinite(fault.details.get("analytic", np.nan))
            raise (fault if measured or not waiting else waiting[0]) from fault.__cause__
        if rule is points.gradient and waiting:
            raise waiting[0]


def _hold_one(rule: Rule, t: Trial) -> None:
    """One rule; an exception inside the layer is told by the rule that provoked it."""
    told = {*t.report.passed, *t.report.skipped}
    try:
        hold(rule, t)
        t.report.passed += [rule.name] if rule.name not in told else []
    except LeftOut as reason:
        if rule.name not in told:
            t.report.skipped[rule.name] = str(reason)
    except Fault:
        raise
    except Exception as error:
        if isinstance(error, ValueError) and "read-only" in str(error):
            raise Fault(
                "mutation",
                f"it writes into an array that it was given (x or dy): {error}.",
                "work on a copy, or let the operation make a new array: x = x * 2, not x *= 2.",
            ) from error
        notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
        text = f"it raised {type(error).__name__}: {error}{notes}"
        shape = f"for {t.names[0]} of shape {t.tried.shape}."
        raise Fault(rule.name, f"{text}\n  {shape}") from error
