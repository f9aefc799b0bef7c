"""Wrong layers that normalise."""

import numpy as np

from tinynet import Layer

from .plain import BatchNorm, LayerNorm
from .tables import wrong


@wrong("gradient", input_shape=(4, 5), args=(5,))
class MeanForgotten(LayerNorm):
    """dx leaves out the path through the mean."""

    def backward(self, dy):
        super().backward(dy)
        n, dn = self._n, dy * self.gamma
        return (dn - n * (dn * n).mean(axis=1, keepdims=True)) / self._s


@wrong("gradient", input_shape=(4, 5), args=(5,))
class VarianceForgotten(LayerNorm):
    """dx leaves out the path through the variance."""

    def backward(self, dy):
        super().backward(dy)
        dn = dy * self.gamma
        return (dn - dn.mean(axis=1, keepdims=True)) / self._s


@wrong("gradient", input_shape=(4, 5), args=(5,))
class GammaForgotten(LayerNorm):
    """dx lacks gamma, which nobody sees while gamma = 1."""

    def backward(self, dy):
        super().backward(dy)
        n = self._n
        mean, slope = dy.mean(axis=1, keepdims=True), (dy * n).mean(axis=1, keepdims=True)
        return (dy - mean - n * slope) / self._s


@wrong("gradient", input_shape=(4, 5), args=(5,))
class GammaTimesInput(LayerNorm):
    """dgamma is Σ dy x, of the input that is not yet normalised."""

    def forward(self, x):
        self._x = x
        return super().forward(x)

    def backward(self, dy):
        dx = super().backward(dy)
        self.dgamma[...] = (dy * self._x).sum(axis=0)
        return dx


@wrong("gradient", input_shape=(4, 5), args=(5,))
class DegreesOfFreedom(LayerNorm):
    """forward divides the variance by n − 1, backward assumes n."""

    def forward(self, x):
        self._s = np.sqrt(x.var(axis=1, keepdims=True, ddof=1) + self.eps)
        self._n = (x - x.mean(axis=1, keepdims=True)) / self._s
        return self.gamma * self._n + self.beta


@wrong("gradient", input_shape=(4, 5), args=(5,))
class EpsilonForgotten(LayerNorm):
    """backward divides by a deviation without the epsilon, 0.1 here."""

    eps = 0.1

    def backward(self, dy):
        bare = np.sqrt(np.maximum(self._s**2 - self.eps, 1e-30))
        return super().backward(dy) * self._s / bare


@wrong("float32", x=np.random.default_rng(0).normal(size=(4, 5)) + 100, args=(5,))
class CancellingVariance(LayerNorm):
    """E x² − (E x)² cancels: in float32 little is left of it beside a large mean."""

    def forward(self, x):
        mean = x.mean(axis=1, keepdims=True)
        variance = np.maximum((x * x).mean(axis=1, keepdims=True) - mean * mean, 0)
        self._s = np.sqrt(variance + self.eps)
        self._n = (x - mean) / self._s
        return self.gamma * self._n + self.beta


@wrong("gradient", input_shape=(6, 3))
class EvaluationFormula(BatchNorm):
    """Batch normalisation whose dx takes mean and variance for constants, as in inference."""

    def backward(self, dy):
        super().backward(dy)
        return dy * self.gamma / self._s


@wrong("gradient", input_shape=(6, 3))
class ScaleLostInBatch(BatchNorm):
    """Batch normalisation whose dx lacks gamma: invisible while gamma = 1."""

    def backward(self, dy):
        return super().backward(dy) / self.gamma


@wrong("gradient", input_shape=(6, 3))
class MeanNotTaken(BatchNorm):
    """dx subtracts the sum of dy where it should subtract the mean."""

    def backward(self, dy):
        super().backward(dy)
        n, rows = self._n, max(len(dy), 1)
        return self.gamma * (dy - self.dbeta - n * self.dgamma / rows) / self._s


@wrong("predict_per_example", "batch_of_none", input_shape=(6, 3))
class BatchStatisticsInPredict(BatchNorm):
    """predict normalises with the batch's own statistics."""

    def predict(self, x):
        s = np.sqrt(x.var(axis=0) + self.eps)
        return self.gamma * (x - x.mean(axis=0)) / s + self.beta


@wrong("forward_twice", "reuse", input_shape=(6, 3))
class RunningStatisticsInTraining(BatchNorm):
    """forward normalises with the running statistics it has just moved."""

    def statistics(self, x):
        super().statistics(x)
        return self.running_mean, self.running_variance

    def backward(self, dy):
        super().backward(dy)
        return dy * self.gamma / self._s


@wrong("predict_pure", input_shape=(6, 3))
class PredictLearns(BatchNorm):
    """predict moves the running statistics."""

    def predict(self, x):
        self.statistics(x)
        return super().predict(x)


@wrong("isolation", "copy", input_shape=(6, 3))
class StatisticsOfTheClass(Layer):
    """All instances move the same running mean."""

    mean = np.zeros(3)

    def forward(self, x):
        centred = x - x.mean(axis=0) if len(x) else x
        if len(x):
            self.mean[...] = 0.9 * self.mean + 0.1 * x.mean(axis=0)
        return centred

    def predict(self, x):
        return x - self.mean.astype(x.dtype)

    def backward(self, dy):
        return dy - dy.mean(axis=0) if len(dy) else dy


@wrong("gradient", input_shape=(4, 5), args=(5,))
class RootMeanSquareHalf(Layer):
    """y = gain x / rms(x), and dx holds the rms for a constant."""

    def __init__(self, features):
        super().__init__(gain=np.ones(features))

    def forward(self, x):
        self._s = np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-5)
        self._n = x / self._s
        return self.gain * self._n

    def backward(self, dy):
        self.dgain[...] = (dy * self._n).sum(axis=0)
        return dy * self.gain / self._s


@wrong("gradient", input_shape=(6, 3))
class UnitVector(Layer):
    """y = x / |x|, and dx = (dy − (dy·x) y) / |x|: x where y should stand."""

    def forward(self, x):
        self._x, self._r = x, np.sqrt((x * x).sum(axis=1, keepdims=True) + 1e-3)
        self._y = x / self._r
        return self._y

    def backward(self, dy):
        return (dy - (dy * self._x).sum(axis=1, keepdims=True) * self._y) / self._r
