"""The steps of training as compiled loops: the equations of the layers, for a table of layers.

A network is not compiled by itself. Its table has a row for each layer (what it is, how wide, where
its parameters begin), and these functions walk it. So they are compiled once, for each float type,
and kept on the disk. Rows of x are examples; `outputs` holds the outputs of all layers one after
another, and `gradients` the gradients of these.

The loops add in another order than NumPy, so results are equal to rounding. Nothing assumes that
numbers are finite.
"""

import math

import numpy as np

from tinynet.training.compiled.compile import compiled
from tinynet.training.compiled.rules import clip, update

# of the columns of the table, which `program` describes
OUTPUTS, PLACE = 2, 5

# layers
DENSE, SIGMOID, TANH, RELU, LEAKY, ELU, SILU, SOFTPLUS, SOFTMAX, LOG_SOFTMAX = range(10)
GELU, GELU_BY_TANH, MISH, DROPOUT, BATCH_NORM, LAYER_NORM = range(10, 16)

# losses
MSE, L1, HUBER, BCE_LOGITS, CROSS_ENTROPY = range(5)

SLOPE, CUBIC = math.sqrt(2 / math.pi), 0.044715  # of the GELU by tanh
BLOCK = 64  # examples in a block
ALONE = 16  # examples from which a product of matrices goes to BLAS


@compiled
def dense(x, W, b, y):
    """y = x W + b; b is empty if there is none."""
    examples, inputs = x.shape
    outputs = W.shape[1]
    if examples >= ALONE:
        np.dot(x, W, y)
        for n in range(examples):
            for j in range(len(b)):
                y[n, j] += b[j]
        return
    for n in range(examples):
        for j in range(outputs):
            y[n, j] = b[j] if len(b) else 0
        for i in range(0, inputs - 3, 4):  # four rows of W at a time, so y is read less often
            p, q, r, s = x[n, i], x[n, i + 1], x[n, i + 2], x[n, i + 3]
            for j in range(outputs):
                y[n, j] += p * W[i, j] + q * W[i + 1, j] + r * W[i + 2, j] + s * W[i + 3, j]
        for i in range(inputs - inputs % 4, inputs):
            for j in range(outputs):
                y[n, j] += x[n, i] * W[i, j]


@compiled
def dense_inputs(dy, W, dx):
    """dx = dy Wᵀ."""
    examples, outputs = dy.shape
    if examples >= ALONE:
        np.dot(dy, W.T, dx)
        return
    for n in range(examples):
        for i in range(W.shape[0]):
            total = dy[n, 0] * W[i, 0]
            for j in range(1, outputs):
                total += dy[n, j] * W[i, j]
            dx[n, i] = total


@compiled
def add_dense(x, dy, factor, W, b):
    """W += factor xᵀ dy and b += factor Σ dy; dy becomes factor dy."""
    examples, inputs = x.shape
    outputs = dy.shape[1]
    for n in range(examples):
        for j in range(outputs):
            dy[n, j] *= factor
        for j in range(len(b)):
            b[j] += dy[n, j]
    if examples >= ALONE:
        W += np.dot(x.T, dy)
        return
    for i in range(inputs):
        for n in range(0, examples - 3, 4):
            p, q, r, s = x[n, i], x[n + 1, i], x[n + 2, i], x[n + 3, i]
            for j in range(outputs):
                W[i, j] += p * dy[n, j] + q * dy[n + 1, j] + r * dy[n + 2, j] + s * dy[n + 3, j]
        for n in range(examples - examples % 4, examples):
            for j in range(outputs):
                W[i, j] += x[n, i] * dy[n, j]


@compiled
def softplus(v):
    """log(1 + eᵛ)."""
    return max(v, 0) + np.log1p(np.exp(-abs(v)))


@compiled
def normal(code, v):
    """Φ(v) of a GELU, or what its form with tanh takes for it."""
    if code == GELU:
        return 0.5 * math.erfc(-v * math.sqrt(0.5))
    c = min(max(v, -10), 10)
    return 1 / (1 + math.exp(-2 * SLOPE * c * (1 + CUBIC * c * c)))


@compiled
def normal_density(code, v):
    """The slope of `normal`."""
    if code == GELU:
        return math.exp(-0.5 * v * v) / math.sqrt(2 * math.pi)
    c, p = min(max(v, -10), 10), normal(code, v)
    return 2 * p * (1 - p) * SLOPE * (1 + 3 * CUBIC * c * c)


