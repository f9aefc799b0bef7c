"""The gradient of a parameter has its numbers at the wrong places."""

import numpy as np

from tinynet import Layer

from ...plain.images_and_sequences import Attention, Conv, DilatedConv, Positions
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


@wrong("gradient", input_shape=(2, 4, 8))
class GroupsOfKernelsInterleaved(DilatedConv):
    """dK, formed as (groups, filters of each, ...), has these two axes exchanged in the reshape."""

    def backward(self, dy):
        dx = super().backward(dy)
        filters, channels, size = self.K.shape
        grouped = self.dK.reshape(self.groups, filters // self.groups, channels, size)
        self.dK[...] = grouped.swapaxes(0, 1).reshape(self.K.shape)
        return dx


@wrong("gradient", input_shape=(2, 2, 5, 5), args=(2, 3, 3, 1, 1))
class KernelGradientNotTurned(Conv):
    """forward is a true convolution, with each kernel turned by 180°; dK is not turned back."""

    def forward(self, x):
        super().forward(x)
        turned = self.K[:, :, ::-1, ::-1]
        return np.einsum("ncijuv,ocuv->noij", self._windows, turned) + self.b[:, None, None]

    def spread(self, dy, K):
        return super().spread(dy, K[:, :, ::-1, ::-1])


@wrong("gradient", hint="transposed", input_shape=(2, 2, 6, 5))
class ColumnsInAnotherOrder(Conv):
    """The columns of im2col run over rows, columns, channels; dK reads channels first."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dK[...] = self.dK.transpose(0, 2, 3, 1).reshape(self.K.shape)
        return dx


@wrong("gradient", hint="reversed", input_shape=(2, 3, 2))
class RelativePlacesTurned(Layer):
    """y_t = Σ_s B[s − t] x_s, and dB goes to the places t − s."""

    def __init__(self):
        super().__init__(B=np.random.default_rng(0).normal(size=5))

    def forward(self, x):
        self._x, steps = x, np.arange(x.shape[1])
        self._places = steps - steps[:, None] + 2
        return self.B[self._places] @ x

    def backward(self, dy):
        self.dB[...] = 0
        np.add.at(self.dB, self._places.T, np.einsum("ntf,nsf->ts", dy, self._x))
        return self.B[self._places].T @ dy


@wrong("gradient", "reuse", input_shape=(3, 3, 2))
class PositionsSummedOverTime(Positions):
    """dP is summed over the steps, not the examples: as many here, so the shape fits."""

    def backward(self, dy):
        self.dP[...] = dy.sum(axis=1)
        return dy
