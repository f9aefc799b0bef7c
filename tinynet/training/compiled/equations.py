"""The equations of layers and losses as compiled loops.

Rows of x are examples. The loops add in another order than NumPy, so results are equal to rounding.
"""

import math

import numpy as np

from tinynet.training.compiled.codes import (
    CROSS_ENTROPY,
    ELU,
    GELU,
    HUBER,
    L1,
    LEAKY,
    MISH,
    MSE,
    RELU,
    SIGMOID,
    SILU,
    SOFTPLUS,
    TANH,
)
from tinynet.training.compiled.compile import compiled

SLOPE, CUBIC = math.sqrt(2 / math.pi), 0.044715  # of the GELU by tanh
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
def loss_of(loss, y, t, labels, dy):
    """The loss, a mean, and its gradient dy; `loss` is its code and its constant."""
    code, constant = loss
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
