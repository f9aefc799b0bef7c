"""Ties: several elements are the largest, the median, or equally far."""

import numpy as np
from scipy.special import logsumexp

from tinynet import Layer

from ..plain.images_and_sequences import MaxPool
from ..tables import right

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


@right(input_shape=(4, 3))
@right(**TIES, name="Median given ties")
class Median(Layer):
    """The median of each row of odd length, (N,)."""

    def forward(self, x):
        self._shape, k = x.shape, x.shape[1] // 2
        self._place = np.argsort(x, axis=1, kind="stable")[:, k]
        return x[np.arange(len(x)), self._place]

    def backward(self, dy):
        dx = np.zeros(self._shape, dy.dtype)
        dx[np.arange(len(dy)), self._place] = dy
        return dx


@right(input_shape=(4, 3))
@right(**TIES, name="TopTwo given ties")
class TopTwo(Layer):
    """The two largest of each row in descending order; the others vanish."""

    def forward(self, x):
        self._kept = np.argsort(-x, axis=1, kind="stable")[:, :2]
        self._shape = x.shape
        return np.take_along_axis(x, self._kept, axis=1)

    def backward(self, dy):
        dx = np.zeros(self._shape, dy.dtype)
        np.put_along_axis(dx, self._kept, dy, axis=1)
        return dx


@right(input_shape=(4, 3))
@right(**TIES, name="RunningMaximum given ties")
class RunningMaximum(Layer):
    """The largest so far along each row; the first of several takes the gradient."""

    def forward(self, x):
        y = np.maximum.accumulate(x, axis=1)
        before = np.concatenate([np.full((len(x), 1), -np.inf, x.dtype), y[:, :-1]], axis=1)
        new = np.where(x > before, np.arange(x.shape[1]), 0)
        self._place = np.maximum.accumulate(new, axis=1)
        return y

    def backward(self, dy):
        dx = np.zeros_like(dy)
        np.add.at(dx, (np.arange(len(dy))[:, np.newaxis], self._place), dy)
        return dx


@right(input_shape=(2, 2, 4, 6))
class MaxPoolShared(MaxPool):
    """Ties in a window share the gradient equally."""

    def share(self, place):
        largest = self._flat == self._flat.max(axis=-1, keepdims=True)
        return largest[..., place] / largest.sum(axis=-1).astype(self._flat.dtype)
