"""Right losses."""

import numpy as np
from scipy.special import log_softmax

from tinynet import Loss

from ..inputs import CLASSES, SCORES
from ..tables import right


@right(shape=(4, 3))
class MSE(Loss):
    """Mean of (y − t)²."""

    def forward(self, y, t):
        self._d = y - t
        return (self._d**2).mean()

    def backward(self):
        return 2 * self._d / self._d.size


@right(**SCORES)
class CrossEntropy(Loss):
    """−mean of t log softmax y over the examples, targets as one-hot rows."""

    def forward(self, y, t):
        self._y, self._t = log_softmax(y, axis=1), t
        return -(self._y * t).sum() / len(y)

    def backward(self):
        t = self._t
        return (np.exp(self._y) * t.sum(axis=1, keepdims=True) - t) / len(t)


@right(**CLASSES)
class IntegerTargets(Loss):
    """Cross-entropy with the class of each example as an integer."""

    def check(self, y, t):
        if t.shape != y.shape[:1] or t.dtype.kind != "i":
            raise ValueError(f"t must be {len(y)} integers; got {t.dtype} of shape {t.shape}")

    def forward(self, y, t):
        self._y, self._t = log_softmax(y, axis=1), t
        return -self._y[np.arange(len(t)), t].mean()

    def backward(self):
        g = np.exp(self._y)
        g[np.arange(len(g)), self._t] -= 1
        return g / len(g)
