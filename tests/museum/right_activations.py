"""Right activations: at kinks, saturated, on bounded domains, at tiny and huge scales."""

import numpy as np
from scipy.special import erf, expit

from tinynet import Layer

from .tables import right

KINKS = {"x": np.array([[0.0, -1.0, 1.0], [0.0, 0.0, 2.0], [-0.5, 0.0, 1.0], [0.3, -1.0, 0.0]])}


@right(0.0, input_shape=(4, 3), name="ReLU with slope 0 at 0")
@right(0.5, input_shape=(4, 3), name="ReLU with slope a half at 0")
@right(1.0, input_shape=(4, 3), name="ReLU with slope 1 at 0")
@right(0.5, **KINKS, name="ReLU given its kinks")
class Rectifier(Layer):
    """max(x, 0)."""

    def __init__(self, at_zero):
        self.at_zero = at_zero

    def forward(self, x):
        self._x = x
        return np.maximum(x, 0)

    def backward(self, dy):
        return dy * np.heaviside(self._x, np.asarray(self.at_zero, dy.dtype))


@right(input_shape=(4, 3))
@right(**KINKS, name="Absolute given its kinks")
class Absolute(Layer):
    """|x|, with slope 0 at 0."""

    def forward(self, x):
        self._sign = np.sign(x)
        return np.abs(x)

    def backward(self, dy):
        return dy * self._sign


@right(input_shape=(4, 3))
@right(**KINKS, name="Clip given its kinks")
class Clip(Layer):
    """x held within ±1, with slope 1 at the bounds."""

    def forward(self, x):
        self._inside = np.abs(x) <= 1
        return np.clip(x, -1, 1)

    def backward(self, dy):
        return dy * self._inside


@right(input_shape=(4, 3))
class HardShrink(Layer):
    """x where |x| > ½, else 0: it jumps."""

    def forward(self, x):
        self._out = np.abs(x) > 0.5
        return x * self._out

    def backward(self, dy):
        return dy * self._out


@right(input_shape=(4, 3))
class Staircase(Layer):
    """floor x, which has slope 0 wherever it has one."""

    def forward(self, x):
        return np.floor(x)

    def backward(self, dy):
        return np.zeros_like(dy)


@right(input_shape=(4, 3))
@right(x=np.array([[40.0, -40.0, 700.0], [-700.0, 36.0, 20.0]]), name="Logistic saturated")
@right(x=np.full((3, 2), 1e-9), name="Logistic near zero")
class Logistic(Layer):
    """1 / (1 + e^−x) in a private buffer, computed in place."""

    def forward(self, x):
        y = np.negative(x)
        self._y = expit(np.negative(y, out=y), out=y)
        return self._y

    def backward(self, dy):
        slope = 1 - self._y
        slope *= self._y
        slope *= dy
        return slope


@right(x=np.array([[0.5, 2.0, 1e-3], [10.0, 1.0, 400.0]]))
class Logarithm(Layer):
    """log x for x > 0."""

    def forward(self, x):
        self._x = x
        return np.log(x)

    def backward(self, dy):
        return dy / self._x


@right(x=np.array([[0.5, 2.0, 0.01], [10.0, 1.0, 400.0]]))
class Root(Layer):
    """√x for x ≥ 0; a negative x is refused."""

    def forward(self, x):
        if (x < 0).any():
            raise ValueError("x must not be negative")
        self._y = np.sqrt(x)
        return self._y

    def backward(self, dy):
        return dy / (2 * self._y)


@right(x=np.array([[0.5, -0.2, 0.9], [0.0, -0.999, 0.3]]))
class Arcsine(Layer):
    """arcsin x for |x| < 1."""

    def forward(self, x):
        self._x = x
        return np.arcsin(x)

    def backward(self, dy):
        return dy / np.sqrt(1 - self._x**2)


@right(1e-12, input_shape=(4, 3), name="Scaled by 1e-12")
@right(1e12, input_shape=(4, 3), name="Scaled by 1e12")
@right(1.0, x=np.random.default_rng(0).normal(size=(4, 3)) * 1e-8, name="Sine of tiny numbers")
@right(1e-3, x=np.random.default_rng(0).normal(size=(4, 3)) * 1e5, name="Small sine of large ones")
class ScaledSine(Layer):
    """sin x plus x, times a constant."""

    def __init__(self, scale):
        self.scale = scale

    def forward(self, x):
        self._x = x
        return self.scale * (np.sin(x) + x)

    def backward(self, dy):
        return dy * self.scale * (np.cos(self._x) + 1)


@right(input_shape=(4, 3))
class Identity(Layer):
    """y is x itself, and dx is dy itself."""

    def forward(self, x):
        return x

    def backward(self, dy):
        return dy


@right(input_shape=(4, 3))
class Constant(Layer):
    """y = 1: every gradient is zero."""

    def forward(self, x):
        return np.ones_like(x)

    def backward(self, dy):
        return np.zeros_like(dy)


@right(input_shape=(4, 3))
class Wiggly(Layer):
    """x + sin(60 x) / 60, whose curvature asks for a small step."""

    def forward(self, x):
        self._x = x
        return x + np.sin(60 * x) / 60

    def backward(self, dy):
        return dy * (1 + np.cos(60 * self._x))


@right(input_shape=(4, 3))
class Gelu(Layer):
    """x Φ(x), exactly."""

    def forward(self, x):
        self._x, self._cdf = x, (1 + erf(x / 2**0.5)) / 2
        return x * self._cdf

    def backward(self, dy):
        density = np.exp(-(self._x**2) / 2) * 0.3989422804014327
        return dy * (self._cdf + self._x * density)


@right(input_shape=(4, 3))
@right(x=KINKS["x"], name="LearnedLeak given its kinks")
class LearnedLeak(Layer):
    """PReLU with one slope for everything, a parameter without axes."""

    def __init__(self):
        super().__init__(slope=np.array(0.25))

    def forward(self, x):
        self._x = x
        return np.maximum(x, 0) + self.slope * np.minimum(x, 0)

    def backward(self, dy):
        self.dslope[...] = (dy * np.minimum(self._x, 0)).sum()
        return np.where(self._x > 0, dy, self.slope * dy)


@right(input_shape=(4, 3))
class SmoothRectifier(Layer):
    """log(1 + e^x), with a predict of its own by another formula."""

    def forward(self, x):
        self._x = x
        return np.logaddexp(0, x)

    def predict(self, x):
        return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))

    def backward(self, dy):
        return dy * expit(self._x)
