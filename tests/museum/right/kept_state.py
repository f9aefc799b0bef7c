"""Caches, buffers and constants that a layer keeps between calls."""

from functools import lru_cache

import numpy as np

from tinynet import Dense, Layer, Sequential, Sigmoid

from ..plain.layers import Affine, BatchNorm, Residual, Softmax
from ..tables import right, right_net

kept = Sequential(Dense(3, 4, rng=0), Sigmoid(), Residual(Affine(4, 4)))


@right(input_shape=(4, 3))
class FreshTranspose(Affine):
    """Keeps a contiguous Wᵀ from each forward to its backward."""

    def forward(self, x):
        self._WT = self.W.T.copy()
        return super().forward(x)

    def backward(self, dy):
        super().backward(dy)
        return dy @ self._WT


@right(input_shape=(4, 3))
class PrivateBuffer(Affine):
    """Works in a buffer that it keeps, and hands out copies."""

    def forward(self, x):
        if "buffer" not in self.__dict__ or self.buffer.shape[0] != len(x):
            self.buffer = np.empty((len(x), len(self.b)), self.W.dtype)
        self._x = x
        np.matmul(x, self.W, out=self.buffer)
        self.buffer += self.b
        return self.buffer.copy()

    def predict(self, x):
        return x @ self.W + self.b


@right(input_shape=(4, 3))
class SharedKnots(Layer):
    """Interpolates between knots that belong to the class and never change."""

    knots = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    heights = np.array([1.0, -1.0, 0.5, 0.0, 2.0])

    def forward(self, x):
        places = np.searchsorted(self.knots, x, side="right")
        slopes = np.diff(self.heights) / np.diff(self.knots)
        self._slope = np.concatenate([[0], slopes, [0]])[places].astype(x.dtype)
        return np.interp(x, self.knots, self.heights).astype(x.dtype)

    def backward(self, dy):
        return dy * self._slope


@lru_cache
def weights(features):
    return tuple(1 / (1 + k) for k in range(features))


@right(input_shape=(4, 3))
class CachedConstants(Layer):
    """Weighs features by constants that a function of the module remembers."""

    def forward(self, x):
        return x * np.array(weights(x.shape[1]), x.dtype)

    def backward(self, dy):
        return dy * np.array(weights(dy.shape[1]), dy.dtype)


@right(input_shape=(4, 3))
class CachedIndices(Layer):
    """Notes for each width the order in which it mixes the features."""

    def __init__(self):
        self.orders = {}

    def forward(self, x):
        width = x.shape[1]
        if width not in self.orders:
            self.orders[width] = np.random.default_rng(width).permutation(width)
        return x[:, self.orders[width]]

    def backward(self, dy):
        return dy[:, np.argsort(self.orders[dy.shape[1]])]


@right_net("Network that has been used", input_shape=(4, 3))
def used():
    net = Sequential(Affine(3, 4), BatchNorm(4), Softmax())
    rng = np.random.default_rng(0)
    for rows in (7, 2):
        net.backward(np.ones_like(net.forward(rng.normal(size=(rows, 3)))))
    return net


@right_net("Part of a network that lives on", input_shape=(5, 4))
def part():
    return kept[2]
