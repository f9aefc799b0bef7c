"""A call depends on the calls before it: gradients add up, or a batch is remembered."""

import numpy as np

from tinynet import Dense, Layer, Sequential, Sigmoid

from ..inputs import IDS
from ..plain.images_and_sequences import LSTM, Conv, Heads, Positions, Recurrent
from ..plain.layers import Affine, BatchNorm, Dropout, Embedding, Tanh
from ..tables import wrong, wrong_net


@wrong("overwrite", "backward_twice", input_shape=(4, 3))
class Accumulates(Affine):
    """dW += where it should overwrite."""

    def backward(self, dy):
        self.dW += self._x.T @ dy
        self.db[...] = dy.sum(axis=0)
        return dy @ self.W.T


@wrong_net("NetThatAccumulates", "overwrite", "backward_twice", input_shape=(4, 3))
def net_that_accumulates():
    return Sequential(Dense(3, 3, rng=0), Sigmoid(), Accumulates())


@wrong("overwrite", "backward_twice", x=IDS)
class NeverZeroed(Embedding):
    """np.add.at adds to the gradients of the batch before."""

    def backward(self, dy):
        np.add.at(self.dW, self._ids, dy)
        return np.zeros(self._ids.shape, dy.dtype)


@wrong("overwrite", "reuse", x=IDS)
class OnlyTouchedRows(Embedding):
    """Rows of words that do not occur keep the gradient of another batch."""

    def backward(self, dy):
        self.dW[self._ids] = 0
        np.add.at(self.dW, self._ids, dy)
        return np.zeros(self._ids.shape, dy.dtype)


@wrong("backward_twice", input_shape=(4, 3))
class ForgetsItsCache(Tanh):
    """backward gives its cache away, so it works once."""

    def backward(self, dy):
        y, self._y = self._y, None
        return dy * (1 - y**2)


@wrong("linear", "reuse", "backward_twice", input_shape=(4, 3))
class FirstGradientForEver(Tanh):
    """backward answers once for each forward, and repeats itself whatever dy is."""

    def forward(self, x):
        self._dx = None
        return super().forward(x)

    def backward(self, dy):
        if self._dx is None:
            self._dx = super().backward(dy)
        return self._dx.copy()


@wrong("backward_twice", input_shape=(6, 5))
class RedrawsInBackward(Dropout):
    """backward draws a mask of its own."""

    def backward(self, dy):
        return dy * self.draw(dy)


@wrong("forward_twice", "reuse", input_shape=(4, 3))
class WarmsUp(Tanh):
    """The output depends on how often forward has been called."""

    calls = 0

    def forward(self, x):
        self.calls += 1
        self._rate = 1 - 0.5**self.calls
        return self._rate * super().forward(x)

    def predict(self, x):
        return np.tanh(x)

    def backward(self, dy):
        return self._rate * super().backward(dy)


@wrong(
    "forward_twice",
    "reuse",
    "per_example",
    "predict_per_example",
    "predict_equals_forward",
    input_shape=(4, 3),
)
class FirstBatchScale(Tanh):
    """Scales by the largest value of the first batch it ever sees."""

    def forward(self, x):
        if "largest" not in self.__dict__:
            self.largest = float(np.abs(x).max(initial=0.1))
        return super().forward(x / self.largest)

    def backward(self, dy):
        return super().backward(dy) / self.largest


@wrong("forward_twice", "reuse", "gradient", input_shape=(1, 3))
class MaskOfTheFirstBatch(Layer):
    """Keeps the mask of the first batch of each shape."""

    _mask = None

    def forward(self, x):
        if self._mask is None or self._mask.shape != x.shape:
            self._mask = x > 0
        return np.maximum(x, 0)

    def backward(self, dy):
        return dy * self._mask


@wrong("reuse", "per_example", "batch_of_one", "batch_of_none", input_shape=(4, 3))
class RemembersBatchSize(Affine):
    """The batch size is noted at the first forward, and used ever after."""

    def forward(self, x):
        if "rows" not in self.__dict__:
            self.rows = len(x)
        return super().forward(x)

    def backward(self, dy):
        dx = super().backward(dy)
        self.db *= self.rows / max(len(dy), 1)
        return dx


@wrong("reuse", "per_example", input_shape=(4, 3))
class FirstSixRows(Affine):
    """dW counts six examples at most, the largest batch it was tried with."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW[...] = self._x[:6].T @ dy[:6]
        return dx


@wrong("reuse", "per_example", "batch_of_one", "batch_of_none", input_shape=(2, 2, 6, 5))
class ShapeOfTheFirstBatch(Conv):
    """The shape of dx is that of the first batch."""

    def forward(self, x):
        first = self.__dict__.get("_shape")
        y = super().forward(x)
        self._shape = first or self._shape
        return y


@wrong("forward_twice", "reuse", input_shape=(2, 4, 3))
class CarriesItsState(Recurrent):
    """The last state of a batch is the first state of the next."""

    def forward(self, x):
        y = super().forward(x)
        self.last = y[:, -1].copy()
        return y

    def start(self, x):
        last = self.__dict__.get("last")
        return last if last is not None and len(last) == len(x) else super().start(x)


@wrong("forward_twice", "reuse", input_shape=(6, 3))
class RunningStatisticsInTraining(BatchNorm):
    """forward normalises with the running statistics it has just moved."""

    def statistics(self, x):
        super().statistics(x)
        return self.running_mean, self.running_variance

    def backward(self, dy):
        super().backward(dy)
        return dy * self.gamma / self._s


@wrong("forward_twice", "reuse", "backward_twice", "predict_pure", input_shape=(2, 3, 2))
class StepsNeverCleared(LSTM):
    """What the steps keep goes to the end of one list for ever; backward reads its beginning."""

    def __init__(self):
        super().__init__()
        self._all = []

    def forward(self, x):
        y = super().forward(x)
        self._all += self._steps
        self._steps = self._all
        return y


@wrong("overwrite", "reuse", "backward_twice", input_shape=(3, 2, 2))
class LaterPositionsKept(Positions):
    """Only the positions that occur are written; the others keep an older gradient."""

    def backward(self, dy):
        self.dP[: dy.shape[1]] = dy.sum(axis=0)
        return dy


@wrong("backward_twice", input_shape=(2, 3, 2))
class PopsItsSteps(LSTM):
    """backward takes what forward kept off its list, step by step."""

    def step(self, dh, dc, *gates):
        self._steps.pop()
        return super().step(dh, dc, *gates)


@wrong("backward_twice", input_shape=(2, 3, 3))
class WeightsInPlace(Heads):
    """backward turns the weights into the gradient of the scores, in place."""

    def through_weights(self, da):
        da -= (da * self._a).sum(axis=3, keepdims=True)
        self._a *= da
        return self._a