@compiled
def activation(code, constant, x, y):
    """y of an activation, which computes each element by itself."""
    one = x.dtype.type(1)
    a = x.dtype.type(constant)
    for n in range(x.shape[0]):
        for j in range(x.shape[1]):
            v = x[n, j]
            if code == SIGMOID:
                y[n, j] = one / (one + np.exp(-v))
            elif code == TANH:
                y[n, j] = np.tanh(v)
            elif code == RELU:
                y[n, j] = v if v > 0 or v != v else 0
            elif code == LEAKY:
                y[n, j] = v if v > 0 else a * v
            elif code == ELU:
                y[n, j] = v if v > 0 else a * np.expm1(v)
            elif code == SILU:
                y[n, j] = v / (one + np.exp(-v))
            elif code == SOFTPLUS:
                y[n, j] = softplus(v)
            elif code == MISH:
                y[n, j] = v * np.tanh(softplus(v))
            else:
                y[n, j] = v * normal(code, v)


@compiled
def activation_inputs(code, constant, x, y, dy, dx):
    """dx of an activation; dx may be dy."""
    one = x.dtype.type(1)
    a = x.dtype.type(constant)
    for n in range(x.shape[0]):
        for j in range(x.shape[1]):
            v, u = x[n, j], y[n, j]
            if code == SIGMOID:
                slope = u - u * u
            elif code == TANH:
                slope = one - u * u
            elif code == RELU:
                slope = one if v > 0 else one - one
            elif code == LEAKY:
                slope = one if v > 0 else a
            elif code == ELU:
                slope = one if v > 0 else u + a
            elif code == SILU:
                s = one / (one + np.exp(-v))
                slope = s * (one + v * (one - s))
            elif code == SOFTPLUS:
                slope = one / (one + np.exp(-v))
            elif code == MISH:
                s = np.tanh(softplus(v))
                slope = s + v / (one + np.exp(-v)) * (one - s * s)
            else:
                slope = normal(code, v) + v * normal_density(code, v)
            dx[n, j] = dy[n, j] * slope


@compiled
def softmax(log, x, y):
    """y = eˣ / Σ eˣ along each row, or its logarithm."""
    for n in range(x.shape[0]):
        largest = x[n].max()
        total = x.dtype.type(0)
        for j in range(x.shape[1]):
            total += np.exp(x[n, j] - largest)
        for j in range(x.shape[1]):
            z = x[n, j] - largest
            y[n, j] = z - np.log(total) if log else np.exp(z) / total


@compiled
def softmax_inputs(log, y, dy, dx):
    """dx = y (dy − Σ dy y), or dy − e^y Σ dy for the logarithm; dx may be dy."""
    for n in range(y.shape[0]):
        total = y.dtype.type(0)
        for j in range(y.shape[1]):
            total += dy[n, j] if log else dy[n, j] * y[n, j]
        for j in range(y.shape[1]):
            dx[n, j] = dy[n, j] - np.exp(y[n, j]) * total if log else y[n, j] * (dy[n, j] - total)


@compiled
def dropout(rate, generator, x, y, mask):
    """y = x m / (1 − rate), with the draws that `Dropout` makes."""
    scale = x.dtype.type(1 / (1 - rate))
    for n in range(x.shape[0]):
        for j in range(x.shape[1]):
            mask[n, j] = scale if generator.random(dtype=np.float32) >= rate else 0
    for n in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[n, j] = x[n, j] * mask[n, j]


@compiled
def batch_norm(x, affine, statistics, eps, momentum, y, normalized, deviations):
    """y = gain x̂ + bias, and the running statistics moved towards the batch."""
    examples, features = x.shape
    number = x.dtype.type
    totals, squares = np.zeros(features), np.zeros(features)
    for n in range(examples):
        for j in range(features):
            totals[j] += x[n, j]
    for n in range(examples):
        for j in range(features):
            normalized[n, j] = x[n, j] - number(totals[j] / examples)
            squares[j] += normalized[n, j] * normalized[n, j]
    unbiased = number(examples / (examples - 1))
    for j in range(features):
        mean, variance = number(totals[j] / examples), number(squares[j] / examples)
        place = features + j
        deviations[j] = np.sqrt(variance + number(eps))
        statistics[j] += number(momentum) * (mean - statistics[j])
        statistics[place] += number(momentum) * (unbiased * variance - statistics[place])
    for n in range(examples):
        for j in range(features):
            normalized[n, j] /= deviations[j]
            y[n, j] = affine[j] * normalized[n, j] + affine[features + j]


