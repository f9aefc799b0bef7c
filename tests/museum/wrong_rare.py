"""Wrong layers whose fault shows at some batch size, some parameter, or inside a network only."""

import numpy as np

from tinynet import Dense, Layer, Sequential, Sigmoid

from .plain import MSE, Affine, Dropout
from .tables import wrong, wrong_net
from .wrong_contract import Tanh
from .wrong_dense_state import PredictOverwritesCache, StaleTranspose
from .wrong_dropout import NeverScaled
from .wrong_losses import FAR
from .wrong_normalisation import EvaluationFormula


@wrong("reuse", "per_example", input_shape=(4, 3))
class FirstSixRows(Affine):
    """dW counts six examples at most, the largest batch it was tried with."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW[...] = self._x[:6].T @ dy[:6]
        return dx


@wrong("predict_per_example", "predict_equals_forward", input_shape=(4, 3))
class PredictsInPairs(Affine):
    """predict goes through the batch in pairs, and forgets the bias of an odd one."""

    def predict(self, x):
        y = x @ self.W
        y[: len(x) // 2 * 2] += self.b
        return y


@wrong("output_alias", "predict_pure", input_shape=(4, 3))
class PredictReturnsItsBuffer(Tanh):
    """predict returns one buffer for each shape, filled anew."""

    def __init__(self):
        self.buffers = {}

    def predict(self, x):
        buffer = self.buffers.setdefault((x.shape, x.dtype), np.empty_like(x))
        return np.tanh(x, out=buffer)


@wrong("mutation", "predict_pure", "predict_equals_forward", input_shape=(4, 3))
class PredictRoundsItsWeights(Affine):
    """predict rounds W in place, and puts it back when it is done."""

    def predict(self, x):
        kept = self.W.copy()
        self.W[...] = np.round(self.W, 3)
        y = x @ self.W + self.b
        self.W[...] = kept
        return y


@wrong("kinks", "gradient", input_shape=(4, 3))
class WeightSizeAtZero(Layer):
    """y = |w| x with slope 3 at w = 0, where every w starts."""

    def __init__(self):
        super().__init__(w=np.zeros(3))

    def forward(self, x):
        self._x = x
        return np.abs(self.w) * x

    def backward(self, dy):
        slope = np.where(self.w == 0, np.full_like(self.w, 3), np.sign(self.w))
        self.dw[...] = slope * (dy * self._x).sum(axis=0)
        return dy * np.abs(self.w)


@wrong("kinks", x=np.array([[1.0, -1.0, 0.3], [0.2, 1.0, -2.0]]))
class TwoAtTheBounds(Layer):
    """Clip with slope 2 at its bounds ±1."""

    def forward(self, x):
        self._x = x
        return np.clip(x, -1, 1)

    def backward(self, dy):
        size = np.abs(self._x)
        return np.where(size == 1, 2 * dy, dy * (size < 1))


@wrong("gradient", input_shape=(4, 3))
class StraightThrough(Layer):
    """Rounds to tenths, and passes dy on as if it had not."""

    def forward(self, x):
        return np.round(x, 1)

    def backward(self, dy):
        return dy.copy()


@wrong("backward_twice", "linear", input_shape=(4, 3))
class NormalisesUpstream(Tanh):
    """backward divides dy by a running mean of its size."""

    def __init__(self):
        self.size = 1.0

    def backward(self, dy):
        self.size = 0.9 * self.size + 0.1 * float(np.abs(dy).max(initial=0))
        return super().backward(dy) / self.size


@wrong("gradient", input_shape=(3, 2, 4, 4))
class OneMeanForAllChannels(Layer):
    """Centres each image over channels and pixels; backward centres each channel."""

    def forward(self, x):
        return x - x.mean(axis=(1, 2, 3), keepdims=True)

    def backward(self, dy):
        return dy - dy.mean(axis=(2, 3), keepdims=True)


@wrong("gradient", **FAR)
class TruncatedDifference(MSE):
    """The gradient is clipped to ±¼, as an optimizer might."""

    def backward(self):
        return np.clip(super().backward(), -0.25, 0.25)


@wrong("mutation", input_shape=(4, 3))
class BackwardScalesInput(Tanh):
    """backward works in the memory of x, which it had kept."""

    def forward(self, x):
        self._x = x
        return super().forward(x)

    def backward(self, dy):
        return np.multiply(dy, 1 - self._y**2, out=self._x)


@wrong_net("NetThatNeverScales", "expectation", input_shape=(6, 5))
def net_that_never_scales():
    return Sequential(Dense(5, 4, rng=0), NeverScaled())


@wrong_net("NetOfEqualDraws", "expectation", input_shape=(6, 5))
def net_of_equal_draws():
    return Sequential(Dropout(0.5, rng=1), Dropout(0.2, rng=1))


@wrong_net("NetWithStaleWeights", "update", input_shape=(4, 3))
def net_with_stale_weights():
    return Sequential(Dense(3, 3, rng=0), Sigmoid(), StaleTranspose())


@wrong_net("NetThatPredictsOverItsCache", "predict_pure", input_shape=(4, 3))
def net_that_predicts_over_its_cache():
    return Sequential(Dense(3, 3, rng=0), PredictOverwritesCache(), Sigmoid())


@wrong_net("NetNormalisedWrongly", "gradient", input_shape=(6, 3))
def net_normalised_wrongly():
    return Sequential(Dense(3, 3, rng=0), EvaluationFormula(), Sigmoid())
