"""Right layers whose outputs and gradients are views, or of lower rank."""

import numpy as np

from tinynet import Layer

from .tables import right


@right(input_shape=(2, 3, 4))
class Flat(Layer):
    """y and dx are views with another shape."""

    def forward(self, x):
        self._shape = x.shape
        return x.reshape(len(x), x.shape[1] * x.shape[2])

    def backward(self, dy):
        return dy.reshape(self._shape)


@right(input_shape=(2, 3, 4))
class SwappedAxes(Layer):
    """y and dx are transposed views."""

    def forward(self, x):
        return x.swapaxes(1, 2)

    def backward(self, dy):
        return dy.swapaxes(1, 2)


@right(input_shape=(4, 3))
class Backwards(Layer):
    """y and dx are views that run backwards through each row."""

    def forward(self, x):
        return x[:, ::-1]

    def backward(self, dy):
        return dy[:, ::-1]


@right(input_shape=(4, 3))
class RowSum(Layer):
    """y = Σ x, one number for each example; dx is a read-only view that repeats dy."""

    def forward(self, x):
        self._shape = x.shape
        return x.sum(axis=1)

    def backward(self, dy):
        return np.broadcast_to(dy[:, np.newaxis], self._shape)


@right(input_shape=(5,))
class PerExampleNumber(Layer):
    """y = a x² + b x for x of shape (N,), the parameters without axes."""

    def __init__(self):
        super().__init__(a=np.array(1.0), b=np.array(0.0))

    def forward(self, x):
        self._x = x
        return self.a * x**2 + self.b * x

    def backward(self, dy):
        self.da[...] = dy @ self._x**2
        self.db[...] = dy @ self._x
        return dy * (2 * self.a * self._x + self.b)


@right(input_shape=(4, 3))
class EveryOther(Layer):
    """Keeps every other feature; the others get the gradient zero."""

    def forward(self, x):
        self._shape = x.shape
        return x[:, ::2].copy()

    def backward(self, dy):
        dx = np.zeros(self._shape, dy.dtype)
        dx[:, ::2] = dy
        return dx
