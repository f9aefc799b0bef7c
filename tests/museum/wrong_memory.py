"""Layers whose derivatives are right, and whose memory is not their own."""

import numpy as np

from tinynet import Layer

from .plain import Affine
from .tables import wrong
from .wrong_contract import Tanh


@wrong("backward_twice", "output_alias", input_shape=(4, 3))
class SlopeInPlace(Tanh):
    """backward turns y, which it has returned, into its slope."""

    def backward(self, dy):
        y = self._y
        np.subtract(1, np.multiply(y, y, out=y), out=y)
        return dy * y


@wrong("output_alias", input_shape=(4, 3))
class OneGradientBuffer(Tanh):
    """Every dx is the same array, filled anew."""

    def backward(self, dy):
        if "buffer" not in self.__dict__ or self.buffer.shape != dy.shape:
            self.buffer = np.empty_like(dy)
        return np.multiply(dy, 1 - self._y**2, out=self.buffer)


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


@wrong("pickle", input_shape=(4, 3))
class HoldsAFunction(Tanh):
    """A lambda in an attribute cannot be pickled."""

    def __init__(self):
        self.slope = lambda y: 1 - y * y

    def backward(self, dy):
        return dy * self.slope(self._y)


@wrong("copy", "isolation", input_shape=(4, 3))
class CopiesAreItself(Affine):
    """deepcopy returns the layer itself."""

    def __deepcopy__(self, memo):
        return self


@wrong("copy", "pickle", input_shape=(4, 3))
class CopiesLoseTheirVectors(Affine):
    """A copy's views are arrays of their own, off the copy's flat vectors."""

    def __setstate__(self, state):
        super().__setstate__(state)
        self.W, self.b = self.W.copy(), self.b.copy()


@wrong("copy", "pickle", input_shape=(4, 3))
class CopiesLoseTheBias(Affine):
    """A copy starts with a bias of zero."""

    def __setstate__(self, state):
        super().__setstate__(state)
        self.b[...] = 0


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
