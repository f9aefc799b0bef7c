"""A copy of the parameters is kept, which an update leaves behind."""

import numpy as np

from tinynet import Dense, Sequential, Sigmoid

from ..plain.images_and_sequences import Conv
from ..plain.layers import Affine
from ..tables import wrong, wrong_net


@wrong("update", input_shape=(4, 3))
class StaleTranspose(Affine):
    """Keeps a copy of Wᵀ from the first backward, which an update leaves behind."""

    def backward(self, dy):
        super().backward(dy)
        if not hasattr(self, "_WT"):
            self._WT = self.W.T.copy()
        return dy @ self._WT


@wrong_net("NetWithStaleWeights", "update", input_shape=(4, 3))
def net_with_stale_weights():
    return Sequential(Dense(3, 3, rng=0), Sigmoid(), StaleTranspose())


@wrong("update", input_shape=(4, 3))
class StaleWeights(Affine):
    """Keeps a contiguous copy of W from the first forward, which an update leaves behind."""

    def forward(self, x):
        self._x = x
        if "fast" not in self.__dict__:
            self.fast = np.asfortranarray(self.W).copy()
        return x @ self.fast + self.b

    def predict(self, x):
        return x @ self.__dict__.get("fast", self.W) + self.b


@wrong("update", hint="_Wt", input_shape=(4, 3))
class TransposeMadeOnce(Affine):
    """backward multiplies by a transposed copy from the constructor."""

    def __init__(self, inputs=3, outputs=5):
        super().__init__(inputs, outputs)
        self._Wt = self.W.T.copy()

    def backward(self, dy):
        super().backward(dy)
        return dy @ self._Wt.astype(dy.dtype)


@wrong("update", input_shape=(2, 2, 6, 5))
class StaleKernels(Conv):
    """Keeps the kernels of the first backward, which an update leaves behind."""

    def spread(self, dy, K):
        if "kept" not in self.__dict__:
            self.kept = K.copy()
        return super().spread(dy, self.kept)


@wrong("update", input_shape=(4, 3))
class StalePredict(Affine):
    """predict keeps the weights of its first call."""

    def __init__(self):
        super().__init__()
        self.kept = {}

    def predict(self, x):
        W, b = self.kept.setdefault(self.W.dtype, (self.W.copy(), self.b.copy()))
        return x @ W + b
