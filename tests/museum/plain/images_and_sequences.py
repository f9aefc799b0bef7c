"""Right layers on images and sequences."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import softmax

from tinynet import Layer

from ..tables import right


@right(input_shape=(2, 2, 6, 5))
class Conv(Layer):
    """Cross-correlation of x (N, C, H, W) with kernels (O, C, k, k), padded and strided."""

    def __init__(self, channels=2, filters=3, size=3, stride=2, padding=1):
        K = np.random.default_rng(0).normal(size=(filters, channels, size, size))
        super().__init__(K=K, b=np.zeros(filters))
        self.size, self.stride, self.padding = size, stride, padding

    def forward(self, x):
        k, s, p = self.size, self.stride, self.padding
        padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        self._shape = padded.shape
        self._windows = sliding_window_view(padded, (k, k), axis=(2, 3))[:, :, ::s, ::s]
        return np.einsum("ncijuv,ocuv->noij", self._windows, self.K) + self.b[:, None, None]

    def backward(self, dy):
        self.dK[...] = np.einsum("noij,ncijuv->ocuv", dy, self._windows)
        self.db[...] = dy.sum(axis=(0, 2, 3))
        return self.crop(self.spread(dy, self.K))

    def spread(self, dy, K):
        dx = np.zeros(self._shape, dy.dtype)
        for u, v in np.ndindex(self.size, self.size):
            dx[self.reached(dy, u, v)] += np.einsum("noij,oc->ncij", dy, K[:, :, u, v])
        return dx

    def reached(self, dy, u, v):
        s, (rows, columns) = self.stride, dy.shape[2:]
        return np.s_[:, :, u : u + s * rows : s, v : v + s * columns : s]

    def crop(self, dx):
        p, (rows, columns) = self.padding, dx.shape[2:]
        return dx[:, :, p : rows - p, p : columns - p]


@right(input_shape=(2, 2, 4, 6), name="MaxPool in blocks")
@right(3, 1, input_shape=(2, 2, 5, 4), name="MaxPool overlapping")
class MaxPool(Layer):
    """The largest of each k by k window; the first of several takes the gradient."""

    def __init__(self, size=2, stride=2):
        self.size, self.stride = size, stride

    def forward(self, x):
        k, s = self.size, self.stride
        windows = sliding_window_view(x, (k, k), axis=(2, 3))[:, :, ::s, ::s]
        flat = windows.reshape(*windows.shape[:4], k * k)
        self._shape, self._flat, self._best = x.shape, flat, flat.argmax(axis=-1)
        return flat.max(axis=-1)

    def share(self, place):
        return self._best == place

    def backward(self, dy):
        dx = np.zeros(self._shape, dy.dtype)
        s, (rows, columns) = self.stride, dy.shape[2:]
        for place in range(self.size**2):
            u, v = divmod(place, self.size)
            part = np.s_[:, :, u : u + s * rows : s, v : v + s * columns : s]
            self.give(dx, part, dy * self.share(place))
        return dx

    def give(self, dx, part, amount):
        dx[part] += amount


@right(input_shape=(2, 3, 4, 6))
class AveragePool(Layer):
    """Means of 2 by 2 blocks."""

    def forward(self, x):
        self._shape = x.shape
        n, c, h, w = x.shape
        return x.reshape(n, c, h // 2, 2, w // 2, 2).mean(axis=(3, 5))

    def backward(self, dy):
        return np.repeat(np.repeat(dy, 2, axis=2), 2, axis=3) / 4


@right(input_shape=(2, 3, 4))
class Attention(Layer):
    """y = softmax(q kᵀ / √d) v with q, k, v = x Wq, x Wk, x Wv; x is (N, T, inputs)."""

    def __init__(self, inputs=4, features=5):
        Wq, Wk, Wv = np.random.default_rng(0).normal(size=(3, inputs, features)) / 2
        super().__init__(Wq=Wq, Wk=Wk, Wv=Wv)
        self.scale = features**-0.5

    def forward(self, x):
        self._x, self._q, self._k, self._v = x, x @ self.Wq, x @ self.Wk, x @ self.Wv
        self._a = softmax(self._q @ self._k.swapaxes(1, 2) * self.scale, axis=2)
        return self._a @ self._v

    def backward(self, dy):
        dv = self._a.swapaxes(1, 2) @ dy
        ds = self.through_softmax(dy @ self._v.swapaxes(1, 2)) * self.scale
        dq, dk = ds @ self._k, ds.swapaxes(1, 2) @ self._q
        self.dWq[...] = np.einsum("nti,ntf->if", self._x, dq)
        self.dWk[...] = np.einsum("nti,ntf->if", self._x, dk)
        self.dWv[...] = np.einsum("nti,ntf->if", self._x, dv)
        return self.to_input(dq, dk, dv)

    def through_softmax(self, da):
        return self._a * (da - (da * self._a).sum(axis=2, keepdims=True))

    def to_input(self, dq, dk, dv):
        return dq @ self.Wq.T + dk @ self.Wk.T + dv @ self.Wv.T


@right(input_shape=(2, 4, 3))
class Recurrent(Layer):
    """h_t = tanh(x_t Wx + h_(t−1) Wh + b), from h = 0; x is (N, T, inputs), y all h."""

    def __init__(self, inputs=3, units=5):
        rng = np.random.default_rng(0)
        Wx, Wh = rng.normal(size=(inputs, units)) / 2, rng.normal(size=(units, units)) / 2
        super().__init__(Wx=Wx, Wh=Wh, b=np.zeros(units))

    def forward(self, x):
        h = [self.start(x)]
        for t in range(x.shape[1]):
            h.append(np.tanh(x[:, t] @ self.Wx + h[-1] @ self.Wh + self.b))
        self._x, self._h = x, h
        return np.stack(h[1:], axis=1)

    def backward(self, dy):
        x, h, dx = self._x, self._h, np.empty(self._x.shape, dy.dtype)
        self.dWx[...] = self.dWh[...] = self.db[...] = 0
        later = np.zeros_like(h[0])
        for t in reversed(range(x.shape[1])):
            da = (dy[:, t] + later) * (1 - h[t + 1] ** 2)
            self.dWx += x[:, t].T @ da
            self.dWh += self.state_before(t).T @ da
            self.db += da.sum(axis=0)
            dx[:, t], later = da @ self.Wx.T, self.to_earlier(da)
        return dx

    def start(self, x):
        return np.zeros((len(x), len(self.b)), x.dtype)

    def state_before(self, t):
        return self._h[t]

    def to_earlier(self, da):
        return da @ self.Wh.T
