"""Wrong embeddings."""

import numpy as np

from .plain import IDS, Embedding
from .tables import wrong


@wrong("gradient", "per_example", x=IDS)
class RepeatsLost(Embedding):
    """dW[ids] = dy keeps only the last of a repeated word."""

    def backward(self, dy):
        self.dW[...] = 0
        self.dW[self._ids] = dy
        return np.zeros(self._ids.shape, dy.dtype)


@wrong("gradient", "per_example", x=IDS)
class RepeatsBuffered(Embedding):
    """dW[ids] += dy is buffered, and so keeps only the last of a repeated word."""

    def backward(self, dy):
        self.dW[...] = 0
        self.dW[self._ids] += dy
        return np.zeros(self._ids.shape, dy.dtype)


@wrong("overwrite", "backward_twice", x=IDS)
class NeverZeroed(Embedding):
    """np.add.at adds to the gradients of the batch before."""

    def backward(self, dy):
        np.add.at(self.dW, self._ids, dy)
        return np.zeros(self._ids.shape, dy.dtype)


@wrong("overwrite", "reuse", x=IDS)
class OnlyTouchedRows(Embedding):
    """Rows of words that do not occur keep the gradient of another batch."""

    def backward(self, dy):
        self.dW[self._ids] = 0
        np.add.at(self.dW, self._ids, dy)
        return np.zeros(self._ids.shape, dy.dtype)


@wrong("mutation", x=IDS)
class LimitsItsNorm(Embedding):
    """forward rescales the rows it looks up, in place."""

    def forward(self, x):
        self.W[x] /= 1 + np.linalg.norm(self.W[x], axis=-1, keepdims=True)
        return super().forward(x)


@wrong("gradient", x=IDS)
class PaddingLearns(Embedding):
    """The padding word 0 gives zeros, and its row gets a gradient all the same."""

    def forward(self, x):
        return super().forward(x) * (x != 0)[..., np.newaxis]


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
