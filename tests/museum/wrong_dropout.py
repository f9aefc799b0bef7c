"""Wrong dropout, and other layers that draw."""

import numpy as np

from tinynet import Layer

from .plain import Dropout
from .tables import wrong


@wrong("gradient", input_shape=(6, 5))
class MaskNotApplied(Dropout):
    """backward never applies the mask."""

    def backward(self, dy):
        return dy.copy()


@wrong("mutation", input_shape=(6, 5))
class WritesIntoItsInput(Dropout):
    """forward drops elements of the caller's array."""

    def forward(self, x):
        self._mask = self.draw(x)
        x *= self._mask
        return x


@wrong("gradient", input_shape=(6, 5))
class ScalesForwardOnly(Dropout):
    """forward divides by 1 − rate, backward does not."""

    def backward(self, dy):
        return dy * (self._mask > 0)


@wrong("redraws", input_shape=(6, 5))
class SeededAtEachDraw(Dropout):
    """Every draw seeds the generator anew, so equal shapes get equal numbers."""

    def draw(self, x):
        self._rng = np.random.default_rng(0)
        return super().draw(x)


@wrong("backward_twice", input_shape=(6, 5))
class RedrawsInBackward(Dropout):
    """backward draws a mask of its own."""

    def backward(self, dy):
        return dy * self.draw(dy)


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


@wrong("reproducible", input_shape=(6, 5))
class GlobalRandom(Dropout):
    """Draws from NumPy's global generator."""

    def draw(self, x):
        kept = np.random.random(x.shape) >= self.rate  # noqa: NPY002 - the fault
        return kept.astype(x.dtype) / (1 - self.rate)


@wrong("isolation", "reproducible", input_shape=(6, 5))
class GeneratorOfTheClass(Dropout):
    """All instances draw from one generator."""

    common = np.random.default_rng(0)

    def draw(self, x):
        return (self.common.random(x.shape) >= self.rate).astype(x.dtype) / (1 - self.rate)


@wrong("reproducible", input_shape=(6, 5))
class SeedsFromTheClock(Dropout):
    """Makes a fresh, unseeded generator for each draw."""

    def draw(self, x):
        self._rng = np.random.default_rng()
        return super().draw(x)


@wrong("predict_pure", "predict_per_example", "expectation", input_shape=(6, 5))
class DropsInPredict(Dropout):
    """predict drops too."""

    def predict(self, x):
        return x * self.draw(x)


@wrong("dtypes", "float32", input_shape=(6, 5))
class DoubleMask(Dropout):
    """The mask is float64, whatever x is."""

    def draw(self, x):
        return (self._rng.random(x.shape) >= self.rate) / (1 - self.rate)


@wrong("expectation", input_shape=(6, 5))
class NoiseAroundZero(Dropout):
    """Multiplies by noise of mean 0 in place of 1."""

    def draw(self, x):
        return self._rng.normal(0, self.rate, x.shape).astype(x.dtype)


@wrong("predict_pure", input_shape=(6, 5))
class MaskSharedWithPredict(Dropout):
    """predict leaves a mask of ones behind, which backward then uses."""

    def predict(self, x):
        self._mask = np.ones_like(x)
        return x


@wrong("gradient", input_shape=(6, 5))
class NoiseWithoutSlope(Layer):
    """y = x (1 + noise) as noise proportional to x, and backward passes dy on."""

    def __init__(self):
        self._rng = np.random.default_rng(0)

    def forward(self, x):
        return x + x * self._rng.normal(0, 0.1, x.shape).astype(x.dtype)

    def predict(self, x):
        return x

    def backward(self, dy):
        return dy
