"""y or dx has another shape or float type than the contract says."""

import numpy as np

from tinynet import Layer

from ..plain.images_and_sequences import Conv
from ..plain.layers import Affine, Dropout, Tanh
from ..tables import wrong


@wrong("shapes", input_shape=(4, 3))
class KeepsASum(Layer):
    """y = Σ x in each row, (N,), and dx is (N, 1)."""

    def forward(self, x):
        return x.sum(axis=1)

    def backward(self, dy):
        return dy[:, np.newaxis].copy()


@wrong("shapes", "dtypes", input_shape=(4, 3))
class ReturnsNothing(Affine):
    """backward forgets to return dx."""

    def backward(self, dy):
        super().backward(dy)


@wrong("shapes", input_shape=(4, 3))
class SummedInputGradient(Affine):
    """dx is summed over the batch."""

    def backward(self, dy):
        return super().backward(dy).sum(axis=0)


@wrong("shapes", input_shape=(2, 2, 6, 5))
class PaddingLeftOn(Conv):
    """dx keeps the padding."""

    def crop(self, dx):
        return dx


@wrong("shapes", input_shape=(2, 2, 6, 5))
class RemainderLost(Conv):
    """dx ends where the last window ends, short of what the stride does not reach."""

    def backward(self, dy):
        rows, columns = ((n - 1) * self.stride + self.size for n in dy.shape[2:])
        dx = super().backward(dy)
        return dx[:, :, : rows - 2 * self.padding, : columns - 2 * self.padding]


@wrong("dtypes", "float32", input_shape=(4, 3))
class AlwaysSingle(Tanh):
    """dx is float32, whatever dy is."""

    def backward(self, dy):
        return super().backward(dy).astype(np.float32)


@wrong("dtypes", "float32", input_shape=(4, 3))
class PromotedByConstant(Affine):
    """np.sqrt(3) is a float64 that turns float32 into float64."""

    def forward(self, x):
        return super().forward(x) / np.sqrt(3)

    def backward(self, dy):
        return super().backward(dy / np.sqrt(3))


@wrong("float32", "dtypes", input_shape=(4, 3))
class PromotedOnTheWayBack(Tanh):
    """Only backward has the float64 constant."""

    def backward(self, dy):
        return np.float64(1) * super().backward(dy)


@wrong("dtypes", "float32", input_shape=(4, 3))
class DoublePredict(Tanh):
    """Only predict turns float32 into float64."""

    def predict(self, x):
        return np.tanh(x.astype(float))


@wrong("dtypes", "float32", input_shape=(6, 5))
class DoubleMask(Dropout):
    """The mask is float64, whatever x is."""

    def draw(self, x):
        return (self._rng.random(x.shape) >= self.rate) / (1 - self.rate)


@wrong("shapes", input_shape=(2, 2, 6, 5), args=(2, 3, 3, 2, 0))
class CroppedByMinusZero(Conv):
    """dx[p:-p] cuts the padding off, and for p = 0 the whole image."""

    def crop(self, dx):
        p = self.padding
        return dx[:, :, p:-p, p:-p]
