"""Wrong losses for classes and probabilities."""

import numpy as np
from scipy.special import expit, log_softmax, softmax

from tinynet import Loss

from .plain_losses import CHANCES, CLASSES, SCORES, SHARES, CrossEntropy, IntegerTargets
from .tables import wrong


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


@wrong("gradient", hint="mean", **SCORES)
class SummedOverExamples(CrossEntropy):
    """forward is a mean over the examples, backward is not."""

    def backward(self):
        return super().backward() * len(self._t)


@wrong("gradient", **SCORES)
class SmoothingForgotten(CrossEntropy):
    """Label smoothing in forward only."""

    def forward(self, y, t):
        value = super().forward(y, 0.9 * t + 0.1 / t.shape[1])
        self._t = t
        return value


@wrong("finite", **SCORES)
class NaiveCrossEntropy(CrossEntropy):
    """The logarithm of a softmax that has underflowed to 0."""

    def forward(self, y, t):
        super().forward(y, t)
        return -(t * np.log(softmax(y, axis=1))).sum() / len(y)


@wrong("finite", **SCORES)
class NaiveBinary(Loss):
    """Binary cross-entropy of logits by way of probabilities that round to 1."""

    def forward(self, y, t):
        p = self._p = expit(y)
        self._t = t
        return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()

    def backward(self):
        return (self._p - self._t) / self._t.size


@wrong("gradient", **CHANCES)
class OneSideOnly(Loss):
    """Binary cross-entropy whose gradient forgets the term of the absent class."""

    def forward(self, y, t):
        self._y, self._t = y, t
        return -(t * np.log(y) + (1 - t) * np.log1p(-y)).mean()

    def backward(self):
        return -self._t / self._y / self._t.size


@wrong("backward_twice", "output_alias", **SCORES)
class SubtractsInPlace(CrossEntropy):
    """p[t] −= 1 is done to the cache, so the second backward subtracts again."""

    def forward(self, y, t):
        value = super().forward(y, t)
        self._p = np.exp(self._y)
        return value

    def backward(self):
        self._p -= self._t
        return self._p / len(self._t)


@wrong("gradient", **CLASSES)
class OneClassForAll(IntegerTargets):
    """g[:, t] −= 1 hits the columns of all targets in every row."""

    def backward(self):
        g = np.exp(self._y)
        g[:, self._t] -= 1
        return g / len(g)


@wrong("gradient", **CLASSES)
class MeanOfEverything(IntegerTargets):
    """backward divides by N K, forward by N."""

    def backward(self):
        return super().backward() / self._y.shape[1]


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
