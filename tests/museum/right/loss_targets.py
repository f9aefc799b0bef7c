"""Losses of numbers, chances and classes: with bounded domains, integers, or missing targets."""

import math

import numpy as np
from scipy.special import expit, log_softmax, xlogy

from tinynet import Loss

from ..inputs import CHANCES, LOGITS, NEAR, SHARES
from ..plain.losses import MSE, IntegerTargets
from ..tables import right

MISSING = np.array([[0.5, np.nan, 1.0], [np.nan, -1.0, 2.0]])


@right(shape=(4, 3))
class LogCosh(Loss):
    """Mean of log cosh (y − t)."""

    def forward(self, y, t):
        self._d = y - t
        return (np.logaddexp(self._d, -self._d) - math.log(2)).mean()

    def backward(self):
        return np.tanh(self._d) / self._d.size


@right(**CHANCES)
class BinaryOfLogits(Loss):
    """Mean of log(1 + e^y) − t y."""

    def forward(self, y, t):
        self._y, self._t = y, t
        return (np.logaddexp(0, y) - t * y).mean()

    def backward(self):
        return (expit(self._y) - self._t) / self._t.size


@right(**CHANCES)
class BinaryOfChances(Loss):
    """−mean of t log y + (1 − t) log(1 − y), for y inside (0, 1)."""

    def forward(self, y, t):
        self._y, self._t = y, t
        return -(t * np.log(y) + (1 - t) * np.log1p(-y)).mean()

    def backward(self):
        y, t = self._y, self._t
        return (y - t) / (y * (1 - y)) / y.size


@right(y=np.array([[0.5, 2.0], [1.5, 0.1]]), t=np.array([[0.0, 3.0], [1.0, 2.0]]))
class Poisson(Loss):
    """Mean of y − t log y for y > 0; a y outside is refused."""

    def forward(self, y, t):
        if (y <= 0).any():
            raise ValueError("y must be positive")
        self._y, self._t = y, t
        return (y - t * np.log(y)).mean()

    def backward(self):
        return (1 - self._t / self._y) / self._y.size


@right(y=SHARES["y"], t=SHARES["y"][::-1].copy())
class Divergence(Loss):
    """Σ t log(t / y) in the mean over examples, for y > 0 and t ≥ 0."""

    def forward(self, y, t):
        self._y, self._t = y, t
        return (xlogy(t, t) - t * np.log(y)).sum() / len(y)

    def backward(self):
        return -self._t / self._y / len(self._t)


@right(y=LOGITS, t=np.array([2, 0, 1, 2, 0]))
class SmoothedClasses(IntegerTargets):
    """Cross-entropy of integers with a tenth of each label spread over all classes."""

    def forward(self, y, t):
        value = super().forward(y, t)
        return 0.9 * value - 0.1 * self._y.mean()

    def backward(self):
        p = np.exp(self._y)
        even = (p - 1 / p.shape[1]) / len(p)
        return 0.9 * super().backward() + 0.1 * even


@right(y=LOGITS, t=np.array([2, -1, 1, 2, -1]))
class IgnoresSome(IntegerTargets):
    """Cross-entropy of integers where −1 means unknown and counts for nothing."""

    def forward(self, y, t):
        self._y = log_softmax(y, axis=1)
        self._hot = (np.arange(y.shape[1]) == t[:, np.newaxis]).astype(y.dtype)
        return -(self._y * self._hot).sum() / len(y)

    def backward(self):
        known = self._hot.sum(axis=1, keepdims=True)
        return (np.exp(self._y) * known - self._hot) / len(known)


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


@right(shape=(6,), name="MSE of a vector")
@right(shape=(2, 3, 4), name="MSE of images")
@right(shape=(1, 1), name="MSE of one number")
@right(y=NEAR * 1e-9, t=NEAR * 2e-9, name="MSE of tiny numbers")
@right(y=NEAR * 1e6, t=NEAR * 0.9e6 + 1, name="MSE of large numbers")
class MSEByProduct(MSE):
    """The mean of squares by an inner product."""

    def forward(self, y, t):
        self._d = y - t
        flat = self._d.ravel()
        return float(flat.dot(flat)) / flat.size
