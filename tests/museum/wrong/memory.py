"""Memory: a call writes into what is not its own, or relies on the order of what it reads."""

import numpy as np

from tinynet import Layer

from ..inputs import IDS
from ..plain.images_and_sequences import LSTM, Positions
from ..plain.layers import Affine, Dropout, Embedding, Softmax, Tanh
from ..tables import wrong


@wrong("mutation", input_shape=(4, 3))
class MasksUpstreamInPlace(Layer):
    """backward zeroes entries of the caller's dy."""

    def forward(self, x):
        self._dead = x <= 0
        return np.maximum(x, 0)

    def backward(self, dy):
        dy[self._dead] = 0
        return dy


@wrong("mutation", input_shape=(4, 3))
class ReluInPlace(Layer):
    """forward rectifies the caller's x in place."""

    def forward(self, x):
        self._alive = x > 0
        return np.maximum(x, 0, out=x)

    def backward(self, dy):
        return dy * self._alive


@wrong("mutation", input_shape=(4, 3))
class CentresItsInput(Affine):
    """forward subtracts from the caller's x."""

    def forward(self, x):
        x -= x.mean(axis=1, keepdims=True)
        return super().forward(x)


@wrong("mutation", input_shape=(4, 3))
class PutsBackWhatItTook(Affine):
    """forward centres the caller's x and adds the mean again afterwards."""

    def forward(self, x):
        mean = x.mean(axis=1, keepdims=True)
        x -= mean
        y = super().forward(x.copy()) + mean * self.W.sum(axis=0)
        x += mean
        self._x = x
        return y


@wrong("mutation", input_shape=(6, 5))
class WritesIntoItsInput(Dropout):
    """forward drops elements of the caller's array."""

    def forward(self, x):
        self._mask = self.draw(x)
        x *= self._mask
        return x


@wrong("mutation", input_shape=(4, 3))
class WritesThroughAView(Tanh):
    """A reshaped view of dy is scaled in place."""

    def backward(self, dy):
        flat = dy.reshape(dy.size)
        flat *= (1 - self._y**2).reshape(dy.size)
        return flat.reshape(dy.shape)


@wrong("mutation", input_shape=(4, 3))
class BackwardScalesInput(Tanh):
    """backward works in the memory of x, which it had kept."""

    def forward(self, x):
        self._x = x
        return super().forward(x)

    def backward(self, dy):
        return np.multiply(dy, 1 - self._y**2, out=self._x)


@wrong("mutation", input_shape=(4, 3))
class NormalisesItsWeights(Affine):
    """forward scales W to norm 1 in place, which is the optimizer's business."""

    def forward(self, x):
        self.W /= np.linalg.norm(self.W)
        return super().forward(x)


@wrong("mutation", x=IDS)
class LimitsItsNorm(Embedding):
    """forward rescales the rows it looks up, in place."""

    def forward(self, x):
        self.W[x] /= 1 + np.linalg.norm(self.W[x], axis=-1, keepdims=True)
        return super().forward(x)


@wrong("mutation", input_shape=(4, 3))
class UpdatesItself(Affine):
    """backward takes a step on its own."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.W -= 0.1 * self.dW
        return dx


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


@wrong("output_alias", input_shape=(4, 3))
class OneOutputBuffer(Tanh):
    """Every y is the same array, filled anew; predict keeps to arrays of its own."""

    def forward(self, x):
        if "buffer" not in self.__dict__ or self.buffer.shape != x.shape:
            self.buffer = np.empty_like(x)
        self._y = np.tanh(x).copy()
        return np.tanh(x, out=self.buffer)

    def predict(self, x):
        return np.tanh(x)


@wrong("output_alias", input_shape=(4, 3))
class OneGradientBuffer(Tanh):
    """Every dx is the same array, filled anew."""

    def backward(self, dy):
        if "buffer" not in self.__dict__ or self.buffer.shape != dy.shape:
            self.buffer = np.empty_like(dy)
        return np.multiply(dy, 1 - self._y**2, out=self.buffer)


@wrong("output_alias", input_shape=(4, 3))
class BufferForEachSize(Layer):
    """y = Σ x w in each row, and dx lies in a buffer that the next backward fills."""

    def __init__(self):
        super().__init__(w=np.array([0.5, -1.5, 2.0]))
        self.kept = {}

    def forward(self, x):
        self._x = x
        return x @ self.w

    def backward(self, dy):
        dx = self.kept.setdefault((len(dy), dy.dtype), np.empty(self._x.shape, dy.dtype))
        self.dw[...] = dy @ self._x
        return np.multiply.outer(dy, self.w, out=dx)


@wrong("backward_twice", "output_alias", input_shape=(4, 3))
class SlopeInPlace(Tanh):
    """backward turns y, which it has returned, into its slope."""

    def backward(self, dy):
        y = self._y
        np.subtract(1, np.multiply(y, y, out=y), out=y)
        return dy * y


@wrong("backward_twice", "output_alias", input_shape=(4, 3))
class SpoilsItsOutput(Softmax):
    """backward computes into y, which was returned and is needed again."""

    def backward(self, dy):
        y = self._y
        dx = y * (dy - (dy * y).sum(axis=1, keepdims=True))
        y[...] = dx
        return dx


@wrong("layout", input_shape=(4, 3))
class MemoryOrder(Tanh):
    """Flattens in the order of memory, and so shuffles a Fortran-ordered x."""

    def forward(self, x):
        self._y = np.tanh(x.ravel(order="K")).reshape(x.shape)
        return self._y


@wrong("layout", input_shape=(4, 3))
class AssumesContiguous(Tanh):
    """Reads x by its buffer, which only a contiguous array hands out."""

    def forward(self, x):
        flat = np.frombuffer(x, x.dtype) if x.size else x
        return super().forward(flat.reshape(x.shape))


@wrong("layout", input_shape=(4, 3))
class UpstreamOrder(Tanh):
    """Flattens dy in the order of memory."""

    def backward(self, dy):
        return dy.ravel(order="K").reshape(dy.shape) * (1 - self._y**2)


@wrong("mutation", input_shape=(3, 2, 2))
class AddsPositionsInPlace(Positions):
    """forward adds the positions to the caller's x."""

    def forward(self, x):
        x += self.P[: x.shape[1]]
        return x


@wrong("mutation", input_shape=(2, 3, 2))
class ForgetBiasAlwaysOne(LSTM):
    """Each forward sets the bias of the forget gate to 1, where it may only start."""

    def forward(self, x):
        units = len(self.b) // 4
        self.b[units : 2 * units] = 1
        return super().forward(x)
