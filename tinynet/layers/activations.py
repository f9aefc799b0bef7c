"""Sigmoid, tanh, softmax: activations, finite at ±1000, that give float32 for float32."""

import numpy as np
from numpy import ndarray  # the look-up np.ndarray in each step would be measurable
from scipy.special import expit

from tinynet.checks import check_gradient, check_numbers, floats
from tinynet.layers.base import Layer
from tinynet.types import Array


class Sigmoid(Layer):
    """y = 1 / (1 + e^−x), the logistic function; dx = dy (y − y²).

    Example:
        >>> import numpy as np
        >>> Sigmoid().forward(np.array([[-1000.0, 0.0, 1000.0]]))
        array([[0. , 0.5, 1. ]])
    """

    def forward(self, x: Array) -> Array:
        self._y = _logistic(x)
        return self._y

    def predict(self, x: Array) -> Array:
        return _logistic(x)

    def backward(self, dy: Array) -> Array:
        y = self._y
        if type(dy) is not ndarray or dy.dtype.kind != "f" or dy.shape != y.shape:
            check_gradient(self, dy, y.shape)
        return dy * (y - y * y)


def _logistic(x: Array) -> Array:
    """Sigmoid of x: `expit` is one call, and NumPy's exp five times as fast for each element."""
    if type(x) is not ndarray or x.dtype.kind != "f":
        return expit(floats(x, "x"))
    if x.size < 1000:
        return expit(x)
    with np.errstate(over="ignore"):  # where e^−x is infinite, y is 0
        return 1 / (1 + np.exp(-x))


class Tanh(Layer):
    """y = tanh x; dx = dy (1 − y²).

    Example:
        >>> Tanh().forward(np.array([[-1000.0, 0.0, 1000.0]]))
        array([[-1., 0., 1.]])
    """

    def forward(self, x: Array) -> Array:
        self._y = np.tanh(floats(x, "x"))
        return self._y

    def predict(self, x: Array) -> Array:
        return np.tanh(floats(x, "x"))

    def backward(self, dy: Array) -> Array:
        check_gradient(self, dy, self._y.shape)
        return dy * (1 - self._y * self._y)


class Softmax(Layer):
    """yᵢ = e^xᵢ / Σⱼ e^xⱼ over the last axis: probabilities, which sum to 1.

    dxᵢ = yᵢ (dyᵢ − Σⱼ dyⱼ yⱼ). Shapes: x and y (N, ..., classes). The largest x of a row is
    subtracted first, which changes nothing and avoids overflow. `CrossEntropyLoss` takes logits, so
    a network that it trains does not end in a Softmax.

    References:
        J. Bridle, "Probabilistic interpretation of feedforward classification network outputs"
        (1990).

    Example:
        >>> Softmax().forward(np.array([[-1000.0, 1000.0], [5.0, 5.0]]))
        array([[0. , 1. ], [0.5, 0.5]])
    """

    def forward(self, x: Array) -> Array:
        x = _rows(self, x)
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        self._y = e / e.sum(axis=-1, keepdims=True)
        return self._y

    def backward(self, dy: Array) -> Array:
        y = self._y
        check_gradient(self, dy, y.shape)
        return y * (dy - (dy * y).sum(axis=-1, keepdims=True))


class LogSoftmax(Layer):
    """yᵢ = xᵢ − log Σⱼ e^xⱼ over the last axis: the logarithm of `Softmax`, and finite.

    dxᵢ = dyᵢ − e^yᵢ Σⱼ dyⱼ. Shapes: x and y (N, ..., classes).

    Example:
        >>> LogSoftmax().forward(np.array([[-1000.0, 1000.0], [5.0, 5.0]]))
        array([[-2.00000000e+03, 0.00000000e+00], [-6.93147181e-01, -6.93147181e-01]])
    """

    def forward(self, x: Array) -> Array:
        x = _rows(self, x)
        z = x - x.max(axis=-1, keepdims=True)
        self._y = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
        return self._y

    def backward(self, dy: Array) -> Array:
        check_gradient(self, dy, self._y.shape)
        return dy - np.exp(self._y) * dy.sum(axis=-1, keepdims=True)


class Identity(Layer):
    """y = x, dx = dy: a layer that does nothing. It returns x itself, not a copy.

    Example:
        >>> Identity().forward(np.array([[1.0, 2.0]]))
        array([[1., 2.]])
    """

    def forward(self, x: Array) -> Array:
        check_numbers("x", x)
        return x

    def backward(self, dy: Array) -> Array:
        check_numbers("dy", dy)
        return dy


def _rows(layer: Layer, x: Array) -> Array:
    x = floats(x, "x")
    if x.ndim < 2 or not x.shape[-1]:
        hint = "One example is a batch of one: x[np.newaxis]." if x.ndim == 1 else ""
        raise ValueError(
            f"{layer!r} got x of shape {x.shape}: it must be (N, ..., classes), one example in "
            f"each row, with at least one class. {hint}"
        )
    return x
