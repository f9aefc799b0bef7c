"""Wrong layers with several symptoms, to be named by the one cause."""

import numpy as np
from scipy.special import softmax

from tinynet import Layer

from .plain import Affine
from .tables import wrong


@wrong("gradient", hint="one over the number of rows", input_shape=(4, 3))
class BiasByMean(Affine):
    """db is a mean, which of no rows is NaN as well."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.db[...] = dy.mean(axis=0)
        return dx


@wrong("gradient", hint="row 0 of the batch alone", input_shape=(4, 3))
class BiasOfTheFirstRow(Affine):
    """db = dy[0], which raises IndexError where there is no row."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.db[...] = dy[0]
        return dx


@wrong("gradient", hint="diagonal", input_shape=(4, 3))
class NaiveSoftmaxDiagonal(Layer):
    """Only the diagonal of the Jacobian; that e^x overflows comes second."""

    def forward(self, x):
        e = np.exp(x)
        self._y = e / e.sum(axis=1, keepdims=True)
        return self._y

    def backward(self, dy):
        return dy * self._y * (1 - self._y)


@wrong("gradient", hint="its sign", input_shape=(4, 3))
class SignOfWideConstant(Layer):
    """The sign is wrong; that float32 becomes float64 comes second."""

    def forward(self, x):
        return x * np.float64(3)

    def backward(self, dy):
        return dy * np.float64(-3)


@wrong("gradient", hint="float32", input_shape=(4, 3))
class CacheInFloat32(Layer):
    """x is kept in float32: no constant factor, though all ratios are nearly 1."""

    def forward(self, x):
        self._x = x.astype(np.float32)
        return x * x

    def backward(self, dy):
        return 2 * self._x * dy


@wrong("update", hint="_Wt", input_shape=(4, 3))
class TransposeMadeOnce(Affine):
    """backward multiplies by a transposed copy from the constructor."""

    def __init__(self, inputs=3, outputs=5):
        super().__init__(inputs, outputs)
        self._Wt = self.W.T.copy()

    def backward(self, dy):
        super().backward(dy)
        return dy @ self._Wt.astype(dy.dtype)


@wrong("copy", input_shape=(4, 3))
class ViewMadeOnce(Layer):
    """A view on two rows of W, which on a copy is none any more."""

    def __init__(self):
        super().__init__(W=np.random.default_rng(0).normal(size=(3, 3)))
        self._top = self.W[:2]

    def forward(self, x):
        self._x = x
        return x[:, :2] @ self._top

    def backward(self, dy):
        self.dW[...] = 0
        self.dW[:2] = self._x[:, :2].T @ dy
        dx = np.zeros_like(self._x)
        dx[:, :2] = dy @ self._top.T
        return dx


@wrong("copy", input_shape=(4, 3))
class MethodMadeOnce(Layer):
    """A bound method of the original's parameter."""

    def __init__(self):
        super().__init__(gain=np.ones(3))
        self._times = self.gain.__mul__

    def forward(self, x):
        self._x = x
        return self._times(x)

    def backward(self, dy):
        self.dgain[...] = (dy * self._x).sum(axis=0)
        return dy * self.gain


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


@wrong("reproducible", input_shape=(4, 3))
class SeedsForAll(Layer):
    """Seeds the global random state with the same number each time."""

    def forward(self, x):
        np.random.seed(0)  # noqa: NPY002
        self._y = softmax(x, axis=1)
        return self._y

    def backward(self, dy):
        return self._y * (dy - (dy * self._y).sum(axis=1, keepdims=True))


@wrong("expectation", hint="mean 0", input_shape=(4, 3))
class NoiseFromZeroToOne(Layer):
    """y = x + uniform noise whose mean is ½."""

    def __init__(self):
        self._rng = np.random.default_rng(0)

    def forward(self, x):
        return x + self._rng.random(x.shape).astype(x.dtype)

    def predict(self, x):
        return x

    def backward(self, dy):
        return dy


@wrong("gradient", hint="mask", input_shape=(4, 3))
class HardSigmoidOfAnotherWidth(Layer):
    """clip(x/6 + ½) rises to ±3, and its mask ends at ±2.5."""

    def forward(self, x):
        self._inside = np.abs(x) < 2.5
        return np.clip(x / 6 + 0.5, 0, 1)

    def backward(self, dy):
        return dy * self._inside / 6


@wrong("gradient", input_shape=(4, 3))
class WrongFarOut(Layer):
    """The square root beyond x = 20 keeps the slope of 20."""

    def forward(self, x):
        self._x = x
        return np.where(x > 20, np.sqrt(np.maximum(x, 20) * 20), x)

    def backward(self, dy):
        return dy


@wrong("gradient", input_shape=(1, 3))
class SlopeOfBothSides(Layer):
    """da counts positive x too, also where no x is negative."""

    def __init__(self):
        super().__init__(a=np.full(3, 0.25))

    def forward(self, x):
        self._x = x
        return np.where(x > 0, x, self.a * x)

    def backward(self, dy):
        self.da[...] = (dy * self._x).sum(axis=0)
        return dy * np.where(self._x > 0, 1, self.a)


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


@wrong("expectation", hint="2", input_shape=(1, 3))
class WeightsScaledTwice(Layer):
    """Masked weights are doubled in forward, and halved in predict as well."""

    def __init__(self):
        self._rng = np.random.default_rng(0)
        super().__init__(W=self._rng.normal(size=(3, 2)))

    def forward(self, x):
        self._x, self._m = x, (2.0 * (self._rng.random(self.W.shape) < 0.5)).astype(x.dtype)
        return x @ (self.W * self._m)

    def predict(self, x):
        return x @ self.W / 2

    def backward(self, dy):
        self.dW[...] = self._x.T @ dy * self._m
        return dy @ (self.W * self._m).T
