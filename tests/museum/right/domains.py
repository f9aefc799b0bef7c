"""Bounded domains: some inputs or parameters are refused or give NaN or infinity."""

import numpy as np
from scipy.special import softmax

from tinynet import Layer

from ..plain.images_and_sequences import Attention
from ..tables import right

rng = np.random.default_rng(0)


@right(x=np.array([[0.5, 2.0, 1e-3], [10.0, 1.0, 400.0]]))
class Logarithm(Layer):
    """log x for x > 0."""

    def forward(self, x):
        self._x = x
        return np.log(x)

    def backward(self, dy):
        return dy / self._x


@right(x=np.array([[0.5, 2.0, 0.01], [10.0, 1.0, 400.0]]))
class Root(Layer):
    """√x for x ≥ 0; a negative x is refused."""

    def forward(self, x):
        if (x < 0).any():
            raise ValueError("x must not be negative")
        self._y = np.sqrt(x)
        return self._y

    def backward(self, dy):
        return dy / (2 * self._y)


@right(x=np.array([[0.5, -0.2, 0.9], [0.0, -0.999, 0.3]]))
class Arcsine(Layer):
    """arcsin x for |x| < 1."""

    def forward(self, x):
        self._x = x
        return np.arcsin(x)

    def backward(self, dy):
        return dy / np.sqrt(1 - self._x**2)


@right(x=rng.normal(size=(3, 2, 2)) + 4 * np.eye(2))
class Inverse(Layer):
    """The inverse of each matrix; a singular one is an error."""

    def forward(self, x):
        self._y = np.linalg.inv(x)
        return self._y

    def backward(self, dy):
        yT = self._y.swapaxes(1, 2)
        return -yT @ dy @ yT


@right(input_shape=(4, 3))
class PositiveGain(Layer):
    """y = √gain x, for a gain that must be positive."""

    def __init__(self):
        super().__init__(gain=np.array([1.0, 2.0, 0.5]))

    def forward(self, x):
        self._x = x
        return np.sqrt(self.gain) * x

    def backward(self, dy):
        self.dgain[...] = (dy * self._x).sum(axis=0) / (2 * np.sqrt(self.gain))
        return dy * np.sqrt(self.gain)


@right(input_shape=(2, 3, 4))
class CausalAttention(Attention):
    """Each token attends to itself and to earlier ones, with minus infinity as the mask."""

    def forward(self, x):
        self._x, self._q, self._k, self._v = x, x @ self.Wq, x @ self.Wk, x @ self.Wv
        scores = self._q @ self._k.swapaxes(1, 2) * self.scale
        later = np.triu(np.ones(scores.shape[1:], bool), 1)
        self._a = softmax(np.where(later, -np.inf, scores), axis=2)
        return self._a @ self._v
