"""Wrong recurrent layers."""

import numpy as np
from scipy.special import expit

from tinynet import Layer

from .plain_wide import Recurrent
from .tables import wrong


@wrong("gradient", input_shape=(2, 4, 3))
class Truncated(Recurrent):
    """Backpropagation stops after one step."""

    def to_earlier(self, da):
        return np.zeros_like(da)


@wrong("gradient", input_shape=(2, 4, 3))
class RecurrentWeightsNotTransposed(Recurrent):
    """The state's gradient goes back through Wh in place of Whᵀ."""

    def to_earlier(self, da):
        return da @ self.Wh


@wrong("gradient", input_shape=(2, 4, 3))
class DecaysThePast(Recurrent):
    """The gradient of the past is halved at each step, 'against explosion'."""

    def to_earlier(self, da):
        return super().to_earlier(da) / 2


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


@wrong("forward_twice", "reuse", input_shape=(2, 4, 3))
class CarriesItsState(Recurrent):
    """The last state of a batch is the first state of the next."""

    def forward(self, x):
        y = super().forward(x)
        self.last = y[:, -1].copy()
        return y

    def start(self, x):
        last = self.__dict__.get("last")
        return last if last is not None and len(last) == len(x) else super().start(x)


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