@compiled
def batch_norm_inputs(affine, normalized, deviations, dy, dx, factor, into):
    """dx of a BatchNorm, and factor times the gradients of its gain and bias; dx may be dy."""
    examples, features = dy.shape
    count = dy.dtype.type(examples)
    dgain, dbias = np.zeros(features, dy.dtype), np.zeros(features, dy.dtype)
    for n in range(examples):
        for j in range(features):
            dgain[j] += dy[n, j] * normalized[n, j]
            dbias[j] += dy[n, j]
    for n in range(examples):
        for j in range(features):
            spread = normalized[n, j] * (dgain[j] / count)
            dx[n, j] = (dy[n, j] - dbias[j] / count - spread) * (affine[j] / deviations[j])
    for j in range(features):  # `into` may be what `affine` is
        into[j] += factor * dgain[j]
        into[features + j] += factor * dbias[j]


@compiled
def layer_norm(x, affine, eps, y, normalized, deviations):
    """y = gain x̂ + bias, where each example is normalized by itself."""
    examples, features = x.shape
    number = x.dtype.type
    for n in range(examples):
        total = 0.0
        for j in range(features):
            total += x[n, j]
        mean, squares = number(total / features), number(0)
        for j in range(features):
            normalized[n, j] = x[n, j] - mean
            squares += normalized[n, j] * normalized[n, j]
        deviations[n] = np.sqrt(squares / number(features) + number(eps))
        for j in range(features):
            normalized[n, j] /= deviations[n]
            y[n, j] = affine[j] * normalized[n, j] + affine[features + j]


@compiled
def layer_norm_inputs(affine, normalized, deviations, dy, dx, factor, into):
    """dx of a LayerNorm, and factor times the gradients of its gain and bias; dx may be dy."""
    examples, features = dy.shape
    count = dy.dtype.type(features)
    changes = np.zeros(2 * features, dy.dtype)  # `into` may be what `affine` is
    for n in range(examples):
        mean = slope = dy.dtype.type(0)
        for j in range(features):
            g = dy[n, j] * affine[j]
            mean += g
            slope += g * normalized[n, j]
        for j in range(features):
            d = dy[n, j]
            changes[j] += d * normalized[n, j]
            changes[features + j] += d
            spread = normalized[n, j] * (slope / count)
            dx[n, j] = (d * affine[j] - mean / count - spread) / deviations[n]
    for j in range(2 * features):
        into[j] += factor * changes[j]


@compiled
def loss_of(code, constant, y, t, labels, dy):
    """The loss, a mean, and its gradient dy."""
    examples, outputs = y.shape
    total = 0.0
    if code == CROSS_ENTROPY:
        return cross_entropy(constant, y, labels, dy)
    size = y.dtype.type(examples * outputs)
    one, delta = y.dtype.type(1), y.dtype.type(constant)
    for n in range(examples):
        for j in range(outputs):
            d = y[n, j] - t[n, j]
            if code == MSE:
                total += d * d
                dy[n, j] = d * (2 / size)
            elif code == L1:
                total += abs(d)
                dy[n, j] = np.sign(d) / size
            elif code == HUBER:
                c = d if abs(d) <= delta or d != d else delta * np.sign(d)
                total += c * (d - c / 2)
                dy[n, j] = c / size
            else:
                v = y[n, j]
                total += max(v, 0) - t[n, j] * v + np.log1p(np.exp(-abs(v)))
                dy[n, j] = (one / (one + np.exp(-v)) - t[n, j]) / size
    return total / (examples * outputs)


