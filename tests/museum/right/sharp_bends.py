"""Slopes that change quickly, or have a corner themselves."""

import numpy as np

from tinynet import Layer

from ..inputs import KINKS
from ..plain.layers import LayerNorm, Softmax
from ..tables import right


@right(input_shape=(4, 3))
@right(**KINKS, name="SignedSquare given zeros")
class SignedSquare(Layer):
    """x |x|: the slope 2 |x| has a corner at 0, x |x| has none."""

    def forward(self, x):
        self._x = x
        return x * np.abs(x)

    def backward(self, dy):
        return dy * 2 * np.abs(self._x)


@right(input_shape=(4, 3))
@right(**KINKS, name="Elu given zeros")
class Elu(Layer):
    """x where x > 0, else e^x − 1: the curvature jumps at 0."""

    def forward(self, x):
        self._x = x
        return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))

    def backward(self, dy):
        return dy * np.where(self._x > 0, np.ones_like(dy), np.exp(np.minimum(self._x, 0)))


@right(input_shape=(4, 3))
@right(**KINKS, name="ThreeHalves given zeros")
class ThreeHalves(Layer):
    """sign(x) |x|^1.5, whose curvature is infinite at 0 and whose slope is 0."""

    def forward(self, x):
        self._x = x
        return np.sign(x) * np.abs(x) ** 1.5

    def backward(self, dy):
        return dy * 1.5 * np.sqrt(np.abs(self._x))


@right(input_shape=(4, 3))
class RootOfSize(Layer):
    """√|x|, whose slope at 0 is infinite on both sides; 0 is taken there."""

    def forward(self, x):
        self._x = x
        return np.sqrt(np.abs(x))

    def backward(self, dy):
        size = np.where(self._x == 0, np.ones_like(self._x), np.abs(self._x))
        return dy * np.sign(self._x) / (2 * np.sqrt(size))


@right(input_shape=(4, 3))
@right(x=np.array([[1.0, 0.0, 0.0], [0.4, 0.9, 0.1]]), name="SharpSoftmax saturated")
class SharpSoftmax(Softmax):
    """softmax(100 x), all but an arg max."""

    def forward(self, x):
        return super().forward(100 * x)

    def backward(self, dy):
        return 100 * super().backward(dy)


@right(input_shape=(4, 3))
class Needle(Layer):
    """1 / (1 + (50 x)²), a needle at 0 and nearly flat elsewhere."""

    def forward(self, x):
        self._x, self._y = x, 1 / (1 + (50 * x) ** 2)
        return self._y

    def backward(self, dy):
        return dy * -5000 * self._x * self._y**2


@right(input_shape=(4, 3))
class Wiggly(Layer):
    """x + sin(60 x) / 60, whose curvature asks for a small step."""

    def forward(self, x):
        self._x = x
        return x + np.sin(60 * x) / 60

    def backward(self, dy):
        return dy * (1 + np.cos(60 * self._x))


@right(input_shape=(4, 3))
@right(x=np.array([[20.0, 19.9, 20.1], [21.0, -20.0, 0.0]]), name="LinearTail near its end")
class LinearTail(Layer):
    """log(1 + e^x), and x itself where that makes no difference any more."""

    def forward(self, x):
        self._e = np.exp(-np.abs(x))
        self._x = x
        return np.where(x > 40, x, np.maximum(x, 0) + np.log1p(self._e))

    def backward(self, dy):
        return dy * np.where(self._x > 0, 1 / (1 + self._e), self._e / (1 + self._e))


@right(input_shape=(4, 3))
class LayerNormSharp(LayerNorm):
    """A smaller epsilon, so that ties in a row lie in a sharp bend."""

    eps = 1e-8
