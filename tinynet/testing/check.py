"""The checks of a layer and of a loss: one loop over the rules."""

import warnings
from collections.abc import Collection, Set
from typing import Any

import numpy as np

from tinynet.checks import as_numbers, listed, positive_int
from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.testing import contract, declarations, draws, points, precision, rows
from tinynet.testing.inputs import make_trial
from tinynet.testing.message import part_at_fault, smallest_call
from tinynet.testing.report import Fault, GradientError, Report, told
from tinynet.testing.rules import LeftOut, Rule, hold
from tinynet.testing.trial import Trial
from tinynet.text import call, one_line, shown

_LATE = (rows.batch_of_none, rows.per_example)  # a wrong gradient explains more
_FOUND = (
    rule
    for module in (declarations, draws, contract, rows, points, precision)
    for rule in vars(module).values()
    if isinstance(rule, Rule)
)
_RULES = sorted(_FOUND, key=_LATE.__contains__)
"""All rules, as they stand in their modules: a cause comes before its symptoms."""

_OF_LOSSES = (points.loss_of_one, points.loss_larger_batch)
_OF_LAYERS = {
    "buffers",
    "redraws",
    "overwrite",
    "update",
    "linear",
    "predict_pure",
    "batch_of_none",
}
_OF_LAYERS |= {"per_example", "predict_per_example", "predict_equals_forward", "expectation"}
_RULES_OF = {
    Layer: tuple(rule for rule in _RULES if rule not in _OF_LOSSES),
    Loss: tuple(rule for rule in _RULES if rule.name not in _OF_LAYERS),
}

LAYER_CHECKS, LOSS_CHECKS = (
    tuple(dict.fromkeys(rule.name for rule in rules)) for rules in _RULES_OF.values()
)
"""The names of all checks of a layer and of a loss, in the order in which they run."""


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
    """
    return _check(layer, Layer, {"x": x, "input_shape": input_shape}, skip, seed)


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
        skip, seed: as in `check_layer`, which also says what is returned and raised.

    Example:
        >>> from tinynet import MSELoss
        >>> check_loss(MSELoss(), shape=(4, 3)).tensors["y"].coordinates
        12
    """
    return _check(loss, Loss, {"y": y, "t": t, "shape": shape}, skip, seed)


def _check(
    subject: Any, kind: type[Any], given: dict[str, Any], skip: Collection[str], seed: int
) -> Report:
    me = f"check_{kind.__name__.lower()}"
    _refuse_subject(subject, kind, me)
    given, seed = _one_kind(given, me), positive_int(seed, "seed", least=0)
    known = LAYER_CHECKS if kind is Layer else LOSS_CHECKS
    skip = known_checks(skip, known)

    def run(subject: Layer | Loss, given: dict[str, Any]) -> Report:
        t = make_trial(subject, given, seed, Report(one_line(subject)))
        for rule in _RULES_OF[kind]:
            _hold(rule, t, skip)
        return t.report

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return run(subject, given)
        except Fault as fault:
            again = smallest_call(me, fault, run, subject, given, {"skip": skip, "seed": seed})
            part = part_at_fault(subject, given, run)
            raise GradientError(fault, one_line(subject), again, part) from fault.__cause__


def known_checks(skip: Collection[str], known: Collection[str]) -> tuple[str, ...]:
    """The names in `skip`, all of which must be known."""
    names = tuple(skip) if isinstance(skip, Set) else listed(skip, "skip")
    if unknown := [name for name in names if name not in known]:
        raise ValueError(
            f'skip must be a tuple of names, such as ("kinks",); got {shown(unknown[0])}. '
            f"The checks are {', '.join(known)}."
        )
    return names


def _refuse_subject(subject: object, kind: type[Any], me: str) -> None:
    """Refuse what is no layer or loss, or has no forward and backward of its own."""
    what, name = kind.__name__, type(subject).__name__
    if isinstance(subject, type):
        raise TypeError(f"{me} takes a {what}; got the class. Pass {subject.__name__}(...).")
    if not isinstance(subject, kind):
        raise TypeError(
            f"{me} takes a tinynet.{what}; got {name}. Derive it from {what}, or use another of "
            f"check_layer, check_loss and check_optimizer."
        )
    for method in ("forward", "backward"):
        if getattr(type(subject), method) is getattr(kind, method):
            raise TypeError(f"{name} has no {method}: define {method}(self, ...) first.")


def _one_kind(given: dict[str, Any], me: str) -> dict[str, Any]:
    """The arrays or the shape, whichever is given; refuses both, neither, a part, a bad shape."""
    *arrays, shape = given
    first = given[arrays[0]]
    if isinstance(first, tuple) and all(isinstance(size, int) for size in first):
        raise ValueError(f"{me} takes a shape by name: write {shape}={first}; got a tuple of sizes")
    told = {name: value for name, value in given.items() if value is not None}
    if list(told) == arrays:
        return {name: as_numbers(value, name) for name, value in told.items()}
    sizes: Any = told.get(shape) if list(told) == [shape] else None
    numbers = isinstance(sizes, tuple | list) and [
        type(n) is int or isinstance(n, np.integer) for n in sizes
    ]
    if numbers and all(numbers) and min(sizes) >= 0:
        return {shape: tuple(map(int, sizes))}
    raise ValueError(
        f"{me} needs either {'both ' * (len(arrays) > 1)}{' and '.join(arrays)}, or {shape}, a "
        f"tuple of sizes with the batch first, and not both; got {call(me, (), told)}. "
        f"Pass {shape}=(4, 3), a batch of four examples, or {'=..., '.join(arrays)}=array."
    )


def _hold(rule: Rule, t: Trial, skip: Collection[str]) -> None:
    """One rule, entered into the report; raises Fault, also for an exception in the layer."""
    report, name = t.report, rule.name
    try:
        if name in skip:
            raise LeftOut("asked for")
        hold(rule, t)
        if name not in {*report.passed, *report.skipped}:
            report.passed.append(name)
    except LeftOut as reason:
        if name not in report.passed:
            report.skipped.setdefault(name, str(reason))
    except Fault:
        raise
    except Exception as error:
        if isinstance(error, ValueError) and "read-only" in str(error):
            text = f"it writes into an array that it was given (x or dy): {error}."
            raise Fault("mutation", text, *contract.mutation.hints) from error
        text = f"it raised {told(error)}\n  for {t.names[0]} of shape {t.tried.shape}."
        raise Fault(name, text) from error
