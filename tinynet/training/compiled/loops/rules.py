"""The updates of the optimizers as compiled loops, one pass over the parameters each."""

import math

import numpy as np

from tinynet.training.compiled.codes import ADAM, ADAMW, RMSPROP, SGD
from tinynet.training.compiled.loops.compile import compiled

TINY, WIDE_TINY = (float(np.finfo(kind).tiny) for kind in (np.float32, np.float64))

# places in the options of a rule
CLIP_VALUE, CLIP_NORM, DECAY, MOMENTUM, NESTEROV, BETA1, BETA2, EPS, ALPHA = range(9)


@compiled
def clip(options, grads):
    """Bring the gradient within the bounds; a bound of 0 is none."""
    if options[CLIP_VALUE]:
        bound = grads.dtype.type(options[CLIP_VALUE])
        for i in range(len(grads)):
            grads[i] = min(max(grads[i], -bound), bound)
    if options[CLIP_NORM]:
        largest, squares = 0.0, 0.0
        for i in range(len(grads)):
            largest = max(largest, abs(grads[i]))
        if not 0 < largest < math.inf:
            return
        for i in range(len(grads)):
            squares += (grads[i] / largest) ** 2
        norm = largest * math.sqrt(squares)
        if norm > options[CLIP_NORM]:
            factor = grads.dtype.type(options[CLIP_NORM] / norm)
            for i in range(len(grads)):
                grads[i] *= factor


@compiled
def without_subnormal(v, tiny):
    """v, or 0 if it is so small that a processor takes a hundred times longer for it.

    A mean whose gradients have become 0 would otherwise shrink to such a number and stay there.
    """
    return v - v if abs(v) < tiny else v


@compiled
def update(rule, options, params, grads, squares, moving, rate, step):
    """Overwrite the parameters; step counts from 1. The equations are those of each optimizer.

    `squares` is its mean of squares; `moving` the velocity, or Adam's mean.
    """
    number = params.dtype.type
    tiny = number(TINY if params.itemsize == 4 else WIDE_TINY)
    eta, decay, mu = number(rate), number(options[DECAY]), number(options[MOMENTUM])
    if rule == SGD:
        for i in range(len(params)):
            g = grads[i] + decay * params[i]
            if options[MOMENTUM]:
                moving[i] = without_subnormal(mu * moving[i] + g, tiny)
                g = g + mu * moving[i] if options[NESTEROV] else moving[i]
            params[i] -= eta * g
    elif rule in (ADAM, ADAMW):
        beta1, beta2 = number(options[BETA1]), number(options[BETA2])
        rest1, rest2 = number(1 - options[BETA1]), number(1 - options[BETA2])
        root = math.sqrt(1 - options[BETA2] ** step)
        eps, eta = number(options[EPS] * root), number(rate * root / (1 - options[BETA1] ** step))
        shrink = number(1 - rate * options[DECAY])
        for i in range(len(params)):
            p, g = params[i], grads[i]
            if rule == ADAMW:
                p *= shrink
            else:
                g += decay * p
            moving[i] = without_subnormal(beta1 * moving[i] + rest1 * g, tiny)
            squares[i] = without_subnormal(beta2 * squares[i] + rest2 * (g * g), tiny)
            params[i] = p - eta * (moving[i] / (np.sqrt(squares[i]) + eps))
    else:
        alpha, rest, eps = number(options[ALPHA]), number(1 - options[ALPHA]), number(options[EPS])
        for i in range(len(params)):
            g = grads[i] + decay * params[i]
            if rule == RMSPROP:
                squares[i] = without_subnormal(alpha * squares[i] + rest * (g * g), tiny)
            else:
                squares[i] += g * g
            move = g / (np.sqrt(squares[i]) + eps)
            if options[MOMENTUM]:
                moving[i] = without_subnormal(mu * moving[i] + move, tiny)
                move = moving[i]
            params[i] -= eta * move
