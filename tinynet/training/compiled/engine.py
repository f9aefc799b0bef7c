"""Which steps of training are compiled, and the loop around them."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable

import numpy as np

from tinynet.layers import Layer, Sequential
from tinynet.losses import Loss
from tinynet.optimizers import Optimizer
from tinynet.training.blas_threads import largest_product
from tinynet.training.blocked_sgd import is_ours
from tinynet.training.compiled.codes import BLOCKS, DENSE, DESCENT
from tinynet.training.compiled.options import RULES, make_ready, no_rule, rule_of
from tinynet.training.compiled.preparation import is_prepared, kernels, prepare
from tinynet.training.compiled.program import NotCompiled, Program, program
from tinynet.training.compiled.work import Data, Work
from tinynet.training.interrupts import HeldSignals
from tinynet.types import Array

WIDE = 8_192  # weights of a first layer from which they are read and written once for a block
FEW = 16  # examples in a step up to which such blocks are faster
ROWS = 1024  # that one call of the compiled function works on
LARGEST = 2**26  # multiplications in a product up to which compiled steps are faster
SAVED = 5e-6  # seconds that a compiled step saves at least, for each layer
LOADING, COMPILING = 2, 40  # seconds, with a margin for slower disks and processors


def reason_against(net: Layer, loss: Loss, optimizer: Optimizer, data: tuple[Array, ...]) -> str:
    """What has no compiled form; empty if nothing has."""
    if kernels() is None:
        return "anything without a Numba that works: pip install 'tinynet[fast]'"
    try:
        _program(net, loss, optimizer, data)
    except NotCompiled as what:
        return str(what)
    return "" if prepare(data[0].dtype) else "anything with this Numba, which does not work"


def pays(net: Layer, batch_size: int, steps: int) -> bool:
    """Whether so many steps are faster compiled, the time to compile or to load included."""
    layers = sum(not isinstance(layer, Sequential) for layer in net.walk())
    saved = steps * layers * SAVED
    if saved < LOADING or largest_product(net, batch_size) > LARGEST:
        return False
    return saved >= COMPILING or is_prepared(net.params.dtype)


def descend(
    net: Layer,
    loss: Loss,
    optimizer: Optimizer,
    data: tuple[Array, ...],
    batch_size: int,
    order: Array | None,
    record: Callable[[Array, Array], None],
    signals: HeldSignals,
) -> int:
    """Take the steps of an epoch up to its last batch, and return the place where that begins.

    The last batch is left to the plain loop, so that after an epoch the gradients, and what the
    layers keep, are those of a plain step. A batch whose loss is not finite is left to it, too.

    Args:
        data: inputs and targets.
        order: of the rows; None for the order in which they lie.
        record: is called with the losses of a group of steps, and how much each counts.
        signals: are delivered after each group of steps.
    """
    plan, (x, t) = _program(net, loss, optimizer, data), data
    last = (len(x) - 1) // batch_size * batch_size
    length = max(1, ROWS // batch_size) * batch_size
    work = Work.of(plan, batch_size, x, min(length, last))
    for place in range(0, last, length):
        here = slice(place, min(place + length, last))
        rows = work.read(loss, x, t, here if order is None else order[here])
        work.draw(here.stop - place)
        known = type(optimizer) in RULES and is_ours(optimizer) and not optimizer.has_vectors
        ready = known and make_ready(optimizer)
        losses = (_take_all if ready else _take_each)(net, optimizer, work, rows)
        stop = place + len(losses) * batch_size
        work.publish()
        if stop < here.stop:
            work.undraw(stop - place)
        record(losses[:, 0], losses[:, 1])
        if signals.waiting:
            signals.deliver()
        if stop < here.stop:
            return stop
    return last


def _take_all(net: Layer, optimizer: Optimizer, work: Work, data: Data) -> Array:
    """Take all steps for these data; their losses, and how much each counts."""
    losses = np.empty((len(data[2]) // work.batch_size, 2))
    rates, rule = _rates(optimizer, len(losses)), rule_of(optimizer)
    if rule[0] == DESCENT and _in_blocks(work):
        rule = BLOCKS, *rule[1:]
    done = work.take_steps(kernels(), net, data, rates, losses, rule, optimizer.steps)
    optimizer.steps += done
    return losses[:done]


def _take_each(net: Layer, optimizer: Optimizer, work: Work, data: Data) -> Array:
    """The same where only the gradient is compiled, and the optimizer itself takes the steps."""
    x, order, t, labels = data
    losses = np.empty((len(t) // work.batch_size, 2))
    rule, rates = no_rule(net.params), np.empty(1)
    for done in range(len(losses)):
        rows = slice(done * work.batch_size, (done + 1) * work.batch_size)
        here = (x, order[rows]) if len(order) else (x[rows], order)
        part = *here, t[rows], labels[rows]
        if not work.take_steps(kernels(), net, part, rates, losses[done:], rule):
            return losses[:done]
        try:
            optimizer.step()
        except BaseException:  # leave everything as after the forward pass of this batch
            work.publish()
            work.undraw(rows.stop)
            raise
    return losses


def _rates(optimizer: Optimizer, count: int) -> Array:
    """The learning rates of the next steps, up to one that fails, which the plain loop meets."""
    if not callable(optimizer.lr):
        return np.full(count, optimizer.lr)
    own, rates = copy.copy(optimizer), []
    with contextlib.suppress(Exception):
        for _ in range(count):
            rates.append(own.rate())
            own.steps += 1
    return np.array(rates)


def _in_blocks(work: Work) -> bool:
    code, inputs, outputs, *_, frozen = work.plan.table[0]
    return code == DENSE and not frozen and inputs * outputs >= WIDE and work.batch_size <= FEW


def _program(net: Layer, loss: Loss, optimizer: Optimizer, data: tuple[Array, ...]) -> Program:
    if len(data) > 2:
        raise NotCompiled("sample_weight")
    if optimizer.net is not net:
        raise NotCompiled("an optimizer of a part of the network")
    return program(net, loss, *data)