@compiled
def cross_entropy(smoothing, y, labels, dy):
    """−mean log p of the right class, with label smoothing; dy = (p − q) / N."""
    examples, classes = y.shape
    count = y.dtype.type(examples)
    rest = y.dtype.type(smoothing / classes)
    right = y.dtype.type(1 - smoothing) + rest
    total = 0.0
    for n in range(examples):
        largest = y[n].max()
        sum_of = y.dtype.type(0)
        for j in range(classes):
            dy[n, j] = np.exp(y[n, j] - largest)
            sum_of += dy[n, j]
        log_sum = np.log(sum_of)
        for j in range(classes):
            q = right if j == labels[n] else rest
            if q > 0:
                total += q * (log_sum - (y[n, j] - largest))
            dy[n, j] = (dy[n, j] / sum_of - q) / count
    return total / examples


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
def forward(table, constants, params, memory, first, h, outputs):
    """Fill `outputs` from row `first` on, whose input is h, and return those of the last layer."""
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
def backward(table, constants, params, memory, first, x, outputs, gradients, factor, into):
    """Lead the gradient of the last outputs back to row `first`, and add factor ∇L to `into`.

    Where rows are left, `gradients` then holds that of the output before them. With `into` the
    parameters themselves and a negative factor, this is a step of gradient descent; a layer's W is
    read before it is changed.
    """
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
def descend(
    table,
    constants,
    params,
    memory,
    x,
    t,
    labels,
    loss,
    loss_constant,
    batch,
    rates,
    outputs,
    gradients,
    losses,
):
    """Steps of plain gradient descent, θ ← θ − η ∇L, in place; returns how many were taken.

    It ends before a step whose loss is not finite.
    """
    dy = last_of(table, batch, gradients)
    for step in range(len(rates)):
        rows = slice(step * batch, (step + 1) * batch)
        y = forward(table, constants, params, memory, 0, x[rows], outputs)
        losses[step] = loss_of(loss, loss_constant, y, t[rows], labels[rows], dy)
        if not math.isfinite(losses[step]):
            return step
        factor = -params.dtype.type(rates[step])
        backward(table, constants, params, memory, 0, x[rows], outputs, gradients, factor, params)
    return len(rates)


@compiled
def one_block(
    table,
    constants,
    params,
    memory,
    x,
    t,
    labels,
    loss,
    loss_constant,
    batch,
    rates,
    outputs,
    gradients,
    losses,
):
    """The same steps, with the first W read and written once for all of x.

    `tinynet.training.blocked_sgd` derives the equations: after batches X_j whose gradients at the
    first layer's output, times the rate, are D_j, that output is
    X_k W₀ + b₀ − Σ_j (X_k X_jᵀ + 1) D_j.
    """
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
        y = forward(table, constants, params, memory, 1, y, outputs)
        losses[step] = loss_of(loss, loss_constant, y, t[start:stop], labels[start:stop], dy)
        if not math.isfinite(losses[step]):
            done = step
            break
        factor = -params.dtype.type(rates[step])
        backward(
            table, constants, params, memory, 1, x[start:stop], outputs, gradients, factor, params
        )
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
def descend_in_blocks(
    table,
    constants,
    params,
    memory,
    x,
    t,
    labels,
    loss,
    loss_constant,
    batch,
    rates,
    outputs,
    gradients,
    losses,
):
    """The steps of `descend`, in blocks of examples."""
    length, done = BLOCK // batch, 0
    for first in range(0, len(rates), length):
        here = slice(first, min(first + length, len(rates)))
        rows = slice(here.start * batch, here.stop * batch)
        taken = one_block(
            table,
            constants,
            params,
            memory,
            x[rows],
            t[rows],
            labels[rows],
            loss,
            loss_constant,
            batch,
            rates[here],
            outputs,
            gradients,
            losses[here],
        )
        done += taken
        if taken < here.stop - here.start:
            break
    return done


@compiled
def train_by_rule(
    table,
    constants,
    params,
    memory,
    grads,
    x,
    t,
    labels,
    loss,
    loss_constant,
    batch,
    rates,
    outputs,
    gradients,
    losses,
    rule,
    options,
    squares,
    moving,
    steps,
):
    """Steps of an optimizer, which has taken `steps` before; returns how many were taken."""
    dy, one = last_of(table, batch, gradients), params.dtype.type(1)
    for step in range(len(rates)):
        rows = slice(step * batch, (step + 1) * batch)
        y = forward(table, constants, params, memory, 0, x[rows], outputs)
        losses[step] = loss_of(loss, loss_constant, y, t[rows], labels[rows], dy)
        if not math.isfinite(losses[step]):
            return step
        grads[:] = 0
        backward(table, constants, params, memory, 0, x[rows], outputs, gradients, one, grads)
        clip(options, grads)
        update(rule, options, params, grads, squares, moving, rates[step], steps + step + 1)
    return len(rates)


@compiled
def gradient(
    table, constants, params, memory, grads, x, t, labels, loss, loss_constant, outputs, gradients
):
    """The loss of one batch, and ∇L in grads, if it is finite."""
    dy = last_of(table, len(x), gradients)
    y = forward(table, constants, params, memory, 0, x, outputs)
    value = loss_of(loss, loss_constant, y, t, labels, dy)
    if math.isfinite(value):
        grads[:] = 0
        one = params.dtype.type(1)
        backward(table, constants, params, memory, 0, x, outputs, gradients, one, grads)
    return value
