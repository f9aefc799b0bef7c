"""Wrong softmax layers."""

import numpy as np
from scipy.special import log_softmax

from tinynet import Layer

from .plain import Softmax
from .tables import wrong


@wrong("gradient", hint="diagonal", input_shape=(4, 3))
class DiagonalOnly(Softmax):
    """Softmax's Jacobian is its diagonal y (1 − y) only."""

    def backward(self, dy):
        return dy * self._y * (1 - self._y)


@wrong("gradient", "per_example", input_shape=(4, 3))
class SumsOverTheBatch(Softmax):
    """Σ dy y runs over the whole batch, not over the row."""

    def backward(self, dy):
        return self._y * (dy - (dy * self._y).sum())


@wrong("per_example", "predict_per_example", input_shape=(4, 3))
class OverTheBatch(Layer):
    """Normalises down the columns: rows interact."""

    def forward(self, x):
        e = np.exp(x - x.max(axis=0, initial=-np.inf))
        self._y = e / e.sum(axis=0)
        return self._y

    def backward(self, dy):
        return self._y * (dy - (dy * self._y).sum(axis=0))


@wrong("finite", input_shape=(4, 3))
class NaiveSoftmax(Softmax):
    """e^x / Σ e^x without subtracting the maximum."""

    def forward(self, x):
        e = np.exp(x)
        self._y = e / e.sum(axis=1, keepdims=True)
        return self._y


@wrong("per_example", "predict_per_example", input_shape=(4, 3))
class MaximumOfTheBatch(Softmax):
    """Adds ε to the sum after subtracting the maximum of the batch, so other rows shine through."""

    def forward(self, x):
        e = np.exp(x - x.max(initial=0))
        self._y = e / (e.sum(axis=1, keepdims=True) + 1e-3)
        return self._y


@wrong("gradient", input_shape=(4, 3))
class TemperatureForgotten(Softmax):
    """y = softmax(x / 3), and backward leaves out the third."""

    def forward(self, x):
        return super().forward(x / 3)


@wrong("gradient", input_shape=(4, 3))
class LogSoftmaxUnsummed(Layer):
    """dx = dy − softmax dy in place of dy − softmax Σ dy."""

    def forward(self, x):
        self._y = log_softmax(x, axis=1)
        return self._y

    def backward(self, dy):
        return dy - np.exp(self._y) * dy


@wrong("gradient", "per_example", hint="row", input_shape=(4, 3))
class JacobianOfTheFirstRow(Softmax):
    """One Jacobian, that of the first example, serves all rows: rows ≥ 1 are wrong."""

    def backward(self, dy):
        y = self._y[:1]
        return y * (dy - (dy * y).sum(axis=1, keepdims=True))


@wrong("backward_twice", "output_alias", input_shape=(4, 3))
class SpoilsItsOutput(Softmax):
    """backward computes into y, which was returned and is needed again."""

    def backward(self, dy):
        y = self._y
        dx = y * (dy - (dy * y).sum(axis=1, keepdims=True))
        y[...] = dx
        return dx
