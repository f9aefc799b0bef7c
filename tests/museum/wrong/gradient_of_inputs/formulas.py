"""The derivative of one operation is another function than it should be."""

import numpy as np
from scipy.special import erf, expit, log_softmax, softmax

from tinynet import Dense, Layer, Sequential, Sigmoid

from ...plain.images_and_sequences import (
    GRU,
    LSTM,
    Attention,
    DroppedHeads,
    GroupNorm,
    Heads,
    ImageNorm,
    Recurrent,
)
from ...plain.layers import Affine, BatchNorm, LayerNorm, Softmax
from ...tables import wrong, wrong_net


@wrong("gradient", input_shape=(4, 3))
class TanhOfItsInput(Layer):
    """The slope 1 − y² is taken of x."""

    def forward(self, x):
        self._x = x
        return np.tanh(x)

    def backward(self, dy):
        return dy * (1 - self._x**2)


@wrong("gradient", input_shape=(4, 3))
class SigmoidTwice(Layer):
    """The slope is computed from the sigmoid of what is a sigmoid already."""

    def forward(self, x):
        self._y = expit(x)
        return self._y

    def backward(self, dy):
        s = expit(self._y)
        return dy * s * (1 - s)


@wrong("gradient", input_shape=(4, 3))
class GeluMixed(Layer):
    """forward by erf, backward of the tanh approximation."""

    def forward(self, x):
        self._x = x
        return x * (1 + erf(x / 2**0.5)) / 2

    def backward(self, dy):
        x, c = self._x, (2 / np.pi) ** 0.5
        t = np.tanh(c * (x + 0.044715 * x**3))
        return dy * ((1 + t) / 2 + x * (1 - t * t) * c * (1 + 3 * 0.044715 * x**2) / 2)


@wrong("gradient", input_shape=(4, 3))
class SoftsignOneSided(Layer):
    """The slope is 1/(1 + x)², without the absolute value."""

    def forward(self, x):
        self._x = x
        return x / (1 + np.abs(x))

    def backward(self, dy):
        return dy / (1 + self._x) ** 2


@wrong("gradient", input_shape=(4, 3))
class SwishHalf(Layer):
    """The product rule's second term, x s (1 − s), is missing."""

    def forward(self, x):
        self._s = expit(x)
        return x * self._s

    def backward(self, dy):
        return dy * self._s


@wrong("gradient", input_shape=(4, 3))
class StraightThrough(Layer):
    """Rounds to tenths, and passes dy on as if it had not."""

    def forward(self, x):
        return np.round(x, 1)

    def backward(self, dy):
        return dy.copy()


@wrong("gradient", hint="diagonal", input_shape=(4, 3))
class DiagonalOnly(Softmax):
    """Softmax's Jacobian is its diagonal y (1 − y) only."""

    def backward(self, dy):
        return dy * self._y * (1 - self._y)


@wrong_net("NetEndingInSoftmax", "gradient", input_shape=(4, 3))
def net_ending_in_softmax():
    return Sequential(Dense(3, 5, rng=0), Sigmoid(), Dense(5, 4, rng=1), DiagonalOnly())


@wrong("gradient", hint="diagonal", input_shape=(4, 3))
class NaiveSoftmaxDiagonal(Layer):
    """Only the diagonal of the Jacobian; that e^x overflows comes second."""

    def forward(self, x):
        e = np.exp(x)
        self._y = e / e.sum(axis=1, keepdims=True)
        return self._y

    def backward(self, dy):
        return dy * self._y * (1 - self._y)


@wrong("gradient", input_shape=(4, 3))
class LogSoftmaxUnsummed(Layer):
    """dx = dy − softmax dy in place of dy − softmax Σ dy."""

    def forward(self, x):
        self._y = log_softmax(x, axis=1)
        return self._y

    def backward(self, dy):
        return dy - np.exp(self._y) * dy


@wrong("gradient", input_shape=(2, 3, 4))
class JacobianForgotten(Attention):
    """The weights are taken for independent: no softmax Jacobian."""

    def through_softmax(self, da):
        return self._a * da


@wrong("gradient", input_shape=(4, 5), args=(5,))
class DegreesOfFreedom(LayerNorm):
    """forward divides the variance by n − 1, backward assumes n."""

    def forward(self, x):
        self._s = np.sqrt(x.var(axis=1, keepdims=True, ddof=1) + self.eps)
        self._n = (x - x.mean(axis=1, keepdims=True)) / self._s
        return self.gamma * self._n + self.beta


