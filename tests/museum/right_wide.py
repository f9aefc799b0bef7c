"""Right layers on ties, images, sequences, and layers made of layers."""

import numpy as np
from scipy.special import logsumexp, softmax

from tinynet import Layer

from .plain_wide import Attention, AveragePool, Conv, MaxPool, Recurrent
from .tables import right

TIES = {"x": np.array([[1.0, 1.0, 0.0], [2.0, 2.0, 2.0], [0.0, -1.0, -1.0], [3.0, 1.0, 3.0]])}


@right(input_shape=(4, 3))
@right(**TIES, name="Sort given ties")
class Sort(Layer):
    """Each row in ascending order."""

    def forward(self, x):
        self._order = np.argsort(x, axis=1, kind="stable")
        return np.take_along_axis(x, self._order, axis=1)

    def backward(self, dy):
        dx = np.empty_like(dy)
        np.put_along_axis(dx, self._order, dy, axis=1)
        return dx


@right(input_shape=(4, 3))
@right(**TIES, name="SharedMaximum given ties")
class SharedMaximum(Layer):
    """The largest of each row, (N,); ties share the gradient equally."""

    def forward(self, x):
        y = x.max(axis=1)
        self._ties = (x == y[:, np.newaxis]).astype(x.dtype)
        return y

    def backward(self, dy):
        return self._ties * (dy / self._ties.sum(axis=1))[:, np.newaxis]


@right(**TIES)
class LastMaximum(Layer):
    """The largest of each row, (N, 1); the last of several takes the gradient."""

    def forward(self, x):
        self._shape = x.shape
        self._best = x.shape[1] - 1 - x[:, ::-1].argmax(axis=1)
        return x.max(axis=1, keepdims=True)

    def backward(self, dy):
        return dy * (np.arange(self._shape[1]) == self._best[:, np.newaxis])


@right(input_shape=(4, 6))
class Maxout(Layer):
    """The larger of two halves, through views."""

    def forward(self, x):
        a, b = np.split(x, 2, axis=1)
        self._first = a >= b
        return np.where(self._first, a, b)

    def backward(self, dy):
        return np.concatenate([dy * self._first, dy * ~self._first], axis=1)


@right(input_shape=(4, 3))
@right(**TIES, name="Spread given ties")
class Spread(Layer):
    """Largest minus smallest of each row."""

    def forward(self, x):
        self._top, self._low, self._width = x.argmax(axis=1), x.argmin(axis=1), x.shape[1]
        return x.max(axis=1) - x.min(axis=1)

    def backward(self, dy):
        places = np.arange(self._width)
        top, low = (places == best[:, np.newaxis] for best in (self._top, self._low))
        return dy[:, np.newaxis] * (top.astype(dy.dtype) - low)


@right(input_shape=(4, 3))
@right(x=np.array([[0.0, 0.0, 0.0], [3.0, 4.0, 0.0], [0.0, 0.0, 1.0]]), name="Norm given zero")
class Norm(Layer):
    """|x| of each row, (N,), with gradient zero at the origin."""

    def forward(self, x):
        self._x, self._r = x, np.sqrt((x * x).sum(axis=1))
        return self._r.copy()

    def backward(self, dy):
        r = np.where(self._r > 0, self._r, np.ones_like(self._r))
        return (dy / r)[:, np.newaxis] * self._x


@right(input_shape=(4, 3))
@right(**TIES, name="LogSumExp given ties")
class LogSumExp(Layer):
    """log Σ e^x of each row, (N, 1)."""

    def forward(self, x):
        self._x, self._y = x, logsumexp(x, axis=1, keepdims=True)
        return self._y

    def backward(self, dy):
        return dy * np.exp(self._x - self._y)


@right(input_shape=(2, 2, 4, 6))
class MaxPoolShared(MaxPool):
    """Ties in a window share the gradient equally."""

    def share(self, place):
        largest = self._flat == self._flat.max(axis=-1, keepdims=True)
        return largest[..., place] / largest.sum(axis=-1).astype(self._flat.dtype)


@right(input_shape=(2, 3, 4, 6))
class GlobalAverage(AveragePool):
    """The mean of each channel; dx is a read-only view."""

    def forward(self, x):
        self._shape = x.shape
        return x.mean(axis=(2, 3))

    def backward(self, dy):
        area = self._shape[2] * self._shape[3]
        return np.broadcast_to(dy[:, :, np.newaxis, np.newaxis] / area, self._shape)


@right(1, 2, 1, 1, 0, input_shape=(3, 1, 4, 4), name="Conv of single pixels")
@right(2, 2, 3, 3, 0, input_shape=(2, 2, 7, 8), name="Conv that leaves a remainder")
class ConvByMatrix(Conv):
    """Windows as rows of one matrix, and two products."""

    def forward(self, x):
        y = super().forward(x)
        n, c, h, w, k, _ = self._windows.shape
        rows = self._windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * h * w, c * k * k)
        self._rows = np.ascontiguousarray(rows)
        flat = self._rows @ self.K.reshape(len(self.K), c * k * k).T + self.b
        return flat.reshape(n, h, w, len(self.K)).transpose(0, 3, 1, 2).astype(y.dtype, copy=False)

    def backward(self, dy):
        flat = dy.transpose(0, 2, 3, 1).reshape(self._rows.shape[0], len(self.K))
        self.dK[...] = (flat.T @ self._rows).reshape(self.K.shape)
        self.db[...] = flat.sum(axis=0)
        return self.crop(self.spread(dy, self.K))


@right(input_shape=(2, 3, 4))
class CausalAttention(Attention):
    """Each token attends to itself and to earlier ones, with minus infinity as the mask."""

    def forward(self, x):
        self._x, self._q, self._k, self._v = x, x @ self.Wq, x @ self.Wk, x @ self.Wv
        scores = self._q @ self._k.swapaxes(1, 2) * self.scale
        later = np.triu(np.ones(scores.shape[1:], bool), 1)
        self._a = softmax(np.where(later, -np.inf, scores), axis=2)
        return self._a @ self._v


@right(input_shape=(2, 4, 3))
class LastState(Recurrent):
    """Only the last state comes out."""

    def forward(self, x):
        return super().forward(x)[:, -1]

    def backward(self, dy):
        every = np.zeros((*self._x.shape[:2], dy.shape[1]), dy.dtype)
        every[:, -1] = dy
        return super().backward(every)
