"""Losses with kinks and ties."""

import numpy as np

from tinynet import Loss

from ..inputs import LOGITS, NEAR, READ_ONLY
from ..tables import right

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


@right(
    y=READ_ONLY.astype(np.float32), t=READ_ONLY[::-1].astype(np.float32), name="Huber in float32"
)
@right(y=READ_ONLY, t=np.asfortranarray(READ_ONLY[::-1]), name="Huber on columns")
class AnyHuber(Huber):
    """½ d² up to ½, linear beyond."""


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
class RootMeanSquare(Loss):
    """√ mean (y − t)², with gradient zero where all are equal."""

    def forward(self, y, t):
        self._d = y - t
        self._r = np.sqrt((self._d**2).mean())
        return self._r

    def backward(self):
        return self._d / (self._r * self._d.size) if self._r > 0 else np.zeros_like(self._d)
