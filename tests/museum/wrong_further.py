"""Further wrong layers: at single points, in empty batches, in one precision, across instances."""

import numpy as np

from tinynet import Layer

from .plain import MSE, Affine
from .tables import wrong
from .wrong_contract import Tanh


@wrong("kinks", "gradient", input_shape=(4, 3))
class SignedSquareAtZero(Layer):
    """x |x| has slope 0 at 0, smoothly; here it is 1 there."""

    def forward(self, x):
        self._x = x
        return x * np.abs(x)

    def backward(self, dy):
        return dy * (2 * np.abs(self._x) + (self._x == 0).astype(dy.dtype))


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


@wrong("float32", "dtypes", input_shape=(4, 3))
class PromotedOnTheWayBack(Tanh):
    """Only backward has the float64 constant."""

    def backward(self, dy):
        return np.float64(1) * super().backward(dy)


@wrong("linear", "gradient", "per_example", input_shape=(4, 3))
class SinglePrecisionGradient(Affine):
    """dW is computed in float32, so it is right to seven digits only."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW[...] = self._x.T.astype(np.float32) @ dy.astype(np.float32)
        return dx


@wrong("isolation", input_shape=(4, 3))
class MutableDefault(Layer):
    """The default argument is one dict for all instances that do not bring their own."""

    def __init__(self, kept={}):  # noqa: B006 - the fault
        self.kept = kept

    def forward(self, x):
        self.kept["y"] = np.tanh(x)
        return self.kept["y"]

    def predict(self, x):
        return np.tanh(x)

    def backward(self, dy):
        return dy * (1 - self.kept["y"] ** 2)


@wrong("linear", "reuse", "backward_twice", input_shape=(4, 3))
class FirstGradientForEver(Tanh):
    """backward answers once for each forward, and repeats itself whatever dy is."""

    def forward(self, x):
        self._dx = None
        return super().forward(x)

    def backward(self, dy):
        if self._dx is None:
            self._dx = super().backward(dy)
        return self._dx.copy()


@wrong("batch_of_one", "per_example", "gradient", shape=(4, 3))
class OneExampleUnscaled(MSE):
    """A single example is taken for a vector, and its mean forgotten."""

    def backward(self):
        return 2 * self._d / (1 if len(self._d) == 1 else self._d.size)


@wrong("gradient", input_shape=(4, 3))
class HalfOfTheSymmetry(Layer):
    """y = x S x with symmetric S = A + Aᵀ; dA counts one of the two."""

    def __init__(self):
        super().__init__(A=np.random.default_rng(0).normal(size=(3, 3)))

    def forward(self, x):
        self._x, S = x, self.A + self.A.T
        return np.einsum("ni,ij,nj->n", x, S, x)

    def backward(self, dy):
        x = self._x
        self.dA[...] = np.einsum("n,ni,nj->ij", dy, x, x)
        return 2 * dy[:, np.newaxis] * (x @ (self.A + self.A.T))


@wrong("gradient", input_shape=(4, 3))
class ExponentForgotten(Layer):
    """y = e^s x, and ds is that of a plain factor: right while s = 0."""

    def __init__(self):
        super().__init__(s=np.zeros(3))

    def forward(self, x):
        self._x = x
        return np.exp(self.s) * x

    def backward(self, dy):
        self.ds[...] = (dy * self._x).sum(axis=0)
        return dy * np.exp(self.s)
