"""Wrong attention."""

import numpy as np

from .plain_wide import Attention
from .tables import wrong


@wrong("gradient", input_shape=(2, 3, 4))
class ScoreScaleForgotten(Attention):
    """backward leaves out the 1/√d of the scores."""

    def through_softmax(self, da):
        return super().through_softmax(da) / self.scale


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


@wrong("gradient", input_shape=(2, 3, 4))
class JacobianForgotten(Attention):
    """The weights are taken for independent: no softmax Jacobian."""

    def through_softmax(self, da):
        return self._a * da


@wrong("gradient", input_shape=(2, 3, 4))
class JacobianOverQueries(Attention):
    """The softmax Jacobian sums over the queries, not over the keys."""

    def through_softmax(self, da):
        return self._a * (da - (da * self._a).sum(axis=1, keepdims=True))


@wrong("gradient", input_shape=(2, 3, 4))
class QueriesAndKeysSwapped(Attention):
    """dWq and dWk have changed places."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dWq[...], self.dWk[...] = self.dWk.copy(), self.dWq.copy()
        return dx


@wrong("gradient", input_shape=(2, 3, 4))
class WeightsNotTransposed(Attention):
    """dWv is formed with a dy in place of aᵀ dy."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dWv[...] = np.einsum("nti,ntf->if", self._x, self._a @ dy)
        return dx


@wrong("per_example", "predict_per_example", input_shape=(2, 3, 4))
class AttendsToOtherExamples(Attention):
    """Keys and values are averaged over the batch: examples see each other."""

    def forward(self, x):
        y = super().forward(x)
        return y + self._v.sum(axis=0)

    def backward(self, dy):
        dx = super().backward(dy)
        dv = np.broadcast_to(dy.sum(axis=0), dy.shape)
        self.dWv += np.einsum("nti,ntf->if", self._x, dv)
        return dx + dv @ self.Wv.T
