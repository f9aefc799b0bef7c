"""Right layers that draw."""

import numpy as np

from tinynet import Layer

from .plain import Dropout
from .tables import right


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
