"""The check of a layer."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.testing import again, batches, contract, copies, draws, precision, predicting
from tinynet.testing.inputs import prepare
from tinynet.testing.message import gradient_fault, raise_error
from tinynet.testing.points import compare_at, given_points, special_points
from tinynet.testing.report import Fault, Report
from tinynet.testing.runs import (
    as_fault,
)
from tinynet.testing.subject import Subject

__all__ = ["LAYER_CHECKS", "check_layer"]


def _gradient(s: Subject, report: Report) -> str | None:
    for point in given_points(s):
        if wrong := compare_at(s, point, report):
            again.kept_copy(s, wrong.mismatch.tensor.name)
            raise gradient_fault(s, wrong, "kinks" if wrong.mismatch.kinks else "gradient")
    if not report.tensors:
        return "x holds integers and there are no parameters"
    return None


def _kinks(s: Subject, report: Report) -> str | None:
    if not report.tensors and s.integer:
        return "x holds integers and there are no parameters"
    for point in special_points(s):
        if wrong := compare_at(s, point, report):
            raise gradient_fault(s, wrong, "kinks")
    return None


_CHECKS: dict[str, Callable[[Subject], str | None]] = {
    "mutation": contract.mutation,
    "shapes": contract.shapes,
    "dtypes": contract.dtypes,
    "reproducible": draws.reproducible,
    "redraws": draws.redraws,
    "copy": copies.copying,
    "overwrite": again.overwrite,
    "backward_twice": again.backward_twice,
    "forward_twice": again.forward_twice,
    "isolation": again.isolation,
    "reuse": again.reuse,
    "update": again.update,
    "output_alias": contract.output_alias,
    "linear": contract.linear,
    "layout": contract.layout,
    "predict_pure": predicting.predict_pure,
    "batch_of_one": batches.batch_of_one,
    "batch_of_none": batches.batch_of_none,
    "per_example": batches.per_example,
    "predict_per_example": predicting.predict_per_example,
    "predict_equals_forward": predicting.predict_equals_forward,
    "expectation": draws.expectation,
    "finite": precision.finite,
    "pickle": copies.pickling,
    "float32": precision.float32,
}

SYMPTOMS = ("batch_of_none", "finite", "float32")
"""Checks that a wrong gradient at the given x comes before: a mean over no rows is NaN."""

LAYER_CHECKS = (*_CHECKS, "gradient", "kinks")
"""The names of all checks of a layer, in the order in which they run."""


def check_layer(
    layer: Layer,
    x: Any = None,
    *,
    input_shape: tuple[int, ...] | None = None,
    skip: Collection[str] = (),
    seed: int = 0,
) -> Report:
    """Prove a layer's `backward` right, and that it keeps the contract of `tinynet.Layer`.

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
    _refuse(layer, x, input_shape, skip)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return _check(layer, x, input_shape, frozenset(skip), seed)
        except Fault as fault:
            raise_error(fault, layer, x, input_shape, frozenset(skip), seed, _check)
    raise AssertionError("unreachable")


def _refuse(layer: object, x: object, input_shape: object, skip: Collection[str]) -> None:
    """Bad arguments, each with what to pass instead."""
    if isinstance(layer, type):
        raise TypeError(f"check_layer takes a layer; got the class. Pass {layer.__name__}(...).")
    if not isinstance(layer, Layer):
        raise TypeError(
            f"check_layer takes a tinynet.Layer; got {type(layer).__name__}. "
            f"Derive it from Layer, or use check_loss or check_optimizer."
        )
    me = type(layer).__name__
    for method in ("forward", "backward"):
        if getattr(type(layer), method) is getattr(Layer, method):
            raise TypeError(f"{me} has no {method}: define {method}(self, ...) before checking it.")
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
    refuse_skip(skip, LAYER_CHECKS)


def refuse_skip(skip: Collection[str], known: Collection[str]) -> None:
    """Refuse names that are no checks."""
    if isinstance(skip, str):
        raise ValueError(f'skip must be a tuple of names; write skip=("{skip}",)')
    if unknown := [name for name in skip if name not in known]:
        raise ValueError(f"skip got {unknown[0]!r}; the checks are {', '.join(known)}")


def _check(
    layer: Layer,
    x: Any,
    input_shape: tuple[int, ...] | None,
    skip: frozenset[str],
    seed: int,
) -> Report:
    """Every check in turn; raises Fault."""
    report = Report(repr(layer))
    subject = prepare(layer, x, input_shape, seed, report)
    waiting: list[Fault] = []
    for name, check in _CHECKS.items():
        if name == "copy":
            _views_stay(subject, skip)
        try:
            _one(subject, report, name, skip, partial(_apply, check))
        except Fault as fault:
            if fault.check not in SYMPTOMS:
                raise
            waiting.append(fault)
    try:
        _one(subject, report, "gradient", skip, _gradient)
    except Fault as fault:
        raise cause(fault, waiting) from fault.__cause__
    if waiting:
        raise waiting[0]
    _one(subject, report, "kinks", skip, _kinks)
    if not {"per_example", "batch_of_one"} & skip:
        try:
            batches.any_batch(subject)
        except Fault:
            raise
        except Exception as error:
            raise as_fault("per_example", error, subject.tried) from error
    return report


def cause(fault: Fault, waiting: list[Fault]) -> Fault:
    """The fault of the gradient, unless it is that nothing finite was there to compare."""
    measured = np.isfinite(fault.details.get("analytic", np.nan))
    return fault if measured or not waiting else waiting[0]


def _apply(check: Callable[[Subject], str | None], s: Subject, report: Report) -> str | None:
    return check(s)


def _views_stay(s: Subject, skip: frozenset[str]) -> None:
    """After a pass, every view still lies on its vector."""
    try:
        s.fresh().check_views()
    except ValueError as error:
        raise Fault("copy", f"on a copy, {error}") from error
    used = s.fresh()
    s.run(layer=used)
    try:
        used.check_views()
    except ValueError as error:
        check = "gradient" if ".d" in str(error).split(" ")[0] else "update"
        if check not in skip:
            raise Fault(check, str(error)) from error
    if "gradient" not in skip:
        for new, old in zip(used.walk(), s.layer.walk(), strict=True):
            _all_declared(new, old)


def _all_declared(used: Layer, unused: Layer) -> None:
    """What has had a gradient in `backward` was there from the start, as a parameter."""
    declared = {name for name, _ in unused.named_parameters()}
    for name, value in vars(unused).items():
        gradient = vars(used).get(f"d{name}")
        if (
            name not in declared
            and isinstance(value, np.ndarray)
            and value.dtype.kind == "f"
            and isinstance(gradient, np.ndarray)
            and gradient.shape == value.shape
            and f"d{name}" not in vars(unused)
        ):
            raise Fault(
                "gradient",
                f"backward makes d{name}, but {name} is no parameter: no optimizer would move it.",
                f"declare it, super().__init__({name}=...), and write self.d{name}[...] = ...",
            )


def _one(
    s: Subject,
    report: Report,
    name: str,
    skip: frozenset[str],
    check: Callable[[Subject, Report], str | None],
) -> None:
    if name in skip:
        report.skipped[name] = "asked for"
        return
    try:
        reason = check(s, report)
    except Fault:
        raise
    except Exception as error:
        raise as_fault(name, error, s.tried) from error
    if reason is None:
        report.passed.append(name)
    else:
        report.skipped[name] = reason
