"""Large numbers overflow, or digits are lost in float32."""

import numpy as np
from scipy.special import expit

from tinynet import Layer

from ..plain.layers import Affine, LayerNorm, Softmax, Tanh
from ..tables import wrong


@wrong("finite", input_shape=(4, 3))
class NaiveSoftplus(Layer):
    """log(1 + e^x) overflows."""

    def forward(self, x):
        self._x = x
        return np.log1p(np.exp(x))

    def backward(self, dy):
        return dy * expit(self._x)


@wrong("finite", input_shape=(4, 3))
class NaiveSlope(Layer):
    """A stable forward, and e^x / (1 + e^x) in backward: ∞/∞."""

    def forward(self, x):
        self._x = x
        return np.logaddexp(0, x)

    def backward(self, dy):
        e = np.exp(self._x)
        return dy * e / (1 + e)


@wrong("finite", input_shape=(4, 3))
class NaiveTanh(Tanh):
    """(e^x − e^−x) / (e^x + e^−x) is ∞/∞ from 710 on."""

    def forward(self, x):
        a, b = np.exp(x), np.exp(-x)
        self._y = (a - b) / (a + b)
        return self._y


@wrong("finite", input_shape=(4, 3))
class NaiveSoftmax(Softmax):
    """e^x / Σ e^x without subtracting the maximum."""

    def forward(self, x):
        e = np.exp(x)
        self._y = e / e.sum(axis=1, keepdims=True)
        return self._y


@wrong("float32", x=np.random.default_rng(0).normal(size=(4, 5)) + 100, args=(5,))
class CancellingVariance(LayerNorm):
    """E x² − (E x)² cancels: in float32 little is left of it beside a large mean."""

    def forward(self, x):
        mean = x.mean(axis=1, keepdims=True)
        variance = np.maximum((x * x).mean(axis=1, keepdims=True) - mean * mean, 0)
        self._s = np.sqrt(variance + self.eps)
        self._n = (x - mean) / self._s
        return self.gamma * self._n + self.beta


@wrong("gradient", "layout", "per_example", hint="float32", input_shape=(4, 3))
class SinglePrecisionInside(Tanh):
    """Computes in float32 and casts the result back."""

    def forward(self, x):
        self._y = np.tanh(x.astype(np.float32)).astype(x.dtype)
        return self._y


@wrong("linear", "gradient", "per_example", input_shape=(4, 3))
class SinglePrecisionGradient(Affine):
    """dW is computed in float32, so it is right to seven digits only."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW[...] = self._x.T.astype(np.float32) @ dy.astype(np.float32)
        return dx


@wrong("gradient", hint="float32", input_shape=(4, 3))
class CacheInFloat32(Layer):
    """x is kept in float32: no constant factor, though all ratios are nearly 1."""

    def forward(self, x):
        self._x = x.astype(np.float32)
        return x * x

    def backward(self, dy):
        return 2 * self._x * dy
