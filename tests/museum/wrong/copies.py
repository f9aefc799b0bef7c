"""A copy differs from its original or shares memory with it, as do two instances of one class."""

import numpy as np

from tinynet import Layer

from ..plain.layers import Affine, Dropout, Tanh
from ..tables import wrong


@wrong("copy", "isolation", input_shape=(4, 3))
class CopiesAreItself(Affine):
    """deepcopy returns the layer itself."""

    def __deepcopy__(self, memo):
        return self


@wrong("copy", "pickle", input_shape=(4, 3))
class CopiesLoseTheBias(Affine):
    """A copy starts with a bias of zero."""

    def __setstate__(self, state):
        super().__setstate__(state)
        self.b[...] = 0


@wrong("copy", "pickle", "reproducible", input_shape=(6, 5))
class CopiesDrawAnew(Dropout):
    """A copy starts its generator from fresh entropy."""

    def __setstate__(self, state):
        super().__setstate__(state)
        self._rng = np.random.default_rng()


@wrong("copy", input_shape=(4, 3))
class ViewMadeOnce(Layer):
    """A view on two rows of W, which on a copy is none any more."""

    def __init__(self):
        super().__init__(W=np.random.default_rng(0).normal(size=(3, 3)))
        self._top = self.W[:2]

    def forward(self, x):
        self._x = x
        return x[:, :2] @ self._top

    def backward(self, dy):
        self.dW[...] = 0
        self.dW[:2] = self._x[:, :2].T @ dy
        dx = np.zeros_like(self._x)
        dx[:, :2] = dy @ self._top.T
        return dx


@wrong("copy", input_shape=(4, 3))
class MethodMadeOnce(Layer):
    """A bound method of the original's parameter."""

    def __init__(self):
        super().__init__(gain=np.ones(3))
        self._times = self.gain.__mul__

    def forward(self, x):
        self._x = x
        return self._times(x)

    def backward(self, dy):
        self.dgain[...] = (dy * self._x).sum(axis=0)
        return dy * self.gain


@wrong("pickle", input_shape=(4, 3))
class HoldsAFunction(Tanh):
    """A lambda in an attribute cannot be pickled."""

    def __init__(self):
        self.slope = lambda y: 1 - y * y

    def backward(self, dy):
        return dy * self.slope(self._y)


@wrong("isolation", "copy", input_shape=(4, 3))
class SharedCache(Layer):
    """Keeps x in a dict of the class, which all instances share."""

    kept = {}  # noqa: RUF012 - the fault

    def __init__(self):
        super().__init__(W=np.random.default_rng(0).normal(size=(3, 5)))

    def forward(self, x):
        self.kept["x"] = x
        return x @ self.W

    def predict(self, x):
        return x @ self.W

    def backward(self, dy):
        self.dW[...] = self.kept["x"].T @ dy
        return dy @ self.W.T


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


@wrong("isolation", "copy", input_shape=(6, 3))
class StatisticsOfTheClass(Layer):
    """All instances move the same running mean."""

    mean = np.zeros(3)

    def forward(self, x):
        centred = x - x.mean(axis=0) if len(x) else x
        if len(x):
            self.mean[...] = 0.9 * self.mean + 0.1 * x.mean(axis=0)
        return centred

    def predict(self, x):
        return x - self.mean.astype(x.dtype)

    def backward(self, dy):
        return dy - dy.mean(axis=0) if len(dy) else dy
