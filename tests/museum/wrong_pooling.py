"""Wrong pooling."""

import numpy as np

from tinynet import Layer

from .plain_wide import AveragePool, MaxPool
from .tables import wrong


@wrong("kinks", "gradient", hint="kink", input_shape=(2, 2, 4, 6))
class EveryTieTakesAll(MaxPool):
    """Each of several equal maxima gets the full gradient."""

    def share(self, place):
        return self._flat[..., place] == self._flat.max(axis=-1)


@wrong("kinks", "gradient", hint="kink", input_shape=(2, 2, 4, 6))
class NoTieTakesAny(MaxPool):
    """Of several equal maxima none gets a gradient."""

    def share(self, place):
        largest = self._flat == self._flat.max(axis=-1, keepdims=True)
        return largest[..., place] & (largest.sum(axis=-1) == 1)


@wrong("gradient", input_shape=(2, 2, 6, 5), args=(3, 1))
class OverlapOverwrites(MaxPool):
    """A pixel that is the maximum of several windows gets the gradient of the last."""

    def give(self, dx, part, amount):
        dx[part] = np.where(amount != 0, amount, dx[part])


@wrong("gradient", input_shape=(2, 2, 4, 6))
class SpreadEvenly(MaxPool):
    """The gradient of a maximum is spread over its window like that of a mean."""

    def share(self, place):
        return 1 / self.size**2


@wrong("gradient", input_shape=(2, 2, 4, 6))
class RowsForColumns(MaxPool):
    """The place of the maximum is read column by column."""

    def share(self, place):
        u, v = divmod(place, self.size)
        return self._best == v * self.size + u


@wrong("predict_pure", input_shape=(2, 2, 4, 6))
class MaximaOfPredict(MaxPool):
    """predict notes where its maxima are, for a backward that is not its own."""

    def predict(self, x):
        return self.forward(x)


@wrong("gradient", hint="4", input_shape=(2, 2, 4, 6))
class AreaForgotten(AveragePool):
    """dx is not divided by the window's k² pixels."""

    def backward(self, dy):
        return super().backward(dy) * 4


@wrong("gradient", input_shape=(2, 2, 4, 6))
class TiledNotRepeated(AveragePool):
    """dx tiles dy where it should repeat each pixel."""

    def backward(self, dy):
        return np.tile(dy, (1, 1, 2, 2)) / 4


@wrong("gradient", input_shape=(2, 2, 4, 6))
class HeightAndWidth(AveragePool):
    """The mean over height and width divides by the height alone in backward."""

    def forward(self, x):
        self._shape = x.shape
        return x.mean(axis=(2, 3))

    def backward(self, dy):
        return np.broadcast_to(dy[:, :, None, None] / self._shape[2], self._shape)


@wrong("gradient", input_shape=(2, 2, 4, 6))
class EdgeCounts(Layer):
    """Means of three neighbours, two at the edge; backward divides by three everywhere."""

    def forward(self, x):
        self._count = np.full(x.shape[3], 3.0, x.dtype)
        self._count[[0, -1]] = 2
        return self.neighbours(x) / self._count

    def neighbours(self, x):
        y = x.copy()
        y[..., 1:] += x[..., :-1]
        y[..., :-1] += x[..., 1:]
        return y

    def backward(self, dy):
        return self.neighbours(dy / 3)


@wrong("batch_of_one", "per_example", input_shape=(2, 2, 4, 6))
class SqueezedBatch(Layer):
    """The mean of each channel, squeezed: a batch of one loses its first axis."""

    def forward(self, x):
        self._shape = x.shape
        return x.mean(axis=(2, 3), keepdims=True).squeeze()

    def backward(self, dy):
        n, c, h, w = self._shape
        return np.broadcast_to(dy.reshape(n, c, 1, 1) / (h * w), self._shape)