@wrong("gradient", input_shape=(6, 3))
class MeanNotTaken(BatchNorm):
    """dx subtracts the sum of dy where it should subtract the mean."""

    def backward(self, dy):
        super().backward(dy)
        n, rows = self._n, max(len(dy), 1)
        return self.gamma * (dy - self.dbeta - n * self.dgamma / rows) / self._s


@wrong("gradient", input_shape=(4, 5), args=(5,))
class RootMeanSquareHalf(Layer):
    """y = gain x / rms(x), and dx holds the rms for a constant."""

    def __init__(self, features):
        super().__init__(gain=np.ones(features))

    def forward(self, x):
        self._s = np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-5)
        self._n = x / self._s
        return self.gain * self._n

    def backward(self, dy):
        self.dgain[...] = (dy * self._n).sum(axis=0)
        return dy * self.gain / self._s


@wrong("gradient", input_shape=(6, 3))
class UnitVector(Layer):
    """y = x / |x|, and dx = (dy − (dy·x) y) / |x|: x where y should stand."""

    def forward(self, x):
        self._x, self._r = x, np.sqrt((x * x).sum(axis=1, keepdims=True) + 1e-3)
        self._y = x / self._r
        return self._y

    def backward(self, dy):
        return (dy - (dy * self._x).sum(axis=1, keepdims=True) * self._y) / self._r


@wrong("gradient", input_shape=(4, 3))
class GateBySum(Layer):
    """y = a σ(b) of the halves a, b = x W; db = dy a σ(b), without 1 − σ(b)."""

    def __init__(self):
        super().__init__(inner=Affine(3, 4))

    def forward(self, x):
        h = self.inner.forward(x)
        self._a, self._s = h[:, :2], expit(h[:, 2:])
        return self._a * self._s

    def backward(self, dy):
        db = dy * self._a * self._s
        return self.inner.backward(np.concatenate([dy * self._s, db], axis=1))


@wrong("gradient", input_shape=(4, 3))
class HighwaySign(Layer):
    """y = g a + (1 − g) x, and the gate's gradient has a + x where a − x belongs."""

    def __init__(self):
        gate, branch = Affine(3, 3), Affine(3, 3)
        branch.W += 1
        super().__init__(gate=gate, branch=branch)

    def forward(self, x):
        self._x, self._g = x, expit(self.gate.forward(x))
        self._a = self.branch.forward(x)
        return self._g * self._a + (1 - self._g) * x

    def backward(self, dy):
        g = self._g
        dg = dy * (self._a + self._x)
        through = self.gate.backward(dg * g * (1 - g)) + self.branch.backward(dy * g)
        return through + dy * (1 - g)


@wrong("gradient", input_shape=(3, 2, 2, 2))
class CountsImagesForPixels(ImageNorm):
    """dx divides its two sums by the number of images, not by that of pixels."""

    def backward(self, dy):
        super().backward(dy)
        rows = self.to_rows(dy)
        sums = (self.dbeta + self._n * self.dgamma) / max(len(dy), 1)
        return self.to_images(self.gamma * (rows - sums) / self._s, dy.shape)


@wrong("gradient", input_shape=(2, 4, 2, 2))
class GainOutsideTheMeans(GroupNorm):
    """gamma is multiplied after the means, as if it were one number for each group."""

    def backward(self, dy):
        super().backward(dy)
        return self.gamma[:, None, None] * self.through_statistics(dy)


@wrong("gradient", input_shape=(2, 4, 3))
class SlopeOfTheStateBefore(Recurrent):
    """The slope of tanh is 1 − h² of the state before the step."""

    def backward(self, dy):
        x, h, dx = self._x, self._h, np.empty(self._x.shape, dy.dtype)
        self.dWx[...] = self.dWh[...] = self.db[...] = 0
        later = np.zeros_like(h[0])
        for t in reversed(range(x.shape[1])):
            da = (dy[:, t] + later) * (1 - h[t] ** 2)
            self.dWx += x[:, t].T @ da
            self.dWh += h[t].T @ da
            self.db += da.sum(axis=0)
            dx[:, t], later = da @ self.Wx.T, da @ self.Wh.T
        return dx


@wrong("gradient", input_shape=(2, 3, 2))
class SlopeOfTheCellForgotten(LSTM):
    """The gradient of the cell lacks the slope of tanh c."""

    def to_cell(self, dh, o, y):
        return dh * o


