"""Kinks and jumps of activations and of parameters."""

import numpy as np

from tinynet import Dense, Layer, Sequential

from ..inputs import KINKS
from ..tables import right, right_net

STEPS = {"x": np.array([[3.0, -3.0, 0.0], [1.0, -1.0, 2.0], [6.0, 0.5, -0.5]])}


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


@right_net("Network with kinks", input_shape=(4, 3))
def kinks():
    return Sequential(Dense(3, 5, rng=0), Rectifier(0.5), Dense(5, 2, rng=1), Absolute())


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
@right(**STEPS, name="HardSwish given its kinks")
class HardSwish(Layer):
    """x clip(x + 3, 0, 6) / 6."""

    def forward(self, x):
        self._x = x
        return x * np.clip(x + 3, 0, 6) / 6

    def backward(self, dy):
        x = self._x
        return dy * np.where(x >= 3, 1, np.where(x <= -3, 0, (2 * x + 3) / 6)).astype(x.dtype)


@right(input_shape=(4, 3))
@right(**STEPS, name="Zigzag given its kinks")
class Zigzag(Layer):
    """||x| − 1|, three corners."""

    def forward(self, x):
        self._sign = np.sign(x) * np.sign(np.abs(x) - 1)
        return np.abs(np.abs(x) - 1)

    def backward(self, dy):
        return dy * self._sign


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
class WeightSize(Layer):
    """y = |w| x with slope 0 at w = 0, where every w starts."""

    def __init__(self):
        super().__init__(w=np.zeros(3))

    def forward(self, x):
        self._x = x
        return np.abs(self.w) * x

    def backward(self, dy):
        self.dw[...] = np.sign(self.w) * (dy * self._x).sum(axis=0)
        return dy * np.abs(self.w)


@right(input_shape=(3, 4, 2))
class StepsBetweenReLUs(Layer):
    """relu(gain x + bias), then differences along the middle axis: at gain 0 many kinks mix."""

    def __init__(self):
        super().__init__(gain=np.ones(2), bias=np.zeros(2))

    def forward(self, x):
        self._x, self._z = x, x * self.gain + self.bias
        return np.diff(np.maximum(self._z, 0), axis=1)

    def backward(self, dy):
        dz = np.zeros_like(self._x)
        dz[:, 1:] += dy
        dz[:, :-1] -= dy
        dz *= self._z > 0
        self.dgain[...] = (dz * self._x).sum(axis=(0, 1))
        self.dbias[...] = dz.sum(axis=(0, 1))
        return dz * self.gain


class Scaled(Layer):
    """y = gain x + bias."""

    def __init__(self):
        super().__init__(gain=np.ones((2, 1)), bias=np.zeros((2, 1)))

    def forward(self, x):
        self._x = x
        return self.gain * x + self.bias

    def backward(self, dy):
        self.dgain[...] = (dy * self._x).sum(axis=(0, 2)).reshape(2, 1)
        self.dbias[...] = dy.sum(axis=(0, 2)).reshape(2, 1)
        return dy * self.gain


class Rows(Layer):
    """(N, 2, 4) as (N, 8)."""

    def forward(self, x):
        return x.reshape(len(x), 8)

    def backward(self, dy):
        return dy.reshape(len(dy), 2, 4)


class Leak(Layer):
    """Leaky ReLU."""

    def forward(self, x):
        self._x = x
        return np.where(x > 0, x, 0.25 * x)

    def backward(self, dy):
        return np.where(self._x > 0, dy, 0.25 * dy)


@right_net("Network whose gain of 0 meets many kinks", input_shape=(3, 2, 4))
def _gain_of_zero():
    return Sequential(Scaled(), Rows(), Leak(), Dense(8, 2, rng=0))
