"""backward is not linear in dy."""

import numpy as np

from tinynet import Layer

from ..plain.layers import Affine, Tanh
from ..tables import wrong


@wrong("linear", hint="depend", input_shape=(4, 3))
class IgnoresUpstream(Layer):
    """Returns its slope, whatever dy is."""

    def forward(self, x):
        self._y = np.tanh(x)
        return self._y

    def backward(self, dy):
        return 1 - self._y**2


@wrong("linear", input_shape=(4, 3))
class SquaresUpstream(Layer):
    """dy enters twice."""

    def forward(self, x):
        self._y = np.tanh(x)
        return self._y

    def backward(self, dy):
        return dy * dy * (1 - self._y**2)


@wrong("linear", input_shape=(4, 3))
class MasksByUpstream(Layer):
    """Guided ReLU: negative dy are dropped, a picture's trick and not the gradient."""

    def forward(self, x):
        self._x = x
        return np.maximum(x, 0)

    def backward(self, dy):
        return dy * (self._x > 0) * (dy > 0)


@wrong("linear", input_shape=(4, 3))
class Clipped(Affine):
    """dx is clipped to ±1, so it is no longer proportional to dy."""

    def backward(self, dy):
        return np.clip(super().backward(dy), -1, 1)


@wrong("overwrite", "linear", input_shape=(4, 3))
class KeepsTheOldForZero(Affine):
    """Nothing is written where dy is zero, so an older gradient stays."""

    def backward(self, dy):
        if not dy.any():
            return np.zeros_like(self._x)
        return super().backward(dy)


@wrong("linear", "overwrite", input_shape=(4, 3))
class DecayInside(Affine):
    """dW has weight decay mixed in, so it is not zero for dy = 0."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW += 0.01 * self.W
        return dx


@wrong("backward_twice", "linear", input_shape=(4, 3))
class NormalisesUpstream(Tanh):
    """backward divides dy by a running mean of its size."""

    def __init__(self):
        self.size = 1.0

    def backward(self, dy):
        self.size = 0.9 * self.size + 0.1 * float(np.abs(dy).max(initial=0))
        return super().backward(dy) / self.size
