"""Smooth activations that resemble ReLU; finite at ±1000, and float32 for float32."""

import math

import numpy as np
from scipy.special import expit, ndtr

from tinynet.checks import check_gradient, floats
from tinynet.layers.base import Layer
from tinynet.option import Option
from tinynet.text import shown
from tinynet.types import Array

_SLOPE = math.sqrt(2 / math.pi)


def _approximation(value: object, name: str) -> str:
    if not isinstance(value, str) or value not in ("none", "tanh"):
        raise ValueError(f'{name} must be "none" or "tanh"; got {shown(value)}')
    return str(value)


class GELU(Layer):
    """y = x Φ(x) with Φ(x) = (1 + erf(x / √2)) / 2, the normal distribution function.

    dx = dy (Φ(x) + x φ(x)), where φ(x) = e^(−x²/2) / √(2π) is the slope of Φ.

    This is the exact form, PyTorch's and Keras's default. Φ is SciPy's `ndtr`, which for negative x
    is erfc(−x / √2) / 2, as 1 + erf would lose its digits. With `approximate="tanh"`, as networks
    such as GPT-2 have it, Φ(x) = (1 + tanh u) / 2 with u = √(2/π) (x + 0.044715 x³), and φ is the
    slope of that.

    Args:
        approximate: "none" or "tanh", as in PyTorch.

    Raises:
        ValueError: another `approximate`.

    References:
        D. Hendrycks and K. Gimpel, "Gaussian error linear units" (2016).

    Example:
        >>> GELU().forward(np.array([[-1000.0, 0.0, 1.0, 1000.0]]))
        array([[-0.00000000e+00, 0.00000000e+00, 8.41344746e-01, 1.00000000e+03]])
    """

    approximate = Option(_approximation)

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Array) -> Array:
        x = floats(x, "x")
        self._x, self._normal = x, self._distribution(x)
        return x * self._normal

    def backward(self, dy: Array) -> Array:
        x = self._x
        check_gradient(self, dy, x.shape)
        return dy * (self._normal + x * self._density(x))

    def _distribution(self, x: Array) -> Array:
        """Φ."""
        if self.approximate == "none":
            return ndtr(x)
        x = np.clip(x, -10, 10)  # where Φ is 0 or 1 to rounding, and e^2u far from overflow
        u = _SLOPE * x * (1 + 0.044715 * x * x)  # x**3 would take ten times as long
        return 1 / (1 + np.exp(-2 * u))  # ½ + ½ tanh(u), with all digits where that is near 0

    def _density(self, x: Array) -> Array:
        """φ, the slope of Φ."""
        if self.approximate == "none":
            return np.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
        x, normal = np.clip(x, -10, 10), self._normal
        return 2 * normal * (1 - normal) * (_SLOPE * (1 + 3 * 0.044715 * x * x))


class SiLU(Layer):
    """y = x σ(x) with σ the logistic function, also called swish; dx = dy σ (1 + x (1 − σ)).

    References:
        S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-weighted linear units for neural network function
        approximation in reinforcement learning" (2018).

    Example:
        >>> SiLU().forward(np.array([[-1000.0, 0.0, 1000.0]]))
        array([[ -0., 0., 1000.]])
    """

    def forward(self, x: Array) -> Array:
        x = floats(x, "x")
        self._x, self._sigmoid = x, expit(x)
        return x * self._sigmoid

    def backward(self, dy: Array) -> Array:
        check_gradient(self, dy, self._x.shape)
        sigmoid = self._sigmoid
        return dy * sigmoid * (1 + self._x * (1 - sigmoid))


class Mish(Layer):
    """y = x tanh(s) with s = log(1 + e^x); dx = dy (tanh(s) + x σ (1 − tanh²(s))), σ the logistic.

    References:
        D. Misra, "Mish: a self regularized non-monotonic activation function" (2020).

    Example:
        >>> Mish().forward(np.array([[-1000.0, 0.0, 1000.0]]))
        array([[ -0., 0., 1000.]])
    """

    def forward(self, x: Array) -> Array:
        self._x = x = floats(x, "x")
        self._tanh = np.tanh(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))
        return x * self._tanh

    def backward(self, dy: Array) -> Array:
        x, tanh = self._x, self._tanh
        check_gradient(self, dy, x.shape)
        return dy * (tanh + x * expit(x) * (1 - tanh * tanh))


class Softplus(Layer):
    """y = log(1 + e^x), the smooth rectifier; dx = dy / (1 + e^−x).

    It is computed as max(x, 0) + log(1 + e^−|x|), which is the same and never overflows.

    References:
        C. Dugas et al., "Incorporating second-order functional knowledge for better option
        pricing" (2000).

    Example:
        >>> Softplus().forward(np.array([[-1000.0, 0.0, 1000.0]]))
        array([[0.00000000e+00, 6.93147181e-01, 1.00000000e+03]])
    """

    def forward(self, x: Array) -> Array:
        self._x = x = floats(x, "x")
        return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))

    def backward(self, dy: Array) -> Array:
        check_gradient(self, dy, self._x.shape)
        return dy * expit(self._x)
