"""dx is wrong for some elements of x only: beyond a corner, far out, at an edge, in another row."""

import numpy as np

from tinynet import Dense, Layer, Sequential

from ...plain.images_and_sequences import AveragePool, Conv, MaxPool, PaddedMaxPool
from ...plain.layers import Affine, Softmax, Tanh
from ...tables import wrong, wrong_net

WIDE = {"x": np.array([[-2.1, -0.7, 0.05], [0.4, 1.3, -1.2], [0.9, 2.5, -0.3], [0.02, 0.6, -3.0]])}


@wrong("gradient", input_shape=(4, 3))
class LeakForgotten(Layer):
    """Leaky ReLU whose backward is that of ReLU: wrong for negative x only."""

    def forward(self, x):
        self._x = x
        return np.where(x > 0, x, 0.01 * x)

    def backward(self, dy):
        return dy * (self._x > 0)


@wrong("gradient", **WIDE)
class HardTanhOpen(Layer):
    """Slope 1 everywhere: wrong for |x| > 1 only."""

    def forward(self, x):
        return np.clip(x, -1, 1)

    def backward(self, dy):
        return dy.copy()


@wrong("gradient", **WIDE)
class ThresholdSlip(Layer):
    """ReLU whose mask starts at 0.1: wrong for a tenth of the inputs only."""

    def forward(self, x):
        self._x = x
        return np.maximum(x, 0)

    def backward(self, dy):
        return dy * (self._x > 0.1)


@wrong("gradient", input_shape=(4, 3))
class EluPrecedence(Layer):
    """ELU's derivative is ReLU's mask: `x > 0.0 + (...)` is a precedence slip."""

    def forward(self, x):
        self._x = x
        return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))

    def backward(self, dy):
        x = self._x
        return dy * (x > 0.0 + (x <= 0) * np.exp(np.minimum(x, 0)))


@wrong_net("NetWithElu", "gradient", input_shape=(4, 3))
def net_with_elu():
    return Sequential(Dense(3, 5, rng=0), EluPrecedence(), Dense(5, 2, rng=1))


@wrong("gradient", hint="mask", input_shape=(4, 3))
class HardSigmoidOfAnotherWidth(Layer):
    """clip(x/6 + ½) rises to ±3, and its mask ends at ±2.5."""

    def forward(self, x):
        self._inside = np.abs(x) < 2.5
        return np.clip(x / 6 + 0.5, 0, 1)

    def backward(self, dy):
        return dy * self._inside / 6


@wrong("gradient", x=np.array([[3.5, -0.2], [0.7, -4.1], [1.2, 0.3]]))
class FlatTails(Tanh):
    """The slope is cut to 0 for |x| > 3, where it is small and not zero."""

    def backward(self, dy):
        return super().backward(dy) * (np.abs(self._y) < np.tanh(3))


@wrong("gradient", input_shape=(4, 3))
class WrongFarOut(Layer):
    """The square root beyond x = 20 keeps the slope of 20."""

    def forward(self, x):
        self._x = x
        return np.where(x > 20, np.sqrt(np.maximum(x, 20) * 20), x)

    def backward(self, dy):
        return dy


@wrong("gradient", input_shape=(4, 3))
class LastFeatureSkipped(Affine):
    """range(n − 1): the last feature gets no dx."""

    def backward(self, dy):
        dx = super().backward(dy)
        dx[:, -1] = 0
        return dx


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


@wrong("gradient", "per_example", hint="row", input_shape=(4, 3))
class JacobianOfTheFirstRow(Softmax):
    """One Jacobian, that of the first example, serves all rows: rows ≥ 1 are wrong."""

    def backward(self, dy):
        y = self._y[:1]
        return y * (dy - (dy * y).sum(axis=1, keepdims=True))


@wrong("gradient", "per_example", input_shape=(2, 3, 4, 6))
class ChannelsOfTheFirst(MaxPool):
    """The places of the maxima are those of the first channel for all."""

    def share(self, place):
        return self._best[:, :1] == place


@wrong("gradient", input_shape=(2, 2, 4, 4), args=(2, 3, 3, 1, 1))
class ReflectionDropped(Conv):
    """forward pads by reflection, and backward cuts the border off as if it were zeros."""

    def forward(self, x):
        p = self.padding
        padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)), mode="reflect")
        self.padding = 0
        y = super().forward(padded)
        self.padding = p
        return y


@wrong("gradient", input_shape=(2, 2, 3, 4))
class ZeroWinsTheWindow(PaddedMaxPool):
    """The border is 0, yet the largest pixel of a window gets the gradient where 0 is larger."""

    def forward(self, x):
        super().forward(x)
        return np.where(np.isinf(self._flat), 0, self._flat).max(axis=-1)


@wrong("gradient", input_shape=(2, 2, 4, 4))
class SignOfThePowerForgotten(AveragePool):
    """Pools by the mean of |x|³; its slope 3 x |x| is taken for 3 x²."""

    def forward(self, x):
        self._x = x
        return super().forward(np.abs(x) ** 3)

    def backward(self, dy):
        return super().backward(dy) * 3 * self._x**2


@wrong("gradient", input_shape=(1, 1, 20, 30))
class PlacesInOneByte(Layer):
    """The largest pixel of each channel; its place is kept as uint8, which ends at 255."""

    def forward(self, x):
        n, c, h, w = self._shape = x.shape
        pixels = x.reshape(n, c, h * w)
        self._best = pixels.argmax(axis=2, keepdims=True).astype(np.uint8)
        return pixels.max(axis=2)

    def backward(self, dy):
        n, c, h, w = self._shape
        dx = np.zeros((n, c, h * w), dy.dtype)
        np.put_along_axis(dx, self._best.astype(int), dy[:, :, None], axis=2)
        return dx.reshape(self._shape)
