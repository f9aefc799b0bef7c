"""Rows see each other, or a batch of one or of no rows is treated differently."""

import numpy as np

from tinynet import Layer

from ..inputs import SENTENCES
from ..plain.images_and_sequences import Attention, Recurrent
from ..plain.layers import Affine, Softmax, Tanh
from ..tables import wrong


@wrong("per_example", "predict_per_example", input_shape=(4, 3))
class OverTheBatch(Layer):
    """Normalises down the columns: rows interact."""

    def forward(self, x):
        e = np.exp(x - x.max(axis=0, initial=-np.inf))
        self._y = e / e.sum(axis=0)
        return self._y

    def backward(self, dy):
        return self._y * (dy - (dy * self._y).sum(axis=0))


@wrong("per_example", "predict_per_example", input_shape=(4, 3))
class MaximumOfTheBatch(Softmax):
    """Adds ε to the sum after subtracting the maximum of the batch, so other rows shine through."""

    def forward(self, x):
        e = np.exp(x - x.max(initial=0))
        self._y = e / (e.sum(axis=1, keepdims=True) + 1e-3)
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


@wrong("per_example", "predict_per_example", input_shape=(2, 3, 4))
class AttendsToOtherExamples(Attention):
    """Keys and values are averaged over the batch: examples see each other."""

    def forward(self, x):
        y = super().forward(x)
        return y + self._v.sum(axis=0)

    def backward(self, dy):
        dx = super().backward(dy)
        dv = np.broadcast_to(dy.sum(axis=0), dy.shape)
        self.dWv += np.einsum("nti,ntf->if", self._x, dv)
        return dx + dv @ self.Wv.T


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


@wrong("batch_of_one", "per_example", input_shape=(2, 2, 4, 6))
class SqueezedBatch(Layer):
    """The mean of each channel, squeezed: a batch of one loses its first axis."""

    def forward(self, x):
        self._shape = x.shape
        return x.mean(axis=(2, 3), keepdims=True).squeeze()

    def backward(self, dy):
        n, c, h, w = self._shape
        return np.broadcast_to(dy.reshape(n, c, 1, 1) / (h * w), self._shape)


@wrong("batch_of_one", hint="refuse it", input_shape=(4, 3))
class OneRowIsNaN(Layer):
    """Divides by the deviation over N − 1 rows, which for one row is 0 / 0."""

    def forward(self, x):
        self._centred = x - x.mean(axis=0)
        variance = (self._centred**2).sum(axis=0) / (len(x) - 1)
        self._deviation = np.sqrt(variance + 1e-5)
        return self._centred / self._deviation

    def predict(self, x):
        return x

    def backward(self, dy):
        z = self._centred / self._deviation
        slope = (dy * z).sum(axis=0) / (len(dy) - 1)
        return (dy - dy.mean(axis=0) - z * slope) / self._deviation


@wrong("batch_of_none", input_shape=(4, 3))
class EmptyFails(Tanh):
    """The maximum of an empty batch does not exist."""

    def forward(self, x):
        if np.abs(x).max() > 1e6:
            raise ValueError("too large")
        return super().forward(x)


@wrong("batch_of_none", input_shape=(4, 3))
class EmptyPredictFails(Tanh):
    """Only predict cannot do without rows."""

    def predict(self, x):
        return np.stack([np.tanh(row) for row in x])


@wrong("batch_of_none", input_shape=(4, 3))
class EmptyGradientIsNaN(Affine):
    """0 / 0 in the gradient of an empty batch, by a mean that is made a sum again."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.db[...] = dy.sum(axis=0) / np.float32(len(dy)) * len(dy)
        return dx


@wrong("per_example", "predict_per_example", input_shape=(2, 3, 2), args=(2, 3))
class OneLongSequence(Recurrent):
    """The loop over the examples does not reset the state, which leaks into the next."""

    def forward(self, x):
        n, steps, inputs = x.shape
        return super().forward(x.reshape(1, n * steps, inputs)).reshape(n, steps, len(self.b))

    def backward(self, dy):
        n, steps, units = dy.shape
        return super().backward(dy.reshape(1, n * steps, units)).reshape(n, steps, len(self.Wx))


@wrong("per_example", "predict_per_example", input_shape=(2, 3, 2), args=(2, 3))
class BatchForTime(Recurrent):
    """Takes the first axis for time, and so runs from example to example."""

    def forward(self, x):
        return super().forward(x.swapaxes(0, 1)).swapaxes(0, 1)

    def backward(self, dy):
        return super().backward(dy.swapaxes(0, 1)).swapaxes(0, 1)


@wrong("per_example", "predict_per_example", input_shape=(2, 3, 2))
class PositionsInTheBatch(Layer):
    """Adds sines of the place in the batch where those of the step belong."""

    def forward(self, x):
        return x + np.sin(np.arange(len(x), dtype=x.dtype))[:, None, None]

    def backward(self, dy):
        return dy


@wrong("per_example", "predict_per_example", x=SENTENCES)
class PaddedToTheLongest(Layer):
    """The mean over as many steps as the longest sentence of the batch has."""

    def forward(self, x):
        self._shape, used = x.shape, np.any(x != 0, axis=(0, 2))
        self._steps = 1 + int(used.nonzero()[0].max(initial=0))
        return x[:, : self._steps].sum(axis=1) / self._steps

    def backward(self, dy):
        dx = np.zeros(self._shape, dy.dtype)
        dx[:, : self._steps] = dy[:, None] / self._steps
        return dx
