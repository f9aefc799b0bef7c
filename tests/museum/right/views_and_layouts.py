"""Outputs and gradients that are views, arguments themselves, or read-only."""

import numpy as np

from tinynet import Layer

from ..plain.images_and_sequences import LSTM, AveragePool
from ..tables import right


@right(input_shape=(4, 3))
class Identity(Layer):
    """y is x itself, and dx is dy itself."""

    def forward(self, x):
        return x

    def backward(self, dy):
        return dy


@right(input_shape=(2, 3, 4))
class Flat(Layer):
    """y and dx are views with another shape."""

    def forward(self, x):
        self._shape = x.shape
        return x.reshape(len(x), x.shape[1] * x.shape[2])

    def backward(self, dy):
        return dy.reshape(self._shape)


@right(input_shape=(2, 3, 4))
class SwappedAxes(Layer):
    """y and dx are transposed views."""

    def forward(self, x):
        return x.swapaxes(1, 2)

    def backward(self, dy):
        return dy.swapaxes(1, 2)


@right(input_shape=(4, 3))
class Backwards(Layer):
    """y and dx are views that run backwards through each row."""

    def forward(self, x):
        return x[:, ::-1]

    def backward(self, dy):
        return dy[:, ::-1]


@right(input_shape=(4, 3))
class Repeated(Layer):
    """Each row three times over, as a read-only view."""

    def forward(self, x):
        return np.broadcast_to(x[:, np.newaxis, :], (len(x), 3, x.shape[1]))

    def backward(self, dy):
        return dy.sum(axis=1)


@right(input_shape=(4, 3))
class RowSum(Layer):
    """y = Σ x, one number for each example; dx is a read-only view that repeats dy."""

    def forward(self, x):
        self._shape = x.shape
        return x.sum(axis=1)

    def backward(self, dy):
        return np.broadcast_to(dy[:, np.newaxis], self._shape)


@right(input_shape=(2, 3, 4, 6))
class GlobalAverage(AveragePool):
    """The mean of each channel; dx is a read-only view."""

    def forward(self, x):
        self._shape = x.shape
        return x.mean(axis=(2, 3))

    def backward(self, dy):
        area = self._shape[2] * self._shape[3]
        return np.broadcast_to(dy[:, :, np.newaxis, np.newaxis] / area, self._shape)


@right(input_shape=(4, 3))
class EveryOther(Layer):
    """Keeps every other feature; the others get the gradient zero."""

    def forward(self, x):
        self._shape = x.shape
        return x[:, ::2].copy()

    def backward(self, dy):
        dx = np.zeros(self._shape, dy.dtype)
        dx[:, ::2] = dy
        return dx


@right(input_shape=(4, 3))
class WeightsTransposed(Layer):
    """y = x Vᵀ with V (outputs, inputs), its gradient formed in place."""

    def __init__(self):
        super().__init__(V=np.random.default_rng(0).normal(size=(2, 3)))

    def forward(self, x):
        self._x = x
        return x @ self.V.T

    def backward(self, dy):
        np.matmul(dy.T, self._x, out=self.dV)
        return dy @ self.V


@right(input_shape=(2, 3, 2))
class ReadsFromTheEnd(LSTM):
    """Reads each sequence from its end; y and dx are views that run backwards."""

    def forward(self, x):
        return super().forward(x[:, ::-1])[:, ::-1]

    def backward(self, dy):
        return super().backward(dy[:, ::-1])[:, ::-1]


@right(input_shape=(2, 4, 2, 3))
class ChannelsToPixels(Layer):
    """Four channels become 2 by 2 pixels, and back again."""

    def forward(self, x):
        n, c, h, w = x.shape
        blocks = x.reshape(n, c // 4, 2, 2, h, w).transpose(0, 1, 4, 2, 5, 3)
        return blocks.reshape(n, c // 4, 2 * h, 2 * w)

    def backward(self, dy):
        n, c, h, w = dy.shape
        blocks = dy.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 3, 5, 2, 4)
        return blocks.reshape(n, 4 * c, h // 2, w // 2)
