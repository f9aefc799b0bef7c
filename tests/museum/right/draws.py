"""Random draws."""

import numpy as np

from tinynet import BatchNorm, Dense, Layer, ReLU, Sequential

from ..plain.layers import Dropout
from ..tables import right, right_net


@right(input_shape=(6, 5))
class DropoutHeavy(Dropout):
    """Drops four of five."""

    def __init__(self):
        super().__init__(0.8)


@right(input_shape=(6, 5))
class DropoutNone(Dropout):
    """A rate of zero: draws, and keeps everything."""

    def __init__(self):
        super().__init__(0.0)


@right(input_shape=(6, 5))
class DropoutOfColumns(Dropout):
    """One draw for all rows."""

    def draw(self, x):
        kept = self._rng.random(x.shape[1:]) >= self.rate
        return kept.astype(x.dtype) / (1 - self.rate)


@right(input_shape=(6, 5))
class DropoutScaledInPredict(Dropout):
    """The first paper's form: nothing in training, 1 − rate in inference."""

    def draw(self, x):
        return (self._rng.random(x.shape) >= self.rate).astype(x.dtype)

    def predict(self, x):
        return x * (1 - self.rate)


@right(input_shape=(6, 5))
class StochasticDepth(Dropout):
    """Drops whole examples."""

    def draw(self, x):
        kept = self._rng.random((len(x), *(1,) * (x.ndim - 1))) >= self.rate
        return kept.astype(x.dtype) / (1 - self.rate)


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


@right(input_shape=(6, 5))
class NoiseAroundOne(Dropout):
    """Multiplies by normal noise of mean 1."""

    def draw(self, x):
        return self._rng.normal(1, self.rate, x.shape).astype(x.dtype)


@right(input_shape=(6, 5))
class NoiseAdded(Layer):
    """x plus normal noise."""

    def __init__(self):
        self._rng = np.random.default_rng(0)

    def forward(self, x):
        return x + self._rng.normal(0, 0.1, x.shape).astype(x.dtype)

    def predict(self, x):
        return x

    def backward(self, dy):
        return dy


@right(input_shape=(6, 5))
class RandomLeak(Layer):
    """Leaky ReLU whose slope is drawn for each element; predict takes the mean slope."""

    def __init__(self):
        self._rng = np.random.default_rng(0)

    def forward(self, x):
        self._slope = np.where(x > 0, 1, self._rng.uniform(0.1, 0.3, x.shape)).astype(x.dtype)
        return x * self._slope

    def predict(self, x):
        return np.where(x > 0, x, 0.2 * x)

    def backward(self, dy):
        return dy * self._slope


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


@right_net("Network that only draws", input_shape=(6, 5))
def only_draws():
    return Sequential(Dropout(0.5, rng=1), Sequential(Dropout(0.2, rng=2)))
