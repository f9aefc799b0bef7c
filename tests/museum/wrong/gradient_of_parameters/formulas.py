"""A term of a parameter's gradient is missing, or belongs to something else."""

import numpy as np

from tinynet import Layer

from ...plain.images_and_sequences import GRU, Conv, Recurrent
from ...plain.layers import LayerNorm
from ...tables import wrong


@wrong("gradient", input_shape=(4, 5), args=(5,))
class GammaTimesInput(LayerNorm):
    """dgamma is Σ dy x, of the input that is not yet normalised."""

    def forward(self, x):
        self._x = x
        return super().forward(x)

    def backward(self, dy):
        dx = super().backward(dy)
        self.dgamma[...] = (dy * self._x).sum(axis=0)
        return dx


@wrong("gradient", hint="slope", input_shape=(4, 3))
class SlopeOfTheWrongSide(Layer):
    """PReLU whose learned slope collects the gradient of the positive side."""

    def __init__(self):
        super().__init__(slope=np.array(0.25))

    def forward(self, x):
        self._x = x
        return np.where(x > 0, x, self.slope * x)

    def backward(self, dy):
        self.dslope[...] = (dy * np.maximum(self._x, 0)).sum()
        return dy * np.where(self._x > 0, np.ones_like(self.slope), self.slope)


@wrong("gradient", input_shape=(1, 3))
class SlopeOfBothSides(Layer):
    """da counts positive x too, also where no x is negative."""

    def __init__(self):
        super().__init__(a=np.full(3, 0.25))

    def forward(self, x):
        self._x = x
        return np.where(x > 0, x, self.a * x)

    def backward(self, dy):
        self.da[...] = (dy * self._x).sum(axis=0)
        return dy * np.where(self._x > 0, 1, self.a)


@wrong("gradient", input_shape=(4, 3))
class ExponentForgotten(Layer):
    """y = e^s x, and ds is that of a plain factor: right while s = 0."""

    def __init__(self):
        super().__init__(s=np.zeros(3))

    def forward(self, x):
        self._x = x
        return np.exp(self.s) * x

    def backward(self, dy):
        self.ds[...] = (dy * self._x).sum(axis=0)
        return dy * np.exp(self.s)


@wrong("gradient", input_shape=(4, 3))
class HalfOfTheSymmetry(Layer):
    """y = x S x with symmetric S = A + Aᵀ; dA counts one of the two."""

    def __init__(self):
        super().__init__(A=np.random.default_rng(0).normal(size=(3, 3)))

    def forward(self, x):
        self._x, S = x, self.A + self.A.T
        return np.einsum("ni,ij,nj->n", x, S, x)

    def backward(self, dy):
        x = self._x
        self.dA[...] = np.einsum("n,ni,nj->ij", dy, x, x)
        return 2 * dy[:, np.newaxis] * (x @ (self.A + self.A.T))


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


@wrong("gradient", input_shape=(2, 4, 3))
class LastStepOfWh(Recurrent):
    """dWh counts the last step only."""

    def backward(self, dy):
        dx = super().backward(dy)
        da = dy[:, -1] * (1 - self._h[-1] ** 2)
        self.dWh[...] = self._h[-2].T @ da
        return dx


@wrong("gradient", input_shape=(2, 4, 3))
class BiasOfTheFirstStep(Recurrent):
    """db counts the direct path of each step, without what later steps hand back."""

    def backward(self, dy):
        dx = super().backward(dy)
        slopes = np.stack([1 - h**2 for h in self._h[1:]], axis=1)
        self.db[...] = (dy * slopes).sum(axis=(0, 1))
        return dx


@wrong("gradient", input_shape=(2, 4, 3))
class StateOfTheWrongStep(Recurrent):
    """dWh pairs each gradient with the new state, not with the one before."""

    def state_before(self, t):
        return self._h[t + 1]


@wrong("gradient", input_shape=(2, 2, 6, 5))
class StandardisingForgotten(Conv):
    """forward uses K without the mean of each filter; dK is the gradient of what is left."""

    def forward(self, x):
        super().forward(x)
        return np.einsum("ncijuv,ocuv->noij", self._windows, self.centred()) + self.b[:, None, None]

    def centred(self):
        return self.K - self.K.mean(axis=(1, 2, 3), keepdims=True)

    def spread(self, dy, K):
        return super().spread(dy, self.centred())


@wrong("gradient", input_shape=(2, 3, 3))
class FirstStateAsABias(Recurrent):
    """The first state h0 is learned, and gets the gradient of the first sum, without Whᵀ."""

    def __init__(self):
        Wx, Wh = np.random.default_rng(0).normal(size=(2, 3, 3)) / 2
        Layer.__init__(self, Wx=Wx, Wh=Wh, b=np.zeros(3), h0=np.zeros(3))

    def start(self, x):
        return np.tile(self.h0, (len(x), 1))

    def to_earlier(self, da):
        self._first = da
        return super().to_earlier(da)

    def backward(self, dy):
        dx = super().backward(dy)
        self.dh0[...] = self._first.sum(axis=0)
        return dx


@wrong("gradient", input_shape=(2, 3, 2))
class CandidateSeesTheWholeState(GRU):
    """The gradient of the candidate's matrix pairs with h, not with r h."""

    def reset(self, h, r):
        return h
