"""The steps of training as compiled loops, which walk the table of a network.

A network is not compiled by itself. Its table has a row for each layer (what it is, how wide, where
its parameters begin), and these functions walk it. So they are compiled once, for each float type,
and kept on the disk.

`network` is the table, the constants of its rows, the flat vector, and what layers keep; `data` is
x, the order of its rows (empty: as they lie), and targets and labels in that order;
`work` is memory for rows of x, for the outputs of all layers one after another, and for the
gradients of these.
"""

import math

import numpy as np

from tinynet.training.compiled.codes import (
    BATCH_NORM,
    BLOCKS,
    DENSE,
    DESCENT,
    DROPOUT,
    FORK,
    GRADIENT,
    JOIN,
    LAYER_NORM,
    LOG_SOFTMAX,
    NORMALIZE,
    PRELU,
    SOFTMAX,
)
from tinynet.training.compiled.loops.compile import borrowed, compiled, inlined, kept
from tinynet.training.compiled.loops.equations import (
    activation,
    activation_inputs,
    add_bias,
    add_dense,
    add_product,
    batch_norm,
    batch_norm_inputs,
    dense,
    dense_inputs,
    dropout,
    join,
    layer_norm,
    layer_norm_inputs,
    negate,
    normalize,
    normalize_inputs,
    prelu,
    prelu_inputs,
    softmax,
    softmax_inputs,
)
from tinynet.training.compiled.loops.losses import loss_of
from tinynet.training.compiled.loops.rules import clip, update

# of the columns of the table, which `program` describes
OUTPUTS, PLACE = 2, 5

NARROW = 16  # outputs of a Dense below which its W is transposed while steps are taken
BLOCK = 64  # examples in a block
TILE = 16  # examples in a part of a block


@compiled
def turn(table, vector, back):
    """Transpose the matrices of narrow layers in a flat vector, or turn them back.

    Their rows are too short for the vectors of the processor; their columns are not.
    """
    if len(vector) == 0:  # an optimizer has no such memory
        return
    for row in range(len(table)):
        code, k, m, w, _, _, fixed = table[row]
        if code == DENSE and m < NARROW and not fixed:
            rows, columns = (m, k) if back else (k, m)
            copy = vector[w : w + k * m].copy()
            for i in range(rows):
                for j in range(columns):
                    vector[w + j * rows + i] = copy[i * columns + j]


@inlined
def matrix(narrow, vector, w, k, m):
    """The view of W of a Dense, transposed if it is narrow."""
    shape = (m, k) if narrow else (k, m)
    return vector[w : w + k * m].reshape(shape)


@compiled
def with_memory(code, row, rows, constants, params, memory, w, b, place, x, y):
    """y of a layer that keeps something: a mask, or what is normalized."""
    kept, scales, buffers, draws, drawn = memory[:5]
    examples, m = y.shape
    x_hat = kept[place * examples : (place + m) * examples].reshape(examples, m)
    if code == DROPOUT:
        dropout(constants[0], draws[drawn[0] : drawn[0] + x.size], x, y, x_hat)
        drawn[0] += x.size
        return
    start = row * len(scales) // rows
    deviations = scales[start : start + max(m, examples)]
    affine = params[w : w + 2 * m]
    if code == BATCH_NORM:
        moving = buffers[b : b + 2 * m]
        batch_norm(x, affine, moving, constants[0], constants[1], y, x_hat, deviations)
    else:
        layer_norm(x, affine, constants[0], y, x_hat, deviations)


@compiled
def with_memory_inputs(code, row, rows, params, memory, w, place, dy, dx, factor, changes):
    """dx of such a layer, and factor times the gradients of its parameters."""
    kept, scales = memory[:2]
    examples, m = dy.shape
    x_hat = kept[place * examples : (place + m) * examples].reshape(examples, m)
    if code == DROPOUT:
        for n in range(examples):
            for j in range(m):
                dx[n, j] = dy[n, j] * x_hat[n, j]
        return
    start = row * len(scales) // rows
    deviations = scales[start : start + max(m, examples)]
    affine = params[w : w + 2 * m]
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
        code, k, m, w, b, place, fixed = table[row]
        y = outputs[place * examples : (place + m) * examples].reshape(examples, m)
        vector = memory[2] if fixed else params
        if code == DENSE:
            narrow = m < NARROW and not fixed
            bias = vector[b : b + m] if b >= 0 else vector[:0]
            dense(narrow, h, matrix(narrow, vector, w, k, m), bias, y)
        elif code in (SOFTMAX, LOG_SOFTMAX):
            softmax(code == LOG_SOFTMAX, h, y)
        elif DROPOUT <= code <= LAYER_NORM:
            with_memory(code, row, len(table), constants[row], vector, memory, w, b, place, h, y)
        elif code == PRELU:
            prelu(vector[w : w + b], h, y)
        elif code == NORMALIZE:
            normalize(vector[w : w + 3 * m], h, y)
        elif code in (FORK, JOIN):
            other = outputs[b * examples : (b + m) * examples].reshape(examples, m)
            join(code == JOIN, h, other, y)
        else:
            activation(code, constants[row, 0], h, y)
        h = y
    return h


