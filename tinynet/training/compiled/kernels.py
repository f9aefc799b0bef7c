"""The steps of training as compiled loops, which walk the table of a network.

A network is not compiled by itself. Its table has a row for each layer (what it is, how wide, where
its parameters begin), and these functions walk it. So they are compiled once, for each float type,
and kept on the disk.

`network` is the table, the constants of its rows, the flat vector, and what layers keep; `data` is
x, targets and labels; `work` is the outputs of all layers one after another, and the gradients of
these.
"""

import math

import numpy as np

from tinynet.training.compiled.codes import BATCH_NORM, DENSE, DROPOUT, LOG_SOFTMAX, SOFTMAX
from tinynet.training.compiled.compile import compiled
from tinynet.training.compiled.equations import (
    activation,
    activation_inputs,
    add_dense,
    batch_norm,
    batch_norm_inputs,
    dense,
    dense_inputs,
    dropout,
    layer_norm,
    layer_norm_inputs,
    loss_of,
    softmax,
    softmax_inputs,
)
from tinynet.training.compiled.rules import clip, update

# of the columns of the table, which `program` describes
OUTPUTS, PLACE = 2, 5

BLOCK = 64  # examples in a block


@compiled
def with_memory(code, row, rows, constants, params, memory, w, b, place, x, y):
    """y of a layer that keeps something: a mask, or what is normalized."""
    kept, scales, statistics, generator = memory
    examples, m = y.shape
    x_hat = kept[place * examples : (place + m) * examples].reshape(examples, m)
    if code == DROPOUT:
        dropout(constants[0], generator, x, y, x_hat)
        return
    start = row * len(scales) // rows
    deviations = scales[start : start + max(m, examples)]
    affine = params[w : w + 2 * m]
    if code == BATCH_NORM:
        moving = statistics[b : b + 2 * m]
        batch_norm(x, affine, moving, constants[0], constants[1], y, x_hat, deviations)
    else:
        layer_norm(x, affine, constants[0], y, x_hat, deviations)


@compiled
def with_memory_inputs(code, row, rows, params, memory, w, place, dy, dx, factor, into):
    """dx of such a layer, and factor times the gradients of its parameters."""
    kept, scales, _, _ = memory
    examples, m = dy.shape
    x_hat = kept[place * examples : (place + m) * examples].reshape(examples, m)
    if code == DROPOUT:
        for n in range(examples):
            for j in range(m):
                dx[n, j] = dy[n, j] * x_hat[n, j]
        return
    start = row * len(scales) // rows
    deviations = scales[start : start + max(m, examples)]
    affine, changes = params[w : w + 2 * m], into[w : w + 2 * m]
    if code == BATCH_NORM:
        batch_norm_inputs(affine, x_hat, deviations, dy, dx, factor, changes)
    else:
        layer_norm_inputs(affine, x_hat, deviations, dy, dx, factor, changes)


@compiled
def forward(network, first, h, outputs):
    """Fill `outputs` from row `first` on, whose input is h, and return those of the last layer."""
    table, constants, params, memory = network
    examples = len(h)
    for row in range(first, len(table)):
        code, k, m, w, b, place = table[row]
        y = outputs[place * examples : (place + m) * examples].reshape(examples, m)
        if code == DENSE:
            bias = params[b : b + m] if b >= 0 else params[:0]
            dense(h, params[w : w + k * m].reshape(k, m), bias, y)
        elif code in (SOFTMAX, LOG_SOFTMAX):
            softmax(code == LOG_SOFTMAX, h, y)
        elif code >= DROPOUT:
            with_memory(code, row, len(table), constants[row], params, memory, w, b, place, h, y)
        else:
            activation(code, constants[row, 0], h, y)
        h = y
    return h


@compiled
def backward(network, first, x, work, factor, into):
    """Lead the gradient of the last outputs back to row `first`, and add factor ∇L to `into`.

    Where rows are left, `gradients` then holds that of the output before them. With `into` the
    parameters themselves and a negative factor, this is a step of gradient descent; a layer's W is
    read before it is changed.
    """
    (table, constants, params, memory), (outputs, gradients) = network, work
    examples = len(x)
    for row in range(len(table) - 1, first - 1, -1):
        code, k, m, w, b, place = table[row]
        dy = gradients[place * examples : (place + m) * examples].reshape(examples, m)
        y = outputs[place * examples : (place + m) * examples].reshape(examples, m)
        h, dx = x, dy
        if row:
            before = table[row - 1, PLACE]
            h = outputs[before * examples : (before + k) * examples].reshape(examples, k)
            dx = gradients[before * examples : (before + k) * examples].reshape(examples, k)
        if code == DENSE:
            if row:
                dense_inputs(dy, params[w : w + k * m].reshape(k, m), dx)
            bias = into[b : b + m] if b >= 0 else into[:0]
            add_dense(h, dy, factor, into[w : w + k * m].reshape(k, m), bias)
        elif code in (SOFTMAX, LOG_SOFTMAX):
            softmax_inputs(code == LOG_SOFTMAX, y, dy, dx)
        elif code >= DROPOUT:
            with_memory_inputs(
                code, row, len(table), params, memory, w, place, dy, dx, factor, into
            )
        else:
            activation_inputs(code, constants[row, 0], h, y, dy, dx)


