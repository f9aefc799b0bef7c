"""Parameters that are used twice, in part, not at all, or in an unusual formula."""

import numpy as np

from tinynet import Layer

from ..plain.images_and_sequences import Positions, Recurrent
from ..plain.layers import Affine
from ..tables import right


@right(input_shape=(4, 3))
class Tied(Layer):
    """y = tanh(x W) Wᵀ: W is used twice, and both uses count."""

    def __init__(self):
        super().__init__(W=np.random.default_rng(0).normal(size=(3, 2)))

    def forward(self, x):
        self._x, self._h = x, np.tanh(x @ self.W)
        return self._h @ self.W.T

    def backward(self, dy):
        da = (dy @ self.W) * (1 - self._h**2)
        self.dW[...] = dy.T @ self._h + self._x.T @ da
        return da @ self.W.T


@right(input_shape=(4, 3))
class UnusedWeight(Layer):
    """A parameter that never enters has the gradient zero."""

    def __init__(self):
        super().__init__(spare=np.ones(2), gain=np.ones(3))

    def forward(self, x):
        self._x = x
        return x * self.gain

    def backward(self, dy):
        self.dspare[...] = 0
        self.dgain[...] = (dy * self._x).sum(axis=0)
        return dy * self.gain


@right(input_shape=(4, 3))
class MaskedWeights(Affine):
    """Half of the weights are held at nothing by a mask of bools."""

    mask = np.arange(15).reshape(3, 5) % 2 == 0

    def forward(self, x):
        self._x = x
        return x @ (self.W * self.mask) + self.b

    def backward(self, dy):
        self.dW[...] = (self._x.T @ dy) * self.mask
        self.db[...] = dy.sum(axis=0)
        return dy @ (self.W * self.mask).T


@right(input_shape=(4, 3))
class LogScale(Layer):
    """y = e^s tanh(x / e^s), a learned width without axes."""

    def __init__(self):
        super().__init__(s=np.array(0.0))

    def forward(self, x):
        self._width = np.exp(self.s)
        self._z = x / self._width
        self._t = np.tanh(self._z)
        return self._width * self._t

    def backward(self, dy):
        slope = 1 - self._t**2
        self.ds[...] = (dy * self._width * (self._t - self._z * slope)).sum()
        return dy * slope


@right(input_shape=(4, 3))
class WeightNorm(Layer):
    """y = x V g / |V| with the norm of each column of V."""

    def __init__(self):
        V = np.random.default_rng(0).normal(size=(3, 2))
        super().__init__(V=V, g=np.ones(2))

    def forward(self, x):
        self._x, self._r = x, np.sqrt((self.V**2).sum(axis=0))
        self._u = self.V / self._r
        return x @ (self._u * self.g)

    def backward(self, dy):
        dW = self._x.T @ dy
        self.dg[...] = (dW * self._u).sum(axis=0)
        self.dV[...] = self.g / self._r * (dW - self._u * self.dg)
        return dy @ (self._u * self.g).T


@right(input_shape=(4, 3))
class Polynomial(Layer):
    """c0 + c1 x + ... + c5 x⁵, by Horner's rule."""

    def __init__(self):
        super().__init__(c=np.array([0.5, -1.0, 0.0, 0.25, 0.1, -0.05]))

    def forward(self, x):
        self._x, y = x, np.zeros_like(x)
        for c in self.c[::-1]:
            y = y * x + c
        return y

    def backward(self, dy):
        slope, powers = np.zeros_like(dy), np.ones_like(dy)
        for k in range(len(self.c)):
            self.dc[k] = (dy * powers).sum()
            if k + 1 < len(self.c):
                slope += (k + 1) * self.c[k + 1] * powers
            powers = powers * self._x
        return dy * slope


@right(input_shape=(3, 8))
class CircularConvolution(Layer):
    """y = x ∗ k around a circle, by Fourier transform."""

    def __init__(self):
        super().__init__(k=np.random.default_rng(0).normal(size=8))

    def forward(self, x):
        self._fx = np.fft.rfft(x)
        return np.fft.irfft(self._fx * np.fft.rfft(self.k), 8)

    def backward(self, dy):
        fy = np.fft.rfft(dy)
        self.dk[...] = np.fft.irfft((fy * np.conj(self._fx)).sum(axis=0), 8)
        return np.fft.irfft(fy * np.conj(np.fft.rfft(self.k)), 8)


@right(input_shape=(4, 3))
class SymmetricForm(Layer):
    """y = x (A + Aᵀ) x, (N,)."""

    def __init__(self):
        super().__init__(A=np.random.default_rng(0).normal(size=(3, 3)))

    def forward(self, x):
        self._x = x
        return np.einsum("ni,ij,nj->n", x, self.A + self.A.T, x)

    def backward(self, dy):
        x = self._x
        self.dA[...] = 2 * np.einsum("n,ni,nj->ij", dy, x, x)
        return 2 * dy[:, np.newaxis] * (x @ (self.A + self.A.T))


@right(input_shape=(5,))
class PerExampleNumber(Layer):
    """y = a x² + b x for x of shape (N,), the parameters without axes."""

    def __init__(self):
        super().__init__(a=np.array(1.0), b=np.array(0.0))

    def forward(self, x):
        self._x = x
        return self.a * x**2 + self.b * x

    def backward(self, dy):
        self.da[...] = dy @ self._x**2
        self.db[...] = dy @ self._x
        return dy * (2 * self.a * self._x + self.b)


@right(input_shape=(4, 3))
class GradientsAssigned(Affine):
    """self.dW = ... and self.db = ... write into the flat vector."""

    def backward(self, dy):
        self.dW = self._x.T @ dy
        self.db = dy.sum(axis=0)
        return dy @ self.W.T


@right(input_shape=(4, 3))
class CopiesAssignTheirParameters(Affine):
    """A copy assigns its parameters to themselves."""

    def __setstate__(self, state):
        super().__setstate__(state)
        self.W, self.b = self.W.copy(), self.b.copy()


@right(input_shape=(2, 3, 3))
class FirstState(Recurrent):
    """The state before the first step is learned, one for all examples."""

    def __init__(self):
        Wx, Wh = np.random.default_rng(0).normal(size=(2, 3, 3)) / 2
        Layer.__init__(self, Wx=Wx, Wh=Wh, b=np.zeros(3), h0=np.zeros(3))

    def start(self, x):
        return np.tile(self.h0, (len(x), 1))

    def to_earlier(self, da):
        self._first = super().to_earlier(da)
        return self._first

    def backward(self, dy):
        dx = super().backward(dy)
        self.dh0[...] = self._first.sum(axis=0)
        return dx


@right(input_shape=(2, 3, 2))
class RelativePlaces(Layer):
    """y_t = Σ_s B[s − t] x_s: most entries of B take part in several steps."""

    def __init__(self):
        super().__init__(B=np.random.default_rng(0).normal(size=5))

    def forward(self, x):
        self._x, steps = x, np.arange(x.shape[1])
        self._places = steps - steps[:, None] + 2
        return self.B[self._places] @ x

    def backward(self, dy):
        self.dB[...] = 0
        np.add.at(self.dB, self._places, np.einsum("ntf,nsf->ts", dy, self._x))
        return self.B[self._places].T @ dy


@right(2, 4, input_shape=(3, 2, 2))
class PositionsToSpare(Positions):
    """Two of four positions have no step, and so a gradient of zero."""
