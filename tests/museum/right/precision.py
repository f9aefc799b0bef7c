"""Tiny, huge and saturated numbers, and single precision."""

import numpy as np
from scipy.special import expit

from tinynet import Dense, Layer, Sequential, Sigmoid

from ..inputs import READ_ONLY
from ..plain.layers import Affine, LayerNorm, Softmax
from ..tables import right, right_net

rng = np.random.default_rng(0)
SINGLE = READ_ONLY.astype(np.float32)


@right(input_shape=(4, 3))
@right(x=np.array([[40.0, -40.0, 700.0], [-700.0, 36.0, 20.0]]), name="Logistic saturated")
@right(x=np.full((3, 2), 1e-9), name="Logistic near zero")
class Logistic(Layer):
    """1 / (1 + e^−x) in a private buffer, computed in place."""

    def forward(self, x):
        y = np.negative(x)
        self._y = expit(np.negative(y, out=y), out=y)
        return self._y

    def backward(self, dy):
        slope = 1 - self._y
        slope *= self._y
        slope *= dy
        return slope


@right(1e-12, input_shape=(4, 3), name="Scaled by 1e-12")
@right(1e12, input_shape=(4, 3), name="Scaled by 1e12")
@right(1.0, x=np.random.default_rng(0).normal(size=(4, 3)) * 1e-8, name="Sine of tiny numbers")
@right(1e-3, x=np.random.default_rng(0).normal(size=(4, 3)) * 1e5, name="Small sine of large ones")
class ScaledSine(Layer):
    """sin x plus x, times a constant."""

    def __init__(self, scale):
        self.scale = scale

    def forward(self, x):
        self._x = x
        return self.scale * (np.sin(x) + x)

    def backward(self, dy):
        return dy * self.scale * (np.cos(self._x) + 1)


@right(input_shape=(1, 3), name="Affine on one example")
@right(1, 1, input_shape=(1, 1), name="Affine of one weight")
@right(3, 1, input_shape=(4, 3), name="Affine to one unit")
@right(x=1e-6 * rng.normal(size=(4, 3)), name="Affine on tiny numbers")
@right(x=1e6 * rng.normal(size=(4, 3)), name="Affine on large numbers")
@right(x=np.zeros((4, 3)), name="Affine on zeros")
class Same(Affine):
    """y = x W + b."""


@right(3, x=np.ones((2, 3)), name="LayerNorm of equal numbers")
@right(3, x=np.random.default_rng(0).normal(size=(4, 3)) + 1e3, name="LayerNorm far from zero")
@right(3, x=np.random.default_rng(0).normal(size=(4, 3)) * 1e-4, name="LayerNorm of small numbers")
@right(1, input_shape=(4, 1), name="LayerNorm of one feature")
class Normal(LayerNorm):
    """(x − mean) / deviation."""


@right_net("Single-precision network", input_shape=(4, 3))
@right_net("Single-precision network on its own kind", x=SINGLE)
@right_net("Network on read-only numbers", x=READ_ONLY)
@right_net("Network on every other row", x=np.repeat(READ_ONLY, 2, axis=0)[::2])
@right_net("Network on columns", x=np.asfortranarray(READ_ONLY))
def single():
    return Sequential(Dense(3, 4, rng=0), Sigmoid(), Dense(4, 2, rng=1), dtype=np.float32)


@right_net("Saturated network", x=100 * READ_ONLY)
def saturated():
    return Sequential(Affine(3, 4), Sigmoid(), Affine(4, 4), Softmax())
