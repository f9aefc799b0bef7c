"""At a kink, the gradient lies outside the slopes of both sides."""

import numpy as np

from tinynet import Layer, Loss

from ..plain.images_and_sequences import MaxPool
from ..tables import wrong


@wrong("kinks", hint="kink", input_shape=(4, 3))
class ReluFiveAtZero(Layer):
    """The slope of ReLU at exactly 0 is 5."""

    def forward(self, x):
        self._x = x
        return np.maximum(x, 0)

    def backward(self, dy):
        return np.where(self._x == 0, 5 * dy, dy * (self._x > 0))


@wrong("kinks", hint="kink", input_shape=(4, 3))
class NegativeAtZero(Layer):
    """ReLU with slope −½ at 0, on the wrong side."""

    def forward(self, x):
        self._x = x
        return np.maximum(x, 0)

    def backward(self, dy):
        return np.where(self._x == 0, -0.5 * dy, dy * (self._x > 0))


@wrong("kinks", "finite", input_shape=(4, 3))
class NotANumberAtZero(Layer):
    """|x| with slope x / |x|, which is 0/0 at 0."""

    def forward(self, x):
        self._x = x
        return np.abs(x)

    def backward(self, dy):
        return dy * (self._x / np.abs(self._x))


@wrong("kinks", "gradient", input_shape=(4, 3))
class SignedSquareAtZero(Layer):
    """x |x| has slope 0 at 0, smoothly; here it is 1 there."""

    def forward(self, x):
        self._x = x
        return x * np.abs(x)

    def backward(self, dy):
        return dy * (2 * np.abs(self._x) + (self._x == 0).astype(dy.dtype))


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


@wrong("kinks", hint="kink", shape=(4, 3))
class TieOutside(Loss):
    """|y − t| has slope 3 where y = t."""

    def forward(self, y, t):
        self._d = y - t
        return np.abs(self._d).mean()

    def backward(self):
        return np.where(self._d == 0, 3, np.sign(self._d)) / self._d.size
