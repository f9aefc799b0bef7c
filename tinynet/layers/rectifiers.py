"""ReLU and similar activations, which pass large x on and damp small x.

Each is finite at ±1000 and gives float32 for float32. If a function has a kink, its docstring says
which slope it has there.
"""

import math

import numpy as np
from scipy.special import expit, ndtr

from tinynet.checks import check_gradient, floats, positive, real
from tinynet.layers.base import Layer
from tinynet.option import Option
from tinynet.types import Array


class ReLU(Layer):
    """y = max(x, 0), the rectifier; dx = dy for x > 0, else 0, also at the kink (as in PyTorch).

    References:
        V. Nair, G. Hinton, "Rectified linear units improve restricted Boltzmann machines" (2010).

    Example:
        >>> ReLU().forward(np.array([[-2.0, 0.0, 3.0]]))
        array([[0., 0., 3.]])
    """

    def forward(self, x: Array) -> Array:
        self._x = x = floats(x, "x")
        return np.maximum(x, 0)

    def predict(self, x: Array) -> Array:
        return np.maximum(floats(x, "x"), 0)

    def backward(self, dy: Array) -> Array:
        check_gradient(self, dy, self._x.shape)
        return dy * (self._x > 0)


class LeakyReLU(Layer):
    """y = x for x > 0, else a x; dx = dy or a dy, and a dy at the kink (as in PyTorch).

    Args:
        negative_slope: a, finite; 0.01 as in PyTorch and the paper (Keras has 0.3).

    References:
        A. Maas et al., "Rectifier nonlinearities improve neural network acoustic models" (2013).

    Example:
        >>> LeakyReLU(0.1).forward(np.array([[-2.0, 0.0, 3.0]]))
        array([[-0.2, 0. , 3. ]])
    """

    negative_slope = Option(real)

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Array) -> Array:
        self._x = x = floats(x, "x")
        return np.where(x > 0, x, self.negative_slope * x)

    def backward(self, dy: Array) -> Array:
        check_gradient(self, dy, self._x.shape)
        return np.where(self._x > 0, dy, self.negative_slope * dy)


class ELU(Layer):
    """y = x for x > 0, else a (e^x − 1); dx = dy or a e^x dy, and a dy at 0 (as in PyTorch).

    There is a kink at 0 unless a = 1.

    Args:
        alpha: a > 0; y is never below −a.

    References:
        D.-A. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network learning by
        exponential linear units" (2016).

    Example:
        >>> ELU().forward(np.array([[-1000.0, 0.0, 1000.0]]))
        array([[ -1., 0., 1000.]])
    """

    alpha = Option(positive)

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Array) -> Array:
        self._x = x = floats(x, "x")
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def backward(self, dy: Array) -> Array:
        x = self._x
        check_gradient(self, dy, x.shape)
        return np.where(x > 0, dy, dy * (self.alpha * np.exp(np.minimum(x, 0))))


class GELU(Layer):
    """y = x Φ(x) with Φ(x) = (1 + erf(x / √2)) / 2, the normal distribution function.

    dx = dy (Φ(x) + x φ(x)), where φ(x) = e^(−x²/2) / √(2π) is the slope of Φ.

    This is the exact form, PyTorch's and Keras's default, and not the approximation by tanh. Φ is
    SciPy's `ndtr`, which for negative x is erfc(−x / √2) / 2, as 1 + erf would lose its digits.

    References:
        D. Hendrycks and K. Gimpel, "Gaussian error linear units" (2016).

    Example:
        >>> GELU().forward(np.array([[-1000.0, 0.0, 1.0, 1000.0]]))
        array([[-0.00000000e+00, 0.00000000e+00, 8.41344746e-01, 1.00000000e+03]])
    """

    def forward(self, x: Array) -> Array:
        x = floats(x, "x")
        self._x, self._normal = x, ndtr(x)
        return x * self._normal

    def backward(self, dy: Array) -> Array:
        x = self._x
        check_gradient(self, dy, x.shape)
        density = np.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
        return dy * (self._normal + x * density)


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
