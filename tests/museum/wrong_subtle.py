"""Wrong layers that look right at a glance, or from the usual distance."""

import numpy as np

from tinynet import Layer

from .plain import Affine, Dropout, Embedding, LayerNorm
from .plain_wide import MaxPool, Recurrent
from .tables import wrong
from .wrong_contract import Tanh


@wrong("gradient", input_shape=(4, 3))
class OneMillionthOff(Affine):
    """dW is a millionth too large."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW *= 1 + 1e-6
        return dx


@wrong("gradient", hint="axis 0", input_shape=(4, 3))
class RowsRolled(Affine):
    """The rows of dW are one place off, so every sum over it is right."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW[...] = np.roll(self.dW, 1, axis=0)
        return dx


@wrong("gradient", input_shape=(4, 3))
class LastFeatureSkipped(Affine):
    """range(n − 1): the last feature gets no dx."""

    def backward(self, dy):
        dx = super().backward(dy)
        dx[:, -1] = 0
        return dx


@wrong("reuse", "batch_of_one", "per_example", "gradient", input_shape=(4, 3))
class OddRowLost(Affine):
    """dW goes through the batch in pairs and leaves out the odd one at the end."""

    def backward(self, dy):
        dx = super().backward(dy)
        even = len(dy) // 2 * 2
        self.dW[...] = self._x[:even].T @ dy[:even]
        return dx


@wrong("overwrite", "linear", input_shape=(4, 3))
class KeepsTheOldForZero(Affine):
    """Nothing is written where dy is zero, so an older gradient stays."""

    def backward(self, dy):
        if not dy.any():
            return np.zeros_like(self._x)
        return super().backward(dy)


@wrong("update", input_shape=(4, 3))
class StalePredict(Affine):
    """predict keeps the weights of its first call."""

    def __init__(self):
        super().__init__()
        self.kept = {}

    def predict(self, x):
        W, b = self.kept.setdefault(self.W.dtype, (self.W.copy(), self.b.copy()))
        return x @ W + b


@wrong("predict_pure", "predict_equals_forward", "predict_per_example", input_shape=(4, 3))
class PredictRemembersAnswers(Tanh):
    """predict remembers its answer for each shape, whatever the values."""

    def __init__(self):
        self.answers = {}

    def predict(self, x):
        return self.answers.setdefault((x.shape, x.dtype), np.tanh(x))


@wrong("dtypes", "float32", input_shape=(4, 3))
class DoublePredict(Tanh):
    """Only predict turns float32 into float64."""

    def predict(self, x):
        return np.tanh(x.astype(float))


@wrong("gradient", "overwrite", hint="parameter_gradients", input_shape=(4, 3))
class ShortcutForgetsBias(Affine):
    """parameter_gradients, the shortcut that training takes, leaves db out."""

    def parameter_gradients(self, dy):
        self.dW[...] = self._x.T @ dy


@wrong("kinks", "finite", input_shape=(4, 3))
class NotANumberAtZero(Layer):
    """|x| with slope x / |x|, which is 0/0 at 0."""

    def forward(self, x):
        self._x = x
        return np.abs(x)

    def backward(self, dy):
        return dy * (self._x / np.abs(self._x))


@wrong("kinks", hint="kink", input_shape=(4, 3))
class NegativeAtZero(Layer):
    """ReLU with slope −½ at 0, on the wrong side."""

    def forward(self, x):
        self._x = x
        return np.maximum(x, 0)

    def backward(self, dy):
        return np.where(self._x == 0, -0.5 * dy, dy * (self._x > 0))


@wrong("gradient", x=np.array([[3.5, -0.2], [0.7, -4.1], [1.2, 0.3]]))
class FlatTails(Tanh):
    """The slope is cut to 0 for |x| > 3, where it is small and not zero."""

    def backward(self, dy):
        return super().backward(dy) * (np.abs(self._y) < np.tanh(3))


@wrong("mutation", input_shape=(4, 3))
class PutsBackWhatItTook(Affine):
    """forward centres the caller's x and adds the mean again afterwards."""

    def forward(self, x):
        mean = x.mean(axis=1, keepdims=True)
        x -= mean
        y = super().forward(x.copy()) + mean * self.W.sum(axis=0)
        x += mean
        self._x = x
        return y


@wrong("mutation", input_shape=(4, 3))
class WritesThroughAView(Tanh):
    """A reshaped view of dy is scaled in place."""

    def backward(self, dy):
        flat = dy.reshape(dy.size)
        flat *= (1 - self._y**2).reshape(dy.size)
        return flat.reshape(dy.shape)


@wrong("reproducible", "redraws", input_shape=(6, 5))
class SeedsTheWorld(Dropout):
    """forward seeds NumPy's global generator and draws from it."""

    def draw(self, x):
        np.random.seed(0)  # noqa: NPY002 - the fault
        kept = np.random.random(x.shape) >= self.rate  # noqa: NPY002 - the fault
        return kept.astype(x.dtype) / (1 - self.rate)


@wrong("copy", "pickle", "reproducible", input_shape=(6, 5))
class CopiesDrawAnew(Dropout):
    """A copy starts its generator from fresh entropy."""

    def __setstate__(self, state):
        super().__setstate__(state)
        self._rng = np.random.default_rng()


@wrong("gradient", input_shape=(2, 4, 3))
class ReturnsInReverse(Recurrent):
    """Runs from the end of the sequence, and dx comes out in that order."""

    def forward(self, x):
        return super().forward(x[:, ::-1])


@wrong("gradient", input_shape=(4, 3))
class SmallGain(LayerNorm):
    """dx uses |gamma|: wrong for a negative gain only."""

    def backward(self, dy):
        dx = super().backward(dy * np.sign(self.gamma))
        self.dgamma *= np.sign(self.gamma)
        self.dbeta *= np.sign(self.gamma)
        return dx


@wrong("gradient", x=np.array([[0, 1], [4, 2], [3, 2]]))
class FirstWordOnly(Embedding):
    """Only the first word of each example learns."""

    def backward(self, dy):
        self.dW[...] = 0
        np.add.at(self.dW, self._ids[:, 0], dy[:, 0])
        return np.zeros(self._ids.shape, dy.dtype)


@wrong("gradient", "per_example", input_shape=(2, 3, 4, 6))
class ChannelsOfTheFirst(MaxPool):
    """The places of the maxima are those of the first channel for all."""

    def share(self, place):
        return self._best[:, :1] == place
