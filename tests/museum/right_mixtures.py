"""Right layers and losses that mix kinks, refuse batches, add noise, or leave out targets."""

import numpy as np

from tinynet import BatchNorm, Dense, Layer, Loss, ReLU, Sequential

from .tables import right, right_net

MISSING = np.array([[0.5, np.nan, 1.0], [np.nan, -1.0, 2.0]])


@right(input_shape=(3, 4, 2))
class StepsBetweenReLUs(Layer):
    """relu(gain x + bias), then differences along the middle axis: at gain 0 many kinks mix."""

    def __init__(self):
        super().__init__(gain=np.ones(2), bias=np.zeros(2))

    def forward(self, x):
        self._x, self._z = x, x * self.gain + self.bias
        return np.diff(np.maximum(self._z, 0), axis=1)

    def backward(self, dy):
        dz = np.zeros_like(self._x)
        dz[:, 1:] += dy
        dz[:, :-1] -= dy
        dz *= self._z > 0
        self.dgain[...] = (dz * self._x).sum(axis=(0, 1))
        self.dbias[...] = dz.sum(axis=(0, 1))
        return dz * self.gain


class Scaled(Layer):
    """y = gain x + bias."""

    def __init__(self):
        super().__init__(gain=np.ones((2, 1)), bias=np.zeros((2, 1)))

    def forward(self, x):
        self._x = x
        return self.gain * x + self.bias

    def backward(self, dy):
        self.dgain[...] = (dy * self._x).sum(axis=(0, 2)).reshape(2, 1)
        self.dbias[...] = dy.sum(axis=(0, 2)).reshape(2, 1)
        return dy * self.gain


class Rows(Layer):
    """(N, 2, 4) as (N, 8)."""

    def forward(self, x):
        return x.reshape(len(x), 8)

    def backward(self, dy):
        return dy.reshape(len(dy), 2, 4)


class Leak(Layer):
    """Leaky ReLU."""

    def forward(self, x):
        self._x = x
        return np.where(x > 0, x, 0.25 * x)

    def backward(self, dy):
        return np.where(self._x > 0, dy, 0.25 * dy)


@right_net("Network whose gain of 0 meets many kinks", input_shape=(3, 2, 4))
def _gain_of_zero():
    return Sequential(Scaled(), Rows(), Leak(), Dense(8, 2, rng=0))


class RowsDropped(Layer):
    """y = x + m f(x), with m drawn for each row."""

    def __init__(self, inner):
        super().__init__(inner=inner)
        self._rng = np.random.default_rng(2)

    def forward(self, x):
        self._m = (2.0 * (self._rng.random((len(x), 1)) < 0.5)).astype(x.dtype)
        return x + self._m * self.inner.forward(x)

    def predict(self, x):
        return x + self.inner.predict(x)

    def backward(self, dy):
        return dy + self.inner.backward(dy * self._m)


@right_net("Rows dropped of a network that normalises", input_shape=(4, 3))
def _rows_dropped():
    return RowsDropped(Sequential(Dense(3, 3, rng=0), BatchNorm(3), ReLU()))


@right(input_shape=(3, 2, 4))
class NormOfPositions(Layer):
    """Subtracts the mean of rows and positions: one row will do, and none is refused."""

    buffers = ("mean",)

    def __init__(self):
        self.mean = np.zeros((2, 1))

    def forward(self, x):
        if not len(x):
            raise ValueError("a batch without rows has no mean")
        mean = x.mean(axis=(0, 2), keepdims=True)
        if not self.is_frozen():
            self.mean = 0.9 * self.mean + 0.1 * mean[0]
        return x - mean

    def predict(self, x):
        return x - self.mean

    def backward(self, dy):
        return dy - dy.mean(axis=(0, 2), keepdims=True)


@right(input_shape=(4, 5))
class AlphaDropout(Layer):
    """Keeps mean 0 and variance 1 of a SELU's y: at x = 0 the mean is kept, elsewhere it is not."""

    def __init__(self, rate=0.3):
        self._rng, self._keep, low = np.random.default_rng(0), 1 - rate, -1.7580993408473766
        self._low, self._scale = low, (self._keep + low**2 * self._keep * rate) ** -0.5
        self._shift = -self._scale * rate * low

    def forward(self, x):
        self._m = self._rng.random(x.shape) < self._keep
        return self._scale * np.where(self._m, x, self._low).astype(x.dtype) + self._shift

    def predict(self, x):
        return x

    def backward(self, dy):
        return dy * self._m * self._scale


@right(y=np.random.default_rng(0).normal(size=(2, 3)), t=MISSING)
class MeanOfWhatIsKnown(Loss):
    """Squared error over the targets that are not NaN."""

    def forward(self, y, t):
        self._known = ~np.isnan(t)
        self._d = np.where(self._known, y - np.where(self._known, t, 0), 0)
        self._count = max(int(self._known.sum()), 1)
        return (self._d**2).sum() / self._count

    def backward(self):
        return 2 * self._d / self._count
