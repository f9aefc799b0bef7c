"""The equations of layers as compiled loops.

Rows of x are examples. The loops add in another order than NumPy, so results are equal to rounding.
"""

import math

import numpy as np

from tinynet.training.compiled.codes import (
    ELU,
    GELU,
    LEAKY,
    MISH,
    RELU,
    SIGMOID,
    SILU,
    SOFTPLUS,
    TANH,
)
from tinynet.training.compiled.loops.compile import compiled
from tinynet.training.compiled.loops.exponential import exponentials, tanh

SLOPE, CUBIC = math.sqrt(2 / math.pi), 0.044715  # of the GELU by tanh
MANY = 16  # examples from which a product of matrices goes to BLAS, unless it is
SMALL = 2**11  # of no more multiplications
LARGE = 2**21  # multiplications from which it always does so


@compiled
def is_large(examples, W):
    """Whether BLAS multiplies so many rows with W faster than a loop."""
    multiplications = examples * W.size
    if examples >= MANY:
        return multiplications > SMALL
    return examples > 1 and multiplications >= LARGE


@compiled
def product(x, W, y):
    """y = x W."""
    if is_large(len(x), W):
        np.dot(x, W, y)
        return
    y[:] = 0
    for n in range(len(x)):
        add_product(x[n], W, y[n])


@compiled
def add_product(x, W, y):
    """y += x W for one example."""
    inputs, outputs = W.shape
    for i in range(0, inputs - 3, 4):  # four rows of W at a time, so y is read less often
        p, q, r, s = x[i], x[i + 1], x[i + 2], x[i + 3]
        for j in range(outputs):
            y[j] += p * W[i, j] + q * W[i + 1, j] + r * W[i + 2, j] + s * W[i + 3, j]
    for i in range(inputs - inputs % 4, inputs):
        for j in range(outputs):
            y[j] += x[i] * W[i, j]


@compiled
def product_transposed(x, W, y):
    """y = x Wᵀ."""
    if is_large(len(x), W):
        np.dot(x, W.T, y)
        return
    for n in range(len(x)):
        for i in range(len(W)):
            total = x.dtype.type(0)
            for j in range(W.shape[1]):
                total += x[n, j] * W[i, j]
            y[n, i] = total


@compiled
def add_outer(fresh, x, dy, W):
    """W += xᵀ dy; if W is fresh, = takes the place of +=."""
    examples, outputs = dy.shape
    if is_large(examples, W):
        if fresh:
            np.dot(x.T, dy, W)
        else:
            W += np.dot(x.T, dy)
        return
    if fresh:
        W[:] = 0
    for i in range(len(W)):
        for n in range(0, examples - 3, 4):
            p, q, r, s = x[n, i], x[n + 1, i], x[n + 2, i], x[n + 3, i]
            for j in range(outputs):
                W[i, j] += p * dy[n, j] + q * dy[n + 1, j] + r * dy[n + 2, j] + s * dy[n + 3, j]
        for n in range(examples - examples % 4, examples):
            for j in range(outputs):
                W[i, j] += x[n, i] * dy[n, j]


@compiled
def add_bias(b, y):
    """y += b; b is empty if there is none."""
    for n in range(len(y)):
        for j in range(len(b)):
            y[n, j] += b[j]


@compiled
def dense(narrow, x, W, b, y):
    """y = x W + b, where W is transposed if the layer is narrow; b is empty if there is none."""
    if narrow:
        product_transposed(x, W, y)
    else:
        product(x, W, y)
    add_bias(b, y)


@compiled
def dense_inputs(narrow, dy, W, dx):
    """dx = dy Wᵀ."""
    if narrow:
        product(dy, W, dx)
    else:
        product_transposed(dy, W, dx)


@compiled
def add_dense(narrow, fresh, x, dy, factor, W, b):
    """W += factor xᵀ dy and b += factor Σ dy, or = if they are fresh; dy becomes factor dy."""
    if fresh:
        b[:] = 0
    for n in range(len(dy)):
        for j in range(dy.shape[1]):
            dy[n, j] *= factor
        for j in range(len(b)):
            b[j] += dy[n, j]
    if narrow:
        add_outer(fresh, dy, x, W)
    else:
        add_outer(fresh, x, dy, W)


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
def relu(x, y):
    """y = max(x, 0); NaN stays NaN."""
    zero = x.dtype.type(0)
    for n in range(x.shape[0]):
        for j in range(x.shape[1]):
            v = x[n, j]
            y[n, j] = zero if v <= zero else v


