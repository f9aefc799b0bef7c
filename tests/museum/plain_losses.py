"""Right losses for classes, written plainly."""

import numpy as np
from scipy.special import expit, log_softmax, softmax

from tinynet import Loss

from .tables import right

__all__ = ["CHANCES", "CLASSES", "SCORES", "SHARES", "CrossEntropy", "IntegerTargets"]

LABELS = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]], float)
LOGITS = np.random.default_rng(0).normal(size=(5, 3))
SCORES = {"y": LOGITS, "t": LABELS}
SHARES = {"y": softmax(LOGITS, axis=1), "t": LABELS}
CHANCES = {"y": expit(LOGITS), "t": LABELS}
CLASSES = {"y": LOGITS, "t": np.array([2, 0, 1, 2, 0])}


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
