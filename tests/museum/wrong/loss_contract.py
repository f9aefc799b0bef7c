"""A loss whose gradient is right, and that breaks another rule."""

import numpy as np
from scipy.special import expit, softmax

from tinynet import Loss

from ..inputs import SCORES
from ..plain.losses import MSE, CrossEntropy
from ..tables import wrong


@wrong("mutation", shape=(4, 3))
class WritesIntoOutputs(MSE):
    """forward subtracts t from the caller's y."""

    def forward(self, y, t):
        y -= t
        return super().forward(y, 0 * t)


@wrong("mutation", shape=(4, 3))
class WritesIntoTargets(MSE):
    """forward clips the caller's t."""

    def forward(self, y, t):
        return super().forward(y, np.clip(t, -0.1, 0.1, out=t))


@wrong("reuse", "batch_of_one", "per_example", shape=(4, 3))
class FirstTargets(MSE):
    """The targets of the first batch serve for ever."""

    def forward(self, y, t):
        self.first = self.__dict__.get("first", t)
        return super().forward(y, self.first)


@wrong("reuse", "forward_twice", shape=(4, 3))
class FirstTargetsOfEachShape(MSE):
    """The targets of the first batch of each shape serve for ever."""

    def forward(self, y, t):
        kept = self.__dict__.setdefault("kept", {})
        return super().forward(y, kept.setdefault(t.shape, t.copy()))


@wrong("reuse", "per_example", "batch_of_one", shape=(4, 3))
class FirstSize(MSE):
    """The mean divides by the size of the first batch."""

    def forward(self, y, t):
        self.size = self.__dict__.get("size", y.size)
        self._d = y - t
        return (self._d**2).sum() / self.size

    def backward(self):
        return 2 * self._d / self.size


@wrong("backward_twice", "output_alias", shape=(4, 3))
class AddsUp(MSE):
    """backward adds to what it returned before."""

    def forward(self, y, t):
        self._g = np.zeros_like(y)
        return super().forward(y, t)

    def backward(self):
        self._g += super().backward()
        return self._g.copy()


@wrong("backward_twice", "output_alias", shape=(4, 3))
class ScalesInPlace(MSE):
    """backward scales its cache in place."""

    def backward(self):
        self._d *= 2 / self._d.size
        return self._d


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


@wrong("output_alias", shape=(4, 3))
class OneBuffer(MSE):
    """Every gradient is the same array, filled anew."""

    def backward(self):
        kept = self.__dict__.setdefault("kept", {})
        buffer = kept.setdefault((self._d.shape, self._d.dtype), np.empty_like(self._d))
        return np.multiply(self._d, 2 / self._d.size, out=buffer)


@wrong("dtypes", "float32", shape=(4, 3))
class DoubleGradient(MSE):
    """np.float64(2) makes every gradient float64."""

    def backward(self):
        return self._d * np.float64(2) / self._d.size


@wrong("isolation", "copy", shape=(4, 3))
class DifferencesOfTheClass(Loss):
    """All instances share the last difference."""

    kept = {}  # noqa: RUF012 - the fault

    def forward(self, y, t):
        self.kept["d"] = y - t
        return (self.kept["d"] ** 2).mean()

    def backward(self):
        d = self.kept["d"]
        return 2 * d / d.size


@wrong("shapes", shape=(4, 3))
class GradientOfEachExample(MSE):
    """backward sums over the outputs."""

    def backward(self):
        return super().backward().sum(axis=1)


@wrong("batch_of_one", "per_example", "gradient", shape=(4, 3))
class OneExampleUnscaled(MSE):
    """A single example is taken for a vector, and its mean forgotten."""

    def backward(self):
        return 2 * self._d / (1 if len(self._d) == 1 else self._d.size)


@wrong("pickle", shape=(4, 3))
class HoldsALambda(MSE):
    """A lambda in an attribute cannot be pickled."""

    def __init__(self):
        self.square = lambda d: d * d

    def forward(self, y, t):
        self._d = y - t
        return self.square(self._d).mean()


@wrong("layout", shape=(4, 3))
class FlattensByMemory(MSE):
    """Pairs y and t in the order of memory."""

    def forward(self, y, t):
        value = super().forward(y.ravel(order="K"), t.ravel(order="K"))
        self._d = self._d.reshape(y.shape)
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