@wrong("gradient", input_shape=(2, 3, 2))
class SlopesOfTwoGates(LSTM):
    """The input gate has the slope of the forget gate, and the other way round."""

    def step(self, dh, dc, i, f, o, g, before, c):
        da, earlier = super().step(dh, dc, i, f, o, g, before, c)
        di, df, do, dg = np.split(da, 4, axis=1)
        di, df = di / (i * (1 - i)) * f * (1 - f), df / (f * (1 - f)) * i * (1 - i)
        return np.concatenate([di, df, do, dg], axis=1), earlier


@wrong("gradient", input_shape=(2, 3, 2))
class ForgetsTheNewCell(LSTM):
    """The gradient of the forget gate has c_t where c_(t−1) belongs."""

    def step(self, dh, dc, i, f, o, g, before, c):
        da, earlier = super().step(dh, dc, i, f, o, g, before, c)
        of_new, _ = super().step(dh, dc, i, f, o, g, c, c)
        forget = np.arange(4).repeat(i.shape[1]) == 1
        return np.where(forget, of_new, da), earlier


@wrong("gradient", input_shape=(2, 3, 2))
class CandidateTakenForAGate(LSTM):
    """All four parts get the slope s (1 − s) of a sigmoid; g is a tanh."""

    def step(self, dh, dc, i, f, o, g, before, c):
        da, earlier = super().step(dh, dc, i, f, o, g, before, c)
        units = i.shape[1]
        da[:, 3 * units :] *= g * (1 - g) / (1 - g * g)
        return da, earlier


@wrong("gradient", input_shape=(2, 3, 2))
class OutputGateOfTheBareCell(LSTM):
    """The gradient of the output gate is dh c, and c has gone through no tanh."""

    def step(self, dh, dc, i, f, o, g, before, c):
        da, earlier = super().step(dh, dc, i, f, o, g, before, c)
        units = i.shape[1]
        da[:, 2 * units : 3 * units] = dh * c * o * (1 - o)
        return da, earlier


@wrong("gradient", input_shape=(2, 3, 2))
class CellUpdatedInPlace(LSTM):
    """c *= f; c += i g: every step has kept the same array, which ends as the last cell."""

    def forward(self, x):
        y = super().forward(x)
        last = self._steps[-1][1][-1]
        self._steps = [(joined, (*gates[:4], last, last)) for joined, gates in self._steps]
        return y


@wrong("gradient", input_shape=(2, 3, 2))
class SharesSwapped(GRU):
    """Old and new state have their shares z and 1 − z exchanged in backward."""

    def through_mixture(self, dh, h, z, c):
        return dh * (c - h), dh * z, dh * (1 - z)


@wrong("gradient", input_shape=(2, 3, 2))
class ResetNotApplied(GRU):
    """The state's gradient through the candidate is not multiplied by the reset gate."""

    def through_reset(self, da, h, r):
        dx, dr, dh = super().through_reset(da, h, r)
        return dx, dr, dh / r


@wrong("gradient", input_shape=(2, 3, 2))
class ResetAfterTheProduct(GRU):
    """forward takes (r h) C and backward r (h C), as another convention has it."""

    def through_reset(self, da, h, r):
        inputs = len(self.C) - h.shape[1]
        return da @ self.C[:inputs].T, da * (h @ self.C[inputs:]), (da * r) @ self.C[inputs:].T


@wrong("gradient", input_shape=(2, 3, 3))
class MaskAfterTheSoftmax(Heads):
    """The mask cuts weights that are normalised; backward has the Jacobian of what is left."""

    def weigh(self, scores):
        return softmax(scores, axis=3) * self._past


@wrong("gradient", input_shape=(2, 3, 3))
class MaskedScoresStay(Heads):
    """forward multiplies the scores by the mask, backward lets all of them have a gradient."""

    def weigh(self, scores):
        return softmax(scores * self._past, axis=3)


@wrong("gradient", input_shape=(2, 3, 3))
class RenormalisingForgotten(Heads):
    """The weights that the mask leaves are divided by their sum, a constant in backward."""

    def weigh(self, scores):
        self._all = softmax(scores, axis=3)
        self._total = (self._all * self._past).sum(axis=3, keepdims=True)
        return self._all * self._past / self._total

    def through_weights(self, da):
        da = da * self._past / self._total
        return self._all * (da - (da * self._all).sum(axis=3, keepdims=True))


@wrong("gradient", input_shape=(2, 3, 3))
class WeightsDroppedTooLate(DroppedHeads):
    """backward goes through the dropout of the weights after the softmax, not before."""

    def through_weights(self, da):
        return self.drop.backward(self.through_softmax(da))
