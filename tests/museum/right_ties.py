"""Right layers at ties and corners of every kind."""

import numpy as np

from tinynet import Layer

from .plain import LayerNorm
from .right_wide import TIES
from .tables import right

STEPS = {"x": np.array([[3.0, -3.0, 0.0], [1.0, -1.0, 2.0], [6.0, 0.5, -0.5]])}


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


@right(input_shape=(4, 3))
@right(**STEPS, name="HardSwish given its kinks")
class HardSwish(Layer):
    """x clip(x + 3, 0, 6) / 6."""

    def forward(self, x):
        self._x = x
        return x * np.clip(x + 3, 0, 6) / 6

    def backward(self, dy):
        x = self._x
        return dy * np.where(x >= 3, 1, np.where(x <= -3, 0, (2 * x + 3) / 6)).astype(x.dtype)


@right(input_shape=(4, 3))
@right(**STEPS, name="Zigzag given its kinks")
class Zigzag(Layer):
    """||x| − 1|, three corners."""

    def forward(self, x):
        self._sign = np.sign(x) * np.sign(np.abs(x) - 1)
        return np.abs(np.abs(x) - 1)

    def backward(self, dy):
        return dy * self._sign


@right(input_shape=(4, 3))
class WeightSize(Layer):
    """y = |w| x with slope 0 at w = 0, where every w starts."""

    def __init__(self):
        super().__init__(w=np.zeros(3))

    def forward(self, x):
        self._x = x
        return np.abs(self.w) * x

    def backward(self, dy):
        self.dw[...] = np.sign(self.w) * (dy * self._x).sum(axis=0)
        return dy * np.abs(self.w)


@right(input_shape=(4, 3))
@right(x=np.array([[20.0, 19.9, 20.1], [21.0, -20.0, 0.0]]), name="LinearTail near its end")
class LinearTail(Layer):
    """log(1 + e^x), and x itself where that makes no difference any more."""

    def forward(self, x):
        self._e = np.exp(-np.abs(x))
        self._x = x
        return np.where(x > 40, x, np.maximum(x, 0) + np.log1p(self._e))

    def backward(self, dy):
        return dy * np.where(self._x > 0, 1 / (1 + self._e), self._e / (1 + self._e))


@right(3, x=np.ones((2, 3)), name="LayerNorm of equal numbers")
@right(3, x=np.random.default_rng(0).normal(size=(4, 3)) + 1e3, name="LayerNorm far from zero")
@right(3, x=np.random.default_rng(0).normal(size=(4, 3)) * 1e-4, name="LayerNorm of small numbers")
@right(1, input_shape=(4, 1), name="LayerNorm of one feature")
class Normal(LayerNorm):
    """(x − mean) / deviation."""
