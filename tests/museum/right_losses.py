"""Right losses: at kinks, with integer targets, on bounded domains."""

import math

import numpy as np
from scipy.special import expit, log_softmax, xlogy

from tinynet import Loss

from .plain import MSE
from .plain_losses import CHANCES, LOGITS, SHARES, IntegerTargets
from .tables import right

NEAR = np.array([[0.5, -1.0, 2.0], [0.0, 0.0, 1.0]])
SIGNS = {"y": LOGITS, "t": np.array([[1, -1, 1], [1, 1, -1], [-1, 1, 1], [1, -1, -1], [1, 1, 1]])}


@right(shape=(4, 3))
@right(y=NEAR, t=NEAR.copy(), name="L1 where all are equal")
class L1(Loss):
    """Mean of |y − t|, slope 0 at a tie."""

    def forward(self, y, t):
        self._d = y - t
        return np.abs(self._d).mean()

    def backward(self):
        return np.sign(self._d) / self._d.size


@right(shape=(4, 3))
class L1RightSided(L1):
    """Slope +1 at a tie, which lies between −1 and 1 as well."""

    def backward(self):
        return np.where(self._d >= 0, 1, -1).astype(self._d.dtype) / self._d.size


@right(shape=(4, 3))
@right(y=NEAR + 0.5, t=NEAR, name="Huber at delta")
class Huber(Loss):
    """½ d² up to delta = ½, linear beyond."""

    def forward(self, y, t):
        self._d = d = y - t
        size = np.abs(d)
        return np.where(size > 0.5, 0.5 * (size - 0.25), d * d / 2).mean()

    def backward(self):
        return np.clip(self._d, -0.5, 0.5) / self._d.size


@right(shape=(4, 3))
class Quantile(Loss):
    """Pinball loss of the 90 % quantile."""

    def forward(self, y, t):
        self._d = t - y
        return np.maximum(0.9 * self._d, -0.1 * self._d).mean()

    def backward(self):
        return np.where(self._d > 0, -0.9, 0.1).astype(self._d.dtype) / self._d.size


@right(**SIGNS)
class Hinge(Loss):
    """Mean of max(0, 1 − t y) with t = ±1 as integers."""

    def check(self, y, t):
        if y.shape != t.shape or t.dtype.kind != "i":
            raise ValueError("t must be integers ±1 of the shape of y")

    def forward(self, y, t):
        self._t, self._m = t.astype(y.dtype), 1 - t.astype(y.dtype) * y
        return np.maximum(self._m, 0).mean()

    def backward(self):
        return -self._t * (self._m > 0) / self._t.size


@right(shape=(4, 3))
class EpsilonInsensitive(Loss):
    """Mean of max(0, |y − t| − ½)."""

    def forward(self, y, t):
        self._d = y - t
        return np.maximum(np.abs(self._d) - 0.5, 0).mean()

    def backward(self):
        return np.sign(self._d) * (np.abs(self._d) >= 0.5) / self._d.size


@right(shape=(4, 3))
class LargestError(Loss):
    """The largest |y − t|; the first of several takes the gradient."""

    def forward(self, y, t):
        self._d = y - t
        return np.abs(self._d).max()

    def backward(self):
        g = np.zeros_like(self._d)
        place = np.unravel_index(np.abs(self._d).argmax(), g.shape)
        g[place] = np.sign(self._d[place])
        return g


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


@right(shape=(4, 3))
class RootMeanSquare(Loss):
    """√ mean (y − t)², with gradient zero where all are equal."""

    def forward(self, y, t):
        self._d = y - t
        self._r = np.sqrt((self._d**2).mean())
        return self._r

    def backward(self):
        return self._d / (self._r * self._d.size) if self._r > 0 else np.zeros_like(self._d)
