"""Wrong dense layers: caches, types and shapes."""

import numpy as np

from tinynet import Layer

from .plain import Affine
from .tables import wrong


@wrong("predict_pure", input_shape=(4, 3))
class PredictOverwritesCache(Affine):
    """predict stores its input where backward looks for that of forward."""

    def predict(self, x):
        return self.forward(x)


@wrong("predict_equals_forward", hint="predict", input_shape=(4, 3))
class PredictForgetsBias(Affine):
    """predict leaves b out, which is zero only until it has been trained."""

    def predict(self, x):
        return x @ self.W


@wrong("update", input_shape=(4, 3))
class StaleTranspose(Affine):
    """Keeps a copy of Wᵀ from the first backward, which an update leaves behind."""

    def backward(self, dy):
        super().backward(dy)
        if not hasattr(self, "_WT"):
            self._WT = self.W.T.copy()
        return dy @ self._WT


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


@wrong("reuse", "per_example", "batch_of_one", "batch_of_none", input_shape=(4, 3))
class RemembersBatchSize(Affine):
    """The batch size is noted at the first forward, and used ever after."""

    def forward(self, x):
        if "rows" not in self.__dict__:
            self.rows = len(x)
        return super().forward(x)

    def backward(self, dy):
        dx = super().backward(dy)
        self.db *= self.rows / max(len(dy), 1)
        return dx


@wrong("dtypes", "float32", input_shape=(4, 3))
class PromotedByConstant(Affine):
    """np.sqrt(3) is a float64 that turns float32 into float64."""

    def forward(self, x):
        return super().forward(x) / np.sqrt(3)

    def backward(self, dy):
        return super().backward(dy / np.sqrt(3))


@wrong("mutation", input_shape=(4, 3))
class CentresItsInput(Affine):
    """forward subtracts from the caller's x."""

    def forward(self, x):
        x -= x.mean(axis=1, keepdims=True)
        return super().forward(x)


@wrong("mutation", input_shape=(4, 3))
class NormalisesItsWeights(Affine):
    """forward scales W to norm 1 in place, which is the optimizer's business."""

    def forward(self, x):
        self.W /= np.linalg.norm(self.W)
        return super().forward(x)


@wrong("isolation", "copy", input_shape=(4, 3))
class SharedCache(Layer):
    """Keeps x in a dict of the class, which all instances share."""

    kept = {}  # noqa: RUF012 - the fault

    def __init__(self):
        super().__init__(W=np.random.default_rng(0).normal(size=(3, 5)))

    def forward(self, x):
        self.kept["x"] = x
        return x @ self.W

    def predict(self, x):
        return x @ self.W

    def backward(self, dy):
        self.dW[...] = self.kept["x"].T @ dy
        return dy @ self.W.T


@wrong("output_alias", "predict_pure", "forward_twice", input_shape=(4, 3))
class ReturnsItsBuffer(Affine):
    """Returns an internal buffer that the next forward overwrites."""

    def forward(self, x):
        if "buffer" not in self.__dict__ or self.buffer.shape[0] != len(x):
            self.buffer = np.empty((len(x), len(self.b)), x.dtype)
        self._x = x
        np.matmul(x, self.W, out=self.buffer)
        self.buffer += self.b
        return self.buffer


@wrong("shapes", input_shape=(4, 3))
class SummedInputGradient(Affine):
    """dx is summed over the batch."""

    def backward(self, dy):
        return super().backward(dy).sum(axis=0)


@wrong("gradient", hint="declare", input_shape=(4, 3))
class GainNeverDeclared(Layer):
    """Keeps its gain and the gradient of it to itself, where no optimizer finds them."""

    def __init__(self):
        self.gain = np.ones(3)

    def forward(self, x):
        self._x = x
        return x * self.gain.astype(x.dtype)

    def backward(self, dy):
        self.dgain = (dy * self._x).sum(axis=0)
        return dy * self.gain.astype(dy.dtype)
