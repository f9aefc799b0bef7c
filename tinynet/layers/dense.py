"""Dense: the fully connected layer."""

import numpy as np
from numpy import ndarray  # the look-up np.ndarray in each forward would be measurable
from numpy.typing import DTypeLike

from tinynet.checks import boolean, check_gradient, check_input, float_dtype, positive_int
from tinynet.initializers import Initializer, initial_weights, lecun_normal
from tinynet.layers.base import Layer
from tinynet.layers.steps import in_rows
from tinynet.types import Array, Rng


class Dense(Layer):
    """y = x W + b, the fully connected layer; dW = xᵀ dy, db = Σ dy over the batch, dx = dy Wᵀ.

    Shapes: x (N, inputs), W (inputs, outputs), b (outputs,), y (N, outputs). Sequences
    (N, steps, inputs), and any other axes between, count as so many more rows: each step meets the
    same W.

    W_ij is multiplied by x_ni and added to y_nj, in every example n. By the chain rule its gradient
    is Σₙ x_ni dy_nj, the element ij of xᵀ dy. In the same way x_ni has the gradient Σⱼ dy_nj W_ij.

    Args:
        inputs: number of features of x.
        outputs: number of units, each of which gives one feature of y.
        bias: whether there is a b; it starts at zero.
        init: initial W, a function of shape and generator; see `tinynet.initializers`.
        rng: random numbers for the initial W. Give all layers of a network one Generator: the same
            int would start layers of the same shape with equal weights.
        dtype: float type of the parameters.

    Raises:
        ValueError: a size that is not positive, or an x whose last axis has another length.
        TypeError: an x whose float type is wider than that of the parameters.

    Example:
        >>> layer = Dense(3, 2, rng=0)
        >>> layer
        Dense(3, 2, rng=0)
        >>> layer.forward(np.ones((4, 3))).shape
        (4, 2)
        >>> [(name, view.shape) for name, view in layer.named_parameters()]
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
        dtype, bias = float_dtype(dtype), boolean(bias, "bias")
        W = initial_weights(init, shape, rng)
        if bias:
            super().__init__(W=W, b=np.zeros(outputs), dtype=dtype)
        else:
            super().__init__(W=W, dtype=dtype)
            self.b = None
        self.input_shape = (inputs,)

    def forward(self, x: Array) -> Array:
        y = Dense.predict(self, x)  # self.predict could be that of a subclass, which calls this
        self._x = x
        return y

    def predict(self, x: Array) -> Array:
        W = self.W
        if type(x) is not ndarray or x.ndim != 2 or x.shape[1] != len(W) or x.dtype != W.dtype:
            check_input(self, x, f"(N, {len(W)}) or (N, ..., {len(W)})", len(W), W.dtype)
            if x.ndim > 2:
                return Dense.predict(self, in_rows(x)).reshape(*x.shape[:-1], W.shape[1])
        y = x.dot(W)
        if self.b is not None:
            y += self.b[None]  # as a row: with b alone, one example takes three times as long
        return y

    def backward(self, dy: Array) -> Array:
        Dense.parameter_gradients(self, dy)
        if dy.ndim > 2:
            return in_rows(dy).dot(self.W.T).reshape(self._x.shape)
        return dy.dot(self.W.T)

    def parameter_gradients(self, dy: Array) -> None:
        x = self._x
        if type(dy) is not ndarray or dy.ndim != 2 or x.ndim != 2:  # 3 x could fit dW by chance
            self._check_gradient(dy)
            x, dy = in_rows(x), in_rows(dy)
        try:
            x.T.dot(dy, out=self.dW)
        except ValueError:
            self._check_gradient(dy)
            raise
        if self.b is not None and len(dy) == 1:  # the sum of one row takes eight times as long
            self.db[...] = dy[0]
        elif self.b is not None:
            dy.sum(axis=0, out=self.db)

    def _check_gradient(self, dy: Array) -> None:
        check_gradient(self, dy, (*self._x.shape[:-1], self.W.shape[1]), self.dW.dtype)
