"""A path from x to y is left out of dx, or followed through another call."""

import numpy as np
from scipy.special import expit

from tinynet import Dense, Layer, Sequential, Sigmoid

from ...plain.images_and_sequences import GRU, LSTM, Attention, LinearAttention, Recurrent
from ...plain.layers import Affine, BatchNorm, Dropout, LayerNorm, Residual
from ...tables import wrong, wrong_net


@wrong("gradient", input_shape=(4, 5), args=(5,))
class MeanForgotten(LayerNorm):
    """dx leaves out the path through the mean."""

    def backward(self, dy):
        super().backward(dy)
        n, dn = self._n, dy * self.gamma
        return (dn - n * (dn * n).mean(axis=1, keepdims=True)) / self._s


@wrong("gradient", input_shape=(4, 5), args=(5,))
class VarianceForgotten(LayerNorm):
    """dx leaves out the path through the variance."""

    def backward(self, dy):
        super().backward(dy)
        dn = dy * self.gamma
        return (dn - dn.mean(axis=1, keepdims=True)) / self._s


@wrong("gradient", input_shape=(6, 3))
class EvaluationFormula(BatchNorm):
    """Batch normalisation whose dx takes mean and variance for constants, as in inference."""

    def backward(self, dy):
        super().backward(dy)
        return dy * self.gamma / self._s


@wrong_net("NetNormalisedWrongly", "gradient", input_shape=(6, 3))
def net_normalised_wrongly():
    return Sequential(Dense(3, 3, rng=0), EvaluationFormula(), Sigmoid())


@wrong("gradient", input_shape=(6, 5))
class MaskNotApplied(Dropout):
    """backward never applies the mask."""

    def backward(self, dy):
        return dy.copy()


@wrong("gradient", input_shape=(6, 5))
class NoiseWithoutSlope(Layer):
    """y = x (1 + noise) as noise proportional to x, and backward passes dy on."""

    def __init__(self):
        self._rng = np.random.default_rng(0)

    def forward(self, x):
        return x + x * self._rng.normal(0, 0.1, x.shape).astype(x.dtype)

    def predict(self, x):
        return x

    def backward(self, dy):
        return dy


@wrong("gradient", input_shape=(2, 3, 4))
class ValuePathForgotten(Attention):
    """dx leaves out the path through the values."""

    def to_input(self, dq, dk, dv):
        return super().to_input(dq, dk, 0 * dv)


@wrong("gradient", input_shape=(2, 3, 4))
class KeyPathForgotten(Attention):
    """dx leaves out the path through the keys."""

    def to_input(self, dq, dk, dv):
        return super().to_input(dq, 0 * dk, dv)


@wrong("gradient", input_shape=(2, 4, 3))
class Truncated(Recurrent):
    """Backpropagation stops after one step."""

    def to_earlier(self, da):
        return np.zeros_like(da)


@wrong("gradient", input_shape=(2, 4, 3))
class DecaysThePast(Recurrent):
    """The gradient of the past is halved at each step, 'against explosion'."""

    def to_earlier(self, da):
        return super().to_earlier(da) / 2


class Gated(Layer):
    """h_t = h_(t−1) + z_t (c_t − h_(t−1)), z_t = σ(x_t Wz), c_t = tanh(x_t Wc)."""

    def __init__(self, inputs=3, units=4):
        Wz, Wc = np.random.default_rng(0).normal(size=(2, inputs, units)) / 2
        super().__init__(Wz=Wz, Wc=Wc)

    def forward(self, x):
        z, c = expit(x @ self.Wz), np.tanh(x @ self.Wc)
        h = [np.zeros_like(z[:, 0])]
        for t in range(x.shape[1]):
            h.append(h[-1] + z[:, t] * (c[:, t] - h[-1]))
        self._x, self._z, self._c, self._h = x, z, c, h
        return np.stack(h[1:], axis=1)

    def backward(self, dy):
        z, c, h = self._z, self._c, self._h
        dz, dc, later = np.empty_like(z), np.empty_like(c), np.zeros_like(h[0])
        for t in reversed(range(dy.shape[1])):
            dh = dy[:, t] + later
            dz[:, t], dc[:, t], later = self.step(dh, z[:, t], c[:, t], h[t])
        dz, dc = dz * z * (1 - z), dc * (1 - c * c)
        self.dWz[...] = np.einsum("nti,ntu->iu", self._x, dz)
        self.dWc[...] = np.einsum("nti,ntu->iu", self._x, dc)
        return dz @ self.Wz.T + dc @ self.Wc.T

    def step(self, dh, z, c, before):
        return dh * (c - before), dh * z, dh * (1 - z)


