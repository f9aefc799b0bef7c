"""Wrong layers made of layers, and networks with a wrong one inside."""

import numpy as np
from scipy.special import expit

from tinynet import Dense, Layer, Sequential, Sigmoid

from .plain import Affine
from .tables import wrong, wrong_net
from .wrong_dense import Accumulates
from .wrong_rectifiers import EluPrecedence
from .wrong_softmax import DiagonalOnly


class Residual(Layer):
    """y = x + inner(x)."""

    def __init__(self, inner=None):
        super().__init__(inner=inner or Sequential(Affine(3, 3), Sigmoid()))

    def forward(self, x):
        return x + self.inner.forward(x)

    def backward(self, dy):
        return dy + self.inner.backward(dy)


@wrong("gradient", input_shape=(4, 3))
class SkipForgotten(Residual):
    """dx leaves out the skip."""

    def backward(self, dy):
        return self.inner.backward(dy)


@wrong("gradient", input_shape=(4, 3))
class BranchForgotten(Residual):
    """dx leaves out the branch."""

    def backward(self, dy):
        self.inner.backward(dy)
        return dy.copy()


@wrong("gradient", input_shape=(4, 3))
class AddsIntoTheBranch(Residual):
    """y += x writes into what the inner sigmoid returned, and has kept for its slope."""

    def forward(self, x):
        y = self.inner.forward(x)
        y += x
        return y


@wrong("predict_pure", "predict_equals_forward", input_shape=(4, 3))
class PredictTrainsTheBranch(Residual):
    """predict calls the part's forward."""

    def predict(self, x):
        return x + self.inner.forward(x)


@wrong("gradient", input_shape=(4, 3))
class UsedTwice(Layer):
    """y = f(f(x)) with one layer f: the second forward overwrites what the first had kept."""

    def __init__(self):
        super().__init__(inner=Sequential(Affine(3, 3), Sigmoid()))

    def forward(self, x):
        return self.inner.forward(self.inner.forward(x))

    def backward(self, dy):
        return self.inner.backward(self.inner.backward(dy))


@wrong("copy", "gradient", "overwrite", "pickle", "update", hint="declare", input_shape=(4, 3))
class Undeclared(Layer):
    """The part that learns is not declared, so nothing ever moves it."""

    def __init__(self):
        self.inner = Affine()

    def forward(self, x):
        return self.inner.forward(x)

    def backward(self, dy):
        return self.inner.backward(dy)


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
class BranchesSwapped(Layer):
    """y = [f(x), g(x)], and backward hands each the other's part."""

    def __init__(self):
        first, second = Affine(3, 2), Affine(3, 2)
        second.W += 1
        super().__init__(first=first, second=second)

    def forward(self, x):
        return np.concatenate([self.first.forward(x), self.second.forward(x)], axis=1)

    def backward(self, dy):
        return self.first.backward(dy[:, 2:]) + self.second.backward(dy[:, :2])


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


@wrong("gradient", input_shape=(4, 3))
class LastSlopeForgotten(Layer):
    """Two sigmoid layers by hand; the hidden error leaves out the output sigmoid's slope."""

    def __init__(self):
        super().__init__(first=Affine(3, 4), second=Affine(4, 2))

    def forward(self, x):
        self._h = expit(self.first.forward(x))
        self._y = expit(self.second.forward(self._h))
        return self._y

    def backward(self, dy):
        y, h = self._y, self._h
        self.second.backward(dy * y * (1 - y))
        return self.first.backward((dy @ self.second.W.T) * h * (1 - h))


@wrong("gradient", input_shape=(4, 3))
class TiedWeights(Layer):
    """y = tanh(x W) Wᵀ, and dW counts the decoder only."""

    def __init__(self):
        super().__init__(W=np.random.default_rng(0).normal(size=(3, 2)))

    def forward(self, x):
        self._x, self._h = x, np.tanh(x @ self.W)
        return self._h @ self.W.T

    def backward(self, dy):
        da = (dy @ self.W) * (1 - self._h**2)
        self.dW[...] = dy.T @ self._h
        return da @ self.W.T


@wrong_net("NetWithElu", "gradient", input_shape=(4, 3))
def net_with_elu():
    return Sequential(Dense(3, 5, rng=0), EluPrecedence(), Dense(5, 2, rng=1))


@wrong_net("NetEndingInSoftmax", "gradient", input_shape=(4, 3))
def net_ending_in_softmax():
    return Sequential(Dense(3, 5, rng=0), Sigmoid(), Dense(5, 4, rng=1), DiagonalOnly())


@wrong_net("NetThatAccumulates", "overwrite", "backward_twice", input_shape=(4, 3))
def net_that_accumulates():
    return Sequential(Dense(3, 3, rng=0), Sigmoid(), Accumulates())
