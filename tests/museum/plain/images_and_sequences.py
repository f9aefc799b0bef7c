"""Right layers on images and sequences."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import expit, softmax

from tinynet import Layer

from ..inputs import PIXELS
from ..tables import right
from .layers import BatchNorm, Dropout


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
        return np.stack(h, axis=1)[:, 1:]

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


@right(input_shape=(2, 4, 8))
class DilatedConv(Layer):
    """Cross-correlation of x (N, C, T) with kernels (O, C/groups, k), dilated and in groups."""

    def __init__(self, channels=4, filters=6, size=2, stride=2, dilation=3, groups=2):
        K = np.random.default_rng(0).normal(size=(filters, channels // groups, size))
        super().__init__(K=K, b=np.zeros(filters))
        self.stride, self.dilation, self.groups = stride, dilation, groups

    def forward(self, x):
        grouped = self.in_groups(x)
        steps = (x.shape[2] - self.dilation * (self.K.shape[2] - 1) - 1) // self.stride + 1
        taken = [grouped[..., self.reached(u, steps)] for u in range(self.K.shape[2])]
        self._shape, self._windows = x.shape, np.stack(taken, axis=-1)
        y = np.einsum("ngctu,gocu->ngot", self._windows, self.kernels())
        return y.reshape(len(x), len(self.b), steps) + self.b[:, None]

    def in_groups(self, x):
        n, c, t = x.shape
        return x.reshape(n, self.groups, c // self.groups, t)

    def kernels(self):
        filters, channels, size = self.K.shape
        return self.K.reshape(self.groups, filters // self.groups, channels, size)

    def reached(self, u, steps):
        return np.s_[u * self.dilation : u * self.dilation + steps * self.stride : self.stride]

    def backward(self, dy):
        grouped, kernels = self.in_groups(dy), self.kernels()
        self.dK[...] = np.einsum("ngot,ngctu->gocu", grouped, self._windows).reshape(self.K.shape)
        self.db[...] = dy.sum(axis=(0, 2))
        dx = np.zeros(self._shape, dy.dtype)
        for u in range(self.K.shape[2]):
            part = self.in_groups(dx)[..., self.given_to(u, dy.shape[2])]
            part += np.einsum("ngot,goc->ngct", grouped, kernels[..., u])
        return dx

    def given_to(self, u, steps):
        return self.reached(u, steps)


@right(input_shape=(2, 2, 3, 4))
@right(3, 1, 1, x=PIXELS, name="PaddedMaxPool given ties")
class PaddedMaxPool(MaxPool):
    """The largest of each k by k window, with a border of −∞ around the image."""

    def __init__(self, size=2, stride=2, padding=1):
        super().__init__(size, stride)
        self.padding = padding

    def forward(self, x):
        p = self.padding
        return super().forward(np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)), constant_values=-np.inf))

    def backward(self, dy):
        return self.crop(super().backward(dy))

    def crop(self, dx):
        p, (rows, columns) = self.padding, dx.shape[2:]
        return dx[:, :, p : rows - p, p : columns - p]


@right(input_shape=(2, 4, 2, 2))
class GroupNorm(Layer):
    """Mean 0 and variance 1 in each group of channels of an image, then a gain per channel."""

    def __init__(self, channels=4, groups=2):
        super().__init__(gamma=np.ones(channels), beta=np.zeros(channels))
        self.groups = groups

    def forward(self, x):
        grouped = self.in_groups(x)
        self._s = np.sqrt(grouped.var(axis=(2, 3, 4), keepdims=True) + 1e-5)
        n = (grouped - grouped.mean(axis=(2, 3, 4), keepdims=True)) / self._s
        self._n = n.reshape(x.shape)
        return self._n * self.gamma[:, None, None] + self.beta[:, None, None]

    def in_groups(self, x):
        n, c, h, w = x.shape
        return x.reshape(n, self.groups, c // self.groups, h, w)

    def backward(self, dy):
        self.dgamma[...] = (dy * self._n).sum(axis=(0, 2, 3))
        self.dbeta[...] = dy.sum(axis=(0, 2, 3))
        return self.through_statistics(dy * self.gamma[:, None, None])

    def through_statistics(self, dn):
        grouped, n = self.in_groups(dn), self.in_groups(self._n)
        mean = grouped.mean(axis=(2, 3, 4), keepdims=True)
        slope = (grouped * n).mean(axis=(2, 3, 4), keepdims=True)
        return ((grouped - mean - n * slope) / self._s).reshape(dn.shape)


@right(input_shape=(3, 2, 2, 2))
class ImageNorm(BatchNorm):
    """Batch normalisation of images: one mean and variance for each channel, over all pixels."""

    def __init__(self, channels=2):
        super().__init__(channels)

    def forward(self, x):
        return self.to_images(super().forward(self.to_rows(x)), x.shape)

    def predict(self, x):
        return self.to_images(super().predict(self.to_rows(x)), x.shape)

    def backward(self, dy):
        return self.to_images(super().backward(self.to_rows(dy)), dy.shape)

    def to_rows(self, x):
        n, c, h, w = x.shape
        return x.transpose(0, 2, 3, 1).reshape(n * h * w, c)

    def to_images(self, rows, shape):
        n, c, h, w = shape
        return rows.reshape(n, h, w, c).transpose(0, 3, 1, 2)


@right(input_shape=(2, 3, 2))
class LSTM(Layer):
    """c_t = f c_(t−1) + i g, h_t = o tanh c_t; i, f, o and g of [x_t, h_(t−1)] W + b."""

    def __init__(self, inputs=2, units=2):
        W = np.random.default_rng(0).normal(size=(inputs + units, 4 * units)) / 2
        super().__init__(W=W, b=np.zeros(4 * units))

    def forward(self, x):
        units = len(self.b) // 4
        h = c = np.zeros((len(x), units), x.dtype)
        states, self._steps = [], []
        for t in range(x.shape[1]):
            joined, before = np.concatenate([x[:, t], h], axis=1), c
            a = joined @ self.W + self.b
            i, f, o = np.split(expit(a[:, : 3 * units]), 3, axis=1)
            g = np.tanh(a[:, 3 * units :])
            c = f * before + i * g
            h = o * np.tanh(c)
            states.append(h)
            self._steps.append((joined, (i, f, o, g, before, c)))
        return np.stack(states, axis=1)

    def backward(self, dy):
        n, steps, units = dy.shape
        dx = np.empty((n, steps, len(self.W) - units), dy.dtype)
        self.dW[...] = self.db[...] = 0
        dh = dc = np.zeros((n, units), dy.dtype)
        for t in reversed(range(steps)):
            joined, gates = self._steps[t]
            da, dc = self.step(dy[:, t] + dh, dc, *gates)
            self.dW += joined.T @ da
            self.db += da.sum(axis=0)
            dx[:, t], dh = np.split(da @ self.W.T, [dx.shape[2]], axis=1)
        return dx

    def step(self, dh, dc, i, f, o, g, before, c):
        dc = dc + self.to_cell(dh, o, np.tanh(c))
        do = dh * np.tanh(c) * o * (1 - o)
        di, df, dg = dc * g * i * (1 - i), dc * before * f * (1 - f), dc * i * (1 - g * g)
        return np.concatenate([di, df, do, dg], axis=1), dc * f

    def to_cell(self, dh, o, y):
        return dh * o * (1 - y * y)


@right(input_shape=(2, 3, 2))
class GRU(Layer):
    """h_t = z h + (1 − z) c with h = h_(t−1), c = tanh([x_t, r h] C), z and r = σ([x_t, h] G)."""

    def __init__(self, inputs=2, units=2):
        rng = np.random.default_rng(0)
        G, C = (rng.normal(size=(inputs + units, n * units)) / 2 for n in (2, 1))
        super().__init__(G=G, C=C)

    def forward(self, x):
        h = np.zeros((len(x), self.C.shape[1]), x.dtype)
        states, self._steps = [], []
        for t in range(x.shape[1]):
            z, r = np.split(expit(np.concatenate([x[:, t], h], axis=1) @ self.G), 2, axis=1)
            c = np.tanh(np.concatenate([x[:, t], r * h], axis=1) @ self.C)
            self._steps.append((x[:, t], h, z, r, c))
            h = z * h + (1 - z) * c
            states.append(h)
        return np.stack(states, axis=1)

    def backward(self, dy):
        n, steps, units = dy.shape
        dx = np.empty((n, steps, len(self.C) - units), dy.dtype)
        self.dG[...] = self.dC[...] = 0
        dh = np.zeros((n, units), dy.dtype)
        for t in reversed(range(steps)):
            dx[:, t], dh = self.step(dy[:, t] + dh, *self._steps[t])
        return dx

    def step(self, dh, x, h, z, r, c):
        dz, dc, direct = self.through_mixture(dh, h, z, c)
        da = dc * (1 - c * c)
        dx_c, dr, dh_c = self.through_reset(da, h, r)
        gates = np.concatenate([dz * z * (1 - z), dr * r * (1 - r)], axis=1)
        self.dC += np.concatenate([x, self.reset(h, r)], axis=1).T @ da
        self.dG += np.concatenate([x, h], axis=1).T @ gates
        dx_g, dh_g = np.split(gates @ self.G.T, [x.shape[1]], axis=1)
        return dx_c + dx_g, direct + dh_c + dh_g

    def reset(self, h, r):
        return r * h

    def through_mixture(self, dh, h, z, c):
        return dh * (h - c), dh * (1 - z), dh * z

    def through_reset(self, da, h, r):
        dx, drh = np.split(da @ self.C.T, [len(self.C) - h.shape[1]], axis=1)
        return dx, drh * h, drh * r


@right(input_shape=(2, 3, 3))
class Heads(Layer):
    """Causal attention in several heads: y_t sees x up to t; x is (N, T, inputs)."""

    def __init__(self, inputs=3, heads=2, features=2, **parts):
        W = np.random.default_rng(0).normal(size=(3, inputs, heads * features)) / 2
        super().__init__(W=W, **parts)
        self.heads, self.scale = heads, features**-0.5

    def forward(self, x):
        self._x, (self._q, self._k, self._v) = x, (self.split(x @ W) for W in self.W)
        self._past = np.tri(x.shape[1], dtype=bool)
        self._a = self.weigh(self._q @ self._k.swapaxes(2, 3) * self.scale)
        return self.merge(self._a @ self._v)

    def split(self, x):
        n, steps, width = x.shape
        return x.reshape(n, steps, self.heads, width // self.heads).swapaxes(1, 2)

    def merge(self, x):
        n, heads, steps, features = x.shape
        return x.swapaxes(1, 2).reshape(n, steps, heads * features)

    def weigh(self, scores):
        return softmax(np.where(self._past, scores, -np.inf), axis=3)

    def backward(self, dy):
        dy = self.split_gradient(dy)
        dv = self._a.swapaxes(2, 3) @ dy
        ds = self.through_weights(dy @ self._v.swapaxes(2, 3)) * self.scale
        dq, dk, dv = (self.merge(d) for d in (ds @ self._k, self.to_keys(ds), dv))
        for dW, d in zip(self.dW, (dq, dk, dv), strict=True):
            dW[...] = np.einsum("nti,ntf->if", self._x, d)
        return sum(d @ W.T for W, d in zip(self.W, (dq, dk, dv), strict=True))

    def split_gradient(self, dy):
        return self.split(dy)

    def through_weights(self, da):
        return self._a * (da - (da * self._a).sum(axis=3, keepdims=True))

    def to_keys(self, ds):
        return ds.swapaxes(2, 3) @ self._q


@right(input_shape=(2, 3, 3))
class DroppedHeads(Heads):
    """Causal attention that drops some of its weights while it trains."""

    def __init__(self):
        super().__init__(drop=Dropout())

    def weigh(self, scores):
        self._all = super().weigh(scores)
        return self.drop.forward(self._all)

    def through_weights(self, da):
        return self.through_softmax(self.drop.backward(da))

    def through_softmax(self, da):
        return self._all * (da - (da * self._all).sum(axis=3, keepdims=True))


@right(input_shape=(2, 3, 2))
class LinearAttention(Layer):
    """y_t = Σ_s w_ts x_s / Σ_s w_ts, w_ts = f_t · f_s with features f = 1 + x²."""

    def forward(self, x):
        self._x, self._f = x, 1 + x * x
        self._w = self._f @ self._f.swapaxes(1, 2)
        self._total = self._w.sum(axis=2, keepdims=True)
        self._mean = self._w @ x / self._total
        return self._mean.copy()

    def backward(self, dy):
        dy = dy / self._total
        dw = dy @ self._x.swapaxes(1, 2) - self.through_total(dy)
        df = (dw + dw.swapaxes(1, 2)) @ self._f
        return 2 * self._x * df + self._w.swapaxes(1, 2) @ dy

    def through_total(self, dy):
        return (dy * self._mean).sum(axis=2, keepdims=True)


@right(input_shape=(3, 2, 2))
class Positions(Layer):
    """y_t = x_t + P_t for up to `most` steps, with P to be learned; x is (N, T, features)."""

    def __init__(self, features=2, most=3):
        super().__init__(P=np.random.default_rng(0).normal(size=(most, features)))

    def forward(self, x):
        return x + self.P[: x.shape[1]]

    def backward(self, dy):
        self.dP[...] = 0
        self.dP[: dy.shape[1]] = dy.sum(axis=0)
        return dy


@right(input_shape=(2, 3, 4))
class Rotary(Layer):
    """Turns the pair (x_j, x_(j+d/2)) of step t by the angle t/10^j; x is (N, T, d)."""

    def forward(self, x):
        return self.turn(x, 1)

    def backward(self, dy):
        return self.turn(dy, -1)

    def turn(self, x, direction):
        _, steps, width = x.shape
        angles = np.outer(direction * np.arange(steps), 10.0 ** -np.arange(width // 2))
        cosines, sines = np.cos(angles).astype(x.dtype), np.sin(angles).astype(x.dtype)
        first, second = self.pairs(x)
        return self.join(first * cosines - second * sines, first * sines + second * cosines)

    def pairs(self, x):
        return np.split(x, 2, axis=2)

    def join(self, first, second):
        return np.concatenate([first, second], axis=2)
