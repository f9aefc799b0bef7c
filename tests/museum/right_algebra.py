"""Right layers from linear algebra and Fourier transforms."""

import numpy as np

from tinynet import Layer

from .tables import right

rng = np.random.default_rng(0)


@right(x=rng.normal(size=(3, 2, 2)) + 4 * np.eye(2))
class Inverse(Layer):
    """The inverse of each matrix; a singular one is an error."""

    def forward(self, x):
        self._y = np.linalg.inv(x)
        return self._y

    def backward(self, dy):
        yT = self._y.swapaxes(1, 2)
        return -yT @ dy @ yT


@right(input_shape=(4, 3))
class RunningSum(Layer):
    """Cumulative sums along each row."""

    def forward(self, x):
        return np.cumsum(x, axis=1)

    def backward(self, dy):
        return np.cumsum(dy[:, ::-1], axis=1)[:, ::-1]


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
class OuterProduct(Layer):
    """y = x xᵀ of each row: an output of higher rank."""

    def forward(self, x):
        self._x = x
        return x[:, :, np.newaxis] * x[:, np.newaxis, :]

    def backward(self, dy):
        return np.einsum("nij,nj->ni", dy + dy.swapaxes(1, 2), self._x)


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
