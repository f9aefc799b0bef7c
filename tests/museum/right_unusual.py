"""Right layers that do what few layers do."""

from functools import lru_cache

import numpy as np

from tinynet import Layer

from .plain import Affine, Dropout
from .tables import right

rng = np.random.default_rng(0)


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


@right(input_shape=(4, 3))
class RootOfSize(Layer):
    """√|x|, whose slope at 0 is infinite on both sides; 0 is taken there."""

    def forward(self, x):
        self._x = x
        return np.sqrt(np.abs(x))

    def backward(self, dy):
        size = np.where(self._x == 0, np.ones_like(self._x), np.abs(self._x))
        return dy * np.sign(self._x) / (2 * np.sqrt(size))


@right(input_shape=(4, 3))
class Repeated(Layer):
    """Each row three times over, as a read-only view."""

    def forward(self, x):
        return np.broadcast_to(x[:, np.newaxis, :], (len(x), 3, x.shape[1]))

    def backward(self, dy):
        return dy.sum(axis=1)


@right(input_shape=(4, 3))
class MaskedWeights(Affine):
    """Half of the weights are held at nothing by a mask of bools."""

    mask = np.arange(15).reshape(3, 5) % 2 == 0

    def forward(self, x):
        self._x = x
        return x @ (self.W * self.mask) + self.b

    def backward(self, dy):
        self.dW[...] = (self._x.T @ dy) * self.mask
        self.db[...] = dy.sum(axis=0)
        return dy @ (self.W * self.mask).T


@right(input_shape=(4, 3))
class LogScale(Layer):
    """y = e^s tanh(x / e^s), a learned width without axes."""

    def __init__(self):
        super().__init__(s=np.array(0.0))

    def forward(self, x):
        self._width = np.exp(self.s)
        self._z = x / self._width
        self._t = np.tanh(self._z)
        return self._width * self._t

    def backward(self, dy):
        slope = 1 - self._t**2
        self.ds[...] = (dy * self._width * (self._t - self._z * slope)).sum()
        return dy * slope


@right(input_shape=(6, 5))
class StochasticDepth(Dropout):
    """Drops whole examples."""

    def draw(self, x):
        kept = self._rng.random((len(x), *(1,) * (x.ndim - 1))) >= self.rate
        return kept.astype(x.dtype) / (1 - self.rate)


@right(input_shape=(1, 3), name="Affine on one example")
@right(1, 1, input_shape=(1, 1), name="Affine of one weight")
@right(3, 1, input_shape=(4, 3), name="Affine to one unit")
@right(x=1e-6 * rng.normal(size=(4, 3)), name="Affine on tiny numbers")
@right(x=1e6 * rng.normal(size=(4, 3)), name="Affine on large numbers")
@right(x=np.zeros((4, 3)), name="Affine on zeros")
class Same(Affine):
    """y = x W + b."""
