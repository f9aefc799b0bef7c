"""A parameter's gradient leaves out some examples, or is wrong in some entries."""

import numpy as np

from ...inputs import IDS
from ...plain.images_and_sequences import Conv
from ...plain.layers import Affine, Embedding
from ...tables import wrong


@wrong("gradient", input_shape=(4, 3))
class OneWeightOff(Affine):
    """One entry of dW out of fifteen is 1 % off."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW[2, 3] *= 1.01
        return dx


@wrong("gradient", "per_example", input_shape=(4, 3))
class FirstRowOnly(Affine):
    """dW is the outer product of the first example, the only one it was tried with."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW[...] = self._x[:1].T @ dy[:1]
        return dx


@wrong("gradient", hint="row 0 of the batch alone", input_shape=(4, 3))
class BiasOfTheFirstRow(Affine):
    """db = dy[0], which raises IndexError where there is no row."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.db[...] = dy[0]
        return dx


@wrong("reuse", "batch_of_one", "per_example", "gradient", input_shape=(4, 3))
class OddRowLost(Affine):
    """dW goes through the batch in pairs and leaves out the odd one at the end."""

    def backward(self, dy):
        dx = super().backward(dy)
        even = len(dy) // 2 * 2
        self.dW[...] = self._x[:even].T @ dy[:even]
        return dx


@wrong("gradient", "per_example", x=IDS)
class RepeatsLost(Embedding):
    """dW[ids] = dy keeps only the last of a repeated word."""

    def backward(self, dy):
        self.dW[...] = 0
        self.dW[self._ids] = dy
        return np.zeros(self._ids.shape, dy.dtype)


@wrong("gradient", "per_example", x=IDS)
class RepeatsBuffered(Embedding):
    """dW[ids] += dy is buffered, and so keeps only the last of a repeated word."""

    def backward(self, dy):
        self.dW[...] = 0
        self.dW[self._ids] += dy
        return np.zeros(self._ids.shape, dy.dtype)


@wrong("gradient", x=np.array([[0, 1], [4, 2], [3, 2]]))
class FirstWordOnly(Embedding):
    """Only the first word of each example learns."""

    def backward(self, dy):
        self.dW[...] = 0
        np.add.at(self.dW, self._ids[:, 0], dy[:, 0])
        return np.zeros(self._ids.shape, dy.dtype)


@wrong("gradient", x=IDS)
class PaddingLearns(Embedding):
    """The padding word 0 gives zeros, and its row gets a gradient all the same."""

    def forward(self, x):
        return super().forward(x) * (x != 0)[..., np.newaxis]


@wrong("gradient", input_shape=(2, 2, 6, 5))
class FirstChannelOnly(Conv):
    """dK of every channel is that of the first."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dK[:, 1:] = self.dK[:, :1]
        return dx


@wrong("gradient", input_shape=(2, 2, 6, 5))
class LastPixelForgotten(Conv):
    """The loop over the output stops one column early in dK."""

    def backward(self, dy):
        dx = super().backward(dy)
        windows = self._windows[:, :, :, :-1]
        self.dK[...] = np.einsum("noij,ncijuv->ocuv", dy[:, :, :, :-1], windows)
        return dx


@wrong("gradient", input_shape=(2, 2, 6, 5))
class BiasOfTheLastPixel(Conv):
    """A loop over the pixels assigns to db where it should add."""

    def backward(self, dy):
        dx = super().backward(dy)
        for i, j in np.ndindex(dy.shape[2:]):
            self.db[...] = dy[:, :, i, j].sum(axis=0)
        return dx


@wrong("gradient", input_shape=(2, 2, 6, 5))
class MaskedEntriesLearn(Conv):
    """A mask hides a part of each kernel, and that part gets a gradient all the same."""

    def forward(self, x):
        super().forward(x)
        return np.einsum("ncijuv,ocuv->noij", self._windows, self.hide()) + self.b[:, None, None]

    def hide(self):
        return self.K * np.tri(self.size, dtype=self.K.dtype)

    def spread(self, dy, K):
        return super().spread(dy, self.hide())
