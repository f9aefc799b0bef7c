"""Which steps of training are compiled, and the loop around them."""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib
import importlib.util
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.optimizers import SGD, Optimizer
from tinynet.training.blas_threads import largest_product
from tinynet.training.compiled.options import RULES, is_ready, rule_of
from tinynet.training.compiled.program import DENSE, NotCompiled, Program, program
from tinynet.training.interrupts import HeldSignals
from tinynet.types import Array

SMALL = 16_384  # multiplications in a product up to which NumPy's calls take longer than the rest
FEWEST_STEPS = 1_000_000  # which save more time than compiling the loops takes, for the first time
WIDE = 8_192  # weights of a first layer from which they are read and written once for a block
BLOCK = 64  # rows of x in a block
_ROWS = 1024  # of x that are put into order at a time, otherwise


def reason_against(net: Layer, loss: Loss, optimizer: Optimizer, x: Array, t: Array) -> str:
    """What has no compiled form; empty if nothing has."""
    if _kernels() is None:
        return "Numba, which is not installed: pip install 'tinynet[fast]'"
    try:
        _program(net, loss, optimizer, x, t)
    except NotCompiled as what:
        return str(what)
    return ""


def pays(net: Layer, optimizer: Optimizer, batch_size: int, steps: int) -> bool:
    """Whether so many steps are faster compiled, the time to compile included."""
    if steps < FEWEST_STEPS:
        return False
    plain = type(optimizer) is SGD and optimizer.plain
    return (plain and 4 * batch_size <= BLOCK) or largest_product(net, batch_size) <= SMALL


def descend(
    net: Layer,
    loss: Loss,
    optimizer: Optimizer,
    x: Array,
    t: Array,
    batch_size: int,
    order: Array | None,
    record: Callable[[float, float], None],
    signals: HeldSignals,
) -> int:
    """Take the steps of an epoch up to its last batch, and return the place where that begins.

    The last batch is left to the plain loop, so that after an epoch the gradients, and what the
    layers keep, are those of a plain step. A batch whose loss is not finite is left to it, too.

    Args:
        order: of the rows; None for the order in which they lie.
        record: is called with the loss of each batch and how much it counts.
        signals: are delivered after each group of steps.
    """
    kernels, plan = _kernels(), _program(net, loss, optimizer, x, t)
    run = _gradients
    if type(optimizer) in RULES:
        run = _steps
    outputs, gradients = (np.empty(plan.width * batch_size, x.dtype) for _ in range(2))
    last = (len(x) - 1) // batch_size * batch_size
    rows_at_a_time = BLOCK if run is _steps and _in_blocks(plan, batch_size) else _ROWS
    length = max(1, rows_at_a_time // batch_size) * batch_size
    for place in range(0, last, length):
        rows: Any = slice(place, min(place + length, last))
        rows = rows if order is None else order[rows]
        X = np.array(x[rows]).reshape(-1, math.prod(x.shape[1:]))
        targets, labels = _targets(t[rows], x.dtype)
        arguments = plan, X, targets, labels, batch_size, outputs, gradients
        # the first step of an optimizer makes the vectors that it computes in, and is checked
        take = run if is_ready(optimizer) else _gradients
        losses = take(kernels, net, optimizer, *arguments)
        for value in losses:
            record(value, batch_size)
        if signals.waiting:
            signals.deliver()
        if len(losses) * batch_size < len(X):
            return place + len(losses) * batch_size
    return last


def _steps(
    kernels: Any,
    net: Layer,
    optimizer: Optimizer,
    plan: Program,
    x: Array,
    t: Array,
    labels: Array,
    batch_size: int,
    outputs: Array,
    gradients: Array,
) -> list[float]:
    """Steps of one of tinynet's optimizers, all in one call."""
    losses, rates = np.empty(len(x) // batch_size), _rates(optimizer, len(x) // batch_size)
    data = x, t, labels, *plan.loss, batch_size, rates, outputs, gradients, losses
    if type(optimizer) is SGD and optimizer.plain:
        in_blocks = _in_blocks(plan, batch_size)
        descend = kernels.descend_in_blocks if in_blocks else kernels.descend
        done = descend(plan.table, plan.constants, net.params, *data)
    else:
        rule = rule_of(optimizer)
        done = kernels.train_by_rule(
            plan.table, plan.constants, net.params, net.grads, *data, *rule, optimizer.steps
        )
    optimizer.steps += done
    return losses[:done].tolist()


def _rates(optimizer: Optimizer, count: int) -> Array:
    """The learning rates of the next steps, up to one that fails, which the plain loop meets."""
    own, rates = copy.copy(optimizer), []
    with contextlib.suppress(Exception):
        for _ in range(count):
            rates.append(own.rate())
            own.steps += 1
    return np.array(rates)


def _in_blocks(plan: Program, batch_size: int) -> bool:
    code, inputs, outputs, *_ = plan.table[0]
    return code == DENSE and inputs * outputs >= WIDE and 4 * batch_size <= BLOCK


def _gradients(
    kernels: Any,
    net: Layer,
    optimizer: Optimizer,
    plan: Program,
    x: Array,
    t: Array,
    labels: Array,
    batch_size: int,
    outputs: Array,
    gradients: Array,
) -> list[float]:
    """Steps of an optimizer of one's own: the gradient of each is compiled, the update is not."""
    losses: list[float] = []
    for start in range(0, len(x), batch_size):
        rows = slice(start, start + batch_size)
        value = kernels.gradient(
            plan.table,
            plan.constants,
            net.params,
            net.grads,
            x[rows],
            t[rows],
            labels[rows],
            *plan.loss,
            outputs,
            gradients,
        )
        if not math.isfinite(value):
            break
        optimizer.step()
        losses.append(value)
    return losses


def _program(net: Layer, loss: Loss, optimizer: Optimizer, x: Array, t: Array) -> Program:
    if optimizer.net is not net:
        raise NotCompiled("an optimizer of a part of the network")
    return program(net, loss, x, t)


def _targets(t: Array, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Targets (N, outputs) and labels (N,), of which a loss uses one."""
    if t.dtype.kind in "iu":
        return np.empty((len(t), 0), dtype), t.astype(np.int64)
    return np.array(t).reshape(len(t), math.prod(t.shape[1:])), np.empty(len(t), np.int64)


@functools.cache
def _kernels() -> Any:
    """The compiled functions, or None without a Numba that works."""
    if importlib.util.find_spec("numba") is None:
        return None
    try:
        return importlib.import_module("tinynet.training.compiled.kernels")
    except Exception as error:  # of a Numba that does not fit this Python or NumPy
        warnings.warn(f"Numba cannot be used, so nothing is compiled: {error}", stacklevel=2)
        return None
