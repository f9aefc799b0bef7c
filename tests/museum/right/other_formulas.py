"""The same function in two formulas, or by a slow or roundabout one."""

import numpy as np
from scipy.special import erf, expit

from tinynet import Layer

from ..inputs import IDS
from ..plain.images_and_sequences import Conv
from ..plain.layers import Affine, Embedding, LayerNorm
from ..tables import right


@right(input_shape=(4, 3))
class SlowAffine(Affine):
    """Loops over examples and units, as a first attempt would."""

    def forward(self, x):
        self._x = x
        y = np.empty((len(x), len(self.b)), self.W.dtype)
        for n, row in enumerate(x):
            for unit in range(len(self.b)):
                y[n, unit] = sum(row * self.W[:, unit]) + self.b[unit]
        return y

    def backward(self, dy):
        self.dW[...], self.db[...] = 0, 0
        dx = np.zeros(self._x.shape, dy.dtype)
        for n, row in enumerate(dy):
            self.dW += np.outer(self._x[n], row)
            self.db += row
            dx[n] = self.W @ row
        return dx


@right(x=IDS)
class EmbeddingByOneHot(Embedding):
    """dW by a matrix product with one-hot rows; integers owe no dx."""

    def backward(self, dy):
        hot = np.eye(len(self.W), dtype=dy.dtype)[self._ids.ravel()]
        self.dW[...] = hot.T @ dy.reshape(self._ids.size, -1 if dy.size else dy.shape[-1])
        return None


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
class SmoothRectifier(Layer):
    """log(1 + e^x), with a predict of its own by another formula."""

    def forward(self, x):
        self._x = x
        return np.logaddexp(0, x)

    def predict(self, x):
        return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))

    def backward(self, dy):
        return dy * expit(self._x)


@right(input_shape=(4, 3))
class LayerNormShort(LayerNorm):
    """dx by projection: the parts of dn along 1 and along n are taken out."""

    def backward(self, dy):
        n, dn, k = self._n, dy * self.gamma, dy.shape[1]
        np.einsum("nk,nk->k", dy, n, out=self.dgamma)
        np.sum(dy, axis=0, out=self.dbeta)
        along = np.einsum("nk,nk->n", dn, n)[:, np.newaxis]
        return (k * dn - dn.sum(axis=1, keepdims=True) - n * along) / (k * self._s)


@right(1, 2, 1, 1, 0, input_shape=(3, 1, 4, 4), name="Conv of single pixels")
@right(2, 2, 3, 3, 0, input_shape=(2, 2, 7, 8), name="Conv that leaves a remainder")
class ConvByMatrix(Conv):
    """Windows as rows of one matrix, and two products."""

    def forward(self, x):
        y = super().forward(x)
        n, c, h, w, k, _ = self._windows.shape
        rows = self._windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * h * w, c * k * k)
        self._rows = np.ascontiguousarray(rows)
        flat = self._rows @ self.K.reshape(len(self.K), c * k * k).T + self.b
        return flat.reshape(n, h, w, len(self.K)).transpose(0, 3, 1, 2).astype(y.dtype, copy=False)

    def backward(self, dy):
        flat = dy.transpose(0, 2, 3, 1).reshape(self._rows.shape[0], len(self.K))
        self.dK[...] = (flat.T @ self._rows).reshape(self.K.shape)
        self.db[...] = flat.sum(axis=0)
        return self.crop(self.spread(dy, self.K))


@right(input_shape=(4, 3))
class RunningSum(Layer):
    """Cumulative sums along each row."""

    def forward(self, x):
        return np.cumsum(x, axis=1)

    def backward(self, dy):
        return np.cumsum(dy[:, ::-1], axis=1)[:, ::-1]


@right(input_shape=(2, 5))
class CircularByFourier(Layer):
    """A circular correlation with k, and the convolution of dx, by Fourier transforms."""

    def __init__(self):
        super().__init__(k=np.random.default_rng(0).normal(size=5))

    def forward(self, x):
        self._x = x
        return self.product(x, self.k, np.conj)

    def product(self, x, k, change=np.positive):
        f = np.fft.rfft(x) * change(np.fft.rfft(k))
        return np.fft.irfft(f, n=x.shape[1]).astype(x.dtype)

    def backward(self, dy):
        self.dk[...] = self.product(self._x, dy, np.conj).sum(axis=0)
        return self.product(dy, self.k)
