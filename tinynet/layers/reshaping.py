"""Layers that change the shape of each example."""

import math

import numpy as np

from tinynet.checks import check_gradient, check_numbers, sizes
from tinynet.layers.base import Layer
from tinynet.types import Array


class Flatten(Layer):
    """Each example as one row: x (N, a, b, ...) becomes y (N, a · b · ...).

    If x is contiguous in memory, y is a view on it, not a copy.

    Example:
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


class Permute(Layer):
    """The axes of each example in another order: x (N, a, b) becomes y (N, b, a) by (2, 1).

    y is a view on x. It leads from channels first, as `Conv1D` and `Conv2D` have them, to features
    last, as recurrent layers, `SelfAttention` and `CrossEntropyLoss` have them.

    Args:
        axes: which axis of x each axis of y is, counted from 1, because 0 counts the examples; the
            convention is Keras's.

    Raises:
        ValueError: axes that are not 1, 2, ... in some order, or an x of another number of axes.

    Example:
        >>> Permute((2, 1)).forward(np.zeros((5, 8, 20))).shape
        (5, 20, 8)
    """

    def __init__(self, axes: tuple[int, ...]) -> None:
        self.axes = sizes(axes, "axes")
        if sorted(self.axes) != [*range(1, len(self.axes) + 1)] or not self.axes:
            raise ValueError(f"axes must be 1 to their number, in some order; got {axes}")

    def forward(self, x: Array) -> Array:
        y = Permute.predict(self, x)
        self._shape = y.shape
        return y

    def predict(self, x: Array) -> Array:
        check_numbers("x", x)
        if x.ndim != 1 + len(self.axes):
            raise ValueError(
                f"{self!r} got x of shape {x.shape}: it must have {1 + len(self.axes)} axes, that "
                f"of the examples included."
            )
        return x.transpose(0, *self.axes)

    def backward(self, dy: Array) -> Array:
        check_gradient(self, dy, self._shape)
        return dy.transpose(np.argsort((0, *self.axes)))
