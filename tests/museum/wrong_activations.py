"""Wrong activations."""

import numpy as np
from scipy.special import erf, expit

from tinynet import Layer

from .tables import wrong

WIDE = {"x": np.array([[-2.1, -0.7, 0.05], [0.4, 1.3, -1.2], [0.9, 2.5, -0.3], [0.02, 0.6, -3.0]])}


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


@wrong("linear", hint="depend", input_shape=(4, 3))
class IgnoresUpstream(Layer):
    """Returns its slope, whatever dy is."""

    def forward(self, x):
        self._y = np.tanh(x)
        return self._y

    def backward(self, dy):
        return 1 - self._y**2


@wrong("linear", input_shape=(4, 3))
class SquaresUpstream(Layer):
    """dy enters twice."""

    def forward(self, x):
        self._y = np.tanh(x)
        return self._y

    def backward(self, dy):
        return dy * dy * (1 - self._y**2)


@wrong("gradient", hint="2", input_shape=(4, 3))
class SquareWithoutTwo(Layer):
    """The derivative of x² is x."""

    def forward(self, x):
        self._x = x
        return x * x

    def backward(self, dy):
        return dy * self._x


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
