"""Dense, and layers that rearrange or drop elements."""

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinynet.checks import fraction, positive_int, random_generator, same_shape
from tinynet.initializers import Initializer, initial, lecun_normal
from tinynet.layer import Layer
from tinynet.types import Array, Rng

__all__ = ["Dense", "Dropout", "Flatten", "Reshape"]


class Dense(Layer):
    """y = x W + b, the fully connected layer; dW = xᵀ dy, db = Σ dy over the batch, dx = dy Wᵀ.

    Shapes: x (N, inputs), W (inputs, outputs), b (outputs,), y (N, outputs).

    Args:
        inputs: number of features that come in.
        outputs: number of units, one feature each that goes out.
        bias: whether there is a b; it starts at zero.
        init: initial weights, a function of shape and generator; see `tinynet.initializers`.
        rng: where the initial weights come from. Give all layers of a network one Generator: the
            same int would start equal shapes with equal weights.
        dtype: float type of the parameters.

    Raises:
        ValueError: a size that is not positive, or an x of another width.
        TypeError: an x whose float type is wider than that of the parameters.

    Example:
        >>> layer = Dense(3, 2, rng=0)
        >>> layer
        Dense(3, 2, rng=0)
        >>> layer.forward(np.ones((4, 3))).shape
        (4, 2)
        >>> [(name, window.shape) for name, window in layer.named_parameters()]
        [('W', (3, 2)), ('b', (2,))]
    """

    W: Array
    dW: Array
    b: Array | None
    db: Array

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        bias: bool = True,
        init: Initializer = lecun_normal,
        rng: Rng = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        shape = positive_int(inputs, "inputs"), positive_int(outputs, "outputs")
        W = initial(init, shape, rng)
        if bias:
            super().__init__(W=W, b=np.zeros(outputs), dtype=dtype)
        else:
            super().__init__(W=W, dtype=dtype)
            self.b = None
        self.input_shape = (inputs,)

    def forward(self, x: Array) -> Array:
        """y = x W + b."""
        y = Dense.predict(self, x)  # not self.predict, which in a subclass may lead back here
        self._x = x
        return y

    def predict(self, x: Array) -> Array:
        """y = x W + b."""
        W = self.W
        if x.ndim != 2 or x.shape[1] != len(W) or x.dtype != W.dtype:
            self._check_input(x)
        y = x.dot(W)
        if self.b is not None:
            y += self.b[np.newaxis]  # a row: one example and a vector take three times as long
        return y

    def backward(self, dy: Array) -> Array:
        """dW = xᵀ dy, db = Σ dy, dx = dy Wᵀ."""
        Dense.parameter_gradients(self, dy)
        return dy.dot(self.W.T)

    def parameter_gradients(self, dy: Array) -> None:
        """dW = xᵀ dy, db = Σ dy."""
        x = self._x
        if dy.ndim != 2:  # the product with a number could fit by chance
            raise self._misfit(dy)
        try:
            x.T.dot(dy, out=self.dW)
        except ValueError:
            raise self._misfit(dy) from None
        if self.b is not None and len(dy) == 1:  # the sum of one row takes eight times as long
            self.db[...] = dy[0]
        elif self.b is not None:
            dy.sum(axis=0, out=self.db)

    def _check_input(self, x: Any) -> None:
        me, inputs = f"Dense{self.W.shape}", len(self.W)
        if x.ndim != 2 or x.shape[1] != inputs:
            mend = "Use x.reshape(len(x), -1) to flatten each example."
            if x.ndim == 1:
                mend = "One example is a batch of one: x[np.newaxis]."
            elif x.ndim == 2:
                mend = "Is the label still in the first column?" if x.shape[1] == inputs + 1 else ""
            raise ValueError(
                f"{me} got x of shape {x.shape}: it must be (N, {inputs}), a row an example. {mend}"
            )
        if np.result_type(x, self.W) != self.W.dtype:
            raise TypeError(
                f"{me} has {self.W.dtype} parameters and got x of {x.dtype}: "
                f"convert it once with x.astype(np.{self.W.dtype})."
            )

    def _misfit(self, dy: Array) -> ValueError:
        return ValueError(
            f"Dense{self.W.shape} got dy of shape {dy.shape} and {dy.dtype}: after its last "
            f"forward it must be {(len(self._x), self.W.shape[1])} and {self.dW.dtype}."
        )


class Flatten(Layer):
    """y is each example of x as one row: (N, a, b, ...) becomes (N, a · b · ...).

    Where x lies in memory in one piece, y is a view on it, not a copy.

    Example:
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


class Dropout(Layer):
    """y = x m / (1 − rate), where each m is 0 with probability `rate`, else 1; inference y = x.

    A new m is drawn in each `forward`. The division keeps the mean of y at x ("inverted" dropout),
    so `predict` has nothing to make up for: it returns x itself, not a copy. In a `Frozen` it goes
    on dropping: it knows nothing that could change.

    Args:
        rate: the probability of dropping an element (Keras's `rate`, PyTorch's `p`; in the paper
            p is the probability of keeping it), 0 ≤ rate < 1.
        rng: where m comes from. Give all layers of a network one Generator: layers with the same
            int would drop the same elements.

    Raises:
        ValueError: a rate outside [0, 1).

    References:
        N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting"
        (2014).

    Example:
        >>> layer = Dropout(0.5, rng=0)
        >>> layer.forward(np.ones((2, 4)))
        array([[2., 2., 2., 0.], [0., 0., 0., 0.]])
        >>> layer.predict(np.ones((1, 4)))
        array([[1., 1., 1., 1.]])
    """

    def __init__(self, rate: float, *, rng: Rng = None) -> None:
        rule = "the probability of dropping an element, 0 <= rate < 1"
        self.rate = fraction(rate, "rate", rule)
        self.rng = random_generator(rng)

    def forward(self, x: Array) -> Array:
        """y = x m / (1 − rate)."""
        # the same numbers in both float types, so that a float32 network drops what its twin drops
        kept = self.rng.random(x.shape, dtype=np.float32) >= self.rate
        self._scaled_mask = np.multiply(kept, 1 / (1 - self.rate), dtype=np.result_type(x, 1.0))
        return x * self._scaled_mask

    def predict(self, x: Array) -> Array:
        """y = x."""
        return x

    def backward(self, dy: Array) -> Array:
        """dx = dy m / (1 − rate)."""
        same_shape(self, dy, self._scaled_mask.shape)
        return dy * self._scaled_mask
