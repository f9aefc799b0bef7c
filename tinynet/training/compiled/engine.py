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
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.optimizers import SGD, Optimizer
from tinynet.training.blas_threads import largest_product
from tinynet.training.compiled.codes import DENSE
from tinynet.training.compiled.options import RULES, is_ready, rule_of
from tinynet.training.compiled.program import NotCompiled, Program, program
from tinynet.training.interrupts import HeldSignals
from tinynet.types import Array

SMALL = 16_384  # multiplications in a product up to which NumPy's calls take longer than the rest
FEWEST_STEPS = 1_000_000  # which save more time than compiling the loops takes, for the first time
WIDE = 8_192  # weights of a first layer from which they are read and written once for a block
FEW = 16  # examples in a step up to which it is faster compiled, whatever the network
_ROWS = 1024  # of x that are put into order at a time


def reason_against(net: Layer, loss: Loss, optimizer: Optimizer, x: Array, t: Array) -> str:
    """What has no compiled form; empty if nothing has."""
    if _kernels() is None:
        return "Numba, which is not installed: pip install 'tinynet[fast]'"
    try:
        _program(net, loss, optimizer, x, t)
    except NotCompiled as what:
        return str(what)
    return ""


def pays(net: Layer, batch_size: int, steps: int) -> bool:
    """Whether so many steps are faster compiled, the time to compile included."""
    if steps < FEWEST_STEPS:
        return False
    return batch_size <= FEW or largest_product(net, batch_size) <= SMALL


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
    plan = _program(net, loss, optimizer, x, t)
    work = _Work.of(plan, batch_size, x.dtype)
    run = _steps if type(optimizer) in RULES else _gradients
    last = (len(x) - 1) // batch_size * batch_size
    length = max(1, _ROWS // batch_size) * batch_size
    for place in range(0, last, length):
        rows: Any = slice(place, min(place + length, last))
        rows = rows if order is None else order[rows]
        X = np.array(x[rows]).reshape(-1, math.prod(x.shape[1:]))
        targets, labels = _targets(t[rows], x.dtype)
        before = _state(optimizer, plan) if plan.statistics or plan.generator else None
        # the first step of an optimizer makes the vectors that it computes in, and is checked
        take = run if is_ready(optimizer) else _gradients
        losses = take(net, optimizer, plan, work, X, targets, labels, batch_size)
        if before is not None and len(losses) * batch_size < len(X):
            _restore(optimizer, plan, before)  # so that nothing is drawn or moved twice
            return place
        work.publish(plan)
        for value in losses:
            record(value, batch_size)
        if signals.waiting:
            signals.deliver()
        if len(losses) * batch_size < len(X):
            return place + len(losses) * batch_size
    return last


@dataclass
class _Work:
    """The memory that the compiled functions compute in."""

    arrays: tuple[Array, Array]  # of outputs and of their gradients
    memory: tuple[Array, Array, Array, np.random.Generator]

    @classmethod
    def of(cls, plan: Program, batch_size: int, dtype: np.dtype[Any]) -> _Work:
        outputs, gradients, kept = (np.empty(plan.width * batch_size, dtype) for _ in range(3))
        widest = max(batch_size, int(plan.table[:, 2].max()))
        scales = np.empty(len(plan.table) * widest, dtype)
        statistics = np.concatenate([*plan.statistics, np.empty(0, dtype)])
        generator = plan.generator or np.random.default_rng(0)
        return cls((outputs, gradients), (kept, scales, statistics, generator))

    def publish(self, plan: Program) -> None:
        """Give the layers their running statistics."""
        start = 0
        for array in plan.statistics:
            array[...] = self.memory[2][start : start + len(array)]
            start += len(array)


def _state(optimizer: Optimizer, plan: Program) -> tuple[Any, ...]:
    arrays = (optimizer.net.params, *(vector for _, vector in optimizer.named_state()))
    state = None if plan.generator is None else plan.generator.bit_generator.state
    return [array.copy() for array in arrays], optimizer.steps, state


def _restore(optimizer: Optimizer, plan: Program, before: tuple[Any, ...]) -> None:
    copies, optimizer.steps, state = before
    arrays = (optimizer.net.params, *(vector for _, vector in optimizer.named_state()))
    for array, copied in zip(arrays, copies, strict=False):
        array[...] = copied
    if plan.generator is not None:
        plan.generator.bit_generator.state = state


def _steps(
    net: Layer,
    optimizer: Optimizer,
    plan: Program,
    work: _Work,
    x: Array,
    t: Array,
    labels: Array,
    batch_size: int,
) -> list[float]:
    """Steps of one of tinynet's optimizers, all in one call."""
    losses, rates = np.empty(len(x) // batch_size), _rates(optimizer, len(x) // batch_size)
    network, arrays = (plan.table, plan.constants, net.params, work.memory), work.arrays
    steps = (x, t, labels), plan.loss, batch_size, rates, arrays, losses
    kernels = _kernels()
    if type(optimizer) is SGD and optimizer.plain:
        in_blocks = _in_blocks(plan, batch_size)
        descend = kernels.descend_in_blocks if in_blocks else kernels.descend
        done = descend(network, *steps)
    else:
        rule = rule_of(optimizer)
        done = kernels.train_by_rule(network, net.grads, *steps, rule, optimizer.steps)
    optimizer.steps += done
    return losses[:done].tolist()


def _gradients(
    net: Layer,
    optimizer: Optimizer,
    plan: Program,
    work: _Work,
    x: Array,
    t: Array,
    labels: Array,
    batch_size: int,
) -> list[float]:
    """Steps of an optimizer of one's own: the gradient of each is compiled, the update is not."""
    losses: list[float] = []
    network = plan.table, plan.constants, net.params, work.memory
    for start in range(0, len(x), batch_size):
        rows = slice(start, start + batch_size)
        data = x[rows], t[rows], labels[rows]
        value = _kernels().gradient(network, net.grads, data, plan.loss, work.arrays)
        if not math.isfinite(value):
            break
        optimizer.step()
        losses.append(value)
    return losses


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
    return code == DENSE and inputs * outputs >= WIDE and batch_size <= FEW


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
