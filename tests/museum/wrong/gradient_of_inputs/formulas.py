"""The derivative of one operation is another function than it should be."""

import numpy as np
from scipy.special import erf, expit, log_softmax

from tinynet import Dense, Layer, Sequential, Sigmoid

from ...plain.images_and_sequences import Attention
from ...plain.layers import Affine, BatchNorm, LayerNorm, Softmax
from ...tables import wrong, wrong_net


@wrong("gradient", input_shape=(4, 3))
class TanhOfItsInput(Layer):
    """The slope 1 − y² is taken of x."""

    def forward(self, x):
        self._x = x
        return np.tanh(x)

    def backward(self, dy):
        return dy * (1 - self._x**2)


@wrong("gradient", input_shape=(4, 3))
class SigmoidTwice(Layer):
    """The slope is computed from the sigmoid of what is a sigmoid already."""

    def forward(self, x):
        self._y = expit(x)
        return self._y

    def backward(self, dy):
        s = expit(self._y)
        return dy * s * (1 - s)


@wrong("gradient", input_shape=(4, 3))
class GeluMixed(Layer):
    """forward by erf, backward of the tanh approximation."""

    def forward(self, x):
        self._x = x
        return x * (1 + erf(x / 2**0.5)) / 2

    def backward(self, dy):
        x, c = self._x, (2 / np.pi) ** 0.5
        t = np.tanh(c * (x + 0.044715 * x**3))
        return dy * ((1 + t) / 2 + x * (1 - t * t) * c * (1 + 3 * 0.044715 * x**2) / 2)


@wrong("gradient", input_shape=(4, 3))
class SoftsignOneSided(Layer):
    """The slope is 1/(1 + x)², without the absolute value."""

    def forward(self, x):
        self._x = x
        return x / (1 + np.abs(x))

    def backward(self, dy):
        return dy / (1 + self._x) ** 2


@wrong("gradient", input_shape=(4, 3))
class SwishHalf(Layer):
    """The product rule's second term, x s (1 − s), is missing."""

    def forward(self, x):
        self._s = expit(x)
        return x * self._s

    def backward(self, dy):
        return dy * self._s


@wrong("gradient", input_shape=(4, 3))
class StraightThrough(Layer):
    """Rounds to tenths, and passes dy on as if it had not."""

    def forward(self, x):
        return np.round(x, 1)

    def backward(self, dy):
        return dy.copy()


@wrong("gradient", hint="diagonal", input_shape=(4, 3))
class DiagonalOnly(Softmax):
    """Softmax's Jacobian is its diagonal y (1 − y) only."""

    def backward(self, dy):
        return dy * self._y * (1 - self._y)


@wrong_net("NetEndingInSoftmax", "gradient", input_shape=(4, 3))
def net_ending_in_softmax():
    return Sequential(Dense(3, 5, rng=0), Sigmoid(), Dense(5, 4, rng=1), DiagonalOnly())


@wrong("gradient", hint="diagonal", input_shape=(4, 3))
class NaiveSoftmaxDiagonal(Layer):
    """Only the diagonal of the Jacobian; that e^x overflows comes second."""

    def forward(self, x):
        e = np.exp(x)
        self._y = e / e.sum(axis=1, keepdims=True)
        return self._y

    def backward(self, dy):
        return dy * self._y * (1 - self._y)


@wrong("gradient", input_shape=(4, 3))
class LogSoftmaxUnsummed(Layer):
    """dx = dy − softmax dy in place of dy − softmax Σ dy."""

    def forward(self, x):
        self._y = log_softmax(x, axis=1)
        return self._y

    def backward(self, dy):
        return dy - np.exp(self._y) * dy


@wrong("gradient", input_shape=(2, 3, 4))
class JacobianForgotten(Attention):
    """The weights are taken for independent: no softmax Jacobian."""

    def through_softmax(self, da):
        return self._a * da


@wrong("gradient", input_shape=(4, 5), args=(5,))
class DegreesOfFreedom(LayerNorm):
    """forward divides the variance by n − 1, backward assumes n."""

    def forward(self, x):
        self._s = np.sqrt(x.var(axis=1, keepdims=True, ddof=1) + self.eps)
        self._n = (x - x.mean(axis=1, keepdims=True)) / self._s
        return self.gamma * self._n + self.beta


@wrong("gradient", input_shape=(6, 3))
class MeanNotTaken(BatchNorm):
    """dx subtracts the sum of dy where it should subtract the mean."""

    def backward(self, dy):
        super().backward(dy)
        n, rows = self._n, max(len(dy), 1)
        return self.gamma * (dy - self.dbeta - n * self.dgamma / rows) / self._s


@wrong("gradient", input_shape=(4, 5), args=(5,))
class RootMeanSquareHalf(Layer):
    """y = gain x / rms(x), and dx holds the rms for a constant."""

    def __init__(self, features):
        super().__init__(gain=np.ones(features))

    def forward(self, x):
        self._s = np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-5)
        self._n = x / self._s
        return self.gain * self._n

    def backward(self, dy):
        self.dgain[...] = (dy * self._n).sum(axis=0)
        return dy * self.gain / self._s


@wrong("gradient", input_shape=(6, 3))
class UnitVector(Layer):
    """y = x / |x|, and dx = (dy − (dy·x) y) / |x|: x where y should stand."""

    def forward(self, x):
        self._x, self._r = x, np.sqrt((x * x).sum(axis=1, keepdims=True) + 1e-3)
        self._y = x / self._r
        return self._y

    def backward(self, dy):
        return (dy - (dy * self._x).sum(axis=1, keepdims=True) * self._y) / self._r


@wrong("gradient", input_shape=(4, 3))
class GateBySum(Layer):
    """y = a σ(b) of the halves a, b = x W; db = dy a σ(b), without 1 − σ(b)."""

    def __init__(self):
        super().__init__(inner=Affine(3, 4))

    def forward(self, x):
        h = self.inner.forward(x)
        self._a, self._s = h[:, :2], expit(h[:, 2:])
        return self._a * self._s

    def backward(self, dy):
        db = dy * self._a * self._s
        return self.inner.backward(np.concatenate([dy * self._s, db], axis=1))


@wrong("gradient", input_shape=(4, 3))
class HighwaySign(Layer):
    """y = g a + (1 − g) x, and the gate's gradient has a + x where a − x belongs."""

    def __init__(self):
        gate, branch = Affine(3, 3), Affine(3, 3)
        branch.W += 1
        super().__init__(gate=gate, branch=branch)

    def forward(self, x):
        self._x, self._g = x, expit(self.gate.forward(x))
        self._a = self.branch.forward(x)
        return self._g * self._a + (1 - self._g) * x

    def backward(self, dy):
        g = self._g
        dg = dy * (self._a + self._x)
        through = self.gate.backward(dg * g * (1 - g)) + self.branch.backward(dy * g)
        return through + dy * (1 - g)
