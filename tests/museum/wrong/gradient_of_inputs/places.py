"""dx has its numbers at the wrong places: transposed, turned, moved, along another axis."""

import numpy as np

from tinynet import Layer

from ...plain.images_and_sequences import (
    LSTM,
    Attention,
    AveragePool,
    Conv,
    DilatedConv,
    GroupNorm,
    Heads,
    ImageNorm,
    MaxPool,
    Recurrent,
    Rotary,
)
from ...plain.layers import Affine, BatchNorm, Softmax
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


@wrong("gradient", input_shape=(2, 4, 8), args=(4, 6, 2, 1))
class DilationForgotten(DilatedConv):
    """dx is spread as if the kernel were not dilated."""

    def given_to(self, u, steps):
        return np.s_[u : u + steps * self.stride : self.stride]


@wrong("gradient", input_shape=(2, 4, 8), args=(4, 4, 2, 2, 3, 2))
class GroupsInterleaved(DilatedConv):
    """backward takes filter o for one of group o mod 2; forward has the groups one by one."""

    def backward(self, dy):
        n, filters, steps = dy.shape
        apart = dy.reshape(n, filters // self.groups, self.groups, steps)
        dx = super().backward(apart.swapaxes(1, 2).reshape(dy.shape))
        self.db[...] = dy.sum(axis=(0, 2))
        return dx


@wrong("gradient", input_shape=(2, 2, 6, 5))
class RestAtTheStart(Conv):
    """Rows that the stride leaves over are filled up before the first row, not after the last."""

    def spread(self, dy, K):
        rest = (self._shape[2] - self.size) % self.stride
        return np.roll(super().spread(dy, K), rest, axis=2)


@wrong("gradient", input_shape=(2, 3, 6, 5))
class ChannelsForFilters(Conv):
    """dx goes back through the kernels with their channels and filters exchanged."""

    def __init__(self):
        super().__init__(channels=3, filters=3)

    def spread(self, dy, K):
        return super().spread(dy, K.swapaxes(0, 1))


@wrong("gradient", input_shape=(2, 6))
class ConjugateForgotten(Layer):
    """A circular correlation by Fourier transforms; dx is one more, not the convolution."""

    def __init__(self):
        super().__init__(k=np.random.default_rng(0).normal(size=6))

    def forward(self, x):
        self._x = x
        return self.correlate(x, self.k)

    def correlate(self, x, k):
        f = np.fft.rfft(x) * np.fft.rfft(k).conj()
        return np.fft.irfft(f, n=x.shape[1]).astype(x.dtype)

    def backward(self, dy):
        self.dk[...] = self.correlate(self._x, dy).sum(axis=0)
        return self.correlate(dy, self.k)


@wrong("gradient", input_shape=(2, 4, 2, 3))
class ShuffledBackInAnotherOrder(Layer):
    """Four channels become 2 by 2 pixels; dx takes the columns of a block for its rows."""

    def forward(self, x):
        n, c, h, w = x.shape
        blocks = x.reshape(n, c // 4, 2, 2, h, w).transpose(0, 1, 4, 2, 5, 3)
        return blocks.reshape(n, c // 4, 2 * h, 2 * w)

    def backward(self, dy):
        n, c, h, w = dy.shape
        blocks = dy.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 5, 3, 2, 4)
        return blocks.reshape(n, 4 * c, h // 2, w // 2)


@wrong("gradient", input_shape=(2, 2, 5, 5), args=(2, 3))
class StepsBySize(MaxPool):
    """backward steps from window to window by their size, forward by the stride."""

    def backward(self, dy):
        self.stride, stride = self.size, self.stride
        dx = super().backward(dy)
        self.stride = stride
        return dx


@wrong("gradient", input_shape=(3, 2, 2, 2))
class StatisticsOfEachPixel(ImageNorm):
    """dx takes its two means over the images alone, one for each pixel."""

    def backward(self, dy):
        super().backward(dy)
        n, images = self.to_images(self._n, dy.shape), max(len(dy), 1)
        dn = dy * self.gamma[:, None, None] / self._s[:, None, None]
        return dn - dn.sum(axis=0) / images - n * (dn * n).sum(axis=0) / images


@wrong("gradient", input_shape=(3, 2, 2, 2))
class RowsWithoutTransposing(ImageNorm):
    """backward reshapes (N, C, H, W) to (N·H·W, C) without moving the channels to the end."""

    def backward(self, dy):
        return BatchNorm.backward(self, dy.reshape(self._n.shape)).reshape(dy.shape)


@wrong("gradient", input_shape=(2, 4, 4, 4))
class GainAlongTheWidth(GroupNorm):
    """gamma without its two new axes goes along the columns, which are as many as channels."""

    def backward(self, dy):
        super().backward(dy)
        return self.through_statistics(dy * self.gamma)


@wrong("gradient", input_shape=(2, 3, 2))
class ReverseHalfNotTurned(Layer):
    """One layer reads forwards and one backwards; dy of the second is not turned around."""

    def __init__(self):
        super().__init__(onward=Recurrent(2, 2), back=Recurrent(2, 2))

    def forward(self, x):
        back = self.back.forward(x[:, ::-1])[:, ::-1]
        return np.concatenate([self.onward.forward(x), back], axis=2)

    def backward(self, dy):
        onward, back = np.split(dy, 2, axis=2)
        return self.onward.backward(onward) + self.back.backward(back)[:, ::-1]


@wrong("gradient", input_shape=(2, 3, 2))
class GatesInAnotherOrder(LSTM):
    """forward has the gates in the order i, f, o, g and backward in i, f, g, o."""

    def step(self, dh, dc, *gates):
        da, dc = super().step(dh, dc, *gates)
        di, df, do, dg = np.split(da, 4, axis=1)
        return np.concatenate([di, df, dg, do], axis=1), dc


@wrong("gradient", input_shape=(2, 3, 3))
class HeadsCutWithoutTransposing(Heads):
    """dy is reshaped to (N, heads, T, features) at once, which mixes steps and heads."""

    def split_gradient(self, dy):
        n, steps, width = dy.shape
        return dy.reshape(n, self.heads, steps, width // self.heads)


@wrong("gradient", input_shape=(2, 3, 3))
class ScoresNotTransposed(Heads):
    """The gradient of the keys is dS q in place of dSᵀ q."""

    def to_keys(self, ds):
        return ds @ self._q


@wrong("gradient", input_shape=(2, 3, 4))
class TurnedOnwards(Rotary):
    """dx is turned by the angles of forward, not back by them."""

    def backward(self, dy):
        return self.turn(dy, 1)


@wrong("gradient", input_shape=(2, 3, 4))
class NeighboursForHalves(Rotary):
    """forward turns x_j with x_(j+d/2), as one convention has it, backward x_2j with x_(2j+1)."""

    def backward(self, dy):
        pairs = dy.reshape(*dy.shape[:2], dy.shape[2] // 2, 2)
        halves = np.concatenate([pairs[..., 0], pairs[..., 1]], axis=2)
        turned = self.turn(halves, -1)
        return np.stack(np.split(turned, 2, axis=2), axis=3).reshape(dy.shape)
