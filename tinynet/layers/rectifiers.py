"""ReLU and its kin: activations that let large x pass and hold small x back.

Each works on every element of any shape, is finite at ±1000, and gives float32 for float32. Where a
function has a kink, its docstring says which slope it takes there.
"""

import math

import numpy as np
from scipy.special import expit, ndtr

from tinynet.checks import real, same_shape
from tinynet.layers.base import Layer
from tinynet.types import Array

__all__ = ["ELU", "GELU", "LeakyReLU", "ReLU", "SiLU", "Softplus"]


class ReLU(Layer):
    """y = max(x, 0), the rectifier; its slope is 1 for x > 0, else 0, so 0 at the kink (PyTorch's).

    References:
        V. Nair and G. Hinton, "Rectified linear units improve restricted Boltzmann machines"
        (2010).

    Example:
        >>> ReLU().forward(np.array([[-2.0, 0.0, 3.0]]))
        array([[0., 0., 3.]])
    """

    def forward(self, x: Array) -> Array:
        """y = max(x, 0)."""
        self._x = x
        return np.maximum(x, 0)

    def predict(self, x: Array) -> Array:
        """y = max(x, 0)."""
        return np.maximum(x, 0)

    def backward(self, dy: Array) -> Array:
        """dx = dy [x > 0]."""
        same_shape(self, dy, self._x.shape)
        return dy * (self._x > 0)


class LeakyReLU(Layer):
    """y = x for x > 0, else a x; its slope is 1 or a, and a at the kink (PyTorch's).

    Args:
        negative_slope: a; 0.01 as in PyTorch and the paper (Keras has 0.3).

    Raises:
        ValueError: a is not finite.

    References:
        A. Maas, A. Hannun, A. Ng, "Rectifier nonlinearities improve neural network acoustic
        models" (2013).

    Example:
        >>> LeakyReLU(0.1).forward(np.array([[-2.0, 0.0, 3.0]]))
        array([[-0.2, 0. , 3. ]])
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = real(negative_slope, "negative_slope")

    def forward(self, x: Array) -> Array:
        """y = x for x > 0, else a x."""
        self._x = x
        return LeakyReLU.predict(self, x)

    def predict(self, x: Array) -> Array:
        """y = x for x > 0, else a x."""
        return np.where(x > 0, x, self.negative_slope * x)

    def backward(self, dy: Array) -> Array:
        """dx = dy for x > 0, else a dy."""
        same_shape(self, dy, self._x.shape)
        return np.where(self._x > 0, dy, self.negative_slope * dy)


class ELU(Layer):
    """y = x for x > 0, else a (e^x − 1); its slope is 1 or a e^x, and a at 0 (PyTorch's).

    There is a kink at 0 unless a = 1.

    Args:
        alpha: a > 0, how far below zero y goes.

    Raises:
        ValueError: a is not positive and finite.

    References:
        D.-A. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network learning by
        exponential linear units" (2016).

    Example:
        >>> ELU().forward(np.array([[-1000.0, 0.0, 1000.0]]))
        array([[ -1., 0., 1000.]])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = real(alpha, "alpha", "a positive finite number")
        if self.alpha <= 0:
            raise ValueError(f"alpha must be a positive finite number; got {alpha!r}")

    def forward(self, x: Array) -> Array:
        """y = x for x > 0, else a (e^x − 1)."""
        self._x = x
        return ELU.predict(self, x)

    def predict(self, x: Array) -> Array:
        """y = x for x > 0, else a (e^x − 1)."""
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def backward(self, dy: Array) -> Array:
        """dx = dy for x > 0, else dy a e^x."""
        x = self._x
        same_shape(self, dy, x.shape)
        return np.where(x > 0, dy, dy * (self.alpha * np.exp(np.minimum(x, 0))))


class GELU(Layer):
    """y = x Φ(x) with Φ the normal distribution function, (1 + erf(x / √2)) / 2; slope Φ + x φ.

    This is the exact form, PyTorch's and Keras's default, and not the approximation by tanh. Φ is
    SciPy's `ndtr`, which for negative x is erfc(−x / √2) / 2: there 1 + erf would lose its digits.

    References:
        D. Hendrycks and K. Gimpel, "Gaussian error linear units" (2016).

    Example:
        >>> GELU().forward(np.array([[-1000.0, 0.0, 1.0, 1000.0]]))
        array([[-0.00000000e+00, 0.00000000e+00, 8.41344746e-01, 1.00000000e+03]])
    """

    def forward(self, x: Array) -> Array:
        """y = x Φ(x)."""
        self._x, self._normal = x, ndtr(x)
        return x * self._normal

    def predict(self, x: Array) -> Array:
        """y = x Φ(x)."""
        return x * ndtr(x)

    def backward(self, dy: Array) -> Array:
        """dx = dy (Φ(x) + x φ(x)), where φ(x) = e^(−x²/2) / √(2π) is the slope of Φ."""
        x = self._x
        same_shape(self, dy, x.shape)
        density = np.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
        return dy * (self._normal + x * density)


class SiLU(Layer):
    """y = x σ(x) with σ the logistic function, also known as swish; slope σ (1 + x (1 − σ)).

    References:
        S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-weighted linear units for neural network function
        approximation in reinforcement learning" (2018).

    Example:
        >>> SiLU().forward(np.array([[-1000.0, 0.0, 1000.0]]))
        array([[ -0., 0., 1000.]])
    """

    def forward(self, x: Array) -> Array:
        """y = x σ(x)."""
        self._x, self._sigmoid = x, expit(x)
        return x * self._sigmoid

    def predict(self, x: Array) -> Array:
        """y = x σ(x)."""
        return x * expit(x)

    def backward(self, dy: Array) -> Array:
        """dx = dy σ (1 + x (1 − σ))."""
        same_shape(self, dy, self._x.shape)
        sigmoid = self._sigmoid
        return dy * sigmoid * (1 + self._x * (1 - sigmoid))


class Softplus(Layer):
    """y = log(1 + e^x), the smooth rectifier; its slope is the logistic function of x.

    Computed as max(x, 0) + log(1 + e^−|x|), which is the same and never overflows.

    References:
        C. Dugas et al., "Incorporating second-order functional knowledge for better option
        pricing" (2000).

    Example:
        >>> Softplus().forward(np.array([[-1000.0, 0.0, 1000.0]]))
        array([[0.00000000e+00, 6.93147181e-01, 1.00000000e+03]])
    """

    def forward(self, x: Array) -> Array:
        """y = log(1 + e^x)."""
        self._x = x
        return Softplus.predict(self, x)

    def predict(self, x: Array) -> Array:
        """y = log(1 + e^x)."""
        return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))

    def backward(self, dy: Array) -> Array:
        """dx = dy / (1 + e^−x)."""
        same_shape(self, dy, self._x.shape)
        return dy * expit(self._x)