@compiled
def relu_inputs(y, dy, dx):
    """dx = dy where y > 0; dx may be dy."""
    zero = y.dtype.type(0)
    for n in range(y.shape[0]):
        for j in range(y.shape[1]):
            d = dy[n, j]
            dx[n, j] = d if y[n, j] > zero else d * zero


@compiled
def activation(code, constant, x, y):
    """y of an activation, which computes each element by itself."""
    one = x.dtype.type(1)
    a = x.dtype.type(constant)
    if code == TANH:
        tanh(x, y)
        return
    if code == RELU:
        relu(x, y)
        return
    if code == SIGMOID:
        exponentials(-one, x, y)
    for n in range(x.shape[0]):
        for j in range(x.shape[1]):
            v = x[n, j]
            if code == SIGMOID:
                y[n, j] = one / (one + y[n, j])
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
    if code == RELU:
        relu_inputs(y, dy, dx)
        return
    one = x.dtype.type(1)
    a = x.dtype.type(constant)
    for n in range(x.shape[0]):
        for j in range(x.shape[1]):
            v, u = x[n, j], y[n, j]
            if code == SIGMOID:
                slope = u - u * u
            elif code == TANH:
                slope = one - u * u
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
        for j in range(x.shape[1]):
            y[n, j] = x[n, j] - largest
    one, z = x.dtype.type(1), y.copy() if log else y
    exponentials(one, y, y)
    for n in range(x.shape[0]):
        total = y[n].sum()
        for j in range(x.shape[1]):
            y[n, j] = z[n, j] - np.log(total) if log else y[n, j] / total


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
def prelu(slopes, x, y):
    """y = x for x > 0, else a x, with one slope a for each feature, or one for all."""
    for n in range(x.shape[0]):
        for j in range(x.shape[1]):
            v = x[n, j]
            y[n, j] = v if v > 0 else slopes[j if len(slopes) > 1 else 0] * v


@compiled
def prelu_inputs(slopes, x, dy, dx, factor, into):
    """dx of a PReLU, and factor times the gradients of its slopes; dx may be dy."""
    changes = np.zeros(len(slopes), x.dtype)  # `into` may be what `slopes` is
    for n in range(x.shape[0]):
        for j in range(x.shape[1]):
            place = j if len(slopes) > 1 else 0
            v, d = x[n, j], dy[n, j]
            if v > 0:
                dx[n, j] = d
            else:
                changes[place] += d * v
                dx[n, j] = slopes[place] * d
    for place in range(len(into)):
        into[place] += factor * changes[place]


@compiled
def normalize(affine, x, y):
    """y = (x − mean) scale + bias, which are the three parts of `affine`."""
    features = x.shape[1]
    for n in range(x.shape[0]):
        for j in range(features):
            scale, bias = affine[features + j], affine[2 * features + j]
            y[n, j] = (x[n, j] - affine[j]) * scale + bias


@compiled
def normalize_inputs(affine, dy, dx):
    """dx = dy scale."""
    features = dy.shape[1]
    for n in range(dy.shape[0]):
        for j in range(features):
            dx[n, j] = dy[n, j] * affine[features + j]


@compiled
def dropout(rate, draws, x, y, mask):
    """y = x m / (1 − rate), where an element is kept if its draw from [0, 1) is at least rate."""
    examples, features = x.shape
    scale, rate = x.dtype.type(1 / (1 - rate)), draws.dtype.type(rate)
    for n in range(examples):
        for j in range(features):
            mask[n, j] = scale if draws[n * features + j] >= rate else 0
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
    for j in range(len(into) // 2):  # it may be what `affine` is
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
    for j in range(len(into)):
        into[j] += factor * changes[j]


@compiled
def join(both, x, other, y):
    """y = x, and with `both` y = x + other."""
    for n in range(len(x)):
        for j in range(x.shape[1]):
            y[n, j] = x[n, j] + other[n, j] if both else x[n, j]


@compiled
def negate(constant, G):
    """G ← −(G + constant)."""
    for n in range(len(G)):
        for j in range(G.shape[1]):
            G[n, j] = -(G[n, j] + constant)
