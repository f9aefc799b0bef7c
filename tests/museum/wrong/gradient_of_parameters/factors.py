"""The gradient of a parameter is off by a constant factor, often the number of rows."""

import numpy as np

from ...inputs import IDS
from ...plain.images_and_sequences import Conv
from ...plain.layers import Affine, Embedding
from ...tables import wrong


@wrong("gradient", "per_example", hint="mean", input_shape=(4, 3))
class MeanBiasGradient(Affine):
    """db is the mean over the batch, not the sum."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.db /= max(len(dy), 1)
        return dx


@wrong("gradient", hint="one over the number of rows", input_shape=(4, 3))
class BiasByMean(Affine):
    """db is a mean, which of no rows is NaN as well."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.db[...] = dy.mean(axis=0)
        return dx


@wrong("gradient", "per_example", hint="mean", input_shape=(4, 3))
class AveragedWeightGradient(Affine):
    """dW is divided by N, which the loss has already done."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW /= max(len(dy), 1)
        return dx


@wrong("gradient", hint="2", input_shape=(4, 3))
class TwiceTheGradient(Affine):
    """dW is twice what it should be."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW *= 2
        return dx


@wrong("gradient", input_shape=(4, 3))
class OneMillionthOff(Affine):
    """dW is a millionth too large."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW *= 1 + 1e-6
        return dx


@wrong("gradient", x=IDS)
class ScaleForgotten(Embedding):
    """y = 1.7 W[ids], and dW does without the factor."""

    def forward(self, x):
        return super().forward(x) * 1.7


@wrong("gradient", hint="2", x=IDS)
class BagOfWords(Embedding):
    """y is the mean over the words of an example, dW the gradient of their sum."""

    def forward(self, x):
        return super().forward(x).mean(axis=1)

    def backward(self, dy):
        self.dW[...] = 0
        np.add.at(self.dW, self._ids, dy[:, np.newaxis])
        return np.zeros(self._ids.shape, dy.dtype)


@wrong("gradient", input_shape=(2, 2, 6, 5))
class BiasAveragedOverPixels(Conv):
    """db is the mean over the pixels, not the sum."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.db[...] = dy.mean(axis=(2, 3)).sum(axis=0)
        return dx