@compiled
def last_of(table, examples, memory):
    """The part of `outputs` or `gradients` that belongs to the last layer."""
    place, m = table[len(table) - 1, PLACE], table[len(table) - 1, OUTPUTS]
    return memory[place * examples : (place + m) * examples].reshape(examples, m)


@compiled
def descend(network, data, loss, batch, rates, work, losses):
    """Steps of plain gradient descent, θ ← θ − η ∇L, in place; returns how many were taken.

    It ends before a step whose loss is not finite.
    """
    (table, _, params, _), (x, t, labels), (outputs, gradients) = network, data, work
    dy = last_of(table, batch, gradients)
    for step in range(len(rates)):
        rows = slice(step * batch, (step + 1) * batch)
        y = forward(network, 0, x[rows], outputs)
        losses[step] = loss_of(loss, y, t[rows], labels[rows], dy)
        if not math.isfinite(losses[step]):
            return step
        factor = -params.dtype.type(rates[step])
        backward(network, 0, x[rows], work, factor, params)
    return len(rates)


@compiled
def one_block(network, data, loss, batch, rates, work, losses):
    """The same steps, with the first W read and written once for all of x.

    `tinynet.training.blocked_sgd` derives the equations: after batches X_j whose gradients at the
    first layer's output, times the rate, are D_j, that output is
    X_k W₀ + b₀ − Σ_j (X_k X_jᵀ + 1) D_j.
    """
    (table, _, params, _), (x, t, labels), (outputs, gradients) = network, data, work
    _, k, m, w, b, _ = table[0]
    W = params[w : w + k * m].reshape(k, m)
    bias = params[b : b + m] if b >= 0 else params[:0]
    Z, D = np.empty((len(x), m), x.dtype), np.empty((len(x), m), x.dtype)
    G = np.dot(x, x.T)
    np.dot(x, W, Z)
    constant = 1 if len(bias) else 0
    dy, steps, done = last_of(table, batch, gradients), len(rates), len(rates)
    first = gradients[: batch * m].reshape(batch, m)
    for step in range(steps):
        start, stop = step * batch, (step + 1) * batch
        y = outputs[: batch * m].reshape(batch, m)
        for n in range(start, stop):
            for j in range(m):
                y[n - start, j] = Z[n, j] + (bias[j] if len(bias) else 0)
            for before in range(start):
                g = G[n, before] + constant
                for j in range(m):
                    y[n - start, j] -= g * D[before, j]
        y = forward(network, 1, y, outputs)
        losses[step] = loss_of(loss, y, t[start:stop], labels[start:stop], dy)
        if not math.isfinite(losses[step]):
            done = step
            break
        factor = -params.dtype.type(rates[step])
        backward(network, 1, x[start:stop], work, factor, params)
        for n in range(batch):
            for j in range(m):
                D[start + n, j] = -factor * first[n, j]
    taken = D[: done * batch]
    W -= np.dot(x[: done * batch].T, taken)
    for n in range(len(taken)):
        for j in range(len(bias)):
            bias[j] -= taken[n, j]
    return done


@compiled
def descend_in_blocks(network, data, loss, batch, rates, work, losses):
    """The steps of `descend`, in blocks of examples."""
    x, t, labels = data
    length, done = BLOCK // batch, 0
    for first in range(0, len(rates), length):
        here = slice(first, min(first + length, len(rates)))
        rows = slice(here.start * batch, here.stop * batch)
        part = x[rows], t[rows], labels[rows]
        taken = one_block(network, part, loss, batch, rates[here], work, losses[here])
        done += taken
        if taken < here.stop - here.start:
            break
    return done


@compiled
def train_by_rule(network, grads, data, loss, batch, rates, work, losses, rule, steps):
    """Steps of an optimizer, which has taken `steps` before; returns how many were taken."""
    (table, _, params, _), (x, t, labels), (outputs, gradients) = network, data, work
    options, squares, moving = rule[1:]
    dy, one = last_of(table, batch, gradients), params.dtype.type(1)
    for step in range(len(rates)):
        rows = slice(step * batch, (step + 1) * batch)
        y = forward(network, 0, x[rows], outputs)
        losses[step] = loss_of(loss, y, t[rows], labels[rows], dy)
        if not math.isfinite(losses[step]):
            return step
        grads[:] = 0
        backward(network, 0, x[rows], work, one, grads)
        clip(options, grads)
        update(rule[0], options, params, grads, squares, moving, rates[step], steps + step + 1)
    return len(rates)


@compiled
def gradient(network, grads, data, loss, work):
    """The loss of one batch, and ∇L in grads, if it is finite."""
    (table, _, params, _), (x, t, labels), (outputs, gradients) = network, data, work
    dy = last_of(table, len(x), gradients)
    y = forward(network, 0, x, outputs)
    value = loss_of(loss, y, t, labels, dy)
    if math.isfinite(value):
        grads[:] = 0
        one = params.dtype.type(1)
        backward(network, 0, x, work, one, grads)
    return value
