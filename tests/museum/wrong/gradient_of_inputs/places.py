"""dx has its numbers at the wrong places: transposed, turned, moved, along another axis."""

import numpy as np

from tinynet import Layer

from ...plain.images_and_sequences import Attention, AveragePool, Conv, MaxPool, Recurrent
from ...plain.layers import Affine, Softmax
from ...tables import wrong


@wrong("gradient", args=(3, 3), input_shape=(4, 3))
class ForgottenTranspose(Affine):
    """dx is dy W in place of dy Wᵀ."""

    def backward(self, dy):
        super().backward(dy)
        return dy @ self.W


@wrong("gradient", input_shape=(2, 4, 3))
class RecurrentWeightsNotTransposed(Recurrent):
    """The state's gradient goes back through Wh in place of Whᵀ."""

    def to_earlier(self, da):
        return da @ self.Wh


@wrong("gradient", "per_example", input_shape=(4, 3))
class SumsOverTheBatch(Softmax):
    """Σ dy y runs over the whole batch, not over the row."""

    def backward(self, dy):
        return self._y * (dy - (dy * self._y).sum())


@wrong("gradient", input_shape=(2, 3, 4))
class JacobianOverQueries(Attention):
    """The softmax Jacobian sums over the queries, not over the keys."""

    def through_softmax(self, da):
        return self._a * (da - (da * self._a).sum(axis=1, keepdims=True))


@wrong("gradient", input_shape=(3, 2, 4, 4))
class OneMeanForAllChannels(Layer):
    """Centres each image over channels and pixels; backward centres each channel."""

    def forward(self, x):
        return x - x.mean(axis=(1, 2, 3), keepdims=True)

    def backward(self, dy):
        return dy - dy.mean(axis=(2, 3), keepdims=True)


@wrong("gradient", input_shape=(2, 4, 3))
class ReturnsInReverse(Recurrent):
    """Runs from the end of the sequence, and dx comes out in that order."""

    def forward(self, x):
        return super().forward(x[:, ::-1])


@wrong("gradient", input_shape=(4, 3))
class BranchesSwapped(Layer):
    """y = [f(x), g(x)], and backward hands each the other's part."""

    def __init__(self):
        first, second = Affine(3, 2), Affine(3, 2)
        second.W += 1
        super().__init__(first=first, second=second)

    def forward(self, x):
        return np.concatenate([self.first.forward(x), self.second.forward(x)], axis=1)

    def backward(self, dy):
        return self.first.backward(dy[:, 2:]) + self.second.backward(dy[:, :2])


@wrong("gradient", input_shape=(2, 2, 5, 5), args=(2, 3, 3, 1, 1))
class FlippedKernel(Conv):
    """dx uses each kernel turned by 180°."""

    def backward(self, dy):
        super().backward(dy)
        return self.crop(self.spread(dy, self.K[:, :, ::-1, ::-1]))


@wrong("gradient", input_shape=(2, 2, 5, 5), args=(2, 3, 3, 1, 1))
class SwappedAxes(Conv):
    """dx uses each kernel with height and width swapped."""

    def backward(self, dy):
        super().backward(dy)
        return self.crop(self.spread(dy, self.K.swapaxes(2, 3)))


@wrong("gradient", input_shape=(2, 2, 6, 5))
class CroppedAtOneSide(Conv):
    """The padding of dx is cut off at the far side only."""

    def crop(self, dx):
        p, (rows, columns) = self.padding, dx.shape[2:]
        return dx[:, :, : rows - 2 * p, : columns - 2 * p]


@wrong("gradient", "shapes", input_shape=(2, 2, 6, 5))
class StrideForgotten(Conv):
    """dx is spread as if the stride were 1."""

    def reached(self, dy, u, v):
        return np.s_[:, :, u : u + dy.shape[2], v : v + dy.shape[3]]


@wrong("gradient", input_shape=(2, 2, 6, 5))
class OverlapAssigned(Conv):
    """Windows that overlap overwrite each other in dx."""

    def spread(self, dy, K):
        dx = np.zeros(self._shape, dy.dtype)
        for u, v in np.ndindex(self.size, self.size):
            dx[self.reached(dy, u, v)] = np.einsum("noij,oc->ncij", dy, K[:, :, u, v])
        return dx


@wrong("gradient", input_shape=(2, 2, 6, 5), args=(3, 1))
class OverlapOverwrites(MaxPool):
    """A pixel that is the maximum of several windows gets the gradient of the last."""

    def give(self, dx, part, amount):
        dx[part] = np.where(amount != 0, amount, dx[part])


@wrong("gradient", input_shape=(2, 2, 4, 6))
class SpreadEvenly(MaxPool):
    """The gradient of a maximum is spread over its window like that of a mean."""

    def share(self, place):
        return 1 / self.size**2


@wrong("gradient", input_shape=(2, 2, 4, 6))
class RowsForColumns(MaxPool):
    """The place of the maximum is read column by column."""

    def share(self, place):
        u, v = divmod(place, self.size)
        return self._best == v * self.size + u


@wrong("gradient", input_shape=(2, 2, 4, 6))
class TiledNotRepeated(AveragePool):
    """dx tiles dy where it should repeat each pixel."""

    def backward(self, dy):
        return np.tile(dy, (1, 1, 2, 2)) / 4
