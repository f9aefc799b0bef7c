"""The gradient of a parameter has its numbers at the wrong places."""

import numpy as np

from ...plain.images_and_sequences import Attention
from ...plain.layers import Affine
from ...tables import wrong


@wrong("gradient", hint="transposed", args=(3, 3), input_shape=(4, 3))
class TransposedWeightGradient(Affine):
    """dW is dyᵀ x, its transpose, which only a square W lets through."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW[...] = dy.T @ self._x
        return dx


@wrong("gradient", hint="axis 0", input_shape=(4, 3))
class RowsRolled(Affine):
    """The rows of dW are one place off, so every sum over it is right."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW[...] = np.roll(self.dW, 1, axis=0)
        return dx


@wrong("gradient", "per_example", input_shape=(4, 3))
class SummedBiasOverEverything(Affine):
    """db is the sum over the features too, spread out again by broadcasting."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.db[...] = dy.sum()
        return dx


@wrong("gradient", input_shape=(2, 3, 4))
class QueriesAndKeysSwapped(Attention):
    """dWq and dWk have changed places."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dWq[...], self.dWk[...] = self.dWk.copy(), self.dWq.copy()
        return dx


@wrong("gradient", input_shape=(2, 3, 4))
class WeightsNotTransposed(Attention):
    """dWv is formed with a dy in place of aᵀ dy."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dWv[...] = np.einsum("nti,ntf->if", self._x, self._a @ dy)
        return dx
