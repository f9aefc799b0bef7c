"""Random draws cannot be repeated, repeat themselves, or have another mean than predict."""

import numpy as np
from scipy.special import softmax

from tinynet import Dense, Layer, Sequential

from ..plain.layers import Dropout
from ..tables import wrong, wrong_net


@wrong("reproducible", input_shape=(6, 5))
class GlobalRandom(Dropout):
    """Draws from NumPy's global generator."""

    def draw(self, x):
        kept = np.random.random(x.shape) >= self.rate  # noqa: NPY002 - the fault
        return kept.astype(x.dtype) / (1 - self.rate)


@wrong("reproducible", input_shape=(4, 3))
class SeedsForAll(Layer):
    """Seeds the global random state with the same number each time."""

    def forward(self, x):
        np.random.seed(0)  # noqa: NPY002
        self._y = softmax(x, axis=1)
        return self._y

    def backward(self, dy):
        return self._y * (dy - (dy * self._y).sum(axis=1, keepdims=True))


@wrong("reproducible", "redraws", input_shape=(6, 5))
class SeedsTheWorld(Dropout):
    """forward seeds NumPy's global generator and draws from it."""

    def draw(self, x):
        np.random.seed(0)  # noqa: NPY002 - the fault
        kept = np.random.random(x.shape) >= self.rate  # noqa: NPY002 - the fault
        return kept.astype(x.dtype) / (1 - self.rate)


@wrong("reproducible", input_shape=(6, 5))
class SeedsFromTheClock(Dropout):
    """Makes a fresh, unseeded generator for each draw."""

    def draw(self, x):
        self._rng = np.random.default_rng()
        return super().draw(x)


@wrong("isolation", "reproducible", input_shape=(6, 5))
class GeneratorOfTheClass(Dropout):
    """All instances draw from one generator."""

    common = np.random.default_rng(0)

    def draw(self, x):
        return (self.common.random(x.shape) >= self.rate).astype(x.dtype) / (1 - self.rate)


@wrong("redraws", input_shape=(6, 5))
class SeededAtEachDraw(Dropout):
    """Every draw seeds the generator anew, so equal shapes get equal numbers."""

    def draw(self, x):
        self._rng = np.random.default_rng(0)
        return super().draw(x)


@wrong("redraws", input_shape=(6, 5))
class OneMaskForEver(Dropout):
    """The mask of the first batch is kept as long as the shape stays."""

    def draw(self, x):
        if "_mask" in self.__dict__ and self._mask.shape == x.shape:
            return self._mask
        return super().draw(x)


@wrong("expectation", input_shape=(6, 5))
class NeverScaled(Dropout):
    """Neither forward nor predict makes up for what is dropped."""

    def draw(self, x):
        return (self._rng.random(x.shape) >= self.rate).astype(x.dtype)


@wrong_net("NetThatNeverScales", "expectation", input_shape=(6, 5))
def net_that_never_scales():
    return Sequential(Dense(5, 4, rng=0), NeverScaled())


@wrong("expectation", input_shape=(6, 5))
class KeepsTheRate(Dropout):
    """Keeps with the probability that it should drop with."""

    def draw(self, x):
        return (self._rng.random(x.shape) < self.rate).astype(x.dtype) / (1 - self.rate)


@wrong("expectation", input_shape=(6, 5))
class ScaledInBoth(Dropout):
    """Scales in forward, and predict multiplies by 1 − rate once more."""

    def predict(self, x):
        return x * (1 - self.rate)


@wrong("predict_pure", "predict_per_example", "expectation", input_shape=(6, 5))
class DropsInPredict(Dropout):
    """predict drops too."""

    def predict(self, x):
        return x * self.draw(x)


@wrong("expectation", input_shape=(6, 5))
class NoiseAroundZero(Dropout):
    """Multiplies by noise of mean 0 in place of 1."""

    def draw(self, x):
        return self._rng.normal(0, self.rate, x.shape).astype(x.dtype)


@wrong("expectation", hint="mean 0", input_shape=(4, 3))
class NoiseFromZeroToOne(Layer):
    """y = x + uniform noise whose mean is ½."""

    def __init__(self):
        self._rng = np.random.default_rng(0)

    def forward(self, x):
        return x + self._rng.random(x.shape).astype(x.dtype)

    def predict(self, x):
        return x

    def backward(self, dy):
        return dy


@wrong("expectation", hint="2", input_shape=(1, 3))
class WeightsScaledTwice(Layer):
    """Masked weights are doubled in forward, and halved in predict as well."""

    def __init__(self):
        self._rng = np.random.default_rng(0)
        super().__init__(W=self._rng.normal(size=(3, 2)))

    def forward(self, x):
        self._x, self._m = x, (2.0 * (self._rng.random(self.W.shape) < 0.5)).astype(x.dtype)
        return x @ (self.W * self._m)

    def predict(self, x):
        return x @ self.W / 2

    def backward(self, dy):
        self.dW[...] = self._x.T @ dy * self._m
        return dy @ (self.W * self._m).T


@wrong_net("NetOfEqualDraws", "expectation", input_shape=(6, 5))
def net_of_equal_draws():
    return Sequential(Dropout(0.5, rng=1), Dropout(0.2, rng=1))
