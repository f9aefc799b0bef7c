"""dx is off by a constant factor or a sign."""

import numpy as np

from tinynet import Layer

from ...plain.images_and_sequences import Attention, AveragePool
from ...plain.layers import Affine, BatchNorm, Dropout, LayerNorm, Softmax
from ...tables import wrong


@wrong("gradient", hint="sign", input_shape=(4, 3))
class WrongSign(Affine):
    """dx has the wrong sign."""

    def backward(self, dy):
        return -super().backward(dy)


@wrong("gradient", input_shape=(4, 3))
class SlightlyOff(Affine):
    """dx is 0.1 % too large."""

    def backward(self, dy):
        return super().backward(dy) * 1.001


@wrong("gradient", hint="2", input_shape=(4, 3))
class SquareWithoutTwo(Layer):
    """The derivative of x² is x."""

    def forward(self, x):
        self._x = x
        return x * x

    def backward(self, dy):
        return dy * self._x


@wrong("gradient", hint="its sign", input_shape=(4, 3))
class SignOfWideConstant(Layer):
    """The sign is wrong; that float32 becomes float64 comes second."""

    def forward(self, x):
        return x * np.float64(3)

    def backward(self, dy):
        return dy * np.float64(-3)


@wrong("gradient", input_shape=(4, 3))
class TemperatureForgotten(Softmax):
    """y = softmax(x / 3), and backward leaves out the third."""

    def forward(self, x):
        return super().forward(x / 3)


@wrong("gradient", input_shape=(4, 5), args=(5,))
class GammaForgotten(LayerNorm):
    """dx lacks gamma, which nobody sees while gamma = 1."""

    def backward(self, dy):
        super().backward(dy)
        n = self._n
        mean, slope = dy.mean(axis=1, keepdims=True), (dy * n).mean(axis=1, keepdims=True)
        return (dy - mean - n * slope) / self._s


@wrong("gradient", input_shape=(4, 3))
class SmallGain(LayerNorm):
    """dx uses |gamma|: wrong for a negative gain only."""

    def backward(self, dy):
        dx = super().backward(dy * np.sign(self.gamma))
        self.dgamma *= np.sign(self.gamma)
        self.dbeta *= np.sign(self.gamma)
        return dx


@wrong("gradient", input_shape=(4, 5), args=(5,))
class EpsilonForgotten(LayerNorm):
    """backward divides by a deviation without the epsilon, 0.1 here."""

    eps = 0.1

    def backward(self, dy):
        bare = np.sqrt(np.maximum(self._s**2 - self.eps, 1e-30))
        return super().backward(dy) * self._s / bare


@wrong("gradient", input_shape=(6, 3))
class ScaleLostInBatch(BatchNorm):
    """Batch normalisation whose dx lacks gamma: invisible while gamma = 1."""

    def backward(self, dy):
        return super().backward(dy) / self.gamma


@wrong("gradient", input_shape=(6, 5))
class ScalesForwardOnly(Dropout):
    """forward divides by 1 − rate, backward does not."""

    def backward(self, dy):
        return dy * (self._mask > 0)


@wrong("gradient", input_shape=(2, 3, 4))
class ScoreScaleForgotten(Attention):
    """backward leaves out the 1/√d of the scores."""

    def through_softmax(self, da):
        return super().through_softmax(da) / self.scale


@wrong("gradient", hint="4", input_shape=(2, 2, 4, 6))
class AreaForgotten(AveragePool):
    """dx is not divided by the window's k² pixels."""

    def backward(self, dy):
        return super().backward(dy) * 4


@wrong("gradient", input_shape=(2, 2, 4, 6))
class HeightAndWidth(AveragePool):
    """The mean over height and width divides by the height alone in backward."""

    def forward(self, x):
        self._shape = x.shape
        return x.mean(axis=(2, 3))

    def backward(self, dy):
        return np.broadcast_to(dy[:, :, None, None] / self._shape[2], self._shape)
