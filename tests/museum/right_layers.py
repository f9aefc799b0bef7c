"""Right layers with parameters, views, buffers and draws of unusual kinds."""

import numpy as np

from tinynet import Layer

from .plain import IDS, Affine, Embedding
from .tables import right


@right(input_shape=(4, 3))
class WeightsTransposed(Layer):
    """y = x Vᵀ with V (outputs, inputs), its gradient formed in place."""

    def __init__(self):
        super().__init__(V=np.random.default_rng(0).normal(size=(2, 3)))

    def forward(self, x):
        self._x = x
        return x @ self.V.T

    def backward(self, dy):
        np.matmul(dy.T, self._x, out=self.dV)
        return dy @ self.V


@right(input_shape=(4, 3))
class FreshTranspose(Affine):
    """Keeps a contiguous Wᵀ from each forward to its backward."""

    def forward(self, x):
        self._WT = self.W.T.copy()
        return super().forward(x)

    def backward(self, dy):
        super().backward(dy)
        return dy @ self._WT


@right(input_shape=(4, 3))
class PrivateBuffer(Affine):
    """Works in a buffer that it keeps, and hands out copies."""

    def forward(self, x):
        if "buffer" not in self.__dict__ or self.buffer.shape[0] != len(x):
            self.buffer = np.empty((len(x), len(self.b)), self.W.dtype)
        self._x = x
        np.matmul(x, self.W, out=self.buffer)
        self.buffer += self.b
        return self.buffer.copy()

    def predict(self, x):
        return x @ self.W + self.b


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


@right(input_shape=(4, 3))
class ConvertsIntegers(Affine):
    """Takes integers too, which it casts to the type of W."""

    def forward(self, x):
        return super().forward(x.astype(self.W.dtype, copy=False))


@right(x=IDS)
class EmbeddingByOneHot(Embedding):
    """dW by a matrix product with one-hot rows; integers owe no dx."""

    def backward(self, dy):
        hot = np.eye(len(self.W), dtype=dy.dtype)[self._ids.ravel()]
        self.dW[...] = hot.T @ dy.reshape(self._ids.size, -1 if dy.size else dy.shape[-1])
        return None


@right(x=IDS)
class EmbeddingSum(Embedding):
    """The sum over the words of an example, (N, features)."""

    def forward(self, x):
        return super().forward(x).sum(axis=1)

    def backward(self, dy):
        return super().backward(np.repeat(dy[:, np.newaxis], self._ids.shape[1], axis=1))
