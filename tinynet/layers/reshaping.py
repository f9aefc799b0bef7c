"""Layers that give each example another shape."""

import math

from tinynet.checks import positive_int, same_shape
from tinynet.layers.base import Layer
from tinynet.types import Array

__all__ = ["Flatten", "Reshape"]


class Flatten(Layer):
    """y is each example of x as one row: (N, a, b, ...) becomes (N, a · b · ...).

    Where x lies in memory in one piece, y is a view on it, not a copy.

    Example:
        >>> import numpy as np
        >>> Flatten().forward(np.zeros((5, 28, 28))).shape
        (5, 784)
    """

    def forward(self, x: Array) -> Array:
        """Each example as one row."""
        self._shape = x.shape
        return Flatten.predict(self, x)

    def predict(self, x: Array) -> Array:
        """Each example as one row."""
        return x.reshape(len(x), math.prod(x.shape[1:]))

    def backward(self, dy: Array) -> Array:
        """The gradient in the shape of x."""
        examples, *axes = self._shape
        same_shape(self, dy, (examples, math.prod(axes)))
        return dy.reshape(self._shape)


class Reshape(Layer):
    """y is each example of x in another shape: (N, ...) becomes (N, *shape), row by row (C order).

    Where x lies in memory in one piece, y is a view on it, not a copy.

    Args:
        shape: of one example, without the batch axis, as in Keras.

    Raises:
        ValueError: an axis that is not positive, or examples of another number of elements.
        TypeError: a shape that is not a tuple of ints.

    Example:
        >>> import numpy as np
        >>> Reshape((1, 28, 28)).forward(np.zeros((5, 784))).shape
        (5, 1, 28, 28)
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        if not isinstance(shape, tuple | list):
            raise TypeError(f"shape must be a tuple such as (1, 28, 28); got {shape!r}")
        self.shape = tuple(positive_int(size, f"shape[{n}]") for n, size in enumerate(shape))

    def forward(self, x: Array) -> Array:
        """Each example in the given shape."""
        y = Reshape.predict(self, x)
        self._shape = x.shape
        return y

    def predict(self, x: Array) -> Array:
        """Each example in the given shape."""
        if math.prod(x.shape[1:]) != math.prod(self.shape) or not x.ndim:
            raise ValueError(
                f"{self!r} got x of shape {x.shape}: after the batch axis there must be "
                f"{math.prod(self.shape)} elements. Is the batch axis missing?"
            )
        return x.reshape(len(x), *self.shape)

    def backward(self, dy: Array) -> Array:
        """The gradient in the shape of x."""
        same_shape(self, dy, (self._shape[0], *self.shape))
        return dy.reshape(self._shape)
