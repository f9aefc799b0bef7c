"""ReLU and others of its kind: x for positive x, and something smaller for negative x.

Each is finite at ±1000 and gives float32 for float32. If a function has a kink, its docstring says
which slope it has there.
"""

import numpy as np
from numpy.typing import DTypeLike

from tinynet.checks import check_gradient, float_dtype, floats, positive, positive_int, real
from tinynet.layers.base import Layer
from tinynet.option import Option
from tinynet.types import Array


class ReLU(Layer):
    """y = max(x, 0), the rectifier; dx = dy for x > 0, else 0, also at the kink (as in PyTorch).

    References:
        V. Nair, G. Hinton, "Rectified linear units improve restricted Boltzmann machines" (2010).

    Example:
        >>> ReLU().forward(np.array([[-2.0, 0.0, 3.0]]))
        array([[0., 0., 3.]])
    """

    def forward(self, x: Array) -> Array:
        self._x = x = floats(x, "x")
        return np.maximum(x, 0)

    def predict(self, x: Array) -> Array:
        return np.maximum(floats(x, "x"), 0)

    def backward(self, dy: Array) -> Array:
        check_gradient(self, dy, self._x.shape)
        return dy * (self._x > 0)


class LeakyReLU(Layer):
    """y = x for x > 0, else a x; dx = dy or a dy, and a dy at the kink (as in PyTorch).

    Args:
        negative_slope: a, finite; 0.01 as in PyTorch and the paper (Keras has 0.3).

    References:
        A. Maas et al., "Rectifier nonlinearities improve neural network acoustic models" (2013).

    Example:
        >>> LeakyReLU(0.1).forward(np.array([[-2.0, 0.0, 3.0]]))
        array([[-0.2, 0. , 3. ]])
    """

    negative_slope = Option(real)

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Array) -> Array:
        self._x = x = floats(x, "x")
        return np.where(x > 0, x, self.negative_slope * x)

    def backward(self, dy: Array) -> Array:
        check_gradient(self, dy, self._x.shape)
        return np.where(self._x > 0, dy, self.negative_slope * dy)


class PReLU(Layer):
    """y = x for x > 0, else a x, with a learned slope a for each feature or one for all.

    dx = dy or a dy, and a dy at the kink; da = Σ dy min(x, 0) over all to which a applies.

    Shapes: x (N, features) or (N, features, ...), where the features are channels; with
    `features=1`, any. The slope a is the parameter `slope`, of shape (features,).

    Args:
        features: the number of slopes, 1 for one slope in all places (PyTorch's `num_parameters`).
        init: the slope at the start, 0.25 as in PyTorch and the paper.
        dtype: float type of the slopes.

    Raises:
        ValueError: an x of other features.
        TypeError: an x whose float type is wider than that of the slopes.

    References:
        K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers" (2015).

    Example:
        >>> PReLU(2).forward(np.array([[-2.0, 3.0]]))
        array([[-0.5, 3. ]])
    """

    slope: Array
    dslope: Array

    def __init__(
        self, features: int = 1, *, init: float = 0.25, dtype: DTypeLike = np.float64
    ) -> None:
        features, start = positive_int(features, "features"), real(init, "init")
        super().__init__(slope=np.full(features, start), dtype=float_dtype(dtype))

    def forward(self, x: Array) -> Array:
        x = floats(x, "x")
        features, dtype = len(self.slope), self.slope.dtype
        if features > 1 and (x.ndim < 2 or x.shape[1] != features):
            raise ValueError(
                f"{self!r} got x of shape {x.shape}: it must be (N, {features}, ...), a slope for "
                f"each feature"
            )
        if np.result_type(x.dtype, dtype) != dtype:
            raise TypeError(
                f"{self!r} has {dtype} parameters and got x of {x.dtype}: "
                f"convert it once with x.astype(np.{dtype})."
            )
        self._x = x = x.astype(dtype, copy=False)
        return np.where(x > 0, x, self._slopes() * x)

    def backward(self, dy: Array) -> Array:
        x = self._x
        check_gradient(self, dy, x.shape, self.slope.dtype)
        products = dy * np.minimum(x, 0)
        if len(self.slope) == 1:
            self.dslope[...] = products.sum()
        else:
            products.sum(axis=(0, *range(2, x.ndim)), out=self.dslope)
        return np.where(x > 0, dy, self._slopes() * dy)

    def _slopes(self) -> Array:
        """The slopes in a shape in which they meet the features of x."""
        if len(self.slope) == 1:
            return self.slope[0]
        return self.slope.reshape(-1, *(1,) * (self._x.ndim - 2))


class ELU(Layer):
    """y = x for x > 0, else a (e^x − 1); dx = dy or a e^x dy, and a dy at 0 (as in PyTorch).

    There is a kink at 0 unless a = 1.

    Args:
        alpha: a > 0; y is never below −a.

    References:
        D.-A. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network learning by
        exponential linear units" (2016).

    Example:
        >>> ELU().forward(np.array([[-1000.0, 0.0, 1000.0]]))
        array([[ -1., 0., 1000.]])
    """

    alpha = Option(positive)

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Array) -> Array:
        self._x = x = floats(x, "x")
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def backward(self, dy: Array) -> Array:
        x = self._x
        check_gradient(self, dy, x.shape)
        return np.where(x > 0, dy, dy * (self.alpha * np.exp(np.minimum(x, 0))))
