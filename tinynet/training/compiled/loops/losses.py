"""The losses as compiled loops.

Rows of y are examples. The loops add in another order than NumPy, so results are equal to rounding.
"""

import math

import numpy as np

from tinynet.training.compiled.codes import BCE, BCE_LOGITS, CROSS_ENTROPY, HUBER, KL_DIV, L1, MSE
from tinynet.training.compiled.loops.compile import compiled
from tinynet.training.compiled.loops.exponential import exponentials

SMALLEST = 1e-12  # as in `BCELoss`


@compiled
def loss_of(loss, y, t, labels, dy):
    """The loss, a mean, how much it counts in an epoch, and its gradient dy.

    `loss` is its code, its constant, and its class weights. Where it has no value, because outputs
    or labels are not what it takes, the result is NaN.
    """
    code, constant, weights = loss
    examples, outputs = y.shape
    if code == CROSS_ENTROPY:
        return cross_entropy(constant, weights, y, t, labels, dy)
    size = y.dtype.type(examples if code == KL_DIV else examples * outputs)
    one, constant = y.dtype.type(1), y.dtype.type(constant)
    total = 0.0
    for n in range(examples):
        for j in range(outputs):
            v, q = y[n, j], t[n, j]
            d = v - q
            if code == MSE:
                total += d * d
                dy[n, j] = d * (2 / size)
            elif code == L1:
                total += abs(d)
                dy[n, j] = np.sign(d) / size
            elif code == HUBER:
                c = d if abs(d) <= constant or d != d else constant * np.sign(d)
                total += c * (d - c / 2)
                dy[n, j] = c / size
            elif code == BCE:
                if not 0 <= v <= 1:
                    return math.nan, 0.0
                p, rest = max(v, SMALLEST), max(one - v, SMALLEST)
                total -= q * (np.log(p) + (v / p - 1))
                total -= (1 - q) * (np.log(rest) + ((one - v) / rest - 1))
                dy[n, j] = ((one - q) / rest - q / p) / size
            elif code == BCE_LOGITS:
                total += max(v, 0) - q * v + np.log1p(np.exp(-abs(v)))
                dy[n, j] = (one / (one + np.exp(-v)) - q) / size
            else:
                if not v <= constant:
                    return math.nan, 0.0
                if q:
                    total += q * (np.log(q) - v)
                dy[n, j] = -q / size
    return total / size, float(examples)


@compiled
def cross_entropy(smoothing, weights, y, t, labels, dy):
    """−mean of Σ q log p, where q are the rows of t, or 1 at a label; a label of −1 is left out."""
    examples, classes = y.shape
    number = y.dtype.type
    for n in range(examples):
        largest = y[n].max()
        for j in range(classes):
            dy[n, j] = y[n, j] - largest
    z = dy.copy()
    exponentials(number(1), dy, dy)
    total = count = 0.0
    for n in range(examples):
        label = labels[n] if len(labels) else 0
        if not -1 <= label < classes:
            return math.nan, 0.0
        if len(labels) == 0:
            count += 1
        elif label >= 0:
            count += weights[label] if len(weights) else 1
        mass = t[n].sum() if len(labels) == 0 else number(label >= 0)
        sum_of, sum_of_q = dy[n].sum(), number(0)
        log_sum = np.log(sum_of)
        for j in range(classes):
            q = t[n, j] if len(labels) == 0 else number(j == label)
            if smoothing:
                q = number(1 - smoothing) * q + number(smoothing) * mass / number(classes)
            if len(weights):
                q *= weights[j]
            if q:
                total += q * (log_sum - z[n, j])
            sum_of_q += q
            z[n, j] = q
        for j in range(classes):
            dy[n, j] = dy[n, j] / sum_of * sum_of_q - z[n, j]
    divisor = count if count else 1.0
    for n in range(examples):
        for j in range(classes):
            dy[n, j] /= number(divisor)
    return total / divisor, count
