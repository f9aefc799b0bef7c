"""Layers whose derivatives are right, and that break the contract."""

import numpy as np

from tinynet import Layer

from .plain import Affine
from .tables import right, wrong


@right(input_shape=(4, 3))
class Tanh(Layer):
    """y = tanh x."""

    def forward(self, x):
        self._y = np.tanh(x)
        return self._y

    def backward(self, dy):
        return dy * (1 - self._y**2)


@wrong("dtypes", "float32", input_shape=(4, 3))
class AlwaysSingle(Tanh):
    """dx is float32, whatever dy is."""

    def backward(self, dy):
        return super().backward(dy).astype(np.float32)


@wrong("gradient", "layout", "per_example", hint="float32", input_shape=(4, 3))
class SinglePrecisionInside(Tanh):
    """Computes in float32 and casts the result back."""

    def forward(self, x):
        self._y = np.tanh(x.astype(np.float32)).astype(x.dtype)
        return self._y


@wrong("backward_twice", input_shape=(4, 3))
class ForgetsItsCache(Tanh):
    """backward gives its cache away, so it works once."""

    def backward(self, dy):
        y, self._y = self._y, None
        return dy * (1 - y**2)


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


@wrong("batch_of_none", input_shape=(4, 3))
class EmptyFails(Tanh):
    """The maximum of an empty batch does not exist."""

    def forward(self, x):
        if np.abs(x).max() > 1e6:
            raise ValueError("too large")
        return super().forward(x)


@wrong("batch_of_one", "per_example", input_shape=(4, 3))
class OneIsAnotherBranch(Tanh):
    """A shortcut for one example forgets the slope."""

    def backward(self, dy):
        return dy.copy() if len(dy) == 1 else super().backward(dy)


@wrong("batch_of_one", input_shape=(4, 3))
class OneLosesItsRank(Tanh):
    """A batch of one comes out without its first axis."""

    def forward(self, x):
        return super().forward(x).squeeze()


@wrong("shapes", input_shape=(4, 3))
class KeepsASum(Layer):
    """y = Σ x in each row, (N,), and dx is (N, 1)."""

    def forward(self, x):
        return x.sum(axis=1)

    def backward(self, dy):
        return dy[:, np.newaxis].copy()


@wrong("shapes", "dtypes", input_shape=(4, 3))
class ReturnsNothing(Affine):
    """backward forgets to return dx."""

    def backward(self, dy):
        super().backward(dy)


@wrong("mutation", input_shape=(4, 3))
class UpdatesItself(Affine):
    """backward takes a step on its own."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.W -= 0.1 * self.dW
        return dx


@wrong("predict_pure", input_shape=(4, 3))
class PredictClears(Tanh):
    """predict throws the cache away to save memory."""

    def predict(self, x):
        self._y = None
        return np.tanh(x)


@wrong("finite", input_shape=(4, 3))
class NaiveTanh(Tanh):
    """(e^x − e^−x) / (e^x + e^−x) is ∞/∞ from 710 on."""

    def forward(self, x):
        a, b = np.exp(x), np.exp(-x)
        self._y = (a - b) / (a + b)
        return self._y


@wrong("per_example", "predict_per_example", input_shape=(4, 3))
class CentresTheBatch(Tanh):
    """Subtracts the mean of the batch, in predict too."""

    def forward(self, x):
        return super().forward(x - x.sum(axis=0) / max(len(x), 1))

    def backward(self, dy):
        da = super().backward(dy)
        return da - da.sum(axis=0) / max(len(dy), 1)


@wrong("per_example", "predict_per_example", input_shape=(4, 3))
class Shuffles(Tanh):
    """Rows come out in reverse order."""

    def forward(self, x):
        return super().forward(x[::-1])

    def backward(self, dy):
        return super().backward(dy)[::-1]