@wrong("gradient", input_shape=(2, 4, 3))
class GateTakesNoGradient(Gated):
    """The gate is held constant."""

    def step(self, dh, z, c, before):
        return np.zeros_like(dh), dh * z, dh * (1 - z)


@wrong("gradient", input_shape=(2, 4, 3))
class GateForgetsTheState(Gated):
    """dz = dh c leaves out that the gate also closes on the old state."""

    def step(self, dh, z, c, before):
        return dh * c, dh * z, dh * (1 - z)


@wrong("gradient", input_shape=(2, 4, 3))
class StateNeverForgets(Gated):
    """The old state gets the whole gradient, not its share 1 − z."""

    def step(self, dh, z, c, before):
        return dh * (c - before), dh * z, dh


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


@wrong("gradient", input_shape=(4, 3))
class UsedTwice(Layer):
    """y = f(f(x)) with one layer f: the second forward overwrites what the first had kept."""

    def __init__(self):
        super().__init__(inner=Sequential(Affine(3, 3), Sigmoid()))

    def forward(self, x):
        return self.inner.forward(self.inner.forward(x))

    def backward(self, dy):
        return self.inner.backward(self.inner.backward(dy))


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


@wrong("gradient", input_shape=(2, 2, 2, 3))
class OneOfFourCopies(Layer):
    """Each pixel becomes 2 by 2; dx takes the gradient of the first copy, not the sum."""

    def forward(self, x):
        return x.repeat(2, axis=2).repeat(2, axis=3)

    def backward(self, dy):
        return dy[:, :, ::2, ::2]


@wrong("gradient", hint="diagonal", input_shape=(2, 4, 2, 2))
class NeighbourChannelsForgotten(Layer):
    """y = x / s, s = 1 + Σ x² over a channel and its neighbours; dx sees the own s only."""

    def forward(self, x):
        square = x * x
        s = 1 + square
        s[:, 1:] += square[:, :-1]
        s[:, :-1] += square[:, 1:]
        self._x, self._s = x, s
        return x / s

    def backward(self, dy):
        return dy * (self._s - 2 * self._x**2) / self._s**2


@wrong("gradient", input_shape=(2, 4, 3))
class ChunksOfTwo(Recurrent):
    """Truncated: the state's gradient does not cross from one chunk of two steps to the last."""

    def backward(self, dy):
        self._step = dy.shape[1]
        return super().backward(dy)

    def to_earlier(self, da):
        self._step -= 1
        return super().to_earlier(da) * (self._step % 2)


@wrong("gradient", input_shape=(2, 4, 3))
class OnlyTheLastOutput(Recurrent):
    """The gradient of each earlier output is replaced by what later steps hand back."""

    def backward(self, dy):
        last = np.arange(dy.shape[1]) == dy.shape[1] - 1
        return super().backward(dy * last[:, None])


@wrong("gradient", input_shape=(2, 3, 2))
class CellPathForgotten(LSTM):
    """Backpropagation goes through the states h alone, not through the cells."""

    def step(self, dh, dc, *gates):
        da, dc = super().step(dh, dc, *gates)
        return da, np.zeros_like(dc)


@wrong("gradient", input_shape=(2, 3, 2))
class OnlyTheCellRemembers(LSTM):
    """Backpropagation goes through the cells alone: the gates forget that they saw h."""

    def backward(self, dy):
        n, steps, units = dy.shape
        dx, self.dW[...], self.db[...] = [], 0, 0
        dc = np.zeros((n, units), dy.dtype)
        for t in reversed(range(steps)):
            joined, gates = self._steps[t]
            da, dc = self.step(dy[:, t], dc, *gates)
            self.dW += joined.T @ da
            self.db += da.sum(axis=0)
            dx.append(da @ self.W[:-units].T)
        return np.stack(dx[::-1], axis=1)


@wrong("gradient", input_shape=(2, 3, 2))
class ResetPathForgotten(GRU):
    """The reset gate is held constant."""

    def through_reset(self, da, h, r):
        dx, dr, dh = super().through_reset(da, h, r)
        return dx, 0 * dr, dh


@wrong("gradient", input_shape=(2, 3, 2))
class NormaliserHeldConstant(LinearAttention):
    """dx takes the sum of the weights, by which forward divides, for a constant."""

    def through_total(self, dy):
        return np.zeros_like(self._total)
