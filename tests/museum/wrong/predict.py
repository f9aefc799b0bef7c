"""predict leaves a trace, or computes something else than forward."""

import numpy as np
from scipy.special import softmax

from tinynet import Dense, Layer, Sequential, Sigmoid

from ..plain.images_and_sequences import Conv, Heads, MaxPool
from ..plain.layers import Affine, BatchNorm, Dropout, Residual, Tanh
from ..tables import wrong, wrong_net


@wrong("mutation", "predict_pure", input_shape=(4, 3))
class PredictsInPlace(Layer):
    """Only predict rectifies in place."""

    def forward(self, x):
        self._alive = x > 0
        return np.maximum(x, 0)

    def predict(self, x):
        return np.maximum(x, 0, out=x)

    def backward(self, dy):
        return dy * self._alive


@wrong("predict_pure", input_shape=(4, 3))
class PredictOverwritesCache(Affine):
    """predict stores its input where backward looks for that of forward."""

    def predict(self, x):
        return self.forward(x)


@wrong_net("NetThatPredictsOverItsCache", "predict_pure", input_shape=(4, 3))
def net_that_predicts_over_its_cache():
    return Sequential(Dense(3, 3, rng=0), PredictOverwritesCache(), Sigmoid())


@wrong("predict_pure", input_shape=(4, 3))
class PredictClears(Tanh):
    """predict throws the cache away to save memory."""

    def predict(self, x):
        self._y = None
        return np.tanh(x)


@wrong("predict_pure", input_shape=(6, 5))
class MaskSharedWithPredict(Dropout):
    """predict leaves a mask of ones behind, which backward then uses."""

    def predict(self, x):
        self._mask = np.ones_like(x)
        return x


@wrong("predict_pure", input_shape=(2, 2, 5, 5), args=(2, 3, 3, 1, 1))
class SharedPatches(Conv):
    """The patches lie in one buffer, which predict fills with its own."""

    def forward(self, x):
        y = super().forward(x)
        if "patches" not in self.__dict__ or self.patches.shape != self._windows.shape:
            self.patches = self._windows.copy()
        self.patches[...] = self._windows
        self._windows = self.patches
        return y


@wrong("predict_pure", input_shape=(2, 2, 4, 6))
class MaximaOfPredict(MaxPool):
    """predict notes where its maxima are, for a backward that is not its own."""

    def predict(self, x):
        return self.forward(x)


@wrong("predict_pure", "predict_equals_forward", input_shape=(4, 3))
class PredictTrainsTheBranch(Residual):
    """predict calls the part's forward."""

    def predict(self, x):
        return x + self.inner.forward(x)


@wrong("predict_pure", input_shape=(6, 3))
class PredictLearns(BatchNorm):
    """predict moves the running statistics."""

    def predict(self, x):
        self.statistics(x)
        return super().predict(x)


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


@wrong("predict_pure", "predict_equals_forward", "predict_per_example", input_shape=(4, 3))
class PredictRemembersAnswers(Tanh):
    """predict remembers its answer for each shape, whatever the values."""

    def __init__(self):
        self.answers = {}

    def predict(self, x):
        return self.answers.setdefault((x.shape, x.dtype), np.tanh(x))


@wrong("predict_equals_forward", hint="predict", input_shape=(4, 3))
class AnotherLeakInPredict(Layer):
    """predict has another leak than forward."""

    def forward(self, x):
        self._x = x
        return np.where(x > 0, x, 0.1 * x)

    def predict(self, x):
        return np.where(x > 0, x, 0.01 * x)

    def backward(self, dy):
        return dy * np.where(self._x > 0, 1, 0.1).astype(dy.dtype)


@wrong("predict_equals_forward", hint="predict", input_shape=(4, 3))
class PredictForgetsBias(Affine):
    """predict leaves b out, which is zero only until it has been trained."""

    def predict(self, x):
        return x @ self.W


@wrong("predict_per_example", "predict_equals_forward", input_shape=(4, 3))
class PredictsInPairs(Affine):
    """predict goes through the batch in pairs, and forgets the bias of an odd one."""

    def predict(self, x):
        y = x @ self.W
        y[: len(x) // 2 * 2] += self.b
        return y


@wrong("predict_per_example", "batch_of_none", input_shape=(6, 3))
class BatchStatisticsInPredict(BatchNorm):
    """predict normalises with the batch's own statistics."""

    def predict(self, x):
        s = np.sqrt(x.var(axis=0) + self.eps)
        return self.gamma * (x - x.mean(axis=0)) / s + self.beta


@wrong("predict_equals_forward", input_shape=(2, 3, 3))
class PredictLooksAhead(Heads):
    """The causal mask is a matter of training: predict sees the whole sequence."""

    def predict(self, x):
        q, k, v = (self.split(x @ W) for W in self.W)
        return self.merge(softmax(q @ k.swapaxes(2, 3) * self.scale, axis=3) @ v)
