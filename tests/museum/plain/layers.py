"""Right layers on rows; most wrong ones are one of these with one method changed."""

import numpy as np
from scipy.special import softmax

from tinynet import Layer, Sequential, Sigmoid

from ..inputs import IDS
from ..tables import right


@right(input_shape=(4, 3))
class Affine(Layer):
    """y = x W + b."""

    def __init__(self, inputs=3, outputs=5):
        W = np.random.default_rng(0).normal(size=(inputs, outputs))
        super().__init__(W=W, b=np.zeros(outputs))

    def forward(self, x):
        self._x = x
        return x @ self.W + self.b

    def backward(self, dy):
        self.dW[...] = self._x.T @ dy
        self.db[...] = dy.sum(axis=0)
        return dy @ self.W.T


@right(input_shape=(4, 3))
class Tanh(Layer):
    """y = tanh x."""

    def forward(self, x):
        self._y = np.tanh(x)
        return self._y

    def backward(self, dy):
        return dy * (1 - self._y**2)


@right(input_shape=(4, 3))
class Softmax(Layer):
    """y = e^x / Σ e^x in each row."""

    def forward(self, x):
        self._y = softmax(x, axis=1)
        return self._y

    def backward(self, dy):
        y = self._y
        return y * (dy - (dy * y).sum(axis=1, keepdims=True))


@right(input_shape=(4, 3))
class LayerNorm(Layer):
    """y = gamma (x − mean) / sqrt(variance + eps) + beta, each row by itself."""

    eps = 1e-5

    def __init__(self, features=3):
        super().__init__(gamma=np.ones(features), beta=np.zeros(features))

    def forward(self, x):
        self._s = np.sqrt(x.var(axis=1, keepdims=True) + self.eps)
        self._n = (x - x.mean(axis=1, keepdims=True)) / self._s
        return self.gamma * self._n + self.beta

    def backward(self, dy):
        n, dn = self._n, dy * self.gamma
        self.dgamma[...] = (dy * n).sum(axis=0)
        self.dbeta[...] = dy.sum(axis=0)
        mean, slope = dn.mean(axis=1, keepdims=True), (dn * n).mean(axis=1, keepdims=True)
        return (dn - mean - n * slope) / self._s


@right(input_shape=(4, 3))
class BatchNorm(Layer):
    """y = gamma (x − mean) / sqrt(variance + eps) + beta, each column by itself."""

    eps, momentum = 1e-5, 0.1
    buffers = ("running_mean", "running_variance")

    def __init__(self, features=3):
        super().__init__(gamma=np.ones(features), beta=np.zeros(features))
        self.running_mean, self.running_variance = np.zeros(features), np.ones(features)

    def forward(self, x):
        mean, variance = self.statistics(x)
        self._s = np.sqrt(variance + self.eps)
        self._n = (x - mean) / self._s
        return self.gamma * self._n + self.beta

    def statistics(self, x):
        if not len(x):
            return self.running_mean, self.running_variance
        mean, variance, m = x.mean(axis=0), x.var(axis=0), self.momentum
        self.running_mean = (1 - m) * self.running_mean + m * mean
        self.running_variance = (1 - m) * self.running_variance + m * variance
        return mean, variance

    def predict(self, x):
        n = (x - self.running_mean) / np.sqrt(self.running_variance + self.eps)
        return self.gamma * n + self.beta

    def backward(self, dy):
        n, rows = self._n, max(len(dy), 1)
        self.dgamma[...] = (dy * n).sum(axis=0)
        self.dbeta[...] = dy.sum(axis=0)
        return self.gamma * (dy - self.dbeta / rows - n * self.dgamma / rows) / self._s


@right(input_shape=(4, 3))
class Dropout(Layer):
    """y = x mask / (1 − rate): drops each element with probability `rate`."""

    def __init__(self, rate=0.3, rng=1):
        self.rate, self._rng = rate, np.random.default_rng(rng)

    def forward(self, x):
        self._mask = self.draw(x)
        return x * self._mask

    def draw(self, x):
        return (self._rng.random(x.shape) >= self.rate).astype(x.dtype) / (1 - self.rate)

    def predict(self, x):
        return x

    def backward(self, dy):
        return dy * self._mask


@right(x=IDS)
class Embedding(Layer):
    """y = W[ids]: a row of W for each integer."""

    def __init__(self, words=5, features=3):
        super().__init__(W=np.random.default_rng(0).normal(size=(words, features)))

    def forward(self, x):
        self._ids = x
        return self.W[x]

    def backward(self, dy):
        self.dW[...] = 0
        np.add.at(self.dW, self._ids, dy)
        return np.zeros(self._ids.shape, dy.dtype)


class Residual(Layer):
    """y = x + inner(x)."""

    def __init__(self, inner=None):
        super().__init__(inner=inner or Sequential(Affine(3, 3), Sigmoid()))

    def forward(self, x):
        return x + self.inner.forward(x)

    def backward(self, dy):
        return dy + self.inner.backward(dy)
