"""Wrong losses for outputs and targets that are real numbers."""

import numpy as np

from tinynet import Loss

from .plain import MSE
from .tables import wrong

Y = np.array([[2.5, -0.3, 0.1], [-1.7, 0.2, 3.0], [0.4, -2.2, 0.7], [1.1, 0.05, -0.6]])
T = np.array([[0.5, 0.1, -0.2], [0.3, 0.6, 1.0], [-1.4, 0.2, 0.1], [1.0, 0.5, 0.9]])
FAR = {"y": Y, "t": T}


@wrong("gradient", shape=(4, 3))
class HalfTheBatch(MSE):
    """L2Distance: the gradient is B/2 times that of the loss."""

    def backward(self):
        return super().backward() * (len(self._d) / 2)


@wrong("gradient", hint="3", shape=(4, 3))
class MeanOverExamplesOnly(MSE):
    """forward is a mean over all elements, backward divides by the examples: off by n_outputs."""

    def backward(self):
        return 2 * self._d / len(self._d)


@wrong("gradient", hint="2", shape=(4, 3))
class HalfInForward(MSE):
    """forward has the ½ that backward has not."""

    def forward(self, y, t):
        return super().forward(y, t) / 2


@wrong("gradient", hint="2", shape=(4, 3))
class TwoForgotten(MSE):
    """The 2 of the square is missing."""

    def backward(self):
        return self._d / self._d.size


@wrong("gradient", hint="mean", shape=(4, 3))
class SumForMean(MSE):
    """forward is a mean, backward the gradient of the sum."""

    def backward(self):
        return 2 * self._d


@wrong("gradient", hint="sign", shape=(4, 3))
class TowardsTheWorse(MSE):
    """backward is t − y."""

    def backward(self):
        return -super().backward()


@wrong("gradient", shape=(4, 3))
class NearlyRight(MSE):
    """0.1 % too small."""

    def backward(self):
        return 0.999 * super().backward()


@wrong("gradient", shape=(4, 3))
class RootWithoutSlope(MSE):
    """The root of the mean, with the gradient of the mean."""

    def forward(self, y, t):
        return np.sqrt(super().forward(y, t))


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


@wrong("kinks", hint="kink", shape=(4, 3))
class TieOutside(Loss):
    """|y − t| has slope 3 where y = t."""

    def forward(self, y, t):
        self._d = y - t
        return np.abs(self._d).mean()

    def backward(self):
        return np.where(self._d == 0, 3, np.sign(self._d)) / self._d.size


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
