"""Right layers that bend sharply, or change their bend, at single points."""

import numpy as np

from tinynet import Layer

from .plain import Softmax
from .right_activations import KINKS
from .tables import right


@right(input_shape=(4, 3))
@right(**KINKS, name="SignedSquare given zeros")
class SignedSquare(Layer):
    """x |x|: the slope 2 |x| has a corner at 0, x |x| has none."""

    def forward(self, x):
        self._x = x
        return x * np.abs(x)

    def backward(self, dy):
        return dy * 2 * np.abs(self._x)


@right(input_shape=(4, 3))
@right(**KINKS, name="Elu given zeros")
class Elu(Layer):
    """x where x > 0, else e^x − 1: the curvature jumps at 0."""

    def forward(self, x):
        self._x = x
        return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))

    def backward(self, dy):
        return dy * np.where(self._x > 0, np.ones_like(dy), np.exp(np.minimum(self._x, 0)))


@right(input_shape=(4, 3))
@right(**KINKS, name="ThreeHalves given zeros")
class ThreeHalves(Layer):
    """sign(x) |x|^1.5, whose curvature is infinite at 0 and whose slope is 0."""

    def forward(self, x):
        self._x = x
        return np.sign(x) * np.abs(x) ** 1.5

    def backward(self, dy):
        return dy * 1.5 * np.sqrt(np.abs(self._x))


@right(input_shape=(4, 3))
@right(x=np.array([[1.0, 0.0, 0.0], [0.4, 0.9, 0.1]]), name="SharpSoftmax saturated")
class SharpSoftmax(Softmax):
    """softmax(100 x), all but an arg max."""

    def forward(self, x):
        return super().forward(100 * x)

    def backward(self, dy):
        return 100 * super().backward(dy)


@right(input_shape=(4, 3))
@right(x=KINKS["x"], name="Floor given zeros")
class LearnedFloor(Layer):
    """max(x, w), where w starts at zero as many an x is."""

    def __init__(self):
        super().__init__(w=np.zeros(3))

    def forward(self, x):
        self._above = x >= self.w
        return np.maximum(x, self.w)

    def backward(self, dy):
        self.dw[...] = (dy * ~self._above).sum(axis=0)
        return dy * self._above


@right(input_shape=(4, 3))
class Needle(Layer):
    """1 / (1 + (50 x)²), a needle at 0 and nearly flat elsewhere."""

    def forward(self, x):
        self._x, self._y = x, 1 / (1 + (50 * x) ** 2)
        return self._y

    def backward(self, dy):
        return dy * -5000 * self._x * self._y**2


@right(input_shape=(4, 3))
class SymmetricForm(Layer):
    """y = x (A + Aᵀ) x, (N,)."""

    def __init__(self):
        super().__init__(A=np.random.default_rng(0).normal(size=(3, 3)))

    def forward(self, x):
        self._x = x
        return np.einsum("ni,ij,nj->n", x, self.A + self.A.T, x)

    def backward(self, dy):
        x = self._x
        self.dA[...] = 2 * np.einsum("n,ni,nj->ij", dy, x, x)
        return 2 * dy[:, np.newaxis] * (x @ (self.A + self.A.T))
