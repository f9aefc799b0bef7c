"""The gradient of a loss is that of another function."""

import numpy as np
from scipy.special import log_softmax, softmax

from tinynet import Loss

from ...inputs import CHANCES, CLASSES, SCORES, SHARES
from ...plain.losses import MSE, CrossEntropy, IntegerTargets
from ...tables import wrong

Y = np.array([[2.5, -0.3, 0.1], [-1.7, 0.2, 3.0], [0.4, -2.2, 0.7], [1.1, 0.05, -0.6]])
T = np.array([[0.5, 0.1, -0.2], [0.3, 0.6, 1.0], [-1.4, 0.2, 0.1], [1.0, 0.5, 0.9]])
FAR = {"y": Y, "t": T}


@wrong("gradient", **FAR)
class HuberSlope(Loss):
    """Huber with delta ½ whose slope beyond delta is 1, not delta."""

    def forward(self, y, t):
        self._d = d = y - t
        far = np.abs(d) > 0.5
        return np.where(far, 0.5 * (np.abs(d) - 0.25), d * d / 2).mean()

    def backward(self):
        d = self._d
        return np.where(np.abs(d) > 0.5, np.sign(d), d) / d.size


@wrong("gradient", **FAR)
class HuberEverywhereQuadratic(HuberSlope):
    """Huber whose slope never levels off."""

    def backward(self):
        return self._d / self._d.size


@wrong("gradient", **FAR)
class TruncatedDifference(MSE):
    """The gradient is clipped to ±¼, as an optimizer might."""

    def backward(self):
        return np.clip(super().backward(), -0.25, 0.25)


@wrong("gradient", shape=(4, 3))
class QuantilesSwapped(Loss):
    """Pinball loss whose slopes have changed sides."""

    def forward(self, y, t):
        self._d = t - y
        return np.maximum(0.9 * self._d, -0.1 * self._d).mean()

    def backward(self):
        return np.where(self._d > 0, -0.1, 0.9).astype(self._d.dtype) / self._d.size


@wrong("gradient", shape=(4, 3))
class LogCoshAsTangent(Loss):
    """log cosh d with slope tan⁻¹ d in place of tanh d."""

    def forward(self, y, t):
        self._d = y - t
        return (np.logaddexp(self._d, -self._d) - np.log(2).astype(y.dtype)).mean()

    def backward(self):
        return np.arctan(self._d) / self._d.size


@wrong("gradient", shape=(4, 3))
class CosineHalf(Loss):
    """1 − cos(y, t) in each row, without the slope of |y|."""

    def forward(self, y, t):
        self._t = t / np.sqrt((t * t).sum(axis=1, keepdims=True) + 1e-6)
        self._r = np.sqrt((y * y).sum(axis=1, keepdims=True) + 1e-6)
        return 1 - (y * self._t / self._r).sum() / len(y)

    def backward(self):
        return -self._t / self._r / len(self._t)


@wrong("gradient", **SCORES)
class WeightsByColumn(CrossEntropy):
    """Class weights: forward weighs examples by their class, backward multiplies by column."""

    weights = (1.0, 2.0, 5.0)

    def forward(self, y, t):
        return super().forward(y, t * np.array(self.weights, t.dtype))

    def backward(self):
        w = np.array(self.weights, self._t.dtype)
        t = self._t / w
        return w * (np.exp(self._y) - t) / len(t)


@wrong("gradient", **SHARES)
class BeforeTheActivation(Loss):
    """Cross-entropy of probabilities, differentiated with respect to pre-activations: y − t."""

    def forward(self, y, t):
        self._y, self._t = y, t
        return -(t * np.log(y)).sum() / len(y)

    def backward(self):
        return (self._y - self._t) / len(self._t)


@wrong("gradient", **SCORES)
class OverTheWrongAxis(CrossEntropy):
    """backward normalises over the examples."""

    def backward(self):
        return (softmax(self._y, axis=0) - self._t) / len(self._t)


@wrong("gradient", **SCORES)
class SmoothingForgotten(CrossEntropy):
    """Label smoothing in forward only."""

    def forward(self, y, t):
        value = super().forward(y, 0.9 * t + 0.1 / t.shape[1])
        self._t = t
        return value


@wrong("gradient", **CHANCES)
class OneSideOnly(Loss):
    """Binary cross-entropy whose gradient forgets the term of the absent class."""

    def forward(self, y, t):
        self._y, self._t = y, t
        return -(t * np.log(y) + (1 - t) * np.log1p(-y)).mean()

    def backward(self):
        return -self._t / self._y / self._t.size


@wrong("gradient", **CLASSES)
class OneClassForAll(IntegerTargets):
    """g[:, t] −= 1 hits the columns of all targets in every row."""

    def backward(self):
        g = np.exp(self._y)
        g[:, self._t] -= 1
        return g / len(g)


@wrong("gradient", **CLASSES)
class MarginForgotten(IntegerTargets):
    """Multi-class hinge whose gradient leaves out the true class."""

    def forward(self, y, t):
        rows = np.arange(len(t))
        margins = np.maximum(y - y[rows, t][:, np.newaxis] + 1, 0)
        margins[rows, t] = 0
        self._over = (margins > 0).astype(y.dtype)
        return margins.sum() / len(y)

    def backward(self):
        return self._over / len(self._over)


@wrong("gradient", **CHANCES)
class DiceQuotient(Loss):
    """1 − 2 Σ y t / (Σ y + Σ t), and the denominator is held constant."""

    def forward(self, y, t):
        self._t, self._total = t, y.sum() + t.sum()
        return 1 - 2 * (y * t).sum() / self._total

    def backward(self):
        return -2 * self._t / self._total


@wrong("gradient", **SCORES)
class FocalFactor(Loss):
    """Focal loss of logits, −(1 − p)² log p of the right class, (1 − p)² held constant."""

    def forward(self, y, t):
        self._log, self._t = log_softmax(y, axis=1), t
        self._f = (1 - np.exp((self._log * t).sum(axis=1, keepdims=True))) ** 2
        return -(self._f * self._log * t).sum() / len(y)

    def backward(self):
        return self._f * (np.exp(self._log) - self._t) / len(self._t)
