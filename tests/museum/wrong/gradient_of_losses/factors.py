"""The gradient of a loss is off by a constant factor or a sign."""

import numpy as np

from ...inputs import CLASSES, SCORES
from ...plain.losses import MSE, CrossEntropy, IntegerTargets
from ...tables import wrong


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


@wrong("gradient", hint="mean", **SCORES)
class SummedOverExamples(CrossEntropy):
    """forward is a mean over the examples, backward is not."""

    def backward(self):
        return super().backward() * len(self._t)


@wrong("gradient", **CLASSES)
class MeanOfEverything(IntegerTargets):
    """backward divides by N K, forward by N."""

    def backward(self):
        return super().backward() / self._y.shape[1]