@compiled
def backward(network, first, x, work, factor, into, fresh):
    """Lead the gradient of the last outputs back to row `first`, and add factor ∇L to `into`.

    If `into` is fresh, it is overwritten.

    Where rows are left, `gradients` then holds that of the output before them. With `into` the
    parameters themselves and a negative factor, this is a step of gradient descent; a layer's W is
    read before it is changed.
    """
    (table, constants, params, memory), (_, outputs, gradients) = network, work
    examples = len(x)
    for row in range(len(table) - 1, first - 1, -1):
        code, k, m, w, b, place, fixed = table[row]
        dy = gradients[place * examples : (place + m) * examples].reshape(examples, m)
        y = outputs[place * examples : (place + m) * examples].reshape(examples, m)
        vector, changes = (memory[2], into[:0]) if fixed else (params, into)
        h, dx = x, dy
        if row:
            before = table[row - 1, PLACE]
            h = outputs[before * examples : (before + k) * examples].reshape(examples, k)
            dx = gradients[before * examples : (before + k) * examples].reshape(examples, k)
        if code == DENSE:
            narrow = m < NARROW and not fixed
            if row:
                dense_inputs(narrow, dy, matrix(narrow, vector, w, k, m), dx)
            if not fixed:
                bias = into[b : b + m] if b >= 0 else into[:0]
                W = matrix(narrow, into, w, k, m)
                add_dense(narrow, fresh, h, dy, factor, W, bias)
        elif code in (SOFTMAX, LOG_SOFTMAX):
            softmax_inputs(code == LOG_SOFTMAX, y, dy, dx)
        elif DROPOUT <= code <= LAYER_NORM:
            changes = changes[w : w + 2 * m]
            if fresh:
                changes[:] = 0
            with_memory_inputs(
                code, row, len(table), vector, memory, w, place, dy, dx, factor, changes
            )
        elif code == PRELU:
            changes = changes[w : w + b]
            if fresh:
                changes[:] = 0
            prelu_inputs(vector[w : w + b], h, dy, dx, factor, changes)
        elif code == NORMALIZE:
            normalize_inputs(vector[w : w + 3 * m], dy, dx)
        elif code in (FORK, JOIN):
            other = gradients[b * examples : (b + m) * examples].reshape(examples, m)
            join(code == FORK, dy, other, dx)
        else:
            activation_inputs(code, constants[row, 0], h, y, dy, dx)


@inlined
def last_of(table, examples, memory):
    """The part of `outputs` or `gradients` that belongs to the last layer."""
    place, m = table[len(table) - 1, PLACE], table[len(table) - 1, OUTPUTS]
    return memory[place * examples : (place + m) * examples].reshape(examples, m)


@inlined
def all_borrowed(network, data, work):
    """The same arrays, whose slices cost less."""
    (table, constants, params, memory), (x, order, t, labels) = network, data
    kept, scales, buffers, draws, drawn, before = memory
    inputs, outputs, gradients = work
    memory = borrowed(kept), borrowed(scales), borrowed(buffers), borrowed(draws), borrowed(drawn)
    memory = *memory, borrowed(before)
    return (
        (borrowed(table), borrowed(constants), borrowed(params), memory),
        (borrowed(x), borrowed(order), borrowed(t), borrowed(labels)),
        (borrowed(inputs), borrowed(outputs), borrowed(gradients)),
    )


@inlined
def next_rows(data, start, stop, inputs):
    """The rows of x that come at these places, one after another, if need be in `inputs`."""
    x, order = data[:2]
    if len(order) == 0:
        return x[start:stop]
    for n in range(start, stop):
        inputs[n - start] = x[order[n]]
    return inputs[: stop - start]


@compiled
def copy_vector(x, y):
    """y = x."""
    for i in range(len(x)):
        y[i] = x[i]


@inlined
def one_step(network, first, h, data, start, loss, work, factor, into, fresh):
    """Forward from row `first`, whose input is h, and backward; the loss, and how much it counts.

    The targets are those from place `start` on. Where the loss is not finite, nothing is led back,
    and the buffers are as before.
    """
    _, _, t, labels = data
    buffers, before = network[3][2], network[3][5]
    copy_vector(buffers, before)
    rows, dy = slice(start, start + len(h)), last_of(network[0], len(h), work[2])
    value, count = loss_of(loss, forward(network, first, h, work[1]), t[rows], labels[rows], dy)
    if math.isfinite(value):
        backward(network, first, h, work, factor, into, fresh)
    else:
        copy_vector(before, buffers)
    return value, count


