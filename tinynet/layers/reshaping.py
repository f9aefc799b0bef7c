"""Layers that change the shape of each example."""

import math

from tinynet.checks import check_gradient, check_numbers, sizes
from tinynet.layers.base import Layer
from tinynet.types import Array


class Flatten(Layer):
    """Each example as one row: x (N, a, b, ...) becomes y (N, a · b · ...).

    If x is contiguous in memory, y is a view on it, not a copy.

    Example:
        >>> import numpy as np
        >>> Flatten().forward(np.zeros((5, 28, 28))).shape
        (5, 784)
    """

    def forward(self, x: Array) -> Array:
        check_numbers("x", x)
        self._shape = x.shape
        return x.reshape(len(x), math.prod(x.shape[1:]))

    def backward(self, dy: Array) -> Array:
        examples, *axes = self._shape
        check_gradient(self, dy, (examples, math.prod(axes)))
        return dy.reshape(self._shape)


class Reshape(Layer):
    """Each example in another shape: x (N, ...) becomes y (N, *shape), in C order.

    If x is contiguous in memory, y is a view on it, not a copy.

    Args:
        shape: of one example, without the batch axis, as in Keras.

    Raises:
        ValueError: examples with another number of elements.

    Example:
        >>> import numpy as np
        >>> Reshape((1, 28, 28)).forward(np.zeros((5, 784))).shape
        (5, 1, 28, 28)
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = sizes(shape, "shape")

    def forward(self, x: Array) -> Array:
        check_numbers("x", x)
        if math.prod(x.shape[1:]) != math.prod(self.shape) or not x.ndim:
            raise ValueError(
                f"{self!r} got x of shape {x.shape}: after the batch axis there must be "
                f"{math.prod(self.shape)} elements. Is the batch axis missing?"
            )
        self._shape = x.shape
        return x.reshape(len(x), *self.shape)

    def backward(self, dy: Array) -> Array:
        check_gradient(self, dy, (self._shape[0], *self.shape))
        return dy.reshape(self._shape)