@inlined
def one_block(network, data, begin, x, loss, batch, rates, work, losses):
    """Steps of plain gradient descent, with the first W read and written once for all of x.

    `tinynet.training.blocked_sgd` derives the equations: after batches X_j whose gradients at the
    first layer's output, times the rate, are D_j, that output is
    X_k W₀ + b₀ − Σ_j (X_k X_jᵀ + 1) D_j. The sum over the tiles before is one product of matrices.
    """
    (table, _, params, _), (_, outputs, gradients) = network, work
    _, k, m, w, b, _, _ = table[0]
    W = params[w : w + k * m].reshape(k, m)
    bias = params[b : b + m] if b >= 0 else params[:0]
    Z, D = np.empty((len(x), m), x.dtype), np.empty((len(x), m), x.dtype)
    np.dot(x, W, Z)
    add_bias(bias, Z)
    constant = x.dtype.type(1 if len(bias) else 0)
    dy = gradients[: batch * m].reshape(batch, m)
    y = outputs[: batch * m].reshape(batch, m)
    size, done = max(1, TILE // batch) * batch, 0
    for first in range(0, len(x), size):
        tile = x[first : first + size]
        if first:
            G = np.dot(tile, x[:first].T)
            negate(constant, G)
            join(bool(1), Z[first : first + size], np.dot(G, D[:first]), Z[first : first + size])
        within = np.dot(tile, tile.T) if batch < size else D[:0]
        negate(constant, within)
        for start in range(first, first + len(tile), batch):
            join(bool(0), Z[start : start + batch], y, y)
            if start > first:
                for n in range(batch):
                    add_product(within[start - first + n, : start - first], D[first:start], y[n])
            factor = -params.dtype.type(rates[done])
            value, count = one_step(
                network, np.int64(1), y, data, begin + start, loss, work, factor, params, bool(0)
            )
            if not math.isfinite(value):
                break
            losses[done, 0], losses[done, 1] = value, count
            for n in range(batch):
                for j in range(m):
                    D[start + n, j] = -factor * dy[n, j]
            done += 1
        if done * batch < first + len(tile):
            break
    taken = D[: done * batch]
    W -= np.dot(x[: done * batch].T, taken)
    for n in range(len(taken)):
        for j in range(len(bias)):
            bias[j] -= taken[n, j]
    return done


@inlined
def descend_in_blocks(network, data, loss, batch, rates, work, losses):
    """Steps of plain gradient descent in blocks of examples; returns how many were taken."""
    length, done = max(BLOCK, 4 * batch) // batch, 0
    for first in range(0, len(rates), length):
        steps = min(length, len(rates) - first)
        x = next_rows(data, first * batch, (first + steps) * batch, work[0])
        here = slice(first, first + steps)
        taken = one_block(
            network, data, first * batch, x, loss, batch, rates[here], work, losses[here]
        )
        done += taken
        if taken < steps:
            break
    return done


@inlined
def train_by_rule(network, grads, data, loss, batch, rates, work, losses, rule, steps):
    """Steps of an optimizer, which has taken `steps` before; returns how many were taken."""
    code, options, squares, moving = rule
    params, done = network[2], 0
    fresh = code != DESCENT
    for start in range(0, len(rates) * batch, batch):
        x = next_rows(data, start, start + batch, work[0])
        into, factor = (grads, 1.0) if fresh else (params, -rates[done])
        value, count = one_step(
            network, np.int64(0), x, data, start, loss, work, x.dtype.type(factor), into, fresh
        )
        if not math.isfinite(value):
            break
        losses[done, 0], losses[done, 1] = value, count
        if fresh and code != GRADIENT:
            clip(options, grads)
            update(code, options, params, grads, squares, moving, rates[done], steps + done + 1)
        done += 1
    return done


@kept
def take_steps(network, grads, data, loss, batch, rates, work, losses, rule, steps):
    """Steps of an optimizer, in place; returns how many were taken.

    They end before a step whose loss is not finite. A row of `losses` is that of a step, and how
    much it counts. `rule` is the code of an optimizer, its options and its memory. DESCENT is plain
    gradient descent, θ ← θ − η ∇L, BLOCKS the same in blocks, and GRADIENT leaves the update to the
    caller.
    """
    network, data, work = all_borrowed(network, data, work)
    table, params = network[0], network[2]
    if rule[0] == BLOCKS:
        turn(table[1:], params, bool(0))
        done = descend_in_blocks(network, data, loss, batch, rates, work, losses)
        turn(table[1:], params, bool(1))
        return done
    for vector in (params, rule[2], rule[3]):
        turn(table, vector, bool(0))
    done = train_by_rule(network, grads, data, loss, batch, rates, work, losses, rule, steps)
    for vector in (params, rule[2], rule[3]):
        turn(table, vector, bool(1))
    if rule[0] != DESCENT:
        turn(table, grads, bool(1))
    return done
